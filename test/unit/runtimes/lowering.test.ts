import assert from 'node:assert/strict';
import type { Dialect, LoweredGraph, LoweringOptions, Precision } from '../../../extension/runtimes/lowered';
import { lower } from '../../../extension/runtimes/lowering';
import type { GraphSpec, NodeSpec, TensorSpec } from '../../fixtures/model-builder';
import { modelWithShapes } from '../../fixtures/model-shapes';

const tflite: Dialect = {
  fuses: true,
  channelsLast: true,
  copyFreeReshape: false,
  padOperators: true,
  alwaysBias: true,
};
const asWritten: Dialect = {
  fuses: false,
  channelsLast: false,
  copyFreeReshape: false,
  padOperators: false,
  alwaysBias: false,
};

/** Quantize and Dequantize stay at the ends of the graph, as in the file. */
const keepFloat: LoweringOptions = { floatInputsAndOutputs: true };

async function lowered(
  graph: GraphSpec,
  precision: Precision = 'int8',
  options: LoweringOptions = {},
  dialect = tflite,
): Promise<LoweredGraph> {
  const { shapes } = await modelWithShapes(graph);
  return lower(shapes, dialect, precision, options);
}

function kinds({ operators }: LoweredGraph): readonly string[] {
  return operators.map(({ kind, activation }) => (activation ? `${kind}+${activation}` : kind));
}

function outputShapes({ operators, tensors }: LoweredGraph): readonly string[] {
  return operators.map(({ outputs }) => String(tensors[outputs[0] ?? -1]?.shape));
}

const image = { name: 'x', dims: [1, 3, 8, 8] };
const weight: TensorSpec = { name: 'w', type: 'FLOAT', dims: [4, 3, 3, 3] };
const bias: TensorSpec = { name: 'b', type: 'FLOAT', dims: [4] };

function conv(pads: readonly number[], strides = [1, 1], inputs = ['x', 'w', 'b']): NodeSpec {
  return { op: 'Conv', inputs, outputs: ['y'], attributes: { pads, strides, kernel_shape: [3, 3] } };
}

