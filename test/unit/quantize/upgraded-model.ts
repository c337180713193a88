import { inspect } from 'node:util';
import { type Comparison, compareModels } from '../../../extension/inference/compare-models';
import type { InferenceEngine } from '../../../extension/inference/engine';
import { loadWasmFromDisk } from '../../../extension/inference/node-wasm';
import { createWebEngine } from '../../../extension/inference/web-engine';
import { MemoryByteSource } from '../../../extension/onnx/byte-source';
import { rewriteModel } from '../../../extension/onnx/edit';
import { readModel } from '../../../extension/onnx/read-model';
import type { QuantizationSource } from '../../../extension/quantize/plan';
import { planUpgrade } from '../../../extension/quantize/upgrade';
import { inferShapes } from '../../../extension/shapes/infer-shapes';
import { buildModel, type ModelSpec } from '../../fixtures/model-builder';

/** One engine for all tests of a bundle, since its WebAssembly takes a quarter second to load. */
export const engine: InferenceEngine = createWebEngine(loadWasmFromDisk);

export async function open(bytes: Uint8Array, bindings?: ReadonlyMap<string, number>): Promise<QuantizationSource> {
  const source = new MemoryByteSource(bytes);
  const model = await readModel(source, { fileName: 'test.onnx' });
  return { model, shapes: inferShapes(model, bindings), bytes: { source } };
}

/** The model brought to opset 13 or `target`, in IR 8 or the first that goes with it, and what the upgrade says it changed. */
export async function upgrade(
  bytes: Uint8Array,
  bindings?: ReadonlyMap<string, number>,
  target: 13 | 21 = 13,
): Promise<{ readonly bytes: Uint8Array; readonly changes: readonly string[] }> {
  const source = await open(bytes, bindings);
  const planned = await planUpgrade(source, target);
  if (planned === undefined) return { bytes, changes: [] };
  const edits = { ...planned.edits, irVersion: Math.max(source.model.irVersion ?? 0, target === 13 ? 8 : 10) };
  const { model } = await rewriteModel(source.model, source.bytes.source, edits, { kind: 'inline' });
  const upgraded = await model.read(0, model.size);
  return { bytes: upgraded, changes: planned.passes.flatMap((pass) => pass.changes) };
}

export function compareBytes(source: Uint8Array, changed: Uint8Array): Promise<Comparison> {
  return compareModels(new MemoryByteSource(source), new MemoryByteSource(changed), { engine });
}

/**
 * Upgrades a model and fails unless it computes what `reference` does (by default the model itself). Returns the changes.
 * The engine runs operators from opset 7 on: for older ones the reference is the same thing said at a newer opset.
 */
export async function upgradeSame(
  spec: ModelSpec,
  reference: ModelSpec = spec,
  target: 13 | 21 = 13,
): Promise<readonly string[]> {
  const upgraded = await upgrade(buildModel(spec), undefined, target);
  const result = await compareBytes(buildModel(reference), upgraded.bytes);
  if (!result.compared || !result.equal) throw new Error(inspect(result));
  return upgraded.changes;
}
