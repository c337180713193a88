import { strict as assert } from 'node:assert';
import { QuantizationRefused } from '../../../extension/quantize/plan';
import type { GraphSpec, TensorSpec } from '../../fixtures/model-builder';
import { float16, halfThatRuns, planHalf } from './float16-model';

const x = { name: 'x', dims: [2, 8] };
const y = { name: 'y', dims: [2, 8] };
const weight = (name: string, ...dims: number[]): TensorSpec => ({ name, type: 'FLOAT', dims });
const product = { op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] };
const simple: GraphSpec = { inputs: [x], outputs: [y], nodes: [product], initializers: [weight('w', 8, 8)] };

describe('float16: subgraphs and functions', () => {
  const branch = (op: string, name: string, initializers: readonly TensorSpec[] = []) => ({
    graph: {
      outputs: [{ name: `${name}_out`, dims: [2, 8] }],
      nodes: [{ op, inputs: ['t', name], outputs: [`${name}_out`] }],
      initializers,
    },
  });

  it('converts branches, their constants and the outer ones they take', async () => {
    const { proto, initializers } = await halfThatRuns({
      graph: {
        inputs: [x, { name: 'c', type: 'BOOL', dims: [] }],
        outputs: [y],
        nodes: [
          { op: 'Relu', inputs: ['x'], outputs: ['t'] },
          {
            op: 'If',
            inputs: ['c'],
            outputs: ['o'],
            attributes: {
              then_branch: branch('MatMul', 'w'),
              else_branch: branch('Add', 'inner', [weight('inner', 8)]),
            },
          },
          { op: 'Mul', inputs: ['o', 'v'], outputs: ['y'] },
        ],
        initializers: [weight('w', 8, 8), weight('v', 8)],
      },
    });
    assert.deepEqual([...initializers.values()], [float16, float16]);
    const inner = proto.graph?.node?.find(({ opType }) => opType === 'If')?.attribute?.map(({ g }) => g);
    assert.deepEqual(
      inner?.map((graph) => graph?.output?.[0]?.type?.tensorType?.elemType),
      [float16, float16],
    );
    assert.equal(inner?.[1]?.initializer?.[0]?.dataType, float16);
  });

  it('converts a branch whose output is an initializer', async () => {
    const constant: GraphSpec = { outputs: [{ name: 'k', dims: [8] }], nodes: [], initializers: [weight('k', 8)] };
    const copy: GraphSpec = {
      outputs: [{ name: 'k2', dims: [8] }],
      nodes: [{ op: 'Identity', inputs: ['w'], outputs: ['k2'] }],
    };
    await halfThatRuns({
      graph: {
        inputs: [x, { name: 'c', type: 'BOOL', dims: [] }],
        outputs: [y],
        nodes: [
          {
            op: 'If',
            inputs: ['c'],
            outputs: ['o'],
            attributes: { then_branch: { graph: constant }, else_branch: { graph: copy } },
          },
          { op: 'Mul', inputs: ['x', 'o'], outputs: ['y'] },
        ],
        initializers: [weight('w', 8)],
      },
    });
  });

  it('converts a Loop with its state, also state that passes straight through', async () => {
    const state = (name: string) => ({ name, dims: [2, 8] });
    const body: GraphSpec = {
      inputs: [{ name: 'i', type: 'INT64', dims: [] }, { name: 'go', type: 'BOOL', dims: [] }, state('h'), state('p')],
      outputs: [{ name: 'go2', type: 'BOOL', dims: [] }, state('h2'), state('p'), { name: 'seen', dims: [] }],
      nodes: [
        { op: 'MatMul', inputs: ['h', 'w'], outputs: ['h1'] },
        { op: 'Tanh', inputs: ['h1'], outputs: ['h2'] },
        { op: 'Identity', inputs: ['go'], outputs: ['go2'] },
        { op: 'ReduceMax', inputs: ['h2'], outputs: ['seen'], attributes: { keepdims: 0 } },
      ],
    };
    await halfThatRuns({
      graph: {
        inputs: [x],
        outputs: [y, { name: 's', dims: ['n'] }],
        nodes: [
          {
            op: 'Loop',
            inputs: ['n', '', 'x', 'k'],
            outputs: ['a', 'b', 's'],
            attributes: { body: { graph: body } },
          },
          { op: 'Add', inputs: ['a', 'b'], outputs: ['y'] },
        ],
        initializers: [weight('w', 8, 8), weight('k', 2, 8), { name: 'n', type: 'INT64', dims: [], values: [3] }],
      },
    });
  });

  it('converts a Scan', async () => {
    const row = (name: string) => ({ name, dims: [8] });
    const body: GraphSpec = {
      inputs: [row('state'), row('item')],
      outputs: [row('state2'), row('result')],
      nodes: [
        { op: 'Add', inputs: ['state', 'item'], outputs: ['state2'] },
        { op: 'Mul', inputs: ['state2', 'gain'], outputs: ['result'] },
      ],
      initializers: [weight('gain', 8)],
    };
    await halfThatRuns({
      graph: {
        inputs: [x],
        outputs: [row('last'), y],
        nodes: [
          {
            op: 'Scan',
            inputs: ['first', 'x'],
            outputs: ['last', 'y'],
            attributes: { body: { graph: body }, num_scan_inputs: 1 },
          },
        ],
        initializers: [weight('first', 8)],
      },
    });
  });

  it('refuses what a caller cannot convert: a subgraph of another operator that takes the state of a Loop', async () => {
    const inner: GraphSpec = {
      inputs: [{ name: 'e', dims: [1, 8] }],
      outputs: [{ name: 'e2', dims: [2, 8] }],
      nodes: [{ op: 'Mul', inputs: ['e', 'h'], outputs: ['e2'] }],
    };
    const body: GraphSpec = {
      inputs: [
        { name: 'i', type: 'INT64', dims: [] },
        { name: 'go', type: 'BOOL', dims: [] },
        { name: 'h', dims: [2, 8] },
      ],
      outputs: [
        { name: 'go2', type: 'BOOL', dims: [] },
        { name: 'h2', dims: [2, 8] },
      ],
      nodes: [
        { op: 'Identity', inputs: ['go'], outputs: ['go2'] },
        { op: 'SplitToSequence', inputs: ['h'], outputs: ['parts'] },
        { op: 'SequenceMap', inputs: ['parts'], outputs: ['list'], attributes: { body: { graph: inner } } },
        { op: 'Mul', inputs: ['h', 'w'], outputs: ['h2'] },
      ],
    };
    const nodes = [{ op: 'Loop', inputs: ['', '', 'x'], outputs: ['y'], attributes: { body: { graph: body } } }];
    await assert.rejects(planHalf({ graph: { ...simple, nodes } }), (error) => {
      assert.ok(error instanceof QuantizationRefused);
      assert.match(error.message, /SequenceMap .* "h"/);
      return true;
    });
  });

  const scaled = {
    name: 'Scaled',
    domain: 'local',
    inputs: ['a', 'b'],
    outputs: ['c'],
    opsets: { '': 17 },
    nodes: [
      { op: 'Constant', inputs: [], outputs: ['k'], attributes: { value_float: { float: 0.5 } } },
      { op: 'Mul', inputs: ['a', 'k'], outputs: ['t'] },
      { op: 'MatMul', inputs: ['t', 'b'], outputs: ['c'] },
    ],
  };
  const sum = { ...scaled, name: 'Sum2', nodes: [{ op: 'Add', inputs: ['a', 'b'], outputs: ['c'] }] };
  const opsets = { '': 17, local: 1 };
  const call = (op: string, inputs: readonly string[], output: string) => ({
    op,
    domain: 'local',
    inputs,
    outputs: [output],
  });

  it('converts the body of a function once for all its calls', async () => {
    const graph = {
      ...simple,
      nodes: [call('Scaled', ['x', 'w'], 't'), call('Scaled', ['t', 'v'], 'y')],
      initializers: [weight('w', 8, 8), weight('v', 8, 8)],
    };
    const { proto, nodes, plan } = await halfThatRuns({ opsets, graph, functions: [scaled] });
    assert.deepEqual(nodes, ['Cast', 'Scaled', 'Scaled', 'Cast']);
    assert.equal(plan.converted.length, 3);
    assert.equal(proto.functions?.[0]?.node?.[0]?.attribute?.[0]?.t?.dataType, float16);
  });

  it('leaves a function alone that is called with other types too, with all that it calls', async () => {
    const graph: GraphSpec = {
      inputs: [x, { name: 'i', type: 'INT64', dims: [2] }],
      outputs: [y],
      nodes: [
        call('Sum2', ['i', 'i'], 'index'),
        { op: 'Gather', inputs: ['table', 'index'], outputs: ['g'] },
        call('Sum2', ['g', 'x'], 't'),
        call('Scaled', ['t', 'w'], 'y'),
      ],
      initializers: [weight('w', 8, 8), weight('table', 5, 8)],
    };
    const { plan, initializers } = await halfThatRuns({ opsets, graph, functions: [sum, scaled] });
    assert.deepEqual([...initializers.values()], [float16, float16]);
    assert.ok(
      plan.passes.some(({ changes }) => changes.some((change) => change.includes('function Sum2 stays float32'))),
    );
  });
});
