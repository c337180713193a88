import assert from 'node:assert/strict';
import { checkPlan } from '../../../extension/budget/planners/check-plan';
import { MemoryByteSource } from '../../../extension/onnx/byte-source';
import { readModel } from '../../../extension/onnx/read-model';
import { measureOnRuntime, type RuntimeFootprint } from '../../../extension/runtimes/measure';
import { allRuntimes, findRuntime } from '../../../extension/runtimes/runtimes';
import { inferShapes } from '../../../extension/shapes/infer-shapes';
import { buildModel, type GraphSpec, type ModelSpec, type NodeSpec } from '../../fixtures/model-builder';

async function opened(spec: ModelSpec) {
  const model = await readModel(new MemoryByteSource(buildModel(spec)), { fileName: 'built.onnx' });
  return { model, shapes: inferShapes(model) };
}

async function measured(graph: GraphSpec, id: string): Promise<RuntimeFootprint> {
  const { model, shapes } = await opened({ graph });
  const runtime = findRuntime(id);
  assert.ok(runtime, id);
  return measureOnRuntime(model, shapes, runtime, 'as-in-file');
}

/** The figures of a footprint; names of values inside functions, and the nodes that things come from, left out. */
function figures({ memory, flash, layers, cannotRun }: RuntimeFootprint) {
  return {
    ...memory,
    tensors: memory.tensors.map(({ bytes, offset, first, last, role }) => [bytes, offset, first, last, role]),
    flash,
    layers: layers.map(({ name: _name, from: _from, ...layer }) => layer),
    cannotRun: cannotRun.map(({ opType, reason }) => [opType, reason]),
  };
}

function lives({ memory }: RuntimeFootprint): Record<string, readonly [number, number]> {
  return Object.fromEntries(memory.tensors.map(({ name, first, last }) => [name, [first, last] as const]));
}

const scalar = { name: 'c', type: 'BOOL', dims: [] } as const;

/** y = Relu(x) where c, else a matrix product of it. */
const branches: GraphSpec = {
  inputs: [{ name: 'x', dims: [1, 16] }, scalar],
  outputs: [{ name: 'z' }],
  initializers: [{ name: 'w', type: 'FLOAT', dims: [16, 64] }],
  nodes: [
    { op: 'Sigmoid', inputs: ['x'], outputs: ['a'] },
    {
      op: 'If',
      inputs: ['c'],
      outputs: ['y'],
      attributes: {
        then_branch: {
          graph: {
            outputs: [{ name: 'r' }],
            nodes: [
              { op: 'Tanh', inputs: ['a'], outputs: ['t'] },
              { op: 'Relu', inputs: ['t'], outputs: ['r'] },
            ],
          },
        },
        else_branch: {
          graph: {
            outputs: [{ name: 'm' }],
            initializers: [{ name: 'v', type: 'FLOAT', dims: [64, 16] }],
            nodes: [
              { op: 'MatMul', inputs: ['a', 'w'], outputs: ['h'] },
              { op: 'MatMul', inputs: ['h', 'v'], outputs: ['m'] },
            ],
          },
        },
      },
    },
    { op: 'Add', inputs: ['y', 'x'], outputs: ['z'] },
  ],
};

function loop(body: Pick<GraphSpec, 'nodes' | 'outputs'>, outputs: readonly string[]): GraphSpec {
  return {
    inputs: [{ name: 'x', dims: [1, 256] }],
    outputs: [{ name: 'last' }],
    initializers: [
      { name: 'trips', type: 'INT64', dims: [], values: [5] },
      { name: 'w', type: 'FLOAT', dims: [256, 256] },
    ],
    nodes: [
      { op: 'Tanh', inputs: ['x'], outputs: ['s'] },
      {
        op: 'Loop',
        inputs: ['trips', '', 's'],
        outputs,
        attributes: {
          body: {
            graph: {
              inputs: [
                { name: 'i', type: 'INT64', dims: [] },
                { name: 'go', type: 'BOOL', dims: [] },
                { name: 'state', dims: [1, 256] },
              ],
              ...body,
            },
          },
        },
      },
    ],
  };
}

const step: readonly NodeSpec[] = [
  { op: 'Identity', inputs: ['go'], outputs: ['goes'] },
  { op: 'MatMul', inputs: ['state', 'w'], outputs: ['p'] },
  { op: 'Relu', inputs: ['p'], outputs: ['next'] },
];
const repeated = loop({ nodes: step, outputs: [{ name: 'goes', type: 'BOOL', dims: [] }, { name: 'next' }] }, ['last']);

