import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { compareModels } from '../../../../extension/inference/compare-models';
import { prepare } from '../../../../extension/quantize/preparation/prepare';
import { chosenCodes } from '../../../../extension/quantize/recovery/adaround';
import { nearestCode } from '../../../../extension/quantize/recovery/element-passes';
import { ErrorSpread } from '../../../../extension/quantize/recovery/gptq';
import { eachInputRow } from '../../../../extension/quantize/recovery/input-rows';
import { linearLayers } from '../../../../extension/quantize/recovery/linear-layers';
import {
  smoothActivations,
  smoothableValues,
  smoothingFactors,
} from '../../../../extension/quantize/recovery/smoothquant';
import { buildModel, fillValues, type NodeSpec, type TensorSpec } from '../../../fixtures/model-builder';
import { engine, open } from '../upgraded-model';

const size = 6;
/** The inputs and the row that the numpy reference of the expected codes was given; one input is always 0. */
const inputs = Array.from({ length: 10 * size }, (_, i) =>
  i % size === 4 ? 0 : Math.sin(i * 1.3) + 0.5 * Math.cos(i * 0.21) + (i % size) * 0.3,
);
const row = Float64Array.of(0.9, -0.45, 0.31, 0.62, -0.77, 0.14);
const scales = new Float64Array(size).fill(0.3);

function gramOf(values: readonly number[]): Float64Array {
  const gram = new Float64Array(size * size);
  for (let start = 0; start + size <= values.length; start += size) {
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++) {
        gram[i * size + j] = (gram[i * size + j] ?? 0) + (values[start + i] ?? 0) * (values[start + j] ?? 0);
      }
    }
  }
  return gram;
}

/** e^T G e. */
function lossOf(codes: ArrayLike<number>, weights: Float64Array, gram: Float64Array): number {
  const error = weights.map((weight, index) => (codes[index] ?? 0) * (scales[index] ?? 1) - weight);
  let sum = 0;
  for (let i = 0; i < size; i++)
    for (let j = 0; j < size; j++) sum += (error[i] ?? 0) * (error[j] ?? 0) * (gram[i * size + j] ?? 0);
  return sum;
}

const numbers = (length: number) =>
  fc.array(fc.double({ noNaN: true, min: -3, max: 3 }), { minLength: length, maxLength: length });

describe('gptq', () => {
  it('gives the codes of a numpy reference', () => {
    const gram = gramOf(inputs);
    const codes = new ErrorSpread(gram, size).codes(row, scales, 3);
    assert.deepEqual([...codes], [3, -1, 1, 3, -3, 0]);
    assert.ok(Math.abs(lossOf(codes, row, gram) / 0.2521475769806143 - 1) < 1e-9);
  });

  it('gives codes within the range for any inputs, and the nearest where inputs have nothing in common', () => {
    fc.assert(
      fc.property(numbers(3 * size), numbers(size), (values, weights) => {
        const codes = new ErrorSpread(gramOf(values), size).codes(Float64Array.from(weights), scales, 3);
        assert.ok(codes.every((code) => Math.abs(code) <= 3));
      }),
    );
    const diagonal = new Float64Array(size * size);
    for (let index = 0; index < size; index++) diagonal[index * size + index] = index;
    const nearest = Array.from(row, (value) => nearestCode(value, 0.3, 3));
    assert.deepEqual([...new ErrorSpread(diagonal, size).codes(row, scales, 3)], nearest);
    assert.deepEqual([...new ErrorSpread(new Float64Array(size * size), size).codes(row, scales, 3)], nearest);
  });
});

describe('adaround', () => {
  it('finds the best choice of up and down of a numpy reference', () => {
    const codes = chosenCodes(row, scales, gramOf(inputs), 3);
    // The weight of the input that is always 0 keeps its nearest code.
    assert.deepEqual([...codes], [3, -1, 1, 3, -3, 0]);
  });

  it('is never worse than the nearest codes, and next to the weight', () => {
    fc.assert(
      fc.property(numbers(3 * size), numbers(size), fc.constantFrom(1, 7, 127), (values, given, largest) => {
        const [gram, weights] = [gramOf(values), Float64Array.from(given)];
        const codes = chosenCodes(weights, scales, gram, largest);
        const nearest = weights.map((value) => nearestCode(value, 0.3, largest));
        assert.ok(lossOf(codes, weights, gram) <= lossOf(nearest, weights, gram) + 1e-9);
        for (const [index, code] of codes.entries()) {
          assert.ok(Math.abs(code) <= largest);
          const exact = Math.min(Math.max((weights[index] ?? 0) / 0.3, -largest), largest);
          assert.ok(Math.abs(code - exact) <= 1, `${code} for ${exact}`);
        }
      }),
    );
  });
});

