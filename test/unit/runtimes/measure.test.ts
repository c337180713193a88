import assert from 'node:assert/strict';
import { checkPlan } from '../../../extension/budget/planners/check-plan';
import { type MeasureOptions, measureOnRuntime } from '../../../extension/runtimes/measure';
import { allRuntimes, findRuntime } from '../../../extension/runtimes/runtimes';
import type { GraphSpec, NodeSpec, TensorSpec } from '../../fixtures/model-builder';
import { modelWithShapes } from '../../fixtures/model-shapes';

async function measured(graph: GraphSpec, id: string, options: MeasureOptions = {}) {
  const { model, shapes } = await modelWithShapes(graph);
  const runtime = findRuntime(id);
  assert.ok(runtime, id);
  return measureOnRuntime(model, shapes, runtime, runtime.precisions[0] ?? 'int8', options);
}

/** Fully connected layers of these widths, with Relu between. */
function dense(widths: readonly number[]): GraphSpec {
  const nodes: NodeSpec[] = [];
  const initializers: TensorSpec[] = [];
  for (let layer = 1; layer < widths.length; layer++) {
    const [before = 0, after = 0] = widths.slice(layer - 1);
    initializers.push({ name: `w${layer}`, type: 'FLOAT', dims: [before, after] });
    initializers.push({ name: `b${layer}`, type: 'FLOAT', dims: [after] });
    const last = layer === widths.length - 1;
    nodes.push({
      op: 'Gemm',
      inputs: [`x${layer - 1}`, `w${layer}`, `b${layer}`],
      outputs: [last ? `x${layer}` : `g${layer}`],
    });
    if (!last) nodes.push({ op: 'Relu', inputs: [`g${layer}`], outputs: [`x${layer}`] });
  }
  return {
    inputs: [{ name: 'x0', dims: [1, widths[0] ?? 1] }],
    outputs: [{ name: `x${widths.length - 1}` }],
    nodes,
    initializers,
  };
}

/** 30 steps of 40 features; four times depthwise over time and pointwise, with Relu; three classes. */
function streamingWakeWord(): GraphSpec {
  const nodes: NodeSpec[] = [];
  const initializers: TensorSpec[] = [];
  let name = 'x';
  const convolve = (dims: readonly number[], group: number) => {
    const layer = nodes.length;
    initializers.push({ name: `w${layer}`, type: 'FLOAT', dims });
    nodes.push({ op: 'Conv', inputs: [name, `w${layer}`], outputs: [`c${layer}`], attributes: { group } });
    nodes.push({ op: 'Relu', inputs: [`c${layer}`], outputs: [`r${layer}`] });
    name = `r${layer}`;
  };
  for (const [channels, steps, made] of [
    [40, 3, 128],
    [128, 5, 128],
    [128, 10, 128],
    [128, 15, 32],
  ] as const) {
    convolve([channels, 1, steps, 1], channels);
    convolve([made, channels, 1, 1], 1);
  }
  return {
    inputs: [{ name: 'x', dims: [1, 40, 30, 1] }],
    outputs: [{ name: 'p' }],
    initializers: [
      ...initializers,
      { name: 'm', type: 'FLOAT', dims: [32, 3] },
      { name: 'b', type: 'FLOAT', dims: [3] },
    ],
    nodes: [
      ...nodes,
      { op: 'Flatten', inputs: [name], outputs: ['f'] },
      { op: 'Gemm', inputs: ['f', 'm', 'b'], outputs: ['g'] },
      { op: 'Softmax', inputs: ['g'], outputs: ['p'] },
    ],
  };
}

