import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { onnx } from 'onnx-proto';
import { MemoryByteSource } from '../../../extension/onnx/byte-source';
import { rewriteModel } from '../../../extension/onnx/edit';
import { readModel } from '../../../extension/onnx/read-model';
import { toFloat64 } from '../../../extension/onnx/tensor-data';
import { defaultOptions, type QuantizationOptions } from '../../../extension/quantize/options';
import { Bfloat16Rounding } from '../../../extension/quantize/weights/bfloat16-weights';
import { groupsOf } from '../../../extension/quantize/weights/grouping';
import { packCodes } from '../../../extension/quantize/weights/pack-codes';
import { planWeights } from '../../../extension/quantize/weights/plan-weights';
import { type WeightSchemeId, weightScheme } from '../../../extension/quantize/weights/weight-schemes';
import { inferShapes } from '../../../extension/shapes/infer-shapes';
import { buildModel, type ModelSpec, type TensorSpec } from '../../fixtures/model-builder';
import { engine, open } from './upgraded-model';

const schemes = ['int4-weights', 'int2-weights', 'fixed-point', 'ternary', 'binary', 'bfloat16', 'codebook'] as const;

async function quantize(spec: ModelSpec, id: WeightSchemeId, options: Partial<QuantizationOptions> = {}) {
  const source = await open(buildModel(spec));
  const all = { ...defaultOptions, ...options };
  const plan = await planWeights(source, weightScheme(id, all), all.excludedNodes);
  const { model: file } = await rewriteModel(source.model, source.bytes.source, plan.edits, { kind: 'inline' });
  const bytes = await file.read(0, file.size);
  const proto = onnx.ModelProto.decode(bytes);
  return { ...plan, bytes, proto, nodes: proto.graph?.node ?? [], initializers: proto.graph?.initializer ?? [] };
}

const w: TensorSpec = { name: 'w', type: 'FLOAT', dims: [64, 48] };

/** x times the identity gives the weight as it is after quantization. */
function matMul(opset: number, weight: TensorSpec = w, ir = 10): ModelSpec {
  const [rows = 1] = weight.dims;
  return {
    ir,
    opset,
    graph: {
      inputs: [{ name: 'x', dims: [rows, rows] }],
      outputs: [{ name: 'y', dims: [...weight.dims] }],
      nodes: [{ op: 'MatMul', name: 'm', inputs: ['x', 'w'], outputs: ['y'] }],
      initializers: [weight],
    },
  };
}

async function product(bytes: Uint8Array, size = 64): Promise<Float64Array> {
  const session = await engine.open(bytes);
  const identity = Float32Array.from({ length: size * size }, (_, index) => (index % (size + 1) === 0 ? 1 : 0));
  const feeds = new Map([
    ['x', { dataType: 'FLOAT' as const, dims: [size, size], data: new Uint8Array(identity.buffer) }],
  ]);
  const output = (await session.run(feeds)).get('y');
  await session.release();
  assert.ok(output);
  return toFloat64('FLOAT', output.data, output.data.length / 4);
}

