import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { EngineRefused, type EngineTensor, type InferenceEngine } from '../../../../extension/inference/engine';
import { loadWasmFromDisk } from '../../../../extension/inference/node-wasm';
import { createWebEngine } from '../../../../extension/inference/web-engine';
import { collectRanges } from '../../../../extension/quantize/calibration/collect-ranges';
import { compareOutputs } from '../../../../extension/quantize/calibration/compare-outputs';
import { observationGroups } from '../../../../extension/quantize/calibration/observation';
import type { Sample, SampleSource } from '../../../../extension/quantize/calibration-data/samples';
import { buildModel, type GraphSpec, rawBytes } from '../../../fixtures/model-builder';

const engine = createWebEngine(loadWasmFromDisk);

function model(graph: GraphSpec) {
  return { bytes: buildModel({ opset: 13, graph }) };
}

/** y = relu(x * w + b), with everything in between. */
function layers(weight: readonly number[], bias = 0) {
  return model({
    inputs: [{ name: 'x', dims: [1, 3] }],
    outputs: [{ name: 'y', dims: [1, 3] }],
    initializers: [
      { name: 'w', type: 'FLOAT', dims: [3], values: weight },
      { name: 'b', type: 'FLOAT', dims: [1], values: [bias] },
    ],
    nodes: [
      { op: 'Mul', inputs: ['x', 'w'], outputs: ['product'] },
      { op: 'Add', inputs: ['product', 'b'], outputs: ['sum'] },
      { op: 'Relu', inputs: ['sum'], outputs: ['y'] },
    ],
  });
}

function source(
  rows: readonly (readonly number[])[],
  labels: readonly number[] = [],
): SampleSource & { passes: number } {
  return {
    synthetic: false,
    total: rows.length,
    passes: 0,
    async *samples(): AsyncGenerator<Sample, void> {
      this.passes++;
      for (const [index, row] of rows.entries()) {
        const tensor: EngineTensor = { dataType: 'FLOAT', dims: [1, 3], data: rawBytes('FLOAT', row) };
        const label = labels[index];
        yield {
          name: `row ${index}`,
          feeds: new Map([['x', tensor]]),
          count: 1,
          labels: new Map(label === undefined ? [] : [['y', [label]]]),
        };
      }
    },
  };
}

const rows = [
  [1, 2, 3],
  [-4, 5, -6],
  [0.5, 0, 0],
];

describe('collectRanges', () => {
  it('gives the extremes of inputs, inner tensors and outputs', async () => {
    const { ranges, samples, synthetic } = await collectRanges(
      engine,
      layers([1, 2, -1], 1),
      ['x', 'product', 'sum', 'y'],
      source(rows),
      {
        method: 'minmax',
      },
    );
    deepEqual(
      Array.from(ranges, ([name, { minimum, maximum, elements }]) => [name, minimum, maximum, elements]),
      [
        ['x', -6, 5, 9],
        ['product', -4, 10, 9],
        ['sum', -3, 11, 9],
        ['y', 0, 11, 9],
      ],
    );
    deepEqual([samples, synthetic], [3, false]);
  });

  it('gives the same in several passes, and the number of runs to progress', async () => {
    const tensors = ['x', 'product', 'sum', 'y'];
    const once = await collectRanges(engine, layers([1, 2, -1]), tensors, source(rows), { method: 'mse' });
    const large = source(rows);
    const seen: string[] = [];
    const twice = await collectRanges(engine, layers([1, 2, -1]), tensors, large, {
      method: 'mse',
      sizeOf: () => 2 ** 28,
      progress: (done, total) => seen.push(`${done}/${total}`),
    });
    deepEqual(twice, once);
    equal(large.passes, 2);
    deepEqual(seen, ['1/6', '2/6', '3/6', '4/6', '5/6', '6/6']);
  });

  it('gives numbers per channel', async () => {
    const { channels } = await collectRanges(engine, layers([1, 2, -1]), ['y'], source(rows), {
      method: 'minmax',
      channels: new Map([
        ['product', -1],
        ['x', 0],
      ]),
    });
    const product = channels.get('product');
    ok(product);
    deepEqual(
      [...product.mean].map((mean) => Math.round(mean * 1e6) / 1e6),
      [-0.833333, 4.666667, 1],
    );
    deepEqual(
      [[...product.minimum], [...product.maximum]],
      [
        [-4, 0, -3],
        [1, 10, 6],
      ],
    );
    deepEqual([...(channels.get('x')?.mean ?? [])], [1.5 / 9]);
  });

  it('counts NaN and infinity by tensor', async () => {
    const roots = model({
      inputs: [{ name: 'x', dims: [1, 3] }],
      outputs: [{ name: 'y', dims: [1, 3] }],
      nodes: [{ op: 'Log', inputs: ['x'], outputs: ['y'] }],
    });
    const { ranges } = await collectRanges(engine, roots, ['x', 'y'], source(rows), { method: 'minmax' });
    deepEqual([ranges.get('x')?.notFinite, ranges.get('y')?.notFinite], [0, 4]);
  });

  it('says which tensor or sample is at fault', async () => {
    const collect = (tensors: string[], data: SampleSource) =>
      collectRanges(engine, layers([1, 2, 3]), tensors, data, { method: 'minmax' });
    await rejects(collect(['absent'], source(rows)), /computes no tensor absent/);
    const odd: SampleSource = {
      ...source(rows),
      async *samples() {
        yield { name: 'odd.npy', feeds: new Map(), count: 1, labels: new Map() };
      },
    };
    await rejects(
      collect(['y'], odd),
      (error) => error instanceof EngineRefused && /^with odd\.npy: /.test(error.message),
    );
  });

  it('stops when told to and releases the session', async () => {
    let open = 0;
    const counting: InferenceEngine = {
      async open(bytes, options) {
        const session = await engine.open(bytes, options);
        open++;
        return {
          inputs: session.inputs,
          outputs: session.outputs,
          run: (feeds) => session.run(feeds),
          async release() {
            open--;
            await session.release();
          },
        };
      },
    };
    const controller = new AbortController();
    const options = { method: 'minmax', signal: controller.signal, progress: () => controller.abort() } as const;
    await rejects(collectRanges(counting, layers([1, 2, 3]), ['y'], source(rows), options), { name: 'AbortError' });
    await rejects(compareOutputs(counting, layers([1, 2, 3]), layers([1, 2, 3]), source(rows), options), {
      name: 'AbortError',
    });
    equal(open, 0);
  });
});

