import { strict as assert } from 'node:assert';
import { compareModels } from '../../../../extension/inference/compare-models';
import { equalizeLayers, equalizeThroughClips } from '../../../../extension/quantize/preparation/equalize';
import type { PreparationPass } from '../../../../extension/quantize/preparation/pass';
import { prepare } from '../../../../extension/quantize/preparation/prepare';
import { absorbableValues, absorbBiases } from '../../../../extension/quantize/recovery/bias-absorption';
import { biasShifts, quantizedSum } from '../../../../extension/quantize/recovery/bias-correction';
import { channelsOf, linearLayers } from '../../../../extension/quantize/recovery/linear-layers';
import { readValues } from '../../../../extension/quantize/tensor-values';
import {
  buildModel,
  fillValues,
  type GraphSpec,
  type NodeSpec,
  type TensorSpec,
} from '../../../fixtures/model-builder';
import { engine, open } from '../upgraded-model';

function network(nodes: readonly NodeSpec[], initializers: readonly TensorSpec[], more: Partial<GraphSpec> = {}) {
  return open(
    buildModel({
      opset: 17,
      graph: { inputs: [{ name: 'x', dims: [2, 4] }], outputs: [{ name: 'y' }], nodes, initializers, ...more },
    }),
  );
}

const dense: readonly TensorSpec[] = [
  { name: 'w1', type: 'FLOAT', dims: [4, 3], values: [1, 20, 3, 1, -20, 3, 2, 20, -3, 1, 30, 1] },
  { name: 'b1', type: 'FLOAT', dims: [3], values: [50, 400, -1] },
  { name: 'w2', type: 'FLOAT', dims: [2, 3], values: [1, 0.25, -2, 0.5, -1, 2] },
  { name: 'b2', type: 'FLOAT', dims: [2], values: [0.5, -0.5] },
];
const twoLayers: readonly NodeSpec[] = [
  { op: 'MatMul', inputs: ['x', 'w1'], outputs: ['m'] },
  { op: 'Add', inputs: ['b1', 'm'], outputs: ['a'] },
  { op: 'Relu', inputs: ['a'], outputs: ['r'] },
  { op: 'Gemm', inputs: ['r', 'w2', 'b2'], outputs: ['y'], attributes: { transB: 1 } },
];

async function constant(source: Awaited<ReturnType<typeof open>>, name: string): Promise<number[]> {
  const tensor = source.model.graph.constants.get(name);
  assert.ok(tensor, name);
  return [...(await readValues(tensor, source.bytes))];
}

/** The model after a pass alone, once a comparison with the model before has told that the outputs are equal. */
async function proved(source: Awaited<ReturnType<typeof open>>, pass: PreparationPass) {
  const result = await prepare(source, { skipped, more: [pass] });
  for (const { file } of result.steps) {
    const compared = await compareModels(source.bytes.source, file, { engine });
    assert.ok(compared.compared && compared.equal, JSON.stringify(compared));
  }
  return result;
}

/** Folding would make one node of MatMul and Add. */
const skipped: ReadonlySet<string> = new Set(['batch-norm folding']);

describe('linearLayers', () => {
  it('knows the channels of every layout', async () => {
    const { model } = await network(
      [
        { op: 'Conv', inputs: ['x', 'w'], outputs: ['c'], attributes: { group: 2 } },
        { op: 'Flatten', inputs: ['c'], outputs: ['f'] },
        { op: 'Gemm', inputs: ['f', 'g'], outputs: ['h'] },
        { op: 'Gemm', inputs: ['h', 't'], outputs: ['y'], attributes: { transB: 1 } },
      ],
      [
        { name: 'w', type: 'FLOAT', dims: [4, 3, 1, 2] },
        { name: 'g', type: 'FLOAT', dims: [4, 3] },
        { name: 't', type: 'FLOAT', dims: [2, 3] },
      ],
      { inputs: [{ name: 'x', dims: [1, 6, 1, 2] }] },
    );
    const [conv, plain, transposed] = linearLayers(model);
    assert.ok(conv && plain && transposed);
    assert.deepEqual([conv.inputs, conv.outputs, conv.groups], [6, 4, 2]);
    const positions = [0, 1, 2, 6, 12, 23];
    assert.deepEqual(positions.map(channelsOf(conv).output), [0, 0, 0, 1, 2, 3]);
    assert.deepEqual(positions.map(channelsOf(conv).input), [0, 0, 1, 0, 3, 5]);
    assert.deepEqual([4].map(channelsOf(plain).input), [1]);
    assert.deepEqual([4].map(channelsOf(plain).output), [1]);
    assert.deepEqual([4].map(channelsOf(transposed).input), [1]);
    assert.deepEqual([4].map(channelsOf(transposed).output), [1]);
  });
});

