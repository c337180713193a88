import assert from 'node:assert/strict';
import type { Footprint } from '../../../extension/budget/footprint';
import { MemoryByteSource } from '../../../extension/onnx/byte-source';
import { analyseModel } from '../../../extension/worker/analyse';
import { buildModel, type GraphSpec, type ModelSpec, type NodeSpec } from '../../fixtures/model-builder';

async function footprint(spec: ModelSpec, dims: Record<string, number> = {}): Promise<Footprint> {
  const input = { fileName: 'test.onnx', source: new MemoryByteSource(buildModel(spec)) };
  return (await analyseModel(input, new Map(Object.entries(dims)))).footprint;
}

const float = (name: string, dims: readonly number[]) => ({ name, type: 'FLOAT', dims }) as const;
const relu = (input: string, output: string): NodeSpec => ({ op: 'Relu', inputs: [input], outputs: [output] });

describe('element operations and bytes moved', () => {
  it('count each operand once, weights included, and each result', async () => {
    const { layers, totals } = await footprint({
      graph: {
        inputs: [{ name: 'x', dims: [2, 4] }],
        outputs: [{ name: 'z' }],
        initializers: [float('w', [4, 3]), float('b', [3])],
        nodes: [
          { op: 'Gemm', inputs: ['x', 'w', 'b'], outputs: ['y'] },
          { op: 'Mul', inputs: ['y', 'y'], outputs: ['z'] },
        ],
      },
    });
    assert.deepEqual(
      layers.map((layer) => [layer.elementOperations, layer.bytesRead, layer.bytesWritten]),
      [
        [6, 4 * (8 + 12 + 3), 24],
        [6, 24, 24],
      ],
    );
    assert.deepEqual([totals.elementOperations, totals.elementOperationsIncomplete], [12, false]);
  });

  it('read of a table what is looked up, and of Shape nothing', async () => {
    const { layers } = await footprint({
      graph: {
        inputs: [{ name: 'ids', type: 'INT64', dims: [5] }],
        outputs: [{ name: 'rows' }, { name: 'shape' }],
        initializers: [float('table', [1000, 8])],
        nodes: [
          { op: 'Gather', inputs: ['table', 'ids'], outputs: ['rows'] },
          { op: 'Shape', inputs: ['rows'], outputs: ['shape'] },
        ],
      },
    });
    assert.deepEqual(
      layers.map((layer) => [layer.elementOperations, layer.bytesRead, layer.bytesWritten]),
      [
        [0, 5 * 8 + 5 * 8 * 4, 5 * 8 * 4],
        [0, 0, 16],
      ],
    );
  });

  it('go through bodies as multiply-accumulates do: the dearer branch, each call of a function', async () => {
    const graph = (nodes: readonly NodeSpec[]): { readonly graph: GraphSpec } => ({
      graph: { outputs: [{ name: 'r' }], nodes },
    });
    const { layers } = await footprint({
      opsets: { '': 17, local: 1 },
      graph: {
        inputs: [
          { name: 'x', dims: [8] },
          { name: 'go', type: 'BOOL', dims: [] },
        ],
        outputs: [{ name: 'y' }, { name: 'z' }],
        nodes: [
          {
            op: 'If',
            inputs: ['go'],
            outputs: ['y'],
            attributes: {
              then_branch: graph([relu('x', 'r')]),
              else_branch: graph([relu('x', 'a'), relu('a', 'r')]),
            },
          },
          { op: 'Thrice', domain: 'local', inputs: ['x'], outputs: ['z'] },
        ],
      },
      functions: [
        {
          name: 'Thrice',
          domain: 'local',
          inputs: ['i'],
          outputs: ['o'],
          opsets: { '': 17 },
          nodes: [relu('i', 'a'), relu('a', 'b'), relu('b', 'o')],
        },
      ],
    });
    assert.deepEqual(
      layers.map((layer) => [layer.elementOperations, layer.bytesRead, layer.bytesWritten]),
      [
        [16, 64, 64],
        [24, 96, 96],
      ],
    );
  });

  it('are at least what is shown where an operator is not known', async () => {
    const { layers, totals } = await footprint({
      opsets: { '': 17, custom: 1 },
      graph: {
        inputs: [{ name: 'x', dims: [8] }],
        outputs: [{ name: 'z' }],
        nodes: [relu('x', 'y'), { op: 'Foo', domain: 'custom', inputs: ['y'], outputs: ['z'] }],
      },
    });
    assert.deepEqual(
      layers.map((layer) => [layer.elementOperations, layer.bytesRead, layer.bytesWritten]),
      [
        [8, 32, 32],
        [undefined, 32, undefined],
      ],
    );
    assert.deepEqual([totals.elementOperations, totals.elementOperationsIncomplete], [8, true]);
  });
});

