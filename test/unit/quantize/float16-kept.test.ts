import { strict as assert } from 'node:assert';
import type { GraphSpec, TensorSpec } from '../../fixtures/model-builder';
import { float, float16, halfThatRuns, planHalf } from './float16-model';

const x = { name: 'x', dims: [2, 8] };
const y = { name: 'y', dims: [2, 8] };
const weight = (name: string, ...dims: number[]): TensorSpec => ({ name, type: 'FLOAT', dims });
const scalar = (name: string, value: number): TensorSpec => ({ name, type: 'FLOAT', dims: [], values: [value] });
const product = { op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] };
const simple: GraphSpec = { inputs: [x], outputs: [y], nodes: [product], initializers: [weight('w', 8, 8)] };

describe('float16: operators that stay float32', () => {
  it('computes sizes exactly, also by way of float', async () => {
    await halfThatRuns(
      {
        graph: {
          inputs: [{ name: 'b', dims: [5001] }],
          outputs: [
            { name: 'size', type: 'INT64', dims: [1] },
            { name: 'z', dims: [5001] },
          ],
          nodes: [
            { op: 'Shape', inputs: ['b'], outputs: ['s'] },
            { op: 'Cast', inputs: ['s'], outputs: ['f'], attributes: { to: 1 } },
            { op: 'Mul', inputs: ['f', 'k'], outputs: ['m'] },
            { op: 'Cast', inputs: ['m'], outputs: ['size'], attributes: { to: 7 } },
            { op: 'Mul', inputs: ['b', 'w'], outputs: ['z'] },
          ],
          initializers: [{ ...scalar('k', 1.5), dims: [1] }, weight('w', 5001)],
        },
      },
      2e-3,
    );
  });

  it('takes a mask and a table that sizes only select from as data', async () => {
    const { initializers } = await halfThatRuns({
      graph: {
        inputs: [{ name: 'x', dims: [8, 8] }],
        outputs: [{ name: 'y', dims: [8, 8] }],
        nodes: [
          { op: 'Shape', inputs: ['x'], outputs: ['s'] },
          { op: 'Gather', inputs: ['s', 'last'], outputs: ['n'] },
          { op: 'Range', inputs: ['zero', 'n', 'one'], outputs: ['r'] },
          { op: 'Unsqueeze', inputs: ['r', 'last'], outputs: ['column'] },
          { op: 'LessOrEqual', inputs: ['r', 'column'], outputs: ['seen'] },
          { op: 'Where', inputs: ['seen', 'none', 'lowest'], outputs: ['mask'] },
          { op: 'Gather', inputs: ['table', 'r'], outputs: ['positions'] },
          { op: 'Add', inputs: ['x', 'positions'], outputs: ['p'] },
          { op: 'Add', inputs: ['p', 'mask'], outputs: ['t'] },
          { op: 'Softmax', inputs: ['t'], outputs: ['y'] },
        ],
        initializers: [
          { name: 'last', type: 'INT64', dims: [], values: [1] },
          { name: 'zero', type: 'INT64', dims: [], values: [0] },
          { name: 'one', type: 'INT64', dims: [], values: [1] },
          scalar('none', 0),
          scalar('lowest', -3.4e38),
          weight('table', 64, 8),
        ],
      },
    });
    assert.deepEqual([initializers.get('table'), initializers.get('lowest')], [float16, float16]);
  });

  it('puts no Cast between DequantizeLinear and QuantizeLinear', async () => {
    const scale = scalar('scale', 0.02);
    const zero = { name: 'zero', type: 'INT8', dims: [], values: [0] } as const;
    const { nodes } = await halfThatRuns({
      graph: {
        inputs: [x],
        outputs: [y],
        nodes: [
          { op: 'QuantizeLinear', inputs: ['x', 'scale', 'zero'], outputs: ['q'] },
          { op: 'DequantizeLinear', inputs: ['q', 'scale', 'zero'], outputs: ['d'] },
          { op: 'Sigmoid', inputs: ['d'], outputs: ['m'] },
          { op: 'Relu', inputs: ['m'], outputs: ['r'] },
          { op: 'QuantizeLinear', inputs: ['r', 'scale', 'zero'], outputs: ['q2'] },
          { op: 'DequantizeLinear', inputs: ['q2', 'scale', 'zero'], outputs: ['d2'] },
          { op: 'Identity', inputs: ['d2'], outputs: ['i'] },
          { op: 'MatMul', inputs: ['i', 'w'], outputs: ['y'] },
        ],
        initializers: [scale, zero, weight('w', 8, 8)],
      },
    });
    assert.equal(nodes.indexOf('Cast'), 7);
  });

  it('scales the sums of integer products in float32, since they pass 65,504', async () => {
    const { nodes } = await halfThatRuns(
      {
        graph: {
          inputs: [{ name: 'x', dims: [2, 64] }],
          outputs: [y],
          nodes: [
            { op: 'DynamicQuantizeLinear', inputs: ['x'], outputs: ['q', 's', 'z'] },
            { op: 'MatMulInteger', inputs: ['q', 'wq', 'z'], outputs: ['sum'] },
            { op: 'Cast', inputs: ['sum'], outputs: ['f'], attributes: { to: 1 } },
            { op: 'Mul', inputs: ['s', 'ws'], outputs: ['scales'] },
            { op: 'Mul', inputs: ['f', 'scales'], outputs: ['m'] },
            { op: 'Add', inputs: ['m', 'bias'], outputs: ['y'] },
          ],
          initializers: [
            { name: 'wq', type: 'INT8', dims: [64, 8], values: Array.from({ length: 512 }, () => 127) },
            scalar('ws', 0.01),
            weight('bias', 8),
          ],
        },
      },
      4e-3,
    );
    assert.deepEqual(nodes.slice(0, 5), ['DynamicQuantizeLinear', 'MatMulInteger', 'Cast', 'Mul', 'Mul']);
  });

  it('transposes in float32 what onnxruntime would fuse with a MatMul and fail at', async () => {
    const graph = {
      inputs: [{ name: 'x', dims: [3, 2, 8] }],
      outputs: [{ name: 'y', dims: [2, 3, 8] }],
      nodes: [
        { op: 'Relu', inputs: ['x'], outputs: ['r'] },
        { op: 'Transpose', inputs: ['r'], outputs: ['t'], attributes: { perm: [1, 0, 2] } },
        { op: 'MatMul', inputs: ['t', 'w'], outputs: ['y'] },
      ],
      initializers: [weight('w', 8, 8)],
    };
    const { nodes } = await halfThatRuns({ graph });
    assert.deepEqual(nodes, ['Cast', 'Relu', 'Cast', 'Transpose', 'Cast', 'MatMul', 'Cast']);
  });

  it('keeps operators of other domains between Casts, with their weights', async () => {
    const { initializers, plan } = await halfThatRuns({
      opsets: { '': 17, 'com.microsoft': 1 },
      graph: {
        ...simple,
        nodes: [
          { op: 'MatMul', inputs: ['x', 'w'], outputs: ['t'] },
          { op: 'FastGelu', domain: 'com.microsoft', inputs: ['t', 'bias'], outputs: ['u'] },
          { op: 'Mul', inputs: ['u', 'v'], outputs: ['y'] },
        ],
        initializers: [weight('w', 8, 8), weight('bias', 8), weight('v', 8)],
      },
    });
    assert.deepEqual([...initializers.values()], [float16, float, float16]);
    assert.match(plan.left[0]?.reason ?? '', /FastGelu/);
  });

  it('keeps sequences of float32, and what goes into them', async () => {
    await halfThatRuns({
      graph: {
        inputs: [x],
        outputs: [
          { name: 'y', dims: [4, 8] },
          { name: 'z', dims: [1, 8] },
        ],
        nodes: [
          { op: 'SequenceConstruct', inputs: ['x', 'w'], outputs: ['list'] },
          { op: 'ConcatFromSequence', inputs: ['list'], outputs: ['c'], attributes: { axis: 0 } },
          { op: 'Mul', inputs: ['c', 'v'], outputs: ['y'] },
          { op: 'SplitToSequence', inputs: ['y'], outputs: ['parts'], attributes: { axis: 0 } },
          { op: 'SequenceAt', inputs: ['parts', 'one'], outputs: ['z'] },
        ],
        initializers: [weight('w', 2, 8), weight('v', 8), { name: 'one', type: 'INT64', dims: [], values: [1] }],
      },
    });
  });

  it('leaves what a subgraph of another operator takes under its name', async () => {
    const body: GraphSpec = {
      inputs: [{ name: 'e', dims: [1, 8] }],
      outputs: [{ name: 'e2', dims: [2, 8] }],
      nodes: [{ op: 'Mul', inputs: ['e', 'taken'], outputs: ['e2'] }],
    };
    await halfThatRuns({
      graph: {
        inputs: [x],
        outputs: [{ name: 'y', dims: [4, 8] }],
        nodes: [
          { op: 'Mul', inputs: ['x', 'w'], outputs: ['taken'] },
          { op: 'SplitToSequence', inputs: ['x'], outputs: ['parts'], attributes: { axis: 0 } },
          { op: 'SequenceMap', inputs: ['parts'], outputs: ['list'], attributes: { body: { graph: body } } },
          { op: 'ConcatFromSequence', inputs: ['list'], outputs: ['y'], attributes: { axis: 0 } },
        ],
        initializers: [weight('w', 8)],
      },
    });
  });
});

