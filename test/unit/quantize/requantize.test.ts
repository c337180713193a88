import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import type { QuantizationSource } from '../../../extension/quantize/plan';
import { countsText, quantizedOperators } from '../../../extension/quantize/quantized-already';
import { floatSource } from '../../../extension/quantize/requantize';
import { buildModel, type ModelSpec, type NodeSpec, type TensorSpec } from '../../fixtures/model-builder';
import { engine, open } from './upgraded-model';

const scale = (name: string, values: readonly number[]): TensorSpec => ({
  name,
  type: 'FLOAT',
  dims: values.length === 1 ? [] : [values.length],
  values,
});
const zero: TensorSpec = { name: 'z', type: 'UINT8', dims: [], values: [100] };

function model(nodes: readonly NodeSpec[], initializers: readonly TensorSpec[], opset = 13): ModelSpec {
  return {
    opset,
    graph: { inputs: [{ name: 'x', dims: [2, 3] }], outputs: [{ name: 'y', dims: [2, 3] }], nodes, initializers },
  };
}

/** y = x + w, with x quantized and w stored as int8 with a scale for each column. */
const quantized = (opset?: number) =>
  model(
    [
      { op: 'QuantizeLinear', inputs: ['x', 's', 'z'], outputs: ['q'] },
      { op: 'DequantizeLinear', inputs: ['q', 's', 'z'], outputs: ['d'] },
      { op: 'DequantizeLinear', inputs: ['codes', 'scales'], outputs: ['w'], attributes: { axis: -1 } },
      { op: 'Add', inputs: ['d', 'w'], outputs: ['y'] },
    ],
    [
      scale('s', [0.5]),
      zero,
      { name: 'codes', type: 'INT8', dims: [2, 3], values: [1, -2, 3, 4, 5, -128] },
      scale('scales', [1, 0.1, 10]),
    ],
    opset,
  );

async function run({ bytes }: QuantizationSource, x: readonly number[], dims = [2, 3]): Promise<number[]> {
  const session = await engine.open(await bytes.source.read(0, bytes.source.size));
  const data = new Uint8Array(Float32Array.from(x).buffer);
  const outputs = await session.run(new Map([['x', { dataType: 'FLOAT' as const, dims, data }]]));
  await session.release();
  const result = outputs.get('y');
  ok(result);
  return [...new Float32Array(result.data.slice().buffer)];
}

