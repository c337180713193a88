import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Footprint } from '../../../extension/budget/footprint';
import { MemoryByteSource } from '../../../extension/onnx/byte-source';
import { analyseModel } from '../../../extension/worker/analyse';
import { buildModel, type GraphSpec, type ModelSpec, type NodeSpec } from '../../fixtures/model-builder';

async function footprint(spec: ModelSpec, dims: Record<string, number> = {}): Promise<Footprint> {
  const input = { fileName: 'test.onnx', source: new MemoryByteSource(buildModel(spec)) };
  return (await analyseModel(input, new Map(Object.entries(dims)))).footprint;
}

/** A graph on one input `x` of eight floats. */
function onVector(graph: Partial<GraphSpec> & Pick<GraphSpec, 'nodes'>): ModelSpec {
  return {
    graph: {
      inputs: [{ name: 'x', dims: [8] }],
      outputs: [{ name: 'y', dims: [8] }],
      ...graph,
    },
  };
}

const add = (left: string, right: string, output: string): NodeSpec => ({
  op: 'Add',
  inputs: [left, right],
  outputs: [output],
});
const relu = (input: string, output: string): NodeSpec => ({ op: 'Relu', inputs: [input], outputs: [output] });
const float = (name: string, dims: readonly number[]) => ({ name, type: 'FLOAT', dims }) as const;