describe('eachInputRow', () => {
  async function rowsOf(op: string, weight: TensorSpec, dims: readonly number[], more: Partial<NodeSpec>, most = 100) {
    const source = await open(
      buildModel({
        opset: 17,
        graph: {
          inputs: [{ name: 'x', dims }],
          outputs: [{ name: 'y' }],
          nodes: [{ op, inputs: ['x', 'w'], outputs: ['y'], ...more }],
          initializers: [weight],
        },
      }),
    );
    const [layer] = linearLayers(source.model);
    assert.ok(layer);
    const count = dims.reduce((product, dim) => product * dim, 1);
    const values = Array.from({ length: count }, (_, index) => Math.sin(index * 1.9) + index / 10);
    const rows: { group: number; row: Float64Array }[] = [];
    eachInputRow(layer, dims, values, most, (group, each) => rows.push({ group, row: each.slice() }));
    const session = await engine.open(await source.bytes.source.read(0, source.bytes.source.size));
    const data = new Uint8Array(Float32Array.from(values).buffer);
    const results = await session.run(new Map([['x', { dataType: 'FLOAT', dims, data }]]));
    await session.release();
    const y = results.get('y');
    assert.ok(y);
    return {
      rows,
      layer,
      weights: weight.values ?? [],
      y: new Float32Array(y.data.buffer, y.data.byteOffset, y.data.byteLength / 4),
      dims: y.dims,
    };
  }

  it('gives the rows whose products with the weight are what Conv computes', async () => {
    for (const { kernel, dims, group, attributes } of [
      { kernel: [4, 3, 3, 2], dims: [2, 3, 5, 6], group: 1, attributes: { pads: [1, 0, 2, 1], strides: [2, 1] } },
      { kernel: [4, 2, 2, 3], dims: [1, 4, 7, 7], group: 2, attributes: { dilations: [2, 2] } },
      { kernel: [3, 1, 3], dims: [2, 3, 8], group: 3, attributes: { pads: [1, 1], strides: [2] } },
    ]) {
      const count = kernel.reduce((product, dim) => product * dim, 1);
      const spec: TensorSpec = {
        name: 'w',
        type: 'FLOAT',
        dims: kernel,
        values: Array.from({ length: count }, (_, index) => Math.cos(index)),
      };
      const {
        rows,
        layer,
        weights,
        y,
        dims: out,
      } = await rowsOf('Conv', spec, dims, { attributes: { ...attributes, group } });
      const perGroup = layer.outputs / group;
      const places = rows.length / group;
      const inner = out.slice(2).reduce((product, dim) => product * dim, 1);
      assert.equal(places, (out[0] ?? 1) * inner);
      for (const [index, { group: each, row: values }] of rows.entries()) {
        const place = Math.floor(index / group);
        for (let channel = each * perGroup; channel < (each + 1) * perGroup; channel++) {
          const sum = values.reduce(
            (total, value, column) => total + value * (weights[channel * layer.inputs + column] ?? 0),
            0,
          );
          const found = y[(Math.floor(place / inner) * layer.outputs + channel) * inner + (place % inner)] ?? 0;
          assert.ok(Math.abs(sum - found) < 1e-3, `${sum} and ${found}`);
        }
      }
    }
  });

  it('takes no more rows than asked for, spread over the tensor', async () => {
    const spec: TensorSpec = { name: 'w', type: 'FLOAT', dims: [3, 2], values: fillValues(6) };
    const { rows } = await rowsOf('MatMul', spec, [2, 10, 3], {}, 4);
    const first = rows.map(({ row: values }) => values[0] ?? 0);
    assert.deepEqual(
      first,
      [2, 7, 12, 17].map((place) => Math.sin(place * 3 * 1.9) + (place * 3) / 10),
    );
  });
});

describe('smoothquant', () => {
  it('gives the factors of a numpy reference', () => {
    const weights = [1, -4, 0.25, 0.01, 2, 2, 0, 0];
    const factors = smoothingFactors(
      [4, 9, 0, 1],
      [{ values: weights, channel: (position) => Math.floor(position / 2) }],
    );
    assert.deepEqual([...factors], [1, 6, 1, 1]);
  });

  it('divides what LayerNormalization or a layer before gives, and keeps the outputs', async () => {
    const tensor = (name: string, dims: readonly number[]): TensorSpec => {
      const count = dims.reduce((product, dim) => product * dim, 1);
      return {
        name,
        type: 'FLOAT',
        dims,
        values: Array.from({ length: count }, (_, index) => Math.cos(index * 1.3 + name.charCodeAt(0)) + 0.1),
      };
    };
    const network = (tap: boolean) =>
      open(
        buildModel({
          opset: 17,
          graph: {
            inputs: [{ name: 'x', dims: [3, 4] }],
            outputs: [{ name: 'y' }, { name: 'z' }, ...(tap ? [{ name: 'n' }] : [])],
            nodes: [
              { op: 'LayerNormalization', inputs: ['x', 'g', 'b'], outputs: ['n'] },
              { op: 'MatMul', inputs: ['n', 'w'], outputs: ['y'] },
              { op: 'Gemm', inputs: ['n', 'v', 'c'], outputs: ['h'], attributes: { transB: 1 } },
              { op: 'Relu', inputs: ['h'], outputs: ['r'] },
              { op: 'MatMul', inputs: ['r', 'u'], outputs: ['z'] },
            ],
            initializers: [
              tensor('g', [4]),
              tensor('b', [4]),
              tensor('w', [4, 5]),
              tensor('v', [6, 4]),
              tensor('c', [6]),
              tensor('u', [6, 2]),
            ],
          },
        }),
      );
    const source = await network(false);
    assert.deepEqual(smoothableValues(source), ['n', 'r']);
    const magnitudes = new Map([
      ['n', Float64Array.of(1, 100, 2, 0)],
      ['r', Float64Array.of(1, 2, 3, 50, 5, 6)],
    ]);
    const { source: after, passes } = await prepare(source, { more: [smoothActivations(magnitudes)] });
    assert.deepEqual(
      passes.map(({ pass, changes }) => [pass, changes.length]),
      [['SmoothQuant', 2]],
    );
    const compared = await compareModels(source.bytes.source, after.bytes.source, { engine });
    assert.ok(compared.compared && compared.equal, JSON.stringify(compared));
    assert.deepEqual(smoothableValues(await network(true)), ['r'], 'an output keeps its values');
  });
});