describe('models that are quantized already', () => {
  it('are recognised, whatever the operators, in bodies and functions too', async () => {
    const branch = { nodes: [{ op: 'ConvInteger', inputs: ['x', 'x'], outputs: ['r'] }], outputs: [{ name: 'r' }] };
    const spec = model(
      [
        { op: 'MatMulNBits', domain: 'com.microsoft', inputs: ['x', 'x', 'x'], outputs: ['a'] },
        { op: 'QLinearAdd', domain: 'com.microsoft', inputs: ['x', 'x', 'x'], outputs: ['b'] },
        { op: 'DynamicQuantizeLSTM', domain: 'com.microsoft', inputs: ['x', 'x', 'x'], outputs: ['l'] },
        { op: 'Quant', domain: 'qonnx.custom_op.general', inputs: ['x', 'x', 'x', 'x'], outputs: ['c'] },
        { op: 'Quant', domain: 'somebody.else', inputs: ['x'], outputs: ['d'] },
        { op: 'MatMul', inputs: ['x', 'x'], outputs: ['e'] },
        {
          op: 'If',
          inputs: ['x'],
          outputs: ['y'],
          attributes: { then_branch: { graph: branch }, else_branch: { graph: branch } },
        },
      ],
      [],
    );
    const counts = quantizedOperators((await open(buildModel(spec))).model);
    deepEqual([...counts].sort(), [
      ['ConvInteger', 2],
      ['DynamicQuantizeLSTM', 1],
      ['MatMulNBits', 1],
      ['QLinearAdd', 1],
      ['Quant', 1],
    ]);
    equal(countsText(new Map([['A', 1]])), '1 A');
    equal(countsText(new Map(Object.entries({ A: 1, B: 2, C: 3 }))), '1 A, 2 B and 3 C');
  });

  it('are left alone with a sentence unless asked', async () => {
    const source = await open(buildModel(quantized()));
    await rejects(
      floatSource(source, false),
      /test\.onnx is quantized already \(1 QuantizeLinear and 2 DequantizeLinear\) and was left alone; --requantize/,
    );
    const float = await open(buildModel(model([{ op: 'Relu', inputs: ['x'], outputs: ['y'] }], [])));
    deepEqual(await floatSource(float, false), { source: float, passes: [] });
    equal((await floatSource(float, true)).source, float);
  });

  for (const opset of [13, 10]) {
    it(`become float models that keep to the range of the codes, opset ${opset}`, async () => {
      const spec = quantized(opset);
      // Below opset 13 there is one scale for a tensor.
      const old = { ...spec, graph: { ...spec.graph, nodes: spec.graph.nodes.with(2, oneScale) } };
      const before = await open(buildModel(opset < 13 ? old : spec));
      const { source, passes } = await floatSource(before, true);
      equal(quantizedOperators(source.model).size, 0);
      deepEqual(
        source.model.graph.nodes.map(({ opType }) => opType),
        ['Clip', 'Add'],
      );
      equal(passes[0]?.pass, 'dequantization');
      // Multiples of the step are not rounded; 1000 and -1000 are beyond the codes.
      const x = [0, 1.5, -2, 4, 1000, -1000];
      deepEqual(await run(source, x), await run(before, x));
    });
  }

  for (const [name, zeroPoint] of [
    ['the middle of the codes as zero point', []],
    ['zero points of their own', [{ name: 'zero', type: 'UINT8', dims: [2], values: [0x83, 0x05] } as const]],
  ] as const) {
    it(`have MatMulNBits turned into MatMul with what it computes, with ${name}`, async () => {
      const bias: TensorSpec = { name: 'bias', type: 'FLOAT', dims: [2], values: [1, -2] };
      const before = await open(
        buildModel({
          opsets: { '': 17, 'com.microsoft': 1 },
          graph: {
            inputs: [{ name: 'x', dims: [1, 20] }],
            outputs: [{ name: 'y', dims: [1, 2] }],
            nodes: [
              {
                op: 'MatMulNBits',
                domain: 'com.microsoft',
                inputs: ['x', 'codes', 'scale', zeroPoint.length > 0 ? 'zero' : '', '', 'bias'],
                outputs: ['y'],
                attributes: { K: 20, N: 2, bits: 4, block_size: 16 },
              },
            ],
            initializers: [
              {
                name: 'codes',
                type: 'UINT8',
                dims: [2, 2, 8],
                values: Array.from({ length: 32 }, (_, index) => (index * 37) % 256),
              },
              { name: 'scale', type: 'FLOAT', dims: [4], values: [0.5, 0.25, 1, 2] },
              bias,
              ...zeroPoint,
            ],
          },
        }),
      );
      const { source } = await floatSource(before, true);
      deepEqual(
        source.model.graph.nodes.map(({ opType }) => opType),
        ['MatMul', 'Add'],
      );
      const x = Array.from({ length: 20 }, (_, index) => (index % 7) - 3);
      deepEqual(await run(source, x, [1, 20]), await run(before, x, [1, 20]));
    });
  }

  it('say so where something computes with whole numbers', async () => {
    const spec = model(
      [
        { op: 'DynamicQuantizeLinear', inputs: ['x'], outputs: ['q', 's', 'zero'] },
        { op: 'MatMulInteger', inputs: ['q', 'w', 'zero'], outputs: ['y'] },
      ],
      [{ name: 'w', type: 'INT8', dims: [3, 3] }],
    );
    const source = await open(buildModel(spec));
    await rejects(
      floatSource(source, true),
      /cannot be quantized anew: 1 DynamicQuantizeLinear and 1 MatMulInteger compute with quantized numbers/,
    );
  });
});

const oneScale: NodeSpec = { op: 'DequantizeLinear', inputs: ['codes', 's'], outputs: ['w'] };