describe('model functions on a runtime', () => {
  it('need as much as their bodies in line, whatever calls what, with attributes and inputs of the call', async () => {
    const weights = [
      { name: 'w', type: 'FLOAT', dims: [4, 3, 3, 3] },
      { name: 'b', type: 'FLOAT', dims: [4] },
    ] as const;
    const image = { inputs: [{ name: 'x', dims: [1, 3, 8, 8] }], outputs: [{ name: 'z' }, { name: 'e' }] };
    const domain = 'mine';
    const called: ModelSpec = {
      opsets: { '': 17, [domain]: 1 },
      functions: [
        {
          name: 'Block',
          domain,
          inputs: ['in', 'weight', 'bias', 'more'],
          outputs: ['out', 'same'],
          attributes: ['border'],
          opsets: { '': 17, [domain]: 1 },
          nodes: [
            {
              op: 'Conv',
              inputs: ['in', 'weight', 'bias'],
              outputs: ['t'],
              attributes: { pads: { reference: 'border' } },
            },
            { op: 'Act', domain, inputs: ['t'], outputs: ['out'] },
            { op: 'Identity', inputs: ['out'], outputs: ['same'] },
          ],
        },
        {
          name: 'Act',
          domain,
          inputs: ['t'],
          outputs: ['out'],
          opsets: { '': 17 },
          nodes: [
            { op: 'Relu', inputs: ['t'], outputs: ['r'] },
            { op: 'Sigmoid', inputs: ['r'], outputs: ['out'] },
          ],
        },
      ],
      graph: {
        ...image,
        initializers: weights,
        nodes: [
          { op: 'Exp', inputs: ['x'], outputs: ['t'] },
          {
            op: 'Block',
            domain,
            inputs: ['t', 'w', 'b'],
            outputs: ['y', 'e'],
            attributes: { border: [1, 1, 1, 1] },
          },
          { op: 'Tanh', inputs: ['y'], outputs: ['z'] },
        ],
      },
    };
    const inLine: ModelSpec = {
      graph: {
        ...image,
        initializers: weights,
        nodes: [
          { op: 'Exp', inputs: ['x'], outputs: ['t'] },
          { op: 'Conv', inputs: ['t', 'w', 'b'], outputs: ['c'], attributes: { pads: [1, 1, 1, 1] } },
          { op: 'Relu', inputs: ['c'], outputs: ['r'] },
          { op: 'Sigmoid', inputs: ['r'], outputs: ['y'] },
          { op: 'Identity', inputs: ['y'], outputs: ['e'] },
          { op: 'Tanh', inputs: ['y'], outputs: ['z'] },
        ],
      },
    };
    const one = await opened(called);
    const other = await opened(inLine);
    const calls = new Set<string>();
    for (const runtime of allRuntimes()) {
      for (const precision of runtime.precisions) {
        const measure = (model: typeof one) => measureOnRuntime(model.model, model.shapes, runtime, precision);
        const found = measure(one);
        const expected = measure(other);
        for (const { from } of found.layers) assert.ok(from.every((node) => node <= 2));
        assert.ok(found.layers.some(({ from }) => from.includes(1)));
        if (runtime.id === 'onnx2c') {
          for (const { opType, node } of found.cannotRun) calls.add(`${opType} ${node}`);
          assert.equal(found.memory.minimumArenaBytes, expected.memory.minimumArenaBytes);
          continue;
        }
        // The ONNX files differ in length, which onnxruntime keeps.
        const expectedFlash = runtime.id.startsWith('onnxruntime') ? found.flash : expected.flash;
        assert.deepEqual(figures(found), { ...figures(expected), flash: expectedFlash }, `${runtime.id} ${precision}`);
      }
    }
    assert.deepEqual([...calls], ['Block 1']);
  });

  it('are left as calls that cannot run where they call themselves', async () => {
    const domain = 'mine';
    const { model, shapes } = await opened({
      opsets: { '': 17, [domain]: 1 },
      functions: [
        {
          name: 'Again',
          domain,
          inputs: ['a'],
          outputs: ['b'],
          opsets: { '': 17, [domain]: 1 },
          nodes: [
            { op: 'Relu', inputs: ['a'], outputs: ['r'] },
            { op: 'Again', domain, inputs: ['r'], outputs: ['b'] },
          ],
        },
      ],
      graph: {
        inputs: [{ name: 'x', dims: [4] }],
        outputs: [{ name: 'y' }],
        nodes: [{ op: 'Again', domain, inputs: ['x'], outputs: ['y'] }],
      },
    });
    const runtime = findRuntime('tflm');
    assert.ok(runtime);
    const { cannotRun, memory } = measureOnRuntime(model, shapes, runtime, 'as-in-file');
    assert.deepEqual(
      cannotRun.map(({ node, opType }) => [node, opType]),
      [[0, 'mine::Again']],
    );
    assert.equal(memory.kind, 'lower bound');
  });
});

