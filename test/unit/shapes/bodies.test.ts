import assert from 'node:assert/strict';
import { dimToJson } from '../../../extension/model/dimension';
import type { Attribute, Model, Node } from '../../../extension/model/model';
import { inferShapes } from '../../../extension/shapes/infer-shapes';
import type { FunctionSpec, GraphSpec, NodeSpec, TensorSpec } from '../../fixtures/model-builder';
import { faults, infer, modelOf, typeOf } from './infer-spec';

const integer = (name: string, value: number): TensorSpec => ({ name, type: 'INT64', dims: [], values: [value] });
const truth = (name: string, value: number): TensorSpec => ({ name, type: 'BOOL', dims: [], values: [value] });

/** A loop body with one state value, which `nodes` turn from `s` into `t`, and a scan output `t`. */
function loopBody(nodes: readonly NodeSpec[]): GraphSpec {
  return {
    inputs: [
      { name: 'i', type: 'INT64', dims: [] },
      { name: 'go', type: 'BOOL', dims: [] },
      { name: 's', dims: [2] },
    ],
    outputs: [{ name: 'go' }, { name: 't' }, { name: 't' }],
    nodes,
  };
}

function loop(body: GraphSpec, initializers: readonly TensorSpec[], inputs = ['m', 'c', 'x']): GraphSpec {
  return {
    inputs: [{ name: 'x', dims: [2] }],
    outputs: [{ name: 'last' }, { name: 'all' }],
    initializers,
    nodes: [{ op: 'Loop', name: 'loop', inputs, outputs: ['last', 'all'], attributes: { body: { graph: body } } }],
  };
}

const relu: NodeSpec = { op: 'Relu', inputs: ['s'], outputs: ['t'] };
const grow: NodeSpec = { op: 'Concat', inputs: ['s', 's'], outputs: ['t'], attributes: { axis: 0 } };