describe('observationGroups', () => {
  it('bounds what is held at once', () => {
    deepEqual(observationGroups([]), [[]]);
    deepEqual(
      observationGroups(['a', 'b', 'c'], () => 2 ** 27),
      [['a', 'b'], ['c']],
    );
    deepEqual(
      observationGroups(['a', 'b'], () => 2 ** 40),
      [['a'], ['b']],
    );
    equal(
      observationGroups(
        Array.from({ length: 1001 }, (_, index) => `t${index}`),
        () => 4,
      ).length,
      3,
    );
  });
});

describe('compareOutputs', () => {
  it('measures nothing where nothing differs', async () => {
    const { outputs, unmatched } = await compareOutputs(engine, layers([1, 2, 3]), layers([1, 2, 3]), source(rows));
    deepEqual(outputs, [
      {
        name: 'y',
        sqnrDb: undefined,
        cosine: 1,
        maxAbsoluteError: 0,
        elements: 9,
        notFinite: 0,
        top1: { agreeing: 3, rows: 3 },
      },
    ]);
    deepEqual(unmatched, []);
  });

  it('measures the ratio of signal to noise, cosine, largest error, agreement and accuracy', async () => {
    const data = source(
      [
        [1, 2, 3],
        [3, 2, 1],
      ],
      [2, 1],
    );
    const measured = await compareOutputs(engine, layers([1, 1, 1]), layers([2, 1, 1]), data, {
      tensors: ['product', 'absent'],
    });
    const [y] = measured.outputs;
    ok(y);
    // Signal 28, noise 1 + 9; the changed rows are 2 2 3 and 6 2 1.
    ok(Math.abs((y.sqnrDb ?? 0) - 10 * Math.log10(28 / 10)) < 1e-9);
    ok(Math.abs((y.cosine ?? 0) - (15 + 23) / Math.sqrt(28 * 58)) < 1e-9);
    equal(y.maxAbsoluteError, 3);
    deepEqual(y.top1, { agreeing: 2, rows: 2 });
    deepEqual(y.labelled, { reference: 1, changed: 1, rows: 2 });
    deepEqual(
      measured.tensors.map(({ name, sqnrDb, top1 }) => [name, sqnrDb === y.sqnrDb, top1]),
      [['product', true, undefined]],
    );
    deepEqual(measured.unmatched, ['absent']);
  });

  it('converts the input where the changed model takes another type', async () => {
    const halves = model({
      inputs: [{ name: 'x', type: 'FLOAT16', dims: [1, 3] }],
      outputs: [{ name: 'y', dims: [1, 3] }],
      nodes: [
        { op: 'Cast', inputs: ['x'], outputs: ['float'], attributes: { to: 1 } },
        { op: 'Relu', inputs: ['float'], outputs: ['y'] },
      ],
    });
    const { outputs } = await compareOutputs(engine, layers([1, 1, 1]), halves, source(rows));
    equal(outputs[0]?.maxAbsoluteError, 0);
  });

  it('reports outputs that only one has, and another shape', async () => {
    const renamed = model({
      inputs: [{ name: 'x', dims: [1, 3] }],
      outputs: [{ name: 'z', dims: [1, 3] }],
      nodes: [{ op: 'Relu', inputs: ['x'], outputs: ['z'] }],
    });
    deepEqual((await compareOutputs(engine, layers([1, 1, 1]), renamed, source(rows))).unmatched, ['y', 'z']);
    const flat = model({
      inputs: [{ name: 'x', dims: [1, 3] }],
      outputs: [{ name: 'y', dims: [3, 1] }],
      nodes: [{ op: 'Transpose', inputs: ['x'], outputs: ['y'] }],
    });
    await rejects(
      compareOutputs(engine, layers([1, 1, 1]), flat, source(rows)),
      /y is \[1,3\] in the original and \[3,1\]/,
    );
  });
});
