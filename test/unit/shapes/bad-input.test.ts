import assert from 'node:assert/strict';
import { inferShapes } from '../../../extension/shapes/infer-shapes';
import type { GraphSpec, NodeSpec } from '../../fixtures/model-builder';
import { infer, modelOf, typeOf } from './infer-spec';

/** A graph on `x` [2, 3] with one bad node that makes `bad`, and a good one after it. */
function around(bad: Omit<NodeSpec, 'outputs' | 'name'>, rest: Partial<GraphSpec> = {}): GraphSpec {
  return {
    inputs: [
      { name: 'x', dims: [2, 3] },
      { name: 'go', type: 'BOOL', dims: [] },
    ],
    outputs: [{ name: 'y' }],
    ...rest,
    nodes: [
      { ...bad, name: 'culprit', outputs: ['bad'] },
      { op: 'Relu', inputs: ['x'], outputs: ['y'] },
    ],
  };
}

const branch = (nodes: readonly NodeSpec[]) => ({ graph: { outputs: [{ name: 'r' }], nodes } });
const refersToNothing = branch([{ op: 'Relu', name: 'inner', inputs: ['nowhere'], outputs: ['r'] }]);

const cases: readonly (readonly [what: string, graph: GraphSpec, code: string, message: RegExp])[] = [
  [
    'too few inputs',
    around({ op: 'MatMul', inputs: ['x'] }),
    'too-few-inputs',
    /MatMul node culprit needs 2 inputs; it has 1/,
  ],
  [
    'an input left out',
    around({ op: 'Conv', inputs: ['', 'x'] }),
    'too-few-inputs',
    /Conv node culprit .*input 0 is left out/,
  ],
  [
    'fewer inputs than since an opset',
    around({ op: 'Reshape', inputs: ['x'] }),
    'too-few-inputs',
    /Reshape node culprit needs 2 inputs/,
  ],
  [
    'an attribute of the wrong type',
    around({ op: 'Concat', inputs: ['x', 'x'], attributes: { axis: 'one' } }),
    'attribute',
    /axis of Concat node culprit.*string.*int/,
  ],
  [
    'an axis out of range',
    around({ op: 'Concat', inputs: ['x', 'x'], attributes: { axis: 5 } }),
    'shape-fault',
    /Concat node culprit: .*5.*out of range/,
  ],
  [
    'a Reshape that cannot be',
    around(
      { op: 'Reshape', inputs: ['x', 'to'] },
      { initializers: [{ name: 'to', type: 'INT64', dims: [2], values: [4, -1] }] },
    ),
    'shape-fault',
    /Reshape node culprit: .*multiple/,
  ],
  [
    'a branch that refers to nothing',
    around({ op: 'If', inputs: ['go'], attributes: { then_branch: refersToNothing, else_branch: refersToNothing } }),
    'missing-input',
    /"nowhere" of Relu "inner"/,
  ],
  [
    'a node without its body',
    around({ op: 'If', inputs: ['go'] }),
    'missing-body',
    /If node culprit has no graph in attribute then_branch/,
  ],
];

describe('faults of nodes', () => {
  for (const [what, graph, code, message] of cases) {
    it(`${what}: a diagnostic at the node, and inference goes on around it`, async () => {
      const model = await modelOf({ graph });
      const shapes = inferShapes(model);
      const found = [...model.diagnostics, ...shapes.diagnostics].filter((diagnostic) => diagnostic.code === code);
      assert.match(found.map((diagnostic) => diagnostic.message).join('\n'), message);
      const [first] = found;
      assert.ok(
        first?.place?.node === 'culprit' || first?.place?.scope?.[0]?.startsWith('culprit'),
        JSON.stringify(first),
      );
      assert.equal(typeOf(shapes.graph, 'y'), 'FLOAT[2, 3]');
    });
  }

  it('an expression without end is given up, in time and with the rest known', async () => {
    // Each step adds a symbol-times-symbol term: after sixty the polynomial would have thousands.
    const names = Array.from({ length: 12 }, (_, index) => `n${index}`);
    const nodes: NodeSpec[] = [{ op: 'Concat', inputs: ['a0', 'a1'], outputs: ['s0'], attributes: { axis: 0 } }];
    for (let step = 0; step < 200; step++) {
      nodes.push(
        { op: 'Concat', inputs: [`s${step}`, `a${step % 12}`], outputs: [`c${step}`], attributes: { axis: 0 } },
        { op: 'Shape', inputs: [`c${step}`], outputs: [`h${step}`] },
        { op: 'Mul', inputs: [`h${step}`, `h${step}`], outputs: [`q${step}`] },
        { op: 'ConstantOfShape', inputs: [`q${step}`], outputs: [`s${step + 1}`] },
      );
    }
    nodes.push({ op: 'Relu', inputs: ['a0'], outputs: ['y'] });
    const shapes = await infer({
      inputs: names.map((name, index) => ({ name: `a${index}`, dims: [name] })),
      outputs: [{ name: 'y' }],
      nodes,
    });
    assert.equal(typeOf(shapes.graph, 's200'), 'FLOAT[?]');
    assert.equal(typeOf(shapes.graph, 'y'), 'FLOAT[n0]');
  });

  it('a size beyond 2^53 is not taken from the file as another number', async () => {
    const raw = Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0x40]);
    const to = { name: 'to', type: 'INT64', dims: [1], raw } as const;
    const shapes = await infer(around({ op: 'Expand', inputs: ['x', 'to'] }, { initializers: [to] }));
    assert.equal(typeOf(shapes.graph, 'bad'), 'FLOAT[2, ?]');
    assert.equal(typeOf(shapes.graph, 'y'), 'FLOAT[2, 3]');
  });

  it('element counts beyond 2^53 are not known rather than rounded', async () => {
    const large = 2 ** 31;
    const shapes = await infer({
      inputs: [{ name: 'x', dims: [large, large] }],
      outputs: [{ name: 'y' }],
      nodes: [
        { op: 'Flatten', inputs: ['x'], outputs: ['y'], attributes: { axis: 0 } },
        { op: 'Size', inputs: ['x'], outputs: ['n'] },
      ],
    });
    assert.equal(typeOf(shapes.graph, 'y'), 'FLOAT[1, ?]');
    assert.equal(shapes.graph.values.get('n')?.elements?.elements[0] ?? null, null);
  });
});
