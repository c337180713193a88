import { strict as assert } from 'node:assert';
import { onnx } from 'onnx-proto';
import { compareModels } from '../../../extension/inference/compare-models';
import { MemoryByteSource } from '../../../extension/onnx/byte-source';
import { rewriteModel } from '../../../extension/onnx/edit';
import { readModel } from '../../../extension/onnx/read-model';
import { toFloat64 } from '../../../extension/onnx/tensor-data';
import { defaultOptions, type QuantizationOptions } from '../../../extension/quantize/options';
import type { QuantizationSource } from '../../../extension/quantize/plan';
import { type IntegerSchemeId, planScheme as planOnBasis, schemeBasis } from '../../../extension/quantize/plan-scheme';
import { planSchemeFile } from '../../../extension/quantize/quantize-model';
import type { Ranges } from '../../../extension/quantize/static/activation-type';
import { inferShapes } from '../../../extension/shapes/infer-shapes';
import { buildModel, fillValues, type ModelSpec, type NodeSpec, type TensorSpec } from '../../fixtures/model-builder';
import { engine, open } from './upgraded-model';

const schemes: readonly IntegerSchemeId[] = [
  'int8',
  'uint8',
  'int16',
  'int16x8',
  'int8-weights',
  'int8-dynamic',
  'int4-weights',
  'int2-weights',
  'fixed-point',
  'ternary',
  'binary',
  'bfloat16',
  'codebook',
];

/** Opset 9, IR 3, weights among the inputs, batch normalization, a transposed Gemm with a bias, a GRU: something for every pass. */
function network(): ModelSpec {
  const tensors: TensorSpec[] = [
    { name: 'w', type: 'FLOAT', dims: [8, 4, 3, 3] },
    { name: 'gamma', type: 'FLOAT', dims: [8] },
    { name: 'beta', type: 'FLOAT', dims: [8] },
    { name: 'mean', type: 'FLOAT', dims: [8] },
    { name: 'variance', type: 'FLOAT', dims: [8], values: [1, 2, 3, 4, 5, 6, 7, 8] },
    { name: 'd', type: 'FLOAT', dims: [128, 40] },
    { name: 'e', type: 'FLOAT', dims: [40], values: fillValues(40).map((value) => 2 * value) },
    { name: 'gw', type: 'FLOAT', dims: [1, 48, 40] },
    { name: 'gr', type: 'FLOAT', dims: [1, 48, 16] },
  ];
  const nodes: NodeSpec[] = [
    { op: 'Conv', inputs: ['x', 'w'], outputs: ['c'], attributes: { pads: [1, 1, 1, 1] } },
    { op: 'BatchNormalization', inputs: ['c', 'gamma', 'beta', 'mean', 'variance'], outputs: ['n'] },
    { op: 'Relu', inputs: ['n'], outputs: ['r'] },
    { op: 'Dropout', inputs: ['r'], outputs: ['o'] },
    { op: 'Flatten', inputs: ['o'], outputs: ['f'] },
    { op: 'MatMul', inputs: ['f', 'd'], outputs: ['m'] },
    { op: 'Add', inputs: ['m', 'e'], outputs: ['a'] },
    { op: 'Unsqueeze', inputs: ['a'], outputs: ['u'], attributes: { axes: [0] } },
    { op: 'GRU', inputs: ['u', 'gw', 'gr'], outputs: ['y'], attributes: { hidden_size: 16 } },
  ];
  const inputs = [{ name: 'x', dims: [1, 4, 4, 4] }, ...tensors.map(({ name = '', dims }) => ({ name, dims }))];
  return { ir: 3, opset: 9, graph: { inputs, outputs: [{ name: 'y' }], nodes, initializers: tensors } };
}

async function planScheme(
  source: QuantizationSource,
  scheme: IntegerSchemeId,
  options: QuantizationOptions,
  settings: { readonly ranges?: Ranges; readonly skippedPasses?: ReadonlySet<string> } = {},
) {
  return planOnBasis(source, await schemeBasis(source, settings), scheme, options, settings);
}

