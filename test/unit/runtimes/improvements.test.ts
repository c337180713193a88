import assert from 'node:assert/strict';
import { MemoryByteSource } from '../../../extension/onnx/byte-source';
import { readModel } from '../../../extension/onnx/read-model';
import type { Improvement } from '../../../extension/runtimes/improvement';
import { findImprovements, type ImprovementContext, ramWithArena } from '../../../extension/runtimes/improvements';
import type { Precision } from '../../../extension/runtimes/lowered';
import { lowerInSteps } from '../../../extension/runtimes/lowering';
import type { Runtime } from '../../../extension/runtimes/runtime';
import { allRuntimes, findRuntime } from '../../../extension/runtimes/runtimes';
import { finish } from '../../../extension/runtimes/steps';
import { inferShapes } from '../../../extension/shapes/infer-shapes';
import { buildModel, type GraphSpec } from '../../fixtures/model-builder';

function runtimeNamed(id: string): Runtime {
  const runtime = findRuntime(id);
  assert.ok(runtime, id);
  return runtime;
}

async function contextOf(
  graph: GraphSpec,
  {
    runtime = 'tflm-cmsis-nn-m4',
    precision = 'as-in-file' as Precision,
    others = ['onnx2c', 'st-edge-ai'],
    limit = 0,
  } = {},
): Promise<ImprovementContext> {
  const model = await readModel(new MemoryByteSource(buildModel({ graph })), { fileName: 'test.onnx' });
  const shapes = inferShapes(model);
  return {
    runtime: runtimeNamed(runtime),
    precision,
    lower: ({ dialect }, wanted) => lowerInSteps(shapes, dialect, wanted),
    others: others.map(runtimeNamed),
    ...(limit > 0 && { ramLimitBytes: limit }),
  };
}

function runToEnd(context: ImprovementContext): readonly Improvement[] {
  const search = findImprovements(context);
  for (;;) {
    const { value, done } = search.next();
    if (done) return value;
  }
}

async function improvementsOf(graph: GraphSpec, options: Parameters<typeof contextOf>[1] = {}) {
  const found = runToEnd(await contextOf(graph, options));
  return (kind: Improvement['kind']) => {
    const one = found.find((improvement) => improvement.kind === kind);
    assert.ok(one, `${kind} among ${found.map((improvement) => improvement.kind)}`);
    return one;
  };
}

/** Convolutions on an image that shrinks, then a classifier: large activations at the beginning. */
const chain: GraphSpec = {
  inputs: [{ name: 'image', dims: [1, 3, 32, 32] }],
  outputs: [{ name: 'scores' }],
  nodes: [
    conv('image', 'a', 'w1', 1),
    { op: 'Relu', inputs: ['a'], outputs: ['b'] },
    conv('b', 'c', 'w2', 2),
    conv('c', 'd', 'w3', 2),
    { op: 'GlobalAveragePool', inputs: ['d'], outputs: ['e'] },
    { op: 'Flatten', inputs: ['e'], outputs: ['f'] },
    { op: 'Gemm', inputs: ['f', 'w4'], outputs: ['scores'] },
  ],
  initializers: [
    { name: 'w1', type: 'FLOAT', dims: [16, 3, 3, 3] },
    { name: 'w2', type: 'FLOAT', dims: [16, 16, 3, 3] },
    { name: 'w3', type: 'FLOAT', dims: [16, 16, 3, 3] },
    { name: 'w4', type: 'FLOAT', dims: [16, 10] },
  ],
};

function conv(input: string, output: string, weight: string, stride: number) {
  const attributes = { kernel_shape: [3, 3], strides: [stride, stride], pads: [1, 1, 1, 1] };
  return { op: 'Conv', inputs: [input, weight], outputs: [output], attributes };
}

/** Two branches that grow large and come back small; the file runs both large halves first. */
const branches: GraphSpec = {
  inputs: [{ name: 'x', dims: [1, 16] }],
  outputs: [{ name: 'sum' }],
  nodes: [
    { op: 'Gemm', inputs: ['x', 'up'], outputs: ['large1'] },
    { op: 'Gemm', inputs: ['x', 'up2'], outputs: ['large2'] },
    { op: 'Gemm', inputs: ['large1', 'down'], outputs: ['small1'] },
    { op: 'Gemm', inputs: ['large2', 'down2'], outputs: ['small2'] },
    { op: 'Add', inputs: ['small1', 'small2'], outputs: ['sum'] },
  ],
  initializers: [
    { name: 'up', type: 'FLOAT', dims: [16, 4096] },
    { name: 'up2', type: 'FLOAT', dims: [16, 4096] },
    { name: 'down', type: 'FLOAT', dims: [4096, 16] },
    { name: 'down2', type: 'FLOAT', dims: [4096, 16] },
  ],
};