describe('measureOnRuntime', () => {
  it('gives the measured arenas of hello_world_int8', async () => {
    const figures = async (id: string) => {
      const { memory } = await measured(dense([1, 16, 16, 1]), id);
      return [memory.arenaBytes, memory.persistentBytes, memory.usedBytes, memory.minimumArenaBytes, memory.kind];
    };
    assert.deepEqual(await figures('tflm-cmsis-nn-m0'), [32, 740, 772, 1168, 'exact']);
    assert.deepEqual(await figures('tflm-cmsis-nn-m4'), [32, 740, 772, 1168, 'exact']);
    assert.deepEqual(await figures('tflm-cmsis-nn-m55'), [32, 884, 916, 1312, 'exact']);
  });

  it('gives the measured arenas of the streaming wake word model of MLPerf Tiny', async () => {
    const graph = streamingWakeWord();
    const figures = async (id: string) => {
      const { memory } = await measured(graph, id);
      return [memory.arenaBytes, memory.usedBytes, memory.minimumArenaBytes, memory.kind];
    };
    assert.deepEqual(await figures('tflm-cmsis-nn-m0'), [6656, 15300, 15312, 'exact']);
    assert.deepEqual(await figures('tflm-cmsis-nn-m4'), [7936, 16596, 16608, 'exact']);
    assert.deepEqual(await figures('tflm-cmsis-nn-m55'), [11280, 19956, 19968, 'exact']);
  });

  it('gives the measured arena of an Add of two tensors of 16 KiB', async () => {
    const { memory } = await measured(
      {
        inputs: [
          { name: 'a', dims: [1, 128, 128, 1] },
          { name: 'b', dims: [1, 128, 128, 1] },
        ],
        outputs: [{ name: 'c' }],
        nodes: [{ op: 'Add', inputs: ['a', 'b'], outputs: ['c'] }],
      },
      'tflm-cmsis-nn-m4',
    );
    assert.deepEqual([memory.arenaBytes, memory.usedBytes, memory.minimumArenaBytes], [49152, 49604, 49616]);
  });

  it('names the layers of the lowered graph, their weights and the nodes they come from', async () => {
    const { layers, flash } = await measured(dense([4, 8, 2]), 'tflm-cmsis-nn-m4');
    assert.deepEqual(
      layers.map(({ kind, activation, weightBytes, biasBytes, from }) => [
        kind,
        activation,
        weightBytes,
        biasBytes,
        from,
      ]),
      [
        ['FullyConnected', 'Relu', 32, 32, [0, 1]],
        ['FullyConnected', undefined, 16, 8, [2]],
      ],
    );
    assert.deepEqual(
      flash.parts.map(({ part }) => part),
      ['weights', 'biases', 'quantization data', 'graph and metadata', 'runtime code'],
    );
    assert.equal(flash.parts[0]?.bytes, 48);
    assert.equal(flash.parts[4]?.kind, 'published');
  });

  it('adds the flash that is kept for the application', async () => {
    const without = await measured(dense([4, 2]), 'st-edge-ai');
    const { flash } = await measured(dense([4, 2]), 'st-edge-ai', { flashReserveBytes: 1000 });
    assert.equal(flash.totalBytes, without.flash.totalBytes + 1000);
    assert.equal(flash.parts.at(-1)?.part, 'reserve');
  });

  it('counts int8 weights and int32 biases for ST Edge AI', async () => {
    const { flash } = await measured(dense([10, 20]), 'st-edge-ai');
    assert.deepEqual(
      flash.parts.map(({ part, bytes, kind }) => [part, bytes, kind]),
      [
        ['weights', 200, 'exact'],
        ['biases', 80, 'exact'],
      ],
    );
  });

  it('plans generated C with a union for each tensor that lives at once, inputs and outputs apart', async () => {
    const { memory } = await measured(dense([4, 8, 6, 2]), 'onnx2c');
    // g1, x1, g2, x2: two unions of 8 floats.
    assert.equal(memory.arenaBytes, 64);
    assert.equal(memory.inputOutputBytes, 24);
    assert.equal(memory.usedBytes, 88);
    assert.equal(memory.kind, 'exact');
  });

  it('copies weights to RAM for ESP-DL and writes elementwise results over their input', async () => {
    const { memory } = await measured(
      {
        inputs: [{ name: 'x', dims: [1, 64] }],
        outputs: [{ name: 'z' }],
        initializers: [{ name: 'w', type: 'FLOAT', dims: [64, 64] }],
        nodes: [
          { op: 'MatMul', inputs: ['x', 'w'], outputs: ['m'] },
          { op: 'Sigmoid', inputs: ['m'], outputs: ['s'] },
          { op: 'MatMul', inputs: ['s', 'w'], outputs: ['z'] },
        ],
      },
      'esp-dl',
    );
    assert.equal(memory.persistentBytes, 4096);
    assert.equal(memory.arenaBytes, 128);
    assert.deepEqual(memory.inPlace, [{ input: 1, output: 2 }]);
  });

  it('writes nothing over what the graph gives back', async () => {
    const relu: GraphSpec = {
      inputs: [{ name: 'x', dims: [1, 64] }],
      outputs: [{ name: 'y' }, { name: 'z' }],
      nodes: [
        { op: 'Sigmoid', inputs: ['x'], outputs: ['y'] },
        { op: 'Relu', inputs: ['y'], outputs: ['z'] },
      ],
    };
    for (const id of ['esp-dl', 'onnxruntime-mobile']) {
      const { memory } = await measured(relu, id);
      const named = memory.inPlace.map(({ input, output }) => [
        memory.tensors[input]?.name,
        memory.tensors[output]?.name,
      ]);
      assert.deepEqual(named, [['x', 'y']], id);
    }
  });

  it('calls the need of onnxruntime a lower bound', async () => {
    const { memory, cannotRun } = await measured(dense([4, 8, 2]), 'onnxruntime-mobile');
    assert.equal(memory.kind, 'lower bound');
    assert.equal(memory.usedBytes, memory.lowerBoundBytes + memory.persistentBytes);
    assert.deepEqual(cannotRun, []);
  });

  it('says which operators a runtime cannot run, at which node', async () => {
    const graph: GraphSpec = {
      inputs: [{ name: 'x', dims: [1, 4] }],
      outputs: [{ name: 'y' }],
      nodes: [
        { op: 'Relu', inputs: ['x'], outputs: ['r'] },
        { op: 'Erf', inputs: ['r'], outputs: ['y'] },
      ],
    };
    const { cannotRun, memory } = await measured(graph, 'tflm');
    assert.deepEqual(cannotRun, [
      { node: 1, opType: 'Erf', reason: 'TensorFlow Lite has no operator that does what Erf does.' },
    ]);
    assert.equal(memory.kind, 'estimated');
    assert.deepEqual((await measured(graph, 'onnx2c')).cannotRun, []);
  });

  it('calls a figure a lower bound when a size is not known', async () => {
    const graph: GraphSpec = {
      inputs: [{ name: 'x', dims: [1, 4] }],
      outputs: [{ name: 'y' }],
      nodes: [{ op: 'Mystery', domain: 'some.where', inputs: ['x'], outputs: ['y'] }],
    };
    for (const runtime of allRuntimes()) {
      const { memory, notes } = await measured(graph, runtime.id);
      assert.notEqual(memory.kind, 'exact', runtime.id);
      assert.ok(
        notes.some((note) => note.startsWith('The size of y is not known')),
        runtime.id,
      );
    }
  });

  it('gives plans that hold, at or above the lower bound, in every runtime and precision', async () => {
    const branches: GraphSpec = {
      inputs: [{ name: 'x', dims: [1, 8, 16, 16] }],
      outputs: [{ name: 'o' }],
      initializers: [
        { name: 'w', type: 'FLOAT', dims: [8, 8, 3, 3] },
        { name: 'd', type: 'FLOAT', dims: [8, 1, 5, 5] },
      ],
      nodes: [
        { op: 'Conv', inputs: ['x', 'w'], outputs: ['a'], attributes: { pads: [1, 1, 1, 1] } },
        { op: 'Conv', inputs: ['a', 'd'], outputs: ['b'], attributes: { pads: [2, 2, 2, 2], group: 8 } },
        { op: 'Sigmoid', inputs: ['b'], outputs: ['c'] },
        { op: 'Mul', inputs: ['a', 'c'], outputs: ['e'] },
        { op: 'Concat', inputs: ['e', 'x'], outputs: ['f'], attributes: { axis: 1 } },
        { op: 'AveragePool', inputs: ['f'], outputs: ['o'], attributes: { kernel_shape: [4, 4], strides: [4, 4] } },
      ],
    };
    const { model, shapes } = await modelWithShapes(branches);
    for (const runtime of allRuntimes()) {
      for (const precision of runtime.precisions) {
        const { memory } = measureOnRuntime(model, shapes, runtime, precision);
        const { planner, alignment, arenaBytes, tensors, inPlace } = memory;
        const offsets = tensors.map(({ offset }) => offset);
        const plan = { planner, alignment, arenaBytes, offsets };
        assert.equal(checkPlan(tensors, plan, inPlace), undefined, `${runtime.id} ${precision}`);
        assert.ok(memory.lowerBoundBytes <= arenaBytes, `${runtime.id} ${precision}`);
      }
    }
  });

  it('measures a graph without nodes, and sizes beyond any memory', async () => {
    const vast: GraphSpec = {
      inputs: [{ name: 'x', dims: [2 ** 40, 2 ** 40] }],
      outputs: [{ name: 'y' }],
      nodes: [{ op: 'Relu', inputs: ['x'], outputs: ['y'] }],
    };
    for (const graph of [vast, { nodes: [] }]) {
      for (const { id } of allRuntimes()) {
        const { memory, flash } = await measured(graph, id);
        assert.ok(Number.isSafeInteger(memory.usedBytes), id);
        assert.ok(Number.isSafeInteger(flash.totalBytes), id);
      }
    }
  });

  it('asks for scratch as CMSIS-NN does for each family of cores', async () => {
    const scratch = async (node: NodeSpec, weight: TensorSpec) =>
      Promise.all(
        ['tflm', 'tflm-cmsis-nn-m0', 'tflm-cmsis-nn-m4', 'tflm-cmsis-nn-m55'].map(async (id) => {
          const graph = {
            inputs: [{ name: 'x', dims: [1, 8, 16, 16] }],
            outputs: [{ name: 'y' }],
            initializers: [weight],
            nodes: [node],
          };
          return (await measured(graph, id)).memory.scratchBytes;
        }),
      );
    const conv = (attributes: NodeSpec['attributes'] = {}): NodeSpec => ({
      op: 'Conv',
      inputs: ['x', 'w'],
      outputs: ['y'],
      attributes,
    });
    const weights = (dims: readonly number[]): TensorSpec => ({ name: 'w', type: 'FLOAT', dims });
    assert.deepEqual(await scratch(conv(), weights([4, 8, 1, 1])), [0, 0, 0, 0]);
    assert.deepEqual(await scratch(conv(), weights([4, 8, 3, 3])), [0, 288, 288, 320]);
    assert.deepEqual(await scratch(conv({ group: 8 }), weights([8, 1, 3, 3])), [0, 0, 0, 4464]);
    assert.deepEqual(await scratch(conv({ group: 8 }), weights([8, 1, 5, 5])), [0, 0, 400, 12400]);
    const pool: NodeSpec = { op: 'AveragePool', inputs: ['x'], outputs: ['y'], attributes: { kernel_shape: [4, 4] } };
    assert.deepEqual(await scratch(pool, weights([1])), [0, 0, 32, 0]);
  });

  it('tells an exact arena from estimated structures, and why an arena is estimated', async () => {
    const plain: GraphSpec = {
      inputs: [{ name: 'x', dims: [1, 64] }],
      outputs: [{ name: 'y' }],
      nodes: [{ op: 'Sigmoid', inputs: ['x'], outputs: ['y'] }],
    };
    const { memory } = await measured(plain, 'tflm-cmsis-nn-m4');
    assert.equal(memory.kind, 'estimated');
    assert.deepEqual(memory.kinds, { arena: 'exact', scratch: 'exact', persistent: 'estimated' });
    const row = (dims: readonly number[], kernel: readonly number[]): GraphSpec => ({
      inputs: [{ name: 'x', dims }],
      outputs: [{ name: 'y' }],
      initializers: [{ name: 'w', type: 'FLOAT', dims: [8, 4, ...kernel] }],
      nodes: [{ op: 'Conv', inputs: ['x', 'w'], outputs: ['y'], attributes: { auto_pad: 'SAME_UPPER' } }],
    });
    const oneAxis = (await measured(row([1, 4, 32], [3]), 'tflm-cmsis-nn-m4')).memory;
    assert.equal(oneAxis.kinds?.arena, 'estimated');
    assert.match(oneAxis.remarks.join(' '), /Windows over one axis are planned without the reshapes/);
    // One row on Helium: the left end with its padding, 3 + 1 positions of 4 channels; taller images are as any other.
    const oneRow = (await measured(row([1, 4, 1, 32], [1, 3]), 'tflm-cmsis-nn-m55')).memory;
    assert.deepEqual([oneRow.scratchBytes, oneRow.kinds?.arena], [16, 'estimated']);
    const tall = (await measured(row([1, 4, 8, 32], [1, 3]), 'tflm-cmsis-nn-m55')).memory;
    assert.deepEqual([tall.scratchBytes, tall.kind], [64, 'exact']);
  });
});