describe('subgraphs', () => {
  it('stack the scan outputs of a loop whose number of iterations is known', async () => {
    const shapes = await infer(loop(loopBody([relu]), [integer('m', 7), truth('c', 1)]));
    assert.equal(typeOf(shapes.graph, 'last'), 'FLOAT[2]');
    assert.equal(typeOf(shapes.graph, 'all'), 'FLOAT[7, 2]');
    assert.equal(shapes.graph.nodes[0]?.bodies[0]?.iterations, 7);
    assert.deepEqual(faults(shapes), []);
  });

  it('follow a loop whose state changes its shape, when it is short enough', async () => {
    const short = await infer(loop(loopBody([grow]), [integer('m', 3), truth('c', 1)]));
    assert.equal(typeOf(short.graph, 'last'), 'FLOAT[16]');
    const long = await infer(loop(loopBody([grow]), [integer('m', 1000), truth('c', 1)]));
    assert.equal(typeOf(long.graph, 'last'), 'FLOAT[?]');
  });

  it('give a loop without a known end a symbol for its iterations', async () => {
    const shapes = await infer({
      ...loop(loopBody([relu]), [truth('c', 1)]),
      inputs: [
        { name: 'x', dims: [2] },
        { name: 'm', type: 'INT64', dims: [] },
      ],
    });
    assert.equal(typeOf(shapes.graph, 'all'), 'FLOAT[iterations@last, 2]');
    assert.equal(shapes.graph.nodes[0]?.bodies[0]?.iterations, null);
  });

  it('know that a loop that never runs gives back its initial values', async () => {
    const shapes = await infer(loop(loopBody([grow]), [integer('m', 0), truth('c', 1)]));
    assert.equal(typeOf(shapes.graph, 'last'), 'FLOAT[2]');
  });

  it('see the values of the graphs around them', async () => {
    const body = loopBody([{ op: 'Add', inputs: ['s', 'bias'], outputs: ['t'] }]);
    const shapes = await infer(
      loop(body, [integer('m', 2), truth('c', 1), { name: 'bias', type: 'FLOAT', dims: [5, 1] }]),
    );
    assert.equal(typeOf(shapes.graph, 'last'), 'FLOAT[5, 2]');
  });

  it('give If what both branches have in common, or the one that is taken', async () => {
    const branch = (dims: readonly number[]) => ({
      graph: {
        outputs: [{ name: 'v' }],
        nodes: [
          { op: 'Constant', inputs: [], outputs: ['v'], attributes: { value: { tensor: { type: 'FLOAT', dims } } } },
        ],
      } satisfies GraphSpec,
    });
    const node: NodeSpec = {
      op: 'If',
      inputs: ['c'],
      outputs: ['y'],
      attributes: { then_branch: branch([1, 3]), else_branch: branch([2, 3]) },
    };
    const open = await infer({
      inputs: [{ name: 'c', type: 'BOOL', dims: [] }],
      outputs: [{ name: 'y' }],
      nodes: [node],
    });
    assert.equal(typeOf(open.graph, 'y'), 'FLOAT[?, 3]');
    assert.deepEqual(
      open.graph.nodes[0]?.bodies.map(({ alternative }) => alternative),
      [true, true],
    );
    const decided = await infer({ outputs: [{ name: 'y' }], initializers: [truth('c', 0)], nodes: [node] });
    assert.equal(typeOf(decided.graph, 'y'), 'FLOAT[2, 3]');
    assert.deepEqual(
      decided.graph.nodes[0]?.bodies.map(({ iterations }) => iterations),
      [0, 1],
    );
    assert.equal(decided.graph.values.get('y')?.constant, true);
  });

  it('run once for each slice of a scan', async () => {
    const body: GraphSpec = {
      inputs: [{ name: 'sum' }, { name: 'slice' }],
      outputs: [{ name: 'next' }, { name: 'next' }],
      nodes: [{ op: 'Add', inputs: ['sum', 'slice'], outputs: ['next'] }],
    };
    const shapes = await infer({
      inputs: [
        { name: 'start', dims: [4] },
        { name: 'x', dims: ['steps', 4] },
      ],
      outputs: [{ name: 'end' }, { name: 'sums' }],
      nodes: [
        {
          op: 'Scan',
          inputs: ['start', 'x'],
          outputs: ['end', 'sums'],
          attributes: { num_scan_inputs: 1, body: { graph: body }, scan_output_axes: [-1] },
        },
      ],
    });
    assert.equal(typeOf(shapes.graph, 'end'), 'FLOAT[4]');
    assert.equal(typeOf(shapes.graph, 'sums'), 'FLOAT[4, steps]');
    assert.equal(dimToJson(shapes.graph.nodes[0]?.bodies[0]?.iterations ?? null), 'steps');
  });

  it('of loops in loops in loops meet a stated limit', async () => {
    let body = loopBody([relu]);
    for (let depth = 0; depth < 28; depth++) {
      body = loopBody([{ op: 'Loop', inputs: ['', 'go', 's'], outputs: ['t'], attributes: { body: { graph: body } } }]);
    }
    const shapes = await infer(loop(body, [integer('m', 2), truth('c', 1)]));
    assert.ok(faults(shapes).includes('inference-limit'));
  });
});

