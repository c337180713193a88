import assert from 'node:assert/strict';
import { MemoryByteSource } from '../../../extension/onnx/byte-source';
import type { WhatIfSchemeId } from '../../../extension/quantize/what-if-scheme';
import { compareModels, withErrors } from '../../../extension/worker/compare';
import type { ComparedOrigin } from '../../../extension/worker/compare-calls';
import { compareSessions } from '../../../extension/worker/compare-sessions';
import type { ComparedLayer, Comparison, TotalId } from '../../../extension/worker/comparison';
import { type ModelSession, planned, startSession } from '../../../extension/worker/model-sessions';
import { measureSession } from '../../../extension/worker/runtime-figures';
import { buildModel, type GraphSpec, type NodeSpec } from '../../fixtures/model-builder';

const values = (count: number) => Array.from({ length: count }, (_, index) => ((index * 37) % 101) / 50 - 1);

/** Two convolutions, a Relu between them, and a Gemm. `named`: the nodes have names. */
function net(named: boolean, change: Partial<GraphSpec> = {}): Uint8Array {
  const name = (text: string) => (named ? { name: text } : {});
  return buildModel({
    opset: 17,
    graph: {
      inputs: [{ name: 'image', dims: [1, 3, 8, 8] }],
      outputs: [{ name: 'scores', dims: [1, 10] }],
      nodes: [
        { op: 'Conv', ...name('stem'), inputs: ['image', 'w1', 'b1'], outputs: ['features'] },
        { op: 'Relu', ...name('active'), inputs: ['features'], outputs: ['positive'] },
        { op: 'Conv', ...name('spread'), inputs: ['positive', 'w2'], outputs: ['spreads'] },
        { op: 'Flatten', ...name('flat'), inputs: ['spreads'], outputs: ['row'] },
        { op: 'Gemm', ...name('classify'), inputs: ['row', 'w3', 'b3'], outputs: ['scores'] },
      ],
      initializers: [
        { name: 'w1', type: 'FLOAT', dims: [8, 3, 3, 3], values: values(216) },
        { name: 'b1', type: 'FLOAT', dims: [8], values: values(8) },
        { name: 'w2', type: 'FLOAT', dims: [8, 8, 3, 3], values: values(576) },
        { name: 'w3', type: 'FLOAT', dims: [128, 10], values: values(1280) },
        { name: 'b3', type: 'FLOAT', dims: [10], values: values(10) },
      ],
      ...change,
    },
  });
}

function open(bytes: Uint8Array, fileName = 'net.onnx'): Promise<ModelSession> {
  return startSession({ fileName, source: new MemoryByteSource(bytes), close: async () => {} }, []);
}

/** The comparison of a model with the file that a scheme would write of it. */
async function withScheme(named: boolean, scheme: WhatIfSchemeId): Promise<Comparison> {
  const before = await open(net(named));
  const { analysed } = await planned(before, scheme);
  return compareModels({ analysed: before.analysed }, { analysed });
}

function layerNamed({ layers }: Comparison, name: string): ComparedLayer {
  const found = layers.find((layer) => layer.name === name);
  assert.ok(found, `${name} among ${layers.map((layer) => layer.name).join(', ')}`);
  return found;
}

function total({ totals }: Comparison, id: TotalId) {
  const found = totals.find((row) => row.id === id);
  assert.ok(found);
  return found;
}