describe('parameters', () => {
  it('count a shared constant once, at the first node in execution order that uses it as data', async () => {
    const { layers, totals } = await footprint(
      onVector({
        nodes: [add('b', 'w', 'y'), { op: 'Clip', inputs: ['x', '', 'limit'], outputs: ['a'] }, add('a', 'w', 'b')],
        initializers: [float('w', [8]), float('limit', []), float('unused', [100])],
      }),
    );
    assert.deepEqual(
      layers.map(({ index, parameters }) => [index, parameters]),
      [
        [1, 0],
        [2, 8],
        [0, 0],
      ],
    );
    assert.equal(totals.parameters, 8);
    assert.equal(totals.weightBytes, 32);
    assert.deepEqual(totals.parametersByDataType, { FLOAT: 8 });
    assert.equal(totals.constantBytes, 4 * (8 + 1 + 100));
  });

  it('come from Constant and from ConstantOfShape with a constant shape, wherever that is written', async () => {
    const { totals } = await footprint(
      onVector({
        nodes: [
          { op: 'ConstantOfShape', inputs: ['shape'], outputs: ['zeros'] },
          {
            op: 'Constant',
            inputs: [],
            outputs: ['shape'],
            attributes: { value: { tensor: { type: 'INT64', dims: [1], values: [8] } } },
          },
          {
            op: 'Constant',
            inputs: [],
            outputs: ['c'],
            attributes: { value_floats: { floats: [1, 2, 3, 4, 5, 6, 7, 8] } },
          },
          add('x', 'zeros', 'a'),
          add('a', 'c', 'y'),
        ],
      }),
    );
    assert.equal(totals.parameters, 16);
    assert.equal(totals.weightBytes, 64);
    // The shape, the eight floats, and the one element that ConstantOfShape repeats.
    assert.equal(totals.constantBytes, 8 + 32 + 4);
    assert.equal(totals.peakLiveBytes, 64);
  });

  it('take the role of a function input through five thousand functions that each call the next', async () => {
    const depth = 5_000;
    const { totals } = await footprint({
      opsets: { '': 17, local: 1 },
      graph: {
        inputs: [{ name: 'x', dims: [8] }],
        outputs: [{ name: 'y' }],
        nodes: [{ op: 'F0', domain: 'local', inputs: ['x', 'w'], outputs: ['y'] }],
        initializers: [float('w', [8])],
      },
      functions: Array.from({ length: depth }, (_, index) => {
        const next = index + 1 < depth ? { op: `F${index + 1}`, domain: 'local' } : { op: 'Add' };
        return {
          name: `F${index}`,
          domain: 'local',
          inputs: ['a', 'b'],
          outputs: ['c'],
          nodes: [{ ...next, inputs: ['a', 'b'], outputs: ['c'] }],
        };
      }),
    });
    assert.equal(totals.parameters, 8);
  });

  it('take the role of a function input from what the body does with it', async () => {
    const { totals, layers } = await footprint({
      opsets: { '': 17, local: 1 },
      graph: {
        inputs: [{ name: 'x', dims: [8] }],
        outputs: [{ name: 'y', dims: [8] }],
        nodes: [
          { op: 'Scaled', domain: 'local', inputs: ['x', 'scale', 'factor'], outputs: ['a'] },
          { op: 'Scaled', domain: 'local', inputs: ['a', 'scale', 'factor'], outputs: ['y'] },
        ],
        initializers: [float('scale', []), float('factor', [8])],
      },
      functions: [
        {
          name: 'Scaled',
          domain: 'local',
          inputs: ['input', 's', 'f'],
          outputs: ['output'],
          opsets: { '': 17 },
          nodes: [
            {
              op: 'Constant',
              inputs: [],
              outputs: ['one'],
              attributes: { value: { tensor: { type: 'FLOAT', dims: [1], values: [1] } } },
            },
            { op: 'QuantizeLinear', inputs: ['input', 's'], outputs: ['q'] },
            { op: 'DequantizeLinear', inputs: ['q', 's'], outputs: ['d'] },
            { op: 'Mul', inputs: ['d', 'f'], outputs: ['m'] },
            add('m', 'one', 'output'),
          ],
        },
      ],
    });
    assert.equal(totals.quantizationParameters, 1);
    assert.equal(totals.parameters, 8 + 1);
    assert.deepEqual(
      layers.map(({ parameters, quantizationBytes }) => [parameters, quantizationBytes]),
      [
        [9, 4],
        [0, 0],
      ],
    );
  });

  it('see constants that a subgraph captures or holds', async () => {
    const { totals, layers } = await footprint({
      graph: {
        inputs: [
          { name: 'x', dims: [8] },
          { name: 'condition', type: 'BOOL', dims: [] },
        ],
        outputs: [{ name: 'y', dims: [8] }],
        nodes: [
          {
            op: 'If',
            inputs: ['condition'],
            outputs: ['y'],
            attributes: {
              then_branch: { graph: { nodes: [add('x', 'w', 't')], outputs: [{ name: 't', dims: [8] }] } },
              else_branch: {
                graph: {
                  nodes: [add('x', 'v', 'e')],
                  outputs: [{ name: 'e', dims: [8] }],
                  initializers: [float('v', [8])],
                },
              },
            },
          },
        ],
        initializers: [float('w', [8])],
      },
    });
    assert.equal(totals.parameters, 16);
    assert.equal(layers[0]?.parameters, 16);
    // x is captured, so it is live at the If.
    assert.equal(totals.peakLiveBytes, 32 + 1 + 32);
  });

  it('pack four-bit elements and leave integers that are no weights out', async () => {
    const { totals } = await footprint(
      onVector({
        nodes: [
          { op: 'DequantizeLinear', inputs: ['w', 's'], outputs: ['d'] },
          add('x', 'd', 'a'),
          { op: 'Cast', inputs: ['n'], outputs: ['f'], attributes: { to: 1 } },
          add('a', 'f', 'y'),
        ],
        initializers: [
          { name: 'w', type: 'INT4', dims: [7], raw: new Uint8Array(4) },
          float('s', []),
          { name: 'n', type: 'INT64', dims: [8], values: [1, 2, 3, 4, 5, 6, 7, 8] },
        ],
      }),
    );
    assert.deepEqual(totals.parametersByDataType, { INT4: 7 });
    assert.equal(totals.weightBytes, 4);
    assert.equal(totals.quantizationBytes, 4);
    assert.equal(totals.constantBytes, 4 + 4 + 64);
  });
});