describe('model functions', () => {
  const opsets = { '': 17, local: 1 };
  const call = (op: string, inputs: readonly string[], outputs: readonly string[]): NodeSpec => ({
    op,
    domain: 'local',
    name: `call ${op} ${outputs.join()}`,
    inputs,
    outputs,
  });
  const main = (nodes: readonly NodeSpec[]): GraphSpec => ({
    inputs: [{ name: 'x', dims: ['n', 6] }],
    outputs: [{ name: 'y' }],
    nodes,
  });
  const definition = (name: string, nodes: readonly NodeSpec[], inputs = ['a']): FunctionSpec => ({
    name,
    domain: 'local',
    inputs,
    outputs: ['b'],
    opsets,
    nodes,
  });

  it('are entered with the facts of the call', async () => {
    const functions = [
      definition('Twice', [{ op: 'Concat', inputs: ['a', 'a'], outputs: ['b'], attributes: { axis: 1 } }]),
    ];
    const shapes = await infer(
      main([call('Twice', ['x'], ['h']), call('Twice', ['h'], ['y'])]),
      {},
      { opsets, functions },
    );
    assert.equal(typeOf(shapes.graph, 'y'), 'FLOAT[n, 24]');
    assert.equal(shapes.graph.nodes[0]?.bodies[0]?.kind, 'function');
  });

  it('take attributes from the call, else from their defaults', async () => {
    const functions = [
      definition('Joined', [{ op: 'Concat', inputs: ['a', 'a'], outputs: ['b'], attributes: { axis: 1 } }]),
    ];
    const read = await modelOf({
      ir: 8,
      opsets,
      functions,
      graph: main([call('Joined', ['x'], ['h']), call('Joined', ['x'], ['y'])]),
    });
    const axis = (value: bigint): [string, Attribute] => ['join_axis', { kind: 'int', value }];
    const withAttribute = (node: Node, attribute: [string, Attribute]): Node => ({
      ...node,
      attributes: new Map([attribute]),
    });
    const model: Model = {
      ...read,
      graph: {
        ...read.graph,
        nodes: read.graph.nodes.map((node, index) => (index === 0 ? withAttribute(node, axis(0n)) : node)),
      },
      functions: read.functions.map((candidate) => ({
        ...candidate,
        attributeDefaults: new Map([axis(1n)]),
        body: {
          ...candidate.body,
          nodes: candidate.body.nodes.map((node) =>
            withAttribute(node, ['axis', { kind: 'reference', name: 'join_axis' }]),
          ),
        },
      })),
    };
    const shapes = inferShapes(model);
    assert.equal(typeOf(shapes.graph, 'h'), 'FLOAT[2*n, 6]');
    assert.equal(typeOf(shapes.graph, 'y'), 'FLOAT[n, 12]');
  });

  it('treat an input that the call leaves out as left out in the body', async () => {
    const functions = [
      definition('Clipped', [{ op: 'Resize', inputs: ['a', '', '', 'sizes'], outputs: ['b'] }], ['a', 'sizes']),
      definition('Limited', [{ op: 'Clip', inputs: ['a', 'low'], outputs: ['b'] }], ['a', 'low']),
    ];
    const shapes = await infer(main([call('Limited', ['x'], ['y'])]), {}, { opsets, functions });
    assert.equal(typeOf(shapes.graph, 'y'), 'FLOAT[n, 6]');
    assert.deepEqual(faults(shapes), []);
  });

  it('that call themselves are named and left out; inference goes on around them', async () => {
    const functions = [definition('Again', [call('Again', ['a'], ['b'])])];
    const graph = main([call('Again', ['x'], ['h']), { op: 'Relu', inputs: ['x'], outputs: ['y'] }]);
    const shapes = await infer(graph, {}, { opsets, functions });
    assert.deepEqual(faults(shapes), ['recursive-function']);
    assert.equal(shapes.graph.values.get('h')?.origin, 'unknown');
    assert.match(shapes.graph.values.get('h')?.reason ?? '', /function Again \(local\) calls itself/);
    assert.equal(typeOf(shapes.graph, 'y'), 'FLOAT[n, 6]');
  });

  it('that multiply without end meet a stated limit', async () => {
    // Each function calls the next one four times: 4^20 nodes if followed to the end.
    const functions = Array.from({ length: 20 }, (_, level) =>
      definition(
        `F${level}`,
        level === 19
          ? [{ op: 'Relu', inputs: ['a'], outputs: ['b'] }]
          : [
              call(`F${level + 1}`, ['a'], ['p']),
              call(`F${level + 1}`, ['p'], ['q']),
              call(`F${level + 1}`, ['q'], ['r']),
              call(`F${level + 1}`, ['r'], ['b']),
            ],
      ),
    );
    const shapes = await infer(main([call('F0', ['x'], ['y'])]), {}, { opsets, functions });
    assert.ok(faults(shapes).includes('inference-limit'));
  });

  it('give data-dependent sizes of different calls different names', async () => {
    const functions = [definition('Find', [{ op: 'NonZero', inputs: ['a'], outputs: ['b'] }])];
    const shapes = await infer(
      main([call('Find', ['x'], ['h']), call('Find', ['x'], ['y'])]),
      {},
      { opsets, functions },
    );
    assert.notEqual(typeOf(shapes.graph, 'h'), typeOf(shapes.graph, 'y'));
  });
});
