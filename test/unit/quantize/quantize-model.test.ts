import { strict as assert } from 'node:assert';
import { onnx } from 'onnx-proto';
import { MemoryByteSource } from '../../../extension/onnx/byte-source';
import type { PlannedFile } from '../../../extension/onnx/edit';
import { readModel } from '../../../extension/onnx/read-model';
import { QuantizationRefused } from '../../../extension/quantize/plan';
import { planQuantization } from '../../../extension/quantize/quantize-model';
import { inferShapes } from '../../../extension/shapes/infer-shapes';
import { buildModel, type ModelSpec, rawBytes } from '../../fixtures/model-builder';

async function streamed(file: PlannedFile): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of file.stream()) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function plan(spec: ModelSpec, dataFile: Uint8Array = new Uint8Array(0)) {
  const source = new MemoryByteSource(buildModel(spec));
  const externalFiles = { open: async () => new MemoryByteSource(dataFile) };
  const model = await readModel(source, { fileName: 'm.onnx', externalFiles });
  const bytes = { source, externalFiles };
  return planQuantization({ model, shapes: inferShapes(model), bytes }, 'int8-weights', { fileName: 'out.onnx' });
}

const weight = { name: 'w', type: 'FLOAT', dims: [32, 40] } as const;
const matMul = { op: 'MatMul', inputs: ['x', 'w'], outputs: ['h'] };
/** One MatMul at a current opset. */
const inline = {
  inputs: [{ name: 'x', dims: [1, 32] }],
  outputs: [{ name: 'h', dims: [1, 40] }],
  nodes: [matMul],
  initializers: [weight],
};
const squeeze = { op: 'Squeeze', inputs: ['h'], outputs: ['y'], attributes: { axes: [0] } };

const old: ModelSpec = {
  ir: 3,
  opset: 9,
  graph: {
    inputs: [
      { name: 'x', dims: [1, 32] },
      { name: 'w', dims: [32, 40] },
    ],
    outputs: [{ name: 'y', dims: [40] }],
    nodes: [matMul, squeeze],
    initializers: [weight],
  },
};

describe('planning a quantized file', () => {
  it('upgrades an old model first, whose initializers are constants though they are graph inputs', async () => {
    const planned = await plan(old);
    const proto = onnx.ModelProto.decode(await streamed(planned.file));
    assert.equal(Number(proto.irVersion), 4);
    assert.equal(Number(proto.opsetImport?.[0]?.version), 13);
    assert.deepEqual(
      proto.graph?.node?.map((node) => node.opType),
      ['DequantizeLinear', 'MatMul', 'Squeeze'],
    );
    assert.deepEqual(
      proto.graph?.input?.map((input) => input.name),
      ['x'],
    );
    assert.ok(planned.upgraded);
    const upgraded = onnx.ModelProto.decode(await streamed(planned.upgraded));
    assert.deepEqual(
      upgraded.graph?.node?.map((node) => node.opType),
      ['MatMul', 'Squeeze'],
    );
    assert.equal(Number(upgraded.irVersion), 4);
    assert.ok(planned.passes.length >= 3);
  });

  it('does not upgrade a model that has nothing to convert', async () => {
    const nodes = [{ op: 'Relu', inputs: ['x'], outputs: ['h'] }, squeeze];
    const planned = await plan({ ...old, graph: { ...old.graph, nodes, initializers: [] } });
    assert.equal(planned.upgraded, undefined);
    assert.deepEqual(planned.passes, []);
  });

  it('keeps an inline model in one file', async () => {
    const planned = await plan({ graph: inline });
    assert.equal(planned.predictedFileBytes, (await streamed(planned.file)).length);
    assert.deepEqual(
      [planned.dataFile, planned.dataFileName, planned.predictedExternalBytes],
      [undefined, undefined, undefined],
    );
  });

  it('gives a model with external data a data file of its own name', async () => {
    const values = Array.from({ length: 1280 }, (_, index) => index - 640);
    const external = { ...weight, external: { location: 'm.data', offset: 0, length: 5120 } };
    const spec: ModelSpec = { graph: { ...inline, initializers: [external] } };
    const planned = await plan(spec, rawBytes('FLOAT', values));
    assert.ok(planned.dataFile);
    const data = await streamed(planned.dataFile);
    assert.equal(planned.dataFileName, 'out.onnx.data');
    assert.equal(planned.predictedExternalBytes, data.length);
    const { dataFile } = planned;
    const read = await readModel(planned.file, { fileName: 'out.onnx', externalFiles: { open: async () => dataFile } });
    assert.deepEqual(read.diagnostics, []);
    const location = read.graph.constants.get('w_quantized')?.location;
    assert.deepEqual(location, { kind: 'external', path: 'out.onnx.data', offset: 0, length: 1280 });
    assert.equal(new Int8Array(data.buffer, data.byteOffset, data.length)[0], -127);
  });

  it('refuses a model with faults, naming the first', async () => {
    const spec: ModelSpec = { graph: { ...old.graph, nodes: [{ ...matMul, inputs: ['nobody', 'w'] }] } };
    await assert.rejects(plan(spec), (error) => {
      assert.ok(error instanceof QuantizationRefused);
      assert.match(error.message, /m\.onnx cannot be quantized: .*nobody/);
      return true;
    });
  });
});