describe('live bytes', () => {
  it('reach from the making of a value to its last use; graph outputs to the end', async () => {
    const { layers, lifetimes, peak, totals } = await footprint(
      onVector({
        outputs: [
          { name: 'a', dims: [8] },
          { name: 'y', dims: [8] },
        ],
        nodes: [relu('x', 'a'), relu('a', 'b'), add('x', 'b', 'c'), relu('c', 'y')],
      }),
    );
    assert.deepEqual(
      lifetimes.map(({ name, first, last }) => [name, first, last]),
      [
        ['x', 0, 2],
        ['a', 0, 3],
        ['b', 1, 2],
        ['c', 2, 3],
        ['y', 3, 3],
      ],
    );
    assert.deepEqual(
      layers.map(({ liveBytes }) => liveBytes),
      [64, 96, 128, 96],
    );
    assert.equal(totals.peakLiveStep, 2);
    assert.deepEqual(peak?.tensors.map(({ name, role }) => `${name} ${role}`).sort(), [
      'a held',
      'b input',
      'c output',
      'x input',
    ]);
    assert.equal(peak?.bytes, 128);
  });

  it('hold an unused input at step 0 only', async () => {
    const { lifetimes } = await footprint(
      onVector({
        inputs: [
          { name: 'x', dims: [8] },
          { name: 'spare', dims: [100] },
        ],
        nodes: [relu('x', 'a'), relu('a', 'y')],
      }),
    );
    assert.deepEqual(
      lifetimes.find(({ name }) => name === 'spare'),
      { name: 'spare', bytes: 400, first: 0, last: 0 },
    );
  });

  it('leave dequantized weights out of activations, but not out of the peak by the rule', async () => {
    const { totals, lifetimes, layers } = await footprint(
      onVector({
        nodes: [{ op: 'DequantizeLinear', inputs: ['w', 's'], outputs: ['d'] }, add('x', 'd', 'y')],
        initializers: [{ name: 'w', type: 'INT8', dims: [8], raw: new Uint8Array(8) }, float('s', [])],
      }),
    );
    assert.equal(totals.peakLiveBytes, 96);
    assert.equal(totals.peakActivationBytes, 64);
    assert.deepEqual(
      lifetimes.map(({ name }) => name),
      ['x', 'y'],
    );
    assert.deepEqual(
      layers.map(({ activationBytes }) => activationBytes),
      [0, 32],
    );
  });

  it('count unbound dimensions as 1, bound ones as bound, strings as 0', async () => {
    const spec = onVector({
      inputs: [
        { name: 'x', dims: ['batch', 8] },
        { name: 's', type: 'STRING', dims: [100] },
      ],
      outputs: [{ name: 'y', dims: ['batch', 8] }],
      nodes: [relu('x', 'y')],
    });
    assert.equal((await footprint(spec)).totals.peakLiveBytes, 64);
    assert.equal((await footprint(spec, { batch: 4 })).totals.peakLiveBytes, 256);
  });

  it('are zero for a graph without nodes', async () => {
    const { totals, peak, layers } = await footprint(onVector({ nodes: [], outputs: [] }));
    assert.deepEqual([totals.peakLiveBytes, totals.peakLiveStep, peak, layers], [0, 0, undefined, []]);
  });

  it('never exceed the sum of all values and never fall below a node with its operands', async () => {
    const chain = fc.array(fc.nat(30), { minLength: 1, maxLength: 25 });
    await fc.assert(
      fc.asyncProperty(chain, async (choices) => {
        const names = ['x'];
        const nodes = choices.map((choice, index): NodeSpec => {
          const node = add(names[choice % names.length] ?? 'x', names.at(-1) ?? 'x', `v${index}`);
          names.push(`v${index}`);
          return node;
        });
        const { layers, totals } = await footprint(
          onVector({ nodes, outputs: [{ name: names.at(-1) ?? 'x', dims: [8] }] }),
        );
        assert.ok(totals.peakLiveBytes <= 32 * names.length);
        layers.forEach(({ liveBytes }, step) => {
          const operands = new Set([...(nodes[step]?.inputs ?? []), ...(nodes[step]?.outputs ?? [])]);
          assert.ok(liveBytes >= 32 * operands.size);
        });
        assert.equal(totals.peakLiveBytes, Math.max(...layers.map(({ liveBytes }) => liveBytes)));
      }),
      { numRuns: 50 },
    );
  });
});