describe('sizes that cannot be', () => {
  /** Two windows of 9 over an input of open length, flattened (a product of sizes below 0), and a classifier. */
  const model: ModelSpec = {
    graph: {
      inputs: [{ name: 'x', dims: [1, 1, 'H', 'W'] }],
      outputs: [{ name: 'y' }],
      initializers: [float('k', [2, 1, 9, 9]), { name: 'to', type: 'INT64', dims: [2], values: [1, -1] }],
      nodes: [
        { op: 'Relu', inputs: ['x'], outputs: ['r'] },
        { op: 'Conv', name: 'window', inputs: ['r', 'k'], outputs: ['c'] },
        { op: 'Reshape', inputs: ['c', 'to'], outputs: ['flat'] },
        { op: 'Transpose', inputs: ['flat'], outputs: ['turned'] },
        { op: 'MatMul', inputs: ['flat', 'turned'], outputs: ['y'] },
      ],
    },
  };

  it('are unknown and named, never negative and never a product of negative ones', async () => {
    const { layers, totals, diagnostics } = await footprint(model);
    assert.deepEqual(
      layers.map(({ macs, activationBytes }) => [macs, activationBytes]),
      [
        [0, 4],
        [undefined, undefined],
        [0, undefined],
        [0, undefined],
        [undefined, 4],
      ],
    );
    assert.deepEqual([totals.macs, totals.macsIncomplete, totals.peakIncomplete], [0, true, true]);
    assert.ok(layers.every(({ liveBytes }) => liveBytes >= 0));
    assert.match(layers[1]?.unknown ?? '', /with H counted as 1, Conv node window has no valid size/);
    const said = diagnostics.filter(({ code }) => code === 'impossible-size');
    assert.deepEqual(
      said.map(({ message, place }) => [message, place?.nodeIndex]),
      [['With H counted as 1, Conv node window has no valid size; bind H to a size the model takes.', 1]],
    );
  });

  it('are there once the dimensions are bound', async () => {
    const { layers, totals, diagnostics } = await footprint(model, { H: 10, W: 12 });
    assert.deepEqual(
      layers.map(({ macs }) => macs),
      [0, 2 * 2 * 4 * 81, 0, 0, 16],
    );
    assert.equal(totals.macsIncomplete, false);
    assert.deepEqual(diagnostics, []);
  });
});

describe('sums beyond 2^53', () => {
  it('are not rounded: a value too large is not known, and said', async () => {
    const side = 2 ** 26;
    const { totals, layers, diagnostics } = await footprint({
      graph: {
        inputs: [{ name: 'x', dims: [side, side] }],
        outputs: [{ name: 'z' }],
        nodes: [relu('x', 'y'), { op: 'MatMul', inputs: ['y', 'y'], outputs: ['z'] }],
      },
    });
    assert.equal(layers[0]?.activationBytes, undefined);
    assert.equal(layers[1]?.macs, undefined);
    assert.deepEqual([totals.peakIncomplete, totals.macsIncomplete], [true, true]);
    assert.ok(Object.values(totals).every((total) => typeof total !== 'number' || Number.isSafeInteger(total)));
    assert.ok(diagnostics.some(({ code }) => code === 'unknown-size'));
  });

  it('are no sums of what ConstantOfShape could fill', async () => {
    const nodes: NodeSpec[] = Array.from({ length: 40 }, (_, step) => [
      { op: 'ConstantOfShape', inputs: ['shape'], outputs: [`c${step}`] },
      { op: 'Add', inputs: ['x', `c${step}`], outputs: [`y${step}`] },
    ]).flat();
    const { totals } = await footprint({
      graph: {
        inputs: [{ name: 'x', dims: [1] }],
        outputs: [],
        initializers: [{ name: 'shape', type: 'INT64', dims: [2], values: [2 ** 24, 2 ** 24] }],
        nodes,
      },
    });
    assert.equal(totals.parameters, 4 * 2 ** 48);
    assert.equal(totals.peakIncomplete, true);
    assert.ok(Object.values(totals).every((total) => typeof total !== 'number' || Number.isSafeInteger(total)));
  });

  it('of a thousand large layers stay exact: what does not fit any more is left out', async () => {
    const nodes: NodeSpec[] = Array.from({ length: 1000 }, (_, step) => ({
      op: 'MatMul',
      inputs: [step === 0 ? 'x' : `v${step - 1}`, 'w'],
      outputs: [`v${step}`],
    }));
    const side = 2 ** 15;
    const { totals, diagnostics } = await footprint({
      graph: {
        inputs: [
          { name: 'x', dims: [side * 4, side] },
          { name: 'w', dims: [side, side] },
        ],
        outputs: [{ name: 'v999' }],
        nodes,
      },
    });
    assert.equal(totals.macs, 63 * 4 * side ** 3);
    assert.equal(totals.macsIncomplete, true);
    assert.ok(diagnostics.some(({ code }) => code === 'beyond-exact'));
  });
});
