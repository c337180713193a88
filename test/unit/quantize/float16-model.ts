import { strict as assert } from 'node:assert';
import { onnx } from 'onnx-proto';
import { compareModels } from '../../../extension/inference/compare-models';
import { MemoryByteSource } from '../../../extension/onnx/byte-source';
import type { PlannedFile } from '../../../extension/onnx/edit';
import { readModel } from '../../../extension/onnx/read-model';
import type { QuantizationPlan } from '../../../extension/quantize/plan';
import { planQuantization } from '../../../extension/quantize/quantize-model';
import { inferShapes } from '../../../extension/shapes/infer-shapes';
import { buildModel, type ModelSpec } from '../../fixtures/model-builder';
import { engine } from './upgraded-model';

/** The whole planned file; two passes must give the same bytes, as many as were predicted. */
export async function streamed(file: PlannedFile): Promise<Uint8Array> {
  const passes: Buffer[] = [];
  for (let pass = 0; pass < 2; pass++) {
    const pieces: Uint8Array[] = [];
    for await (const piece of file.stream()) pieces.push(piece);
    passes.push(Buffer.concat(pieces));
  }
  const [first = Buffer.alloc(0), second] = passes;
  assert.deepEqual(first, second);
  assert.equal(first.length, file.size);
  return first;
}

export async function planHalf(spec: ModelSpec | Uint8Array, dataFile?: Uint8Array): Promise<QuantizationPlan> {
  const source = new MemoryByteSource(spec instanceof Uint8Array ? spec : buildModel(spec));
  const externalFiles = { open: async () => new MemoryByteSource(dataFile ?? new Uint8Array()) };
  const model = await readModel(source, { fileName: 'm.onnx', externalFiles });
  const bytes = { source, externalFiles };
  return planQuantization({ model, shapes: inferShapes(model), bytes }, 'float16', { fileName: 'out.onnx' });
}

export interface HalfModel {
  readonly plan: QuantizationPlan;
  readonly proto: onnx.IModelProto;
  readonly nodes: readonly string[];
  /** By name, as ONNX type codes. */
  readonly initializers: ReadonlyMap<string, number>;
}

/** The model in float16, which must be readable without a fault; nothing is run. */
export async function half(spec: ModelSpec | Uint8Array): Promise<HalfModel> {
  const plan = await planHalf(spec);
  const bytes = await streamed(plan.file);
  const read = await readModel(new MemoryByteSource(bytes), { fileName: 'out.onnx' });
  const faults = [...read.diagnostics, ...inferShapes(read).diagnostics].filter(({ severity }) => severity === 'error');
  assert.deepEqual(faults, []);
  const proto = onnx.ModelProto.decode(bytes);
  return {
    plan,
    proto,
    nodes: (proto.graph?.node ?? []).map((node) => node.opType ?? ''),
    initializers: new Map((proto.graph?.initializer ?? []).map((tensor) => [tensor.name ?? '', tensor.dataType ?? 0])),
  };
}

/** The model in float16, which must run and give the same names, types and shapes, and numbers within `tolerance` of the largest. */
export async function halfThatRuns(spec: ModelSpec, tolerance = 4e-3): Promise<HalfModel> {
  const result = await half(spec);
  const source = new MemoryByteSource(buildModel(spec));
  const changed = new MemoryByteSource(await streamed(result.plan.file));
  const comparison = await compareModels(source, changed, { engine });
  if (!comparison.compared) throw new Error(comparison.reason);
  assert.ok(comparison.outputs > 0);
  assert.ok(comparison.maxRelativeDifference <= tolerance, `differs by ${comparison.maxRelativeDifference}`);
  return result;
}

export const float = 1;
export const float16 = 10;