describe('cross-layer equalization of other layers', () => {
  it('equalizes MatMul with an added bias and Gemm, and keeps the outputs', async () => {
    const source = await network(twoLayers, dense);
    const { passes, source: after } = await proved(source, equalizeLayers());
    assert.equal(passes.length, 1);
    const columns = (values: readonly number[]) =>
      [0, 1, 2].map((column) => Math.max(...[0, 1, 2, 3].map((row) => Math.abs(values[3 * row + column] ?? 0))));
    const spread = (values: readonly number[]) => Math.max(...columns(values)) / Math.min(...columns(values));
    assert.ok(spread(await constant(source, 'w1')) > 14);
    assert.ok(spread(await constant(after, 'w1')) < 8);
  });

  it('lets no bias grow beyond the largest there is', async () => {
    const weak = [1e-6, 20, 3, 1e-6, -20, 3, 1e-6, 20, -3, 1e-6, 30, 1];
    const tensors = dense.with(0, { name: 'w1', type: 'FLOAT', dims: [4, 3], values: weak });
    const { source } = await proved(await network(twoLayers, tensors), equalizeLayers());
    const biases = await constant(source, 'b1');
    assert.ok(
      biases.every((bias) => Math.abs(bias) <= 400 * (1 + 1e-6)),
      `${biases}`,
    );
  });

  it('goes through pooling and flattening of one number for each channel', async () => {
    const source = await network(
      [
        { op: 'Conv', inputs: ['x', 'w', 'b'], outputs: ['c'] },
        { op: 'Relu', inputs: ['c'], outputs: ['r'] },
        { op: 'GlobalAveragePool', inputs: ['r'], outputs: ['p'] },
        { op: 'Flatten', inputs: ['p'], outputs: ['f'] },
        { op: 'Gemm', inputs: ['f', 'g'], outputs: ['y'] },
      ],
      [
        { name: 'w', type: 'FLOAT', dims: [3, 2, 1, 1], values: [1, 2, 30, 40, 0.1, 0.2] },
        { name: 'b', type: 'FLOAT', dims: [3], values: [1, 2, 3] },
        { name: 'g', type: 'FLOAT', dims: [3, 2], values: [1, 2, 3, 4, 5, 6] },
      ],
      { inputs: [{ name: 'x', dims: [1, 2, 3, 3] }] },
    );
    const { passes } = await proved(source, equalizeLayers());
    assert.deepEqual(
      passes.map(({ changes }) => changes.length),
      [1],
    );
  });

  it('leaves what a Clip limits, and equalizes channels that stay below its bound', async () => {
    const clip: NodeSpec = { op: 'Clip', inputs: ['a', 'zero', 'six'], outputs: ['r'] };
    const source = await network(twoLayers.with(2, clip), [
      ...dense.with(1, { name: 'b1', type: 'FLOAT', dims: [3], values: [0, 0, 0] }),
      { name: 'zero', type: 'FLOAT', dims: [], values: [0] },
      { name: 'six', type: 'FLOAT', dims: [], values: [6] },
    ]);
    assert.deepEqual((await prepare(source, { skipped, more: [equalizeLayers()] })).passes, []);
    const pass = equalizeThroughClips(new Map([['a', Float64Array.of(1, 100, 3)]]));
    const { source: after, passes } = await prepare(source, { skipped, more: [pass] });
    assert.equal(passes.length, 1);
    const [before, now] = [await constant(source, 'w1'), await constant(after, 'w1')];
    const factors = [0, 1, 2].map((channel) => (before[channel] ?? 0) / (now[channel] ?? 1));
    assert.equal(factors[1], 1, 'what reaches the bound stays');
    // 1.25 * 3 / 6 is the least factor that leaves the channel below the bound.
    assert.ok(factors[0] !== 1 && (factors[2] ?? 0) >= 0.625 - 1e-9, `${factors}`);
  });
});