async function quantize(scheme: IntegerSchemeId, options: Partial<QuantizationOptions> = {}, spec = network()) {
  const source = await open(buildModel(spec));
  const all = { ...defaultOptions, ...options };
  const { activations } = await planScheme(source, scheme, all);
  const ranges = new Map(activations.map((name) => [name, { minimum: -4, maximum: 4 }]));
  const plan = await planScheme(source, scheme, all, { ranges });
  const { model: file } = await rewriteModel(plan.source.model, plan.source.bytes.source, plan.edits, {
    kind: 'inline',
  });
  const bytes = await file.read(0, file.size);
  return { ...plan, bytes, nodes: onnx.ModelProto.decode(bytes).graph?.node ?? [] };
}

async function run(bytes: Uint8Array): Promise<Float64Array> {
  const session = await engine.open(bytes);
  const data = new Uint8Array(Float32Array.from(fillValues(64)).buffer);
  const output = (await session.run(new Map([['x', { dataType: 'FLOAT' as const, dims: [1, 4, 4, 4], data }]]))).get(
    'y',
  );
  await session.release();
  assert.ok(output);
  return toFloat64('FLOAT', output.data, output.data.length / 4);
}

describe('planning a scheme with all that comes before it', () => {
  it('ends in a model that the engine runs, whatever the scheme', async () => {
    const exact = await run(buildModel(network()));
    for (const scheme of schemes) {
      const { bytes, converted } = await quantize(scheme);
      const worst = Math.max(...(await run(bytes)).map((value, index) => Math.abs(value - (exact[index] ?? 0))));
      const allowed = ['int2-weights', 'ternary', 'binary', 'int4-weights', 'codebook'].includes(scheme) ? 1 : 0.1;
      assert.ok(worst < allowed && worst > 0, `${scheme}: ${worst}`);
      assert.ok(converted.length >= 2, scheme);
    }
  });

  it('gives every step that must not change what the model computes', async () => {
    const source = await open(buildModel(network()));
    const { steps, passes } = await planScheme(source, 'int8-weights', defaultOptions);
    assert.deepEqual(
      steps.map(({ pass }) => pass),
      ['opset 9 to 13', 'identity removal', 'batch-norm folding'],
    );
    assert.deepEqual(passes.at(-2)?.pass, 'int8-weights');
    for (const { pass, file } of steps) {
      const comparison = await compareModels(source.bytes.source, file, { engine });
      assert.ok(comparison.compared && comparison.equal, pass);
    }
    const skippedPasses = new Set(['batch-norm folding']);
    const other = await planScheme(source, 'int8-weights', defaultOptions, { skippedPasses });
    assert.ok(!other.steps.some(({ pass }) => pass === 'batch-norm folding'));
  });

  it('says that it put the nodes in order', async () => {
    const spec = network();
    const unsorted = { ...spec, graph: { ...spec.graph, nodes: spec.graph.nodes.toReversed() } };
    for (const scheme of ['int8', 'int8-dynamic', 'int8-weights'] as const) {
      const sorted = await planScheme(await open(buildModel(unsorted)), scheme, defaultOptions);
      assert.equal(sorted.passes.filter(({ pass }) => pass === 'topological order').length, 1, scheme);
      const plain = await planScheme(await open(buildModel(spec)), scheme, defaultOptions);
      assert.ok(!plain.passes.some(({ pass }) => pass === 'topological order'), scheme);
    }
  });

  it('has the same bytes each time', async () => {
    for (const scheme of schemes) {
      assert.deepEqual((await quantize(scheme)).bytes, (await quantize(scheme)).bytes, scheme);
    }
  });

  it('leaves the weights of a GRU in float beside dynamic operators, as onnxruntime does', async () => {
    const { nodes, converted, left } = await quantize('int8-dynamic');
    const operators = nodes.map(({ opType }) => opType);
    for (const operator of ['ConvInteger', 'MatMulInteger', 'GRU']) {
      assert.ok(operators.includes(operator), operator);
    }
    assert.deepEqual(converted.map(({ name }) => name).toSorted(), ['d', 'w']);
    assert.deepEqual(left.map(({ name }) => name).toSorted(), ['gr', 'gw']);
  });

  it('makes MatMulNBits of matrices where that is chosen', async () => {
    for (const [scheme, bits, tolerance] of [
      ['int4-weights', 4, 1],
      ['int2-weights', 2, 1.5],
    ] as const) {
      const { nodes, bytes } = await quantize(scheme, { blockOperator: 'MatMulNBits', blockSize: 16 });
      const node = nodes.find(({ opType }) => opType === 'MatMulNBits');
      const attributes = new Map(node?.attribute?.map(({ name, i }) => [name, Number(i)]));
      assert.deepEqual(Object.fromEntries(attributes), { K: 128, N: 40, bits, block_size: 16 });
      const exact = await run(buildModel(network()));
      const worst = Math.max(...(await run(bytes)).map((value, index) => Math.abs(value - (exact[index] ?? 0))));
      assert.ok(worst < tolerance, `${scheme}: ${worst}`);
    }
  });

  it('computes with MatMulNBits what its blocks say, whichever way the weight lies and however long the last block is', async () => {
    for (const transposed of [false, true]) {
      const [rows, columns] = transposed ? [6, 40] : [40, 6];
      const node: NodeSpec = {
        op: 'Gemm',
        inputs: ['x', 'w', 'b'],
        outputs: ['y'],
        attributes: { transB: transposed ? 1 : 0 },
      };
      // Whole numbers up to 7, 7 in every block: nothing is lost.
      const value = (row: number, column: number) => {
        const [input, output] = transposed ? [column, row] : [row, column];
        return input % 16 === 0 ? 7 : ((input * 5 + output * 3) % 15) - 7;
      };
      const values = Array.from({ length: rows * columns }, (_, index) =>
        value(Math.floor(index / columns), index % columns),
      );
      const spec: ModelSpec = {
        graph: {
          inputs: [{ name: 'x', dims: [2, 40] }],
          outputs: [{ name: 'y', dims: [2, 6] }],
          nodes: [node],
          initializers: [
            { name: 'w', type: 'FLOAT', dims: [rows, columns], values },
            { name: 'b', type: 'FLOAT', dims: [6] },
          ],
        },
      };
      const { bytes, converted } = await quantize(
        'int4-weights',
        { blockOperator: 'MatMulNBits', blockSize: 16 },
        spec,
      );
      assert.equal((await converted[0]?.measure())?.noise, 0);
      const source = await open(buildModel(spec));
      const { source: changed } = (await open(bytes)).bytes;
      const comparison = await compareModels(source.bytes.source, changed, { engine });
      assert.ok(comparison.compared && comparison.equal, JSON.stringify(comparison));
    }
  });
});