describe('control flow on a runtime', () => {
  it('is planned by TensorFlow Lite Micro as subgraphs one after the other, inside the lifetime of the operator', async () => {
    const footprint = await measured(branches, 'tflm');
    assert.deepEqual(footprint.cannotRun, []);
    assert.deepEqual(
      footprint.layers.map(({ kind }) => kind),
      ['Logistic', 'If', 'Body', 'Tanh', 'Relu', 'Body', 'FullyConnected', 'FullyConnected', 'Add'],
    );
    // Steps of micro_allocation_info.cc: one for each operator, one at which each subgraph is entered.
    assert.deepEqual(lives(footprint), {
      x: [0, 9],
      c: [0, 8],
      a: [1, 8],
      y: [2, 9],
      'y/then_branch/a': [3, 4],
      'y/then_branch/t': [4, 5],
      'y/then_branch/r': [5, 5],
      'y/else_branch/a': [6, 7],
      'y/else_branch/h': [7, 8],
      'y/else_branch/m': [8, 8],
      z: [9, 9],
    });
    assert.equal(footprint.memory.kind, 'estimated');
    for (const { from } of footprint.layers.slice(1, 8)) assert.deepEqual(from, [1]);
  });

  it('makes a While of a Loop on TensorFlow Lite Micro, as many outputs as inputs, and cannot collect outputs', async () => {
    const footprint = await measured(repeated, 'tflm');
    assert.deepEqual(footprint.cannotRun, []);
    assert.deepEqual(
      footprint.layers.map(({ kind }) => kind),
      ['Tanh', 'While', 'Body', 'Less', 'Body', 'FullyConnected', 'Add'],
    );
    const { last, s } = lives(footprint);
    assert.deepEqual(
      [s, last],
      [
        [1, 7],
        [2, 7],
      ],
    );
    const collects = loop(
      { nodes: step, outputs: [{ name: 'goes', type: 'BOOL', dims: [] }, { name: 'next' }, { name: 'p' }] },
      ['last', 'all'],
    );
    const { cannotRun } = await measured(collects, 'tflm');
    assert.deepEqual(
      cannotRun.map(({ node, opType }) => [node, opType]),
      [[1, 'Loop']],
    );
    assert.match(cannotRun[0]?.reason ?? '', /collects outputs/);
  });

  it('counts bodies in the lower bound of onnxruntime, weights included, and values handed on once', async () => {
    const choice = await measured(branches, 'onnxruntime-mobile');
    const align = (bytes: number) => 64 * Math.ceil(bytes / 64);
    // In the else branch: x, c, a, the product of 64 floats and that of 16.
    assert.equal(choice.memory.lowerBoundBytes, align(64) + align(1) + align(64) + align(256) + align(64));
    assert.equal(choice.memory.persistentBytes, 4 * (16 * 64 + 64 * 16));
    const again = await measured(repeated, 'onnxruntime-mobile');
    // The state of the first iteration, and the product, over which Relu is written.
    assert.equal(again.memory.lowerBoundBytes, 2 * 1024);
    assert.deepEqual(choice.cannotRun, []);
    assert.deepEqual(again.cannotRun, []);
  });

  it('cannot run where a runtime has no operator for it', async () => {
    for (const id of ['onnx2c', 'st-edge-ai', 'esp-dl']) {
      const { cannotRun } = await measured(branches, id);
      assert.deepEqual(
        cannotRun.map(({ node, opType }) => [node, opType]),
        [[1, 'If']],
        id,
      );
    }
  });

  it('gives plans that hold, at or above the lower bound', async () => {
    for (const graph of [branches, repeated]) {
      const { model, shapes } = await opened({ graph });
      for (const runtime of allRuntimes()) {
        for (const precision of runtime.precisions) {
          const { memory } = measureOnRuntime(model, shapes, runtime, precision);
          const { tensors, planner, alignment, arenaBytes, inPlace } = memory;
          const plan = { planner, alignment, arenaBytes, offsets: tensors.map(({ offset }) => offset) };
          assert.equal(checkPlan(tensors, plan, inPlace), undefined, `${runtime.id} ${precision}`);
          assert.ok(memory.lowerBoundBytes <= arenaBytes, `${runtime.id} ${precision}`);
        }
      }
    }
  });
});