describe('bias absorption', () => {
  it('moves what a channel never goes below into the next bias', async () => {
    const source = await network(twoLayers, dense);
    assert.deepEqual([...absorbableValues(source)], [['a', -1]]);
    const minima = new Map([['a', Float64Array.of(40, 300, -5)]]);
    const { source: after, passes, steps } = await prepare(source, { skipped, more: [absorbBiases(minima)] });
    assert.deepEqual([passes.length, steps.length], [1, 0]);
    assert.deepEqual(await constant(after, 'b1'), [10, 100, -1]);
    assert.deepEqual(await constant(after, 'b2'), [0.5 + 40 + 75, -0.5 + 20 - 300]);
    const compared = await compareModels(source.bytes.source, after.bytes.source, { engine });
    assert.ok(compared.compared && compared.equal, JSON.stringify(compared));
    assert.deepEqual(
      (await prepare(source, { skipped, more: [absorbBiases(new Map([['a', Float64Array.of(0, -1, 0)]]))] })).passes,
      [],
    );
  });

  it('leaves a Conv that pads with zeros', async () => {
    const conv = (input: string, weight: string, output: string, pad: number): NodeSpec => ({
      op: 'Conv',
      inputs: [input, weight, `${weight}b`],
      outputs: [output],
      attributes: { pads: [pad, pad, pad, pad] },
    });
    const bias = (name: string): TensorSpec => ({ name, type: 'FLOAT', dims: [2], values: fillValues(2) });
    const layers = (pad: number) =>
      network(
        [conv('x', 'w', 'c', 1), { op: 'Relu', inputs: ['c'], outputs: ['r'] }, conv('r', 'v', 'y', pad)],
        [
          { name: 'w', type: 'FLOAT', dims: [2, 2, 3, 3] },
          bias('wb'),
          { name: 'v', type: 'FLOAT', dims: [2, 2, 3, 3] },
          bias('vb'),
        ],
        { inputs: [{ name: 'x', dims: [1, 2, 4, 4] }] },
      );
    assert.equal(absorbableValues(await layers(0)).size, 1);
    assert.equal(absorbableValues(await layers(1)).size, 0);
  });
});

describe('bias correction', () => {
  it('adds to biases, and finds the sums in every form of the quantized model', async () => {
    const source = await network(twoLayers, dense);
    const shifts = new Map([['b2', Float64Array.of(1, -2)]]);
    const { source: after, steps } = await prepare(source, { skipped, more: [biasShifts(shifts)] });
    assert.deepEqual(await constant(after, 'b2'), [1.5, -2.5]);
    assert.deepEqual(steps, [], 'what changes the outputs is not proved to keep them');
    const [first, second] = linearLayers(source.model);
    assert.ok(first && second);
    assert.deepEqual([quantizedSum(first, source.model), quantizedSum(second, source.model)], ['a', 'y']);
    const { model: quantized } = await network(
      [
        { op: 'DequantizeLinear', inputs: ['b2_quantized', 's'], outputs: ['d'] },
        { op: 'Gemm', inputs: ['x', 'w2', 'd'], outputs: ['sum'], attributes: { transB: 1 } },
        { op: 'Relu', inputs: ['sum'], outputs: ['y'] },
      ],
      [
        { name: 'b2_quantized', type: 'INT32', dims: [2], values: [1, 2] },
        { name: 's', type: 'FLOAT', dims: [], values: [1] },
        { name: 'w2', type: 'FLOAT', dims: [2, 4] },
      ],
    );
    assert.equal(quantizedSum(second, quantized), 'sum');
    assert.equal(quantizedSum(first, quantized), undefined);
  });
});