describe('improvements', () => {
  it('name a chain for what it is', async () => {
    const order = (await improvementsOf(chain))('order');
    assert.equal(order.detail, 'The graph is a chain; there is one order.');
    assert.equal(order.savedBytes, 0);
  });

  it('find a better order, and say that it is proven', async () => {
    const order = (await improvementsOf(branches))('order');
    // One large tensor of 16 KiB instead of two.
    assert.ok(order.savedBytes > 16_000 && order.savedBytes < 17_000, String(order.savedBytes));
    assert.match(order.detail, /No order has a smaller peak/);
  });

  it('say nothing saved by an order that writing over inputs saves already', async () => {
    // Without in-place, running each Sigmoid right before its use saves a tensor; ESP-DL writes it over its input.
    const elementwise: GraphSpec = {
      inputs: [{ name: 'x', dims: [1, 16] }],
      outputs: [{ name: 'sum' }],
      nodes: [
        { op: 'Gemm', inputs: ['x', 'up'], outputs: ['a'] },
        { op: 'Sigmoid', inputs: ['a'], outputs: ['b'] },
        { op: 'Gemm', inputs: ['x', 'up2'], outputs: ['c'] },
        { op: 'Tanh', inputs: ['c'], outputs: ['d'] },
        { op: 'Mul', inputs: ['b', 'd'], outputs: ['e'] },
        { op: 'Gemm', inputs: ['e', 'down'], outputs: ['sum'] },
      ],
      initializers: branches.initializers ?? [],
    };
    const found = await improvementsOf(elementwise, { runtime: 'esp-dl' });
    assert.equal(found('order').savedBytes, 0);
    assert.equal(found('order').detail, 'The order at hand has the smallest peak of all orders.');
    assert.match(found('in-place').detail, /already writes outputs over inputs/);
  });

  it('give the RAM of int8 as the runtime would plan it, and switch to it', async () => {
    const context = await contextOf(chain);
    const { runtime, lower } = context;
    const then = runtime.memory(finish(lower(runtime, 'int8'))).minimumArenaBytes;
    const now = runtime.memory(finish(lower(runtime, 'as-in-file'))).minimumArenaBytes;
    const int8 = runToEnd(context).find(({ kind }) => kind === 'precision');
    assert.deepEqual([int8?.ramBytes, int8?.savedBytes, int8?.switchTo], [then, now - then, { precision: 'int8' }]);
  });

  it('offer int8 only where it is not that already and the runtime plans it', async () => {
    for (const options of [{ precision: 'int8' }, { runtime: 'onnx2c' }] as const) {
      assert.ok(!runToEnd(await contextOf(chain, options)).some(({ kind }) => kind === 'precision'));
    }
  });

  it('run the beginning in patches where the peak is there, with what is computed again', async () => {
    const patches = (await improvementsOf(chain))('patches');
    assert.ok(patches.savedBytes > 0, patches.detail);
    assert.equal(patches.figure, 'estimated');
    assert.match(patches.detail, /^The first \d operators in (\d) × \1 patches: .*, with \d+\.\d % more MACs/);
  });

  it('take the patches that compute least again where a limit is given', async () => {
    const { ramBytes: least } = (await improvementsOf(chain))('patches');
    const limit = least + 20_000;
    const enough = (await improvementsOf(chain, { limit }))('patches');
    assert.ok(enough.ramBytes <= limit);
    const share = (text: string) => Number(/([\d.]+) % more/.exec(text)?.[1]);
    const most = (await improvementsOf(chain))('patches');
    assert.ok(share(enough.detail) <= share(most.detail), `${enough.detail} ${most.detail}`);
  });

  it('say why patches do not help', async () => {
    const patches = (await improvementsOf(branches))('patches');
    assert.equal(patches.savedBytes, 0);
    assert.match(patches.detail, /does not begin with a chain/);
  });

  it('claim an optimal placement only with a proof, and never a worse one', async () => {
    for (const graph of [chain, branches]) {
      const placement = (await improvementsOf(graph))('placement');
      assert.ok(placement.savedBytes >= 0);
      assert.match(placement.detail, /optimal for this order of execution/);
    }
  });

  it('write over inputs where that lowers the arena', async () => {
    const graph: GraphSpec = {
      inputs: [{ name: 'x', dims: [1, 1000] }],
      outputs: [{ name: 'y' }],
      nodes: [
        { op: 'Sigmoid', inputs: ['x'], outputs: ['a'] },
        { op: 'Tanh', inputs: ['a'], outputs: ['y'] },
      ],
    };
    const inPlace = (await improvementsOf(graph))('in-place');
    assert.ok(inPlace.savedBytes >= 3900, inPlace.detail);
    const done = (await improvementsOf(graph, { runtime: 'esp-dl' }))('in-place');
    assert.equal(done.savedBytes, 0);
    assert.match(done.detail, /already/);
  });

  it('name other runtimes only where they run everything and need less', async () => {
    const found = runToEnd(await contextOf(branches, { others: ['onnx2c', 'st-edge-ai', 'onnxruntime-mobile'] }));
    for (const { kind, savedBytes, switchTo } of found) {
      if (kind !== 'runtime') continue;
      assert.ok(savedBytes > 0);
      assert.notEqual(switchTo?.runtime, 'onnxruntime-mobile');
    }
    const odd: GraphSpec = {
      inputs: [{ name: 'x', dims: [1, 1000] }],
      outputs: [{ name: 'y' }],
      nodes: [{ op: 'NobodyKnowsThis', inputs: ['x'], outputs: ['y'] }],
    };
    assert.ok(!runToEnd(await contextOf(odd)).some(({ kind }) => kind === 'runtime'));
  });

  it('go on to the next part when told that it is enough, and still say something of each', async () => {
    const search = findImprovements(await contextOf(branches));
    let step = search.next();
    for (let pieces = 0; !step.done; pieces++) {
      assert.ok(pieces < 60, 'the search goes on');
      step = search.next('enough');
    }
    const kinds = new Set(step.value.map(({ kind }) => kind));
    for (const kind of ['placement', 'in-place', 'order', 'patches', 'precision'] as const)
      assert.ok(kinds.has(kind), kind);
  });

  it('stand in the order of what they save', async () => {
    const saved = runToEnd(await contextOf(chain)).map(({ savedBytes }) => savedBytes);
    assert.deepEqual(
      saved,
      saved.toSorted((a, b) => b - a),
    );
  });

  it('keep what loading needs, however small the arena', async () => {
    const { runtime, lower } = await contextOf(branches);
    const memory = { ...runtime.memory(finish(lower(runtime, 'as-in-file'))), loadingBytes: 5000 };
    assert.equal(ramWithArena(memory, memory.arenaBytes), memory.minimumArenaBytes);
    assert.equal(ramWithArena(memory, 0), Math.max(5000, Math.ceil(memory.persistentBytes / 16) * 16));
  });

  it('give way often on long graphs: no step reads more than a small part of the values', async () => {
    const length = 20_000;
    const nodes = Array.from({ length }, (_, index) => ({
      op: index % 3 === 0 ? 'Sigmoid' : 'Relu',
      inputs: [`v${index}`],
      outputs: [`v${index + 1}`],
    }));
    const graph = { inputs: [{ name: 'v0', dims: [1, 8] }], outputs: [{ name: `v${length}` }], nodes };
    const model = await readModel(new MemoryByteSource(buildModel({ graph })), { fileName: 'long.onnx' });
    const shapes = inferShapes(model);
    let reads = 0;
    class CountedMap<Key, Value> extends Map<Key, Value> {
      override get(key: Key): Value | undefined {
        reads++;
        return super.get(key);
      }
    }
    const counted = { ...shapes, graph: { ...shapes.graph, values: new CountedMap(shapes.graph.values) } };
    const search = findImprovements({
      runtime: runtimeNamed('tflm-cmsis-nn-m4'),
      precision: 'int8',
      lower: ({ dialect }, wanted) => lowerInSteps(counted, dialect, wanted),
      others: allRuntimes(),
    });
    let longest = 0;
    let total = 0;
    for (;;) {
      reads = 0;
      const { done } = search.next('enough');
      longest = Math.max(longest, reads);
      total += reads;
      if (done) break;
    }
    assert.ok(total > 10 * length, `${total} reads in all`);
    assert.ok(longest < length, `${longest} reads in one step`);
  });
});