describe('multiply-accumulates', () => {
  const matMul = (input: string, output: string, weight: string): NodeSpec => ({
    op: 'MatMul',
    inputs: [input, weight],
    outputs: [output],
  });

  it('take the dearer branch of If and say so', async () => {
    const { layers, totals } = await footprint({
      graph: {
        inputs: [
          { name: 'x', dims: [1, 8] },
          { name: 'condition', type: 'BOOL', dims: [] },
        ],
        outputs: [{ name: 'y', dims: [1, 8] }],
        nodes: [
          {
            op: 'If',
            inputs: ['condition'],
            outputs: ['y'],
            attributes: {
              then_branch: { graph: { nodes: [relu('x', 't')], outputs: [{ name: 't', dims: [1, 8] }] } },
              else_branch: { graph: { nodes: [matMul('x', 'e', 'w')], outputs: [{ name: 'e', dims: [1, 8] }] } },
            },
          },
        ],
        initializers: [float('w', [8, 8])],
      },
    });
    assert.equal(totals.macs, 64);
    assert.equal(layers[0]?.remark, 'the dearer branch of If');
    assert.equal(totals.macsIncomplete, false);
  });

  function loop(trips: { readonly initializer?: number }): ModelSpec {
    return {
      graph: {
        inputs: [
          { name: 'x', dims: [1, 8] },
          ...(trips.initializer === undefined ? [{ name: 'trips', type: 'INT64', dims: [] } as const] : []),
        ],
        outputs: [{ name: 'y', dims: [1, 8] }],
        nodes: [
          {
            op: 'Loop',
            inputs: ['trips', '', 'x'],
            outputs: ['y'],
            attributes: {
              body: {
                graph: {
                  inputs: [
                    { name: 'i', type: 'INT64', dims: [] },
                    { name: 'go', type: 'BOOL', dims: [] },
                    { name: 'state', dims: [1, 8] },
                  ],
                  outputs: [
                    { name: 'on', type: 'BOOL', dims: [] },
                    { name: 'next', dims: [1, 8] },
                  ],
                  nodes: [{ op: 'Identity', inputs: ['go'], outputs: ['on'] }, matMul('state', 'next', 'w')],
                },
              },
            },
          },
        ],
        initializers: [
          float('w', [8, 8]),
          ...(trips.initializer === undefined
            ? []
            : [{ name: 'trips', type: 'INT64', dims: [], values: [trips.initializer] } as const]),
        ],
      },
    };
  }

  it('count the body of Loop once per iteration where their number is known', async () => {
    const { totals, layers } = await footprint(loop({ initializer: 5 }));
    assert.equal(totals.macs, 5 * 64);
    assert.equal(layers[0]?.remark, 'body of Loop counted 5 times');
  });

  it('name the body of Loop as left out where it is not', async () => {
    const { totals, layers, diagnostics } = await footprint(loop({}));
    assert.equal(totals.macs, 0);
    assert.equal(totals.macsIncomplete, true);
    assert.equal(layers[0]?.macs, undefined);
    assert.equal(layers[0]?.remark, 'body of Loop not counted: iterations unknown');
    assert.ok(diagnostics.some(({ code, message }) => code === 'operators-not-counted' && message.includes('Loop')));
  });

  it('go on beside operators that are not known, and name those', async () => {
    const { totals, layers, diagnostics } = await footprint({
      opsets: { '': 17, custom: 1 },
      graph: {
        inputs: [{ name: 'x', dims: [1, 8] }],
        outputs: [{ name: 'z' }],
        nodes: [
          matMul('x', 'y', 'w'),
          { op: 'Foo', domain: 'custom', inputs: ['y'], outputs: ['a'] },
          { op: 'Bar', domain: 'custom', inputs: ['a'], outputs: ['z'] },
        ],
        initializers: [float('w', [8, 8])],
      },
    });
    assert.equal(totals.macs, 64);
    assert.deepEqual([totals.macsIncomplete, totals.peakIncomplete], [true, true]);
    assert.deepEqual(
      layers.map(({ macs }) => macs),
      [64, undefined, undefined],
    );
    assert.match(layers[1]?.unknown ?? '', /Foo/);
    const summary = diagnostics.find(({ code }) => code === 'operators-not-counted');
    assert.match(summary?.message ?? '', /^2 operators not counted: custom::Foo, custom::Bar\./);
    assert.ok(diagnostics.some(({ code, message }) => code === 'unknown-size' && message.includes('a, z')));
  });
});