describe('a comparison of two models', () => {
  it('of a model with itself changes nothing', async () => {
    const { analysed } = await open(net(true));
    const comparison = compareModels({ analysed }, { analysed });
    assert.deepEqual(comparison.facts, {
      matched: 5,
      onlyBefore: 0,
      onlyAfter: 0,
      sameShapes: true,
      weighted: 3,
      retyped: 0,
    });
    for (const { change } of comparison.totals) assert.equal(change.value, 0);
    for (const { before, after } of comparison.layers) assert.deepEqual(before, after);
  });

  for (const named of [true, false]) {
    const nodes = named ? 'nodes with names' : 'nodes without names';

    it(`counts int8 weights and their scales for the layer that reads them, of ${nodes}`, async () => {
      const comparison = await withScheme(named, 'int8-weights');
      assert.equal(comparison.facts.matched, 5);
      assert.equal(comparison.facts.onlyBefore + comparison.facts.onlyAfter, 0);
      const spread = layerNamed(comparison, named ? 'spread' : 'spreads');
      assert.equal(spread.before?.precision, 'float32');
      assert.equal(spread.after?.precision, 'int8');
      assert.equal(spread.before?.weightBytes, 576 * 4);
      assert.equal(spread.before?.quantizationBytes, 0);
      const scales = spread.after?.quantizationBytes ?? 0;
      assert.ok(scales >= 4);
      assert.equal(spread.after?.weightBytes, 576 + scales);
      assert.equal(spread.after?.servedBy, 'DequantizeLinear');
    });

    for (const scheme of ['int8', 'int16x8', 'int8-dynamic', 'int4-weights', 'fixed-point', 'float16'] as const) {
      it(`finds every layer again after ${scheme}, of ${nodes}`, async () => {
        const comparison = await withScheme(named, scheme);
        const { facts, layers } = comparison;
        const lost = layers.filter(({ before, after }) => !before || !after).map(({ name }) => name);
        // The range of the activation does the work of the Relu.
        const folded = scheme === 'int8' ? [named ? 'active' : 'positive'] : [];
        assert.deepEqual(lost, folded);
        assert.equal(facts.matched, 5 - folded.length);
        assert.equal(facts.weighted, 3);
        assert.equal(facts.retyped, 3);
      });
    }
  }

  it('gives the layers all the weights and scales of the model, none twice', async () => {
    for (const scheme of ['int8', 'int8-dynamic', 'int4-weights', 'int8-weights'] as const) {
      const comparison = await withScheme(true, scheme);
      for (const side of ['before', 'after'] as const) {
        const sum = comparison.layers.reduce((bytes, layer) => bytes + (layer[side]?.weightBytes ?? 0), 0);
        assert.equal(sum, total(comparison, 'weights')[side].value + total(comparison, 'quantization')[side].value);
      }
    }
  });

  it('puts layers that one of the two has into groups of their own', async () => {
    const before = await open(net(true));
    const nodes: readonly NodeSpec[] = [
      { op: 'Conv', name: 'stem', inputs: ['image', 'w1', 'b1'], outputs: ['features'] },
      { op: 'Sigmoid', name: 'squash', inputs: ['features'], outputs: ['positive'] },
      { op: 'Conv', name: 'spread', inputs: ['positive', 'w2'], outputs: ['spreads'] },
      { op: 'Flatten', name: 'other name', inputs: ['spreads'], outputs: ['row'] },
      { op: 'Gemm', name: 'classify', inputs: ['row', 'w3', 'b3'], outputs: ['scores'] },
      { op: 'Relu', name: 'extra', inputs: ['scores'], outputs: ['unused'] },
    ];
    const after = await open(net(true, { nodes }));
    const comparison = compareModels(before, after);
    // The Sigmoid gives the value that the Relu gave: the same layer by its output.
    assert.deepEqual(
      comparison.layers.map(({ name, before: one, after: other }) => [name, one?.name, other?.name]),
      [
        ['stem', 'stem', 'stem'],
        ['active', 'active', 'squash'],
        ['spread', 'spread', 'spread'],
        ['flat', 'flat', 'other name'],
        ['classify', 'classify', 'classify'],
        ['extra', undefined, 'extra'],
      ],
    );
    assert.equal(comparison.facts.onlyAfter, 1);
    const swapped = compareModels(after, before);
    assert.equal(swapped.facts.onlyBefore, 1);
    assert.equal(swapped.layers.at(-1)?.name, 'extra');
  });

  it('has a figure, a change and a share for every total, lower bounds where there is no runtime', async () => {
    const comparison = await withScheme(true, 'int8-weights');
    const weights = total(comparison, 'weights');
    assert.deepEqual(weights.before, { value: (216 + 8 + 576 + 1280 + 10) * 4, kind: 'exact' });
    assert.equal(weights.change.value, weights.after.value - weights.before.value);
    assert.equal(weights.share, weights.change.value / weights.before.value);
    const flash = total(comparison, 'flash');
    assert.equal(flash.before.kind, 'lower bound');
    assert.equal(flash.change.kind, 'estimated');
    assert.equal(total(comparison, 'quantization').share, null);
    assert.equal(total(comparison, 'macs').change.value, 0);
    assert.equal(comparison.facts.sameShapes, true);
  });

  it('takes flash, RAM and live bytes of a runtime where it has those of both', async () => {
    const session = await open(net(true));
    const figures = async (scheme?: WhatIfSchemeId) =>
      measureSession(session, { runtime: 'tflm', precision: 'as-in-file', ...(scheme && { scheme }) });
    const before = { analysed: session.analysed, footprint: await figures() };
    const after = { analysed: (await planned(session, 'int8')).analysed, footprint: await figures('int8') };
    const comparison = compareModels(before, after);
    assert.equal(comparison.runtime?.id, 'tflm');
    assert.equal(total(comparison, 'flash').before.value, before.footprint.flash.totalBytes);
    assert.equal(total(comparison, 'ram').after.value, after.footprint.memory.minimumArenaBytes);
    assert.equal(total(comparison, 'live').after.value, after.footprint.memory.lowerBoundBytes);
    // The Relu runs inside the convolution before it; the convolution is int8 on both ends.
    const stem = layerNamed(comparison, 'stem');
    assert.ok((stem.after?.liveBytes ?? Infinity) <= (stem.before?.liveBytes ?? 0) / 3);
    assert.equal(layerNamed(comparison, 'active').before?.liveBytes, undefined);
    const alone = compareModels(before, { analysed: after.analysed });
    assert.equal(alone.runtime, undefined);
    assert.equal(total(alone, 'flash').before.kind, 'lower bound');
  });

  it('takes up the errors that a quantization measured, by name', async () => {
    const comparison = withErrors(await withScheme(true, 'int8'), [
      { name: 'stem', sqnrDb: 31.5 },
      { name: 'classify', sqnrDb: undefined },
      { name: 'nobody', sqnrDb: 1 },
    ]);
    assert.deepEqual(
      comparison.layers.flatMap(({ name, outputDb }) => (outputDb === undefined ? [] : [[name, outputDb]])),
      [['stem', 31.5]],
    );
  });

  it('of ten thousand layers, and of a chain of conversions as long, takes no more than its turn', async () => {
    const count = 10_000;
    const chain = (op: string): readonly NodeSpec[] =>
      Array.from({ length: count }, (_, step) => ({
        op,
        ...(op === 'Relu' && { name: `layer${step}` }),
        inputs: [step === 0 ? 'x' : `v${step}`],
        outputs: [step === count - 1 ? 'y' : `v${step + 1}`],
      }));
    const graph = (op: string) => ({ inputs: [{ name: 'x', dims: [4] }], outputs: [{ name: 'y' }], nodes: chain(op) });
    const relus = await open(buildModel({ opset: 17, graph: graph('Relu') }));
    const casts = await open(buildModel({ opset: 17, graph: graph('Identity') }));
    assert.equal(compareModels(relus, relus).facts.matched, count);
    const mixed = compareModels(relus, casts);
    assert.equal(mixed.facts.matched + mixed.facts.onlyBefore, count);
  });
});