describe('weight-only schemes', () => {
  for (const id of schemes) {
    it(`${id}: the engine computes with the weights whose error was measured`, async () => {
      for (const opset of [17, 21, 25]) {
        for (const granularity of ['per-channel', 'per-tensor'] as const) {
          const spec = matMul(opset);
          const { bytes, converted } = await quantize(spec, id, { granularity, blockSize: 16 });
          const [exact, changed] = [await product(buildModel(spec)), await product(bytes)];
          const noise = exact.reduce((sum, value, index) => sum + (value - (changed[index] ?? 0)) ** 2, 0);
          const measured = await converted[0]?.measure();
          const label = `${id} opset ${opset} ${granularity}`;
          assert.ok(measured && noise > 0 && Math.abs(measured.noise / noise - 1) < 1e-4, label);
          assert.ok(measured.noise < measured.signal, label);
        }
      }
    });

    it(`${id}: can be read again without faults`, async () => {
      const { bytes } = await quantize(matMul(21), id);
      const model = await readModel(new MemoryByteSource(bytes), { fileName: 'm.onnx' });
      assert.deepEqual([...model.diagnostics, ...inferShapes(model).diagnostics], []);
    });
  }

  it('int4-weights has blocks along the summed axis from opset 21 on', async () => {
    const { nodes, initializers } = await quantize(matMul(21), 'int4-weights', { blockSize: 32 });
    const attributes = nodes[0]?.attribute?.map(({ name, i }) => [name, Number(i)]);
    assert.deepEqual(attributes, [
      ['axis', 0],
      ['block_size', 32],
    ]);
    assert.deepEqual(
      initializers.map(({ name, dims, rawData }) => [name, dims?.map(Number), rawData?.length]),
      [
        ['w_quantized', [64, 48], 64 * 24],
        ['w_scale', [2, 48], 2 * 48 * 4],
      ],
    );
  });

  it('int4-weights takes the operator of com.microsoft below opset 21', async () => {
    const { nodes, proto } = await quantize(matMul(17), 'int4-weights');
    assert.equal(nodes[0]?.domain, 'com.microsoft');
    assert.ok(proto.opsetImport?.some(({ domain, version }) => domain === 'com.microsoft' && Number(version) === 1));
  });

  it('accounts the packed size apart where the file stores codes wider', async () => {
    const sizes = async (id: WeightSchemeId, opset = 17) => {
      const [tensor] = (await quantize(matMul(opset), id, { granularity: 'per-tensor', blockSize: 0 })).converted;
      return [tensor?.bytesAfter, tensor?.packedBytes];
    };
    const count = 64 * 48;
    assert.deepEqual(await sizes('ternary'), [count + 4, count / 4 + 4]);
    assert.deepEqual(await sizes('binary'), [count + 4, count / 8 + 4]);
    assert.deepEqual(await sizes('int2-weights'), [count / 2 + 4, count / 4 + 4]);
    assert.deepEqual(await sizes('int2-weights', 25), [count / 4 + 4, undefined]);
    assert.deepEqual(await sizes('fixed-point'), [count + 4, undefined]);
    assert.deepEqual(await sizes('codebook'), [count * 4, count / 2 + 16 * 4]);
  });

  it('fixed-point has powers of two as scales', async () => {
    const { initializers } = await quantize(matMul(17), 'fixed-point');
    const scale = initializers.find(({ name }) => name === 'w_scale')?.rawData ?? new Uint8Array(0);
    const scales = toFloat64('FLOAT', scale, 48);
    assert.ok(scales.every((value) => Number.isInteger(Math.log2(value))));
  });

  it('codebook leaves as many values as it says, the values themselves where there are no more', async () => {
    const many = await product((await quantize(matMul(17), 'codebook', { codebookBits: 3 })).bytes);
    assert.ok(new Set(many).size <= 8 && new Set(many).size > 4);
    const values = Array.from({ length: 64 * 48 }, (_, index) => [-2, 0.5, 3][index % 3] ?? 0);
    const few = await product((await quantize(matMul(17, { ...w, values }), 'codebook')).bytes);
    assert.deepEqual([...few], values);
  });

  it('keeps groups of zeros zero, and survives numbers that are not finite', async () => {
    const zeros = { ...w, values: Array.from({ length: 64 * 48 }, () => 0) };
    const strange = {
      ...w,
      values: Array.from({ length: 64 * 48 }, (_, index) => [Number.NaN, Number.POSITIVE_INFINITY][index] ?? 1),
    };
    for (const id of schemes) {
      const result = await product((await quantize(matMul(17, zeros), id)).bytes);
      assert.ok(
        result.every((value) => Math.abs(value) < 1e-30),
        id,
      );
      const error = await (await quantize(matMul(17, strange), id)).converted[0]?.measure();
      assert.equal(error?.overflows, 2, id);
    }
  });

  it('leaves the weights of excluded nodes', async () => {
    const { converted, left } = await quantize(matMul(17), 'ternary', { excludedNodes: ['m'] });
    assert.deepEqual(converted, []);
    assert.deepEqual(left, [{ name: 'w', reason: 'It belongs to a node that was left out.' }]);
  });
});

describe('bfloat16 rounding', () => {
  it('gives the nearest bfloat16, an even one where two are equally near', () => {
    const rounding = new Bfloat16Rounding();
    assert.equal(rounding.round(1 + 2 ** -8), 1);
    assert.equal(rounding.round(1 + 3 * 2 ** -8), 1 + 2 ** -6);
    assert.ok(Number.isNaN(rounding.round(Number.NaN)));
    assert.equal(rounding.round(Number.NEGATIVE_INFINITY), Number.NEGATIVE_INFINITY);
    fc.assert(
      fc.property(fc.float({ noNaN: true, min: Math.fround(-1e30), max: Math.fround(1e30) }), (value) => {
        const rounded = rounding.round(value);
        return (
          rounding.round(rounded) === rounded &&
          Math.abs(rounded - value) <= Math.max(Math.abs(value) * 2 ** -8, 2 ** -133)
        );
      }),
    );
  });
});

describe('groups of elements', () => {
  it('are those that their definition gives', () => {
    const dims = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(dims, fc.nat(), fc.integer({ min: 1, max: 4 }), (shape, pick, size) => {
        const axis = pick % shape.length;
        const inner = shape.slice(axis + 1).reduce((product, dim) => product * dim, 1);
        const extent = shape[axis] ?? 1;
        const blocks = Math.ceil(extent / size);
        const next = groupsOf(shape, { kind: 'axis', axis }).walk();
        const nextBlock = groupsOf(shape, { kind: 'blocks', axis, size }).walk();
        const count = shape.reduce((product, dim) => product * dim, 1);
        for (let position = 0; position < count; position++) {
          const index = Math.floor(position / inner) % extent;
          const outer = Math.floor(position / inner / extent);
          assert.equal(next(), index);
          assert.equal(nextBlock(), (outer * blocks + Math.floor(index / size)) * inner + (position % inner));
        }
      }),
    );
  });
});

describe('packing of codes', () => {
  it('gives back what was packed', () => {
    for (const [type, bits] of [
      ['INT2', 2],
      ['INT4', 4],
      ['INT8', 8],
      ['INT16', 16],
      ['INT32', 32],
    ] as const) {
      const code = fc.integer({ min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 });
      fc.assert(
        fc.property(fc.array(code), (codes) => {
          assert.deepEqual([...toFloat64(type, packCodes(Int32Array.from(codes), type), codes.length)], codes);
        }),
      );
    }
  });
});
