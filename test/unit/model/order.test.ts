import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Graph, Node, Value } from '../../../extension/model/model';
import { capturedNames, executionOrder } from '../../../extension/model/order';

const nowhere = { start: 0, end: 0 };

function node(index: number, inputs: readonly string[], outputs: readonly string[], subgraph?: Graph): Node {
  return {
    index,
    name: `node${index}`,
    opType: subgraph ? 'If' : 'Op',
    domain: 'ai.onnx',
    overload: '',
    inputs,
    outputs,
    attributes: new Map(subgraph ? [['body', { kind: 'graph', value: subgraph }]] : []),
    metadata: new Map(),
    range: nowhere,
  };
}

function graph(nodes: readonly Node[], inputs: readonly string[] = [], outputs: readonly string[] = []): Graph {
  const value = (name: string): Value => ({ name, type: undefined, metadata: new Map(), range: nowhere });
  return {
    name: 'graph',
    nodes,
    inputs: inputs.map(value),
    outputs: outputs.map(value),
    values: new Map(),
    constants: new Map(),
    metadata: new Map(),
    range: nowhere,
  };
}

describe('execution order', () => {
  it('keeps the file order when it is valid', () => {
    const result = executionOrder(graph([node(0, ['x'], ['a']), node(1, ['a'], ['b'])], ['x']));
    assert.deepEqual(result, { order: [0, 1], inFileOrder: true, cycle: undefined });
  });

  it('takes the lowest file index among the nodes that are ready', () => {
    const nodes = [
      node(0, ['c'], ['d']),
      node(1, ['x'], ['a']),
      node(2, ['b'], ['c']),
      node(3, ['x'], ['b']),
      node(4, ['a'], ['e']),
    ];
    const result = executionOrder(graph(nodes, ['x']));
    assert.deepEqual(result.order, [1, 3, 2, 0, 4]);
    assert.equal(result.inFileOrder, false);
  });

  it('counts what a subgraph captures as an input', () => {
    const branch = graph([node(0, ['late'], ['y'])], [], ['y']);
    const result = executionOrder(graph([node(0, ['cond'], ['z'], branch), node(1, ['x'], ['late'])], ['x', 'cond']));
    assert.deepEqual(result.order, [1, 0]);
  });

  it('treats a name that nobody makes as there from the start', () => {
    assert.deepEqual(executionOrder(graph([node(0, ['nobody', ''], ['a'])])).order, [0]);
  });

  it('names the nodes of a cycle, and only those', () => {
    const nodes = [
      node(0, ['x'], ['a']),
      node(1, ['d'], ['after']),
      node(2, ['a', 'd'], ['b']),
      node(3, ['b'], ['c']),
      node(4, ['c'], ['d']),
    ];
    const result = executionOrder(graph(nodes, ['x']));
    assert.deepEqual([...(result.cycle ?? [])].sort(), [2, 3, 4]);
    assert.deepEqual(result.order, [0, 1, 2, 3, 4]);
  });

  it('sees a node that waits for itself through its subgraph', () => {
    const branch = graph([node(0, ['own'], ['y'])], [], ['y']);
    assert.deepEqual(executionOrder(graph([node(0, [], ['own'], branch)])).cycle, [0]);
  });

  it('orders a chain of 100,000 nodes that is written backwards', () => {
    const count = 100_000;
    const nodes = Array.from({ length: count }, (_, index) => node(index, [`v${index + 1}`], [`v${index}`]));
    const { order, cycle } = executionOrder(graph(nodes, [`v${count}`]));
    assert.equal(cycle, undefined);
    assert.equal(order[0], count - 1);
    assert.equal(order.at(-1), 0);
  });

  it('gives a valid order for any acyclic graph in any file order', () => {
    const acyclic = fc.integer({ min: 1, max: 25 }).chain((count) =>
      fc.tuple(
        fc.array(fc.tuple(fc.nat(count - 1), fc.nat(count - 1)), { maxLength: 60 }),
        fc.shuffledSubarray(
          Array.from({ length: count }, (_, index) => index),
          { minLength: count },
        ),
      ),
    );
    fc.assert(
      fc.property(acyclic, ([edges, shuffled]) => {
        const nodes = shuffled.map((identity, index) => {
          const sources = edges.filter(([from, to]) => to === identity && from < to).map(([from]) => `v${from}`);
          return node(index, sources, [`v${identity}`]);
        });
        const { order, cycle } = executionOrder(graph(nodes));
        assert.equal(cycle, undefined);
        const seen = new Set<string>();
        for (const index of order) {
          for (const input of nodes[index]?.inputs ?? []) assert.ok(seen.has(input));
          for (const output of nodes[index]?.outputs ?? []) seen.add(output);
        }
        assert.equal(order.length, nodes.length);
      }),
    );
  });
});

describe('captured names', () => {
  it('are found at any depth, and exclude what the subgraph defines', () => {
    const inner = graph([node(0, ['fromInner', 'fromOuter'], ['y'])], ['fromInner'], ['y']);
    const outer = graph(
      [node(0, ['local', 'alsoOuter'], ['z']), node(1, [], ['w'], inner)],
      ['local'],
      ['w', 'direct'],
    );
    assert.deepEqual([...capturedNames(node(0, ['own'], ['o'], outer))].sort(), ['alsoOuter', 'direct', 'fromOuter']);
  });

  it('are none for a node without subgraphs', () => {
    assert.equal(capturedNames(node(0, ['a'], ['b'])).size, 0);
  });
});