describe('a comparison in the worker', () => {
  const engine = { open: () => Promise.reject(new Error('nothing is run')) };
  const scope = { signal: new AbortController().signal };

  it('gives the sizes of the planned file, and figures of every runtime that is asked for', async () => {
    const session = await open(net(true));
    const { plan } = await planned(session, 'int8-weights');
    const origin = { session: 1 };
    const result = await compareSessions(
      () => session,
      { before: origin, after: { ...origin, scheme: 'int8-weights' }, runtime: 'tflm', others: ['onnx2c', 'tflm'] },
      engine,
      scope,
    );
    assert.equal(total(result.comparison, 'file').after.value, plan.predictedFileBytes);
    assert.equal(total(result.comparison, 'file').before.value, session.analysed.analysis.file.bytes);
    assert.deepEqual(Object.keys(result.before.onRuntimes).sort(), ['onnx2c', 'tflm']);
    assert.equal(result.after.data.totals.macs, session.analysed.footprint.totals.macs);
  });

  it('tells the error of the weights of each layer where one is a plan of the other', async () => {
    const session = await open(net(true));
    const [file, plan] = [{ session: 1 }, { session: 1, scheme: 'int8-weights' } as const];
    const compare = async (before: ComparedOrigin, after: ComparedOrigin) => {
      const request = { before, after, others: [] };
      return (await compareSessions(() => session, request, engine, scope)).comparison;
    };
    const comparison = await compare(file, plan);
    for (const { name, weightsDb } of comparison.layers) {
      if (name === 'active' || name === 'flat') assert.equal(weightsDb, undefined);
      // Eight bits give some 6 dB each, less what the distribution leaves unused.
      else assert.ok(weightsDb !== undefined && weightsDb > 35 && weightsDb < 60, `${name}: ${weightsDb}`);
    }
    for (const other of [await compare(plan, file), await compare(file, file)]) {
      assert.ok(other.layers.every(({ weightsDb }) => weightsDb === undefined));
    }
  });

  it('without the runtime where that cannot measure one of them, and says why', async () => {
    const session = await open(net(true));
    const origin = { session: 1 };
    const { comparison, before } = await compareSessions(
      () => session,
      { before: origin, after: origin, runtime: 'no such runtime', others: [] },
      engine,
      scope,
    );
    assert.equal(comparison.runtime, undefined);
    assert.equal(before.onRuntimes['no such runtime']?.kind, 'refused');
  });
});