describe('float16: weights that stay', () => {
  it('are reported where a graph output takes them too', async () => {
    const { plan, initializers } = await halfThatRuns({
      graph: { ...simple, outputs: [y, { name: 'w', dims: [8, 8] }] },
    });
    assert.equal(initializers.get('w'), float);
    assert.deepEqual(plan.left, [{ name: 'w', reason: 'A graph output takes it as float32.' }]);
  });

  it('are reported where they have another type, as initializer or in a Constant node', async () => {
    for (const type of ['DOUBLE', 'BFLOAT16'] as const) {
      const other: TensorSpec = { name: 'v', type, dims: [8, 8] };
      const value = { tensor: { ...other, name: '' } };
      const { left } = await planHalf({
        graph: {
          ...simple,
          nodes: [
            product,
            { op: 'Relu', inputs: ['v'], outputs: ['a'] },
            { op: 'Constant', inputs: [], outputs: ['c'], attributes: { value } },
            { op: 'Relu', inputs: ['c'], outputs: ['b'] },
          ],
          initializers: [weight('w', 8, 8), other],
        },
      });
      const reason = `Its type is ${type}; float16 converts FLOAT only.`;
      assert.deepEqual(left, [
        { name: 'v', reason },
        { name: 'c', reason },
      ]);
    }
  });
});