describe('planning the file of a scheme', () => {
  it('says how many bytes model and data file will have, before ranges are known', async () => {
    const weights = new Uint8Array(Float32Array.from(fillValues(64 * 48)).buffer);
    const bytes = buildModel({
      graph: {
        inputs: [{ name: 'x', dims: [1, 64] }],
        outputs: [{ name: 'y', dims: [1, 48] }],
        nodes: [{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] }],
        initializers: [
          { name: 'w', type: 'FLOAT', dims: [64, 48], external: { location: 'w.bin', length: weights.length } },
        ],
      },
    });
    const externalFiles = { open: async () => new MemoryByteSource(weights) };
    const file = new MemoryByteSource(bytes);
    const model = await readModel(file, { fileName: 'm.onnx', externalFiles });
    const source = { model, shapes: inferShapes(model), bytes: { source: file, externalFiles } };
    for (const scheme of schemes) {
      const request = { scheme, options: defaultOptions };
      const estimate = await planSchemeFile(source, request, { fileName: 'out.onnx' });
      const ranges = new Map(estimate.activations.map((name) => [name, { minimum: -1, maximum: 1 }]));
      const plan = await planSchemeFile(source, { ...request, ranges }, { fileName: 'out.onnx' });
      let written = 0;
      for await (const piece of plan.file.stream()) written += piece.length;
      assert.equal(written, estimate.predictedFileBytes, scheme);
      let data = 0;
      for await (const piece of plan.dataFile?.stream() ?? []) data += piece.length;
      assert.equal(data, estimate.predictedExternalBytes ?? 0, scheme);
      assert.ok(data > 0, scheme);
    }
  });
});