describe('lowering', () => {
  it('folds batch normalization and Relu into the convolution, which gets a bias, and traces all three nodes', async () => {
    const graph = await lowered({
      inputs: [image],
      outputs: [{ name: 'z' }],
      initializers: [weight, ...['s', 't', 'm', 'v'].map((name): TensorSpec => ({ ...bias, name }))],
      nodes: [
        conv([1, 1, 1, 1], [1, 1], ['x', 'w']),
        { op: 'BatchNormalization', inputs: ['y', 's', 't', 'm', 'v'], outputs: ['n'] },
        { op: 'Relu', inputs: ['n'], outputs: ['z'] },
      ],
    });
    assert.deepEqual(kinds(graph), ['Conv2D+Relu']);
    assert.deepEqual(graph.operators[0]?.from, [0, 1, 2]);
    const inputs = graph.operators[0]?.inputs.map((index) => graph.tensors[index]);
    assert.deepEqual(
      inputs?.map((tensor) => [tensor?.role, tensor?.dataType, tensor?.bytes, tensor?.scales]),
      [
        ['activation', 'INT8', 192, 1],
        ['weight', 'INT8', 108, 4],
        ['bias', 'INT32', 16, 4],
      ],
    );
    assert.deepEqual(outputShapes(graph), ['1,8,8,4']);
  });

  it('keeps an activation whose input something else reads too', async () => {
    const graph = await lowered({
      inputs: [image],
      outputs: [{ name: 'z' }, { name: 'y' }],
      initializers: [weight, bias],
      nodes: [conv([1, 1, 1, 1]), { op: 'Relu', inputs: ['y'], outputs: ['z'] }],
    });
    assert.deepEqual(kinds(graph), ['Conv2D', 'Relu']);
  });

  it('knows Clip by its limits', async () => {
    const clip = async (low: number, high: number) =>
      kinds(
        await lowered({
          inputs: [image],
          outputs: [{ name: 'z' }],
          initializers: [
            weight,
            bias,
            { name: 'low', type: 'FLOAT', dims: [], values: [low] },
            { name: 'high', type: 'FLOAT', dims: [], values: [high] },
          ],
          nodes: [conv([1, 1, 1, 1]), { op: 'Clip', inputs: ['y', 'low', 'high'], outputs: ['z'] }],
        }),
      );
    assert.deepEqual(await clip(0, 6), ['Conv2D+Relu6']);
    assert.deepEqual(await clip(-1, 1), ['Conv2D+ReluN1To1']);
    assert.deepEqual(await clip(0, 5), ['Conv2D', 'Maximum', 'Minimum']);
  });

  it('takes a Pad operator for padding that is neither SAME nor VALID', async () => {
    const padded = async (pads: readonly number[], strides: readonly number[]) =>
      lowered({
        inputs: [image],
        outputs: [{ name: 'y' }],
        initializers: [weight, bias],
        nodes: [conv(pads, [...strides])],
      });
    assert.deepEqual(kinds(await padded([1, 1, 1, 1], [1, 1])), ['Conv2D']);
    assert.deepEqual(kinds(await padded([0, 0, 0, 0], [2, 2])), ['Conv2D']);
    assert.deepEqual(kinds(await padded([0, 0, 1, 1], [2, 2])), ['Conv2D']);
    const explicit = await padded([1, 1, 1, 1], [2, 2]);
    assert.deepEqual(kinds(explicit), ['Pad', 'Conv2D']);
    assert.deepEqual(outputShapes(explicit), ['1,10,10,3', '1,4,4,4']);
    assert.deepEqual(explicit.operators[1]?.window?.pads, [0, 0, 0, 0]);
  });

  it('absorbs a Pad that makes SAME padding together with the convolution', async () => {
    const graph = await lowered({
      inputs: [image],
      outputs: [{ name: 'y' }],
      initializers: [weight, bias, { name: 'p', type: 'INT64', dims: [8], values: [0, 0, 0, 0, 0, 0, 1, 1] }],
      nodes: [{ op: 'Pad', inputs: ['x', 'p'], outputs: ['q'] }, conv([0, 0, 0, 0], [2, 2], ['q', 'w', 'b'])],
    });
    assert.deepEqual(kinds(graph), ['Conv2D']);
    assert.deepEqual(graph.operators[0]?.from, [0, 1]);
    assert.deepEqual(graph.operators[0]?.window?.pads, [0, 0, 1, 1]);
  });

  it('leaves out transpositions between channels first and channels last, and no others', async () => {
    const graph = await lowered({
      inputs: [{ name: 'i', dims: [1, 8, 8, 3] }],
      outputs: [{ name: 'o' }],
      initializers: [weight, bias],
      nodes: [
        { op: 'Transpose', inputs: ['i'], outputs: ['x'], attributes: { perm: [0, 3, 1, 2] } },
        conv([1, 1, 1, 1]),
        { op: 'Transpose', inputs: ['y'], outputs: ['l'], attributes: { perm: [0, 2, 3, 1] } },
        { op: 'Transpose', inputs: ['l'], outputs: ['o'], attributes: { perm: [0, 2, 1, 3] } },
      ],
    });
    assert.deepEqual(kinds(graph), ['Conv2D', 'Transpose']);
    assert.equal(graph.operators[0]?.window?.inputChannels, 3);
    assert.deepEqual(outputShapes(graph), ['1,8,8,4', '1,8,8,4']);
  });

  it('recognises depthwise convolutions, pooling over all pixels and fully connected layers', async () => {
    const graph = await lowered({
      inputs: [image],
      outputs: [{ name: 'o' }],
      initializers: [
        { name: 'w', type: 'FLOAT', dims: [3, 1, 3, 3] },
        { name: 'm', type: 'FLOAT', dims: [3, 5] },
        { name: 'c', type: 'FLOAT', dims: [5] },
      ],
      nodes: [
        {
          op: 'Conv',
          inputs: ['x', 'w'],
          outputs: ['y'],
          attributes: { pads: [1, 1, 1, 1], kernel_shape: [3, 3], group: 3 },
        },
        { op: 'GlobalAveragePool', inputs: ['y'], outputs: ['g'] },
        { op: 'Flatten', inputs: ['g'], outputs: ['f'] },
        { op: 'MatMul', inputs: ['f', 'm'], outputs: ['n'] },
        { op: 'Add', inputs: ['n', 'c'], outputs: ['o'] },
      ],
    });
    assert.deepEqual(kinds(graph), ['DepthwiseConv2D', 'Mean', 'FullyConnected']);
    assert.deepEqual(outputShapes(graph), ['1,8,8,3', '1,3', '1,5']);
    assert.deepEqual(graph.operators[2]?.from, [3, 4]);
  });

  const scale: TensorSpec = { name: 'scale', type: 'FLOAT', dims: [], values: [0.1] };
  const zero: TensorSpec = { name: 'zero', type: 'INT8', dims: [], values: [0] };
  const pair = (input: string, output: string): NodeSpec[] => [
    { op: 'QuantizeLinear', inputs: [input, 'scale', 'zero'], outputs: [`${output}_q`] },
    { op: 'DequantizeLinear', inputs: [`${output}_q`, 'scale', 'zero'], outputs: [output] },
  ];
  const quantized: GraphSpec = {
    inputs: [{ name: 'i', dims: [1, 3, 8, 8] }],
    outputs: [{ name: 'o' }],
    initializers: [
      scale,
      zero,
      { name: 'wq', type: 'INT8', dims: [4, 3, 3, 3] },
      { name: 'ws', type: 'FLOAT', dims: [4] },
      { name: 'wz', type: 'INT8', dims: [4] },
    ],
    nodes: [
      { op: 'DequantizeLinear', inputs: ['wq', 'ws', 'wz'], outputs: ['w'], attributes: { axis: 0 } },
      ...pair('i', 'x'),
      conv([1, 1, 1, 1], [1, 1], ['x', 'w']),
      ...pair('y', 'r'),
      { op: 'Relu', inputs: ['r'], outputs: ['s'] },
      ...pair('s', 'o'),
    ],
  };

  it('absorbs quantize / dequantize pairs into integer operators, activations across them included', async () => {
    const graph = await lowered(quantized, 'as-in-file', keepFloat);
    assert.deepEqual(kinds(graph), ['Quantize', 'Conv2D+Relu', 'Dequantize']);
    assert.equal(graph.operators[1]?.quantized, true);
    assert.deepEqual(
      graph.operators[1]?.inputs.map((index) => graph.tensors[index]?.dataType),
      ['INT8', 'INT8', 'INT32'],
    );
    assert.equal(graph.tensors[graph.operators[1]?.inputs[1] ?? -1]?.scales, 4);
    const integers = await lowered(quantized, 'as-in-file');
    assert.deepEqual(kinds(integers), ['Conv2D+Relu']);
    const ends = [...integers.inputs, ...integers.outputs];
    assert.deepEqual(
      ends.map((index) => integers.tensors[index]?.dataType),
      ['INT8', 'INT8'],
    );
    assert.deepEqual(kinds(await lowered(quantized, 'int8')), ['Conv2D+Relu']);
    assert.deepEqual(kinds(await lowered(quantized, 'int8', { floatInputsAndOutputs: true })), [
      'Quantize',
      'Conv2D+Relu',
      'Dequantize',
    ]);
    const float = await lowered(quantized, 'float32');
    assert.deepEqual(kinds(float), ['Conv2D+Relu']);
    assert.ok(float.tensors.every(({ dataType, scales }) => dataType === 'FLOAT' && scales === 0));
  });

  it('moves integers through a Reshape between the pairs', async () => {
    const graph = await lowered(
      {
        inputs: [{ name: 'i', dims: [1, 12] }],
        outputs: [{ name: 'o' }],
        initializers: [
          scale,
          zero,
          { name: 'shape', type: 'INT64', dims: [2], values: [2, 6] },
          { name: 'mq', type: 'INT8', dims: [6, 5] },
        ],
        nodes: [
          { op: 'DequantizeLinear', inputs: ['mq', 'scale', 'zero'], outputs: ['m'] },
          ...pair('i', 'x'),
          { op: 'Reshape', inputs: ['x', 'shape'], outputs: ['r'] },
          { op: 'MatMul', inputs: ['r', 'm'], outputs: ['n'] },
          ...pair('n', 'o'),
        ],
      },
      'as-in-file',
      keepFloat,
    );
    assert.deepEqual(kinds(graph), ['Quantize', 'Reshape', 'FullyConnected', 'Dequantize']);
    assert.equal(graph.tensors[graph.operators[1]?.outputs[0] ?? -1]?.bytes, 12);
  });

  it('leaves in float what has float weights', async () => {
    const initializers = [scale, zero, { name: 'm', type: 'FLOAT' as const, dims: [6, 5] }];
    const nodes = [...pair('i', 'x'), { op: 'MatMul', inputs: ['x', 'm'], outputs: ['n'] }, ...pair('n', 'o')];
    const graph = await lowered(
      { inputs: [{ name: 'i', dims: [2, 6] }], outputs: [{ name: 'o' }], initializers, nodes },
      'as-in-file',
      keepFloat,
    );
    assert.deepEqual(kinds(graph), ['Quantize', 'Dequantize', 'FullyConnected', 'Quantize', 'Dequantize']);
  });

  it('leaves every node an operator where a runtime folds nothing', async () => {
    const graph = await lowered(quantized, 'as-in-file', {}, asWritten);
    assert.deepEqual(
      graph.operators.map(({ from }) => from),
      [[0], [1], [2], [3], [4], [5], [6], [7], [8]],
    );
  });

  it('keeps an unknown operator, and sizes that are not known unknown', async () => {
    const graph = await lowered({
      inputs: [image],
      outputs: [{ name: 'o' }],
      nodes: [
        { op: 'Mystery', domain: 'some.where', inputs: ['x'], outputs: ['m'] },
        { op: 'Relu', inputs: ['m'], outputs: ['o'] },
      ],
    });
    assert.deepEqual(kinds(graph), ['Other', 'Relu']);
    assert.equal(graph.operators[0]?.opType, 'some.where::Mystery');
    assert.equal(graph.tensors[graph.operators[0]?.outputs[0] ?? -1]?.bytes, undefined);
  });

  it('traces every node of long chains that vanish', async () => {
    const count = 20_000;
    const chain = (op: string) =>
      lowered({
        inputs: [{ name: 'v0', dims: [1, 4] }],
        outputs: [{ name: 'z' }],
        nodes: [
          ...Array.from({ length: count }, (_, index) => ({ op, inputs: [`v${index}`], outputs: [`v${index + 1}`] })),
          { op: 'Sigmoid', inputs: [`v${count}`], outputs: ['z'] },
        ],
      });
    for (const op of ['Identity', 'Flatten', 'Dropout']) {
      const graph = await chain(op);
      assert.deepEqual(kinds(graph), ['Logistic'], op);
      assert.equal(graph.operators[0]?.from.length, count + 1, op);
    }
  });

  it('traces the nodes that dequantize weights to the operator that uses them, and names the node that asks', async () => {
    const graph = await lowered(
      {
        inputs: [{ name: 'x', type: 'INT8', dims: [1, 4] }],
        outputs: [{ name: 'y', type: 'INT8' }],
        initializers: [
          { name: 's', type: 'FLOAT', dims: [], values: [0.1] },
          { name: 'z', type: 'INT8', dims: [], values: [0] },
          { name: 'w', type: 'INT8', dims: [4, 4] },
        ],
        nodes: [
          { op: 'DequantizeLinear', inputs: ['w', 's', 'z'], outputs: ['wf'] },
          { op: 'DequantizeLinear', inputs: ['x', 's', 'z'], outputs: ['xf'] },
          { op: 'MatMul', inputs: ['xf', 'wf'], outputs: ['m'] },
          { op: 'QuantizeLinear', inputs: ['m', 's', 'z'], outputs: ['y'] },
        ],
      },
      'as-in-file',
    );
    assert.deepEqual(kinds(graph), ['FullyConnected']);
    assert.deepEqual([graph.operators[0]?.from, graph.operators[0]?.node], [[0, 1, 2, 3], 2]);
  });
});