describe('learned attributes', () => {
  it('are a figure of their own, and weight bytes', async () => {
    const { totals, layers } = await footprint({
      opsets: { '': 17, 'ai.onnx.ml': 3 },
      graph: {
        inputs: [{ name: 'x', dims: [1, 3] }],
        outputs: [{ name: 'y', dims: [1, 1] }],
        nodes: [
          {
            op: 'LinearRegressor',
            domain: 'ai.onnx.ml',
            inputs: ['x'],
            outputs: ['y'],
            attributes: { coefficients: { floats: [1, 2, 3] }, intercepts: { floats: [4] } },
          },
        ],
      },
    });
    assert.equal(totals.attributeParameters, 4);
    assert.equal(totals.parameters, 0);
    assert.deepEqual([totals.weightBytes, totals.constantBytes, layers[0]?.weightBytes], [16, 16, 16]);
  });
});

describe('sums over layers', () => {
  it('are the totals', async () => {
    const { layers, totals } = await footprint(
      onVector({
        nodes: [
          { op: 'DequantizeLinear', inputs: ['w', 's', 'z'], outputs: ['d'] },
          add('x', 'd', 'a'),
          add('a', 'b', 'y'),
        ],
        initializers: [
          { name: 'w', type: 'INT8', dims: [8], raw: new Uint8Array(8) },
          float('s', []),
          { name: 'z', type: 'INT8', dims: [], raw: new Uint8Array(1) },
          float('b', [8]),
        ],
      }),
    );
    const sum = (pick: (layer: Footprint['layers'][number]) => number) =>
      layers.reduce((total, layer) => total + pick(layer), 0);
    assert.equal(
      sum(({ parameters }) => parameters),
      totals.parameters,
    );
    assert.equal(
      sum(({ weightBytes }) => weightBytes),
      totals.weightBytes,
    );
    assert.equal(
      sum(({ quantizationBytes }) => quantizationBytes),
      totals.quantizationBytes,
    );
    assert.deepEqual([totals.parameters, totals.quantizationParameters], [16, 2]);
  });
});

describe('a chain of 100,000 nodes', () => {
  it('is measured', async () => {
    const count = 100_000;
    const nodes = Array.from({ length: count }, (_, index) =>
      relu(index === 0 ? 'x' : `v${index}`, index === count - 1 ? 'y' : `v${index + 1}`),
    );
    const { totals, layers } = await footprint(onVector({ nodes }));
    assert.equal(layers.length, count);
    assert.equal(totals.peakLiveBytes, 64);
  }).timeout(60_000);
});

describe('values that nobody gives', () => {
  it('are of unknown size, so that the peak is a lower bound', async () => {
    const { totals, diagnostics } = await footprint(onVector({ nodes: [add('x', 'nobody', 'y')] }));
    assert.equal(totals.peakIncomplete, true);
    assert.equal(totals.peakActivationBytes, 64);
    assert.match(diagnostics.find(({ code }) => code === 'unknown-size')?.message ?? '', /nobody/);
  });
});

describe('what is not known of a layer', () => {
  it('is said once, though both its work and its size are not known for it', async () => {
    const { layers } = await footprint(
      onVector({
        nodes: [
          { op: 'Foo', domain: 'acme', name: 'a', inputs: ['x'], outputs: ['m'] },
          { op: 'MatMul', name: 'b', inputs: ['m', 'm'], outputs: ['y'] },
        ],
        outputs: [{ name: 'y' }],
      }),
    );
    assert.deepEqual(
      layers.map(({ unknown }) => unknown),
      [
        'operator Foo (acme) at node a is not known',
        'the multiply-accumulates cannot be counted: operator Foo (acme) at node a is not known',
      ],
    );
  });
});
