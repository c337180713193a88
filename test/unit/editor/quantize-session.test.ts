import assert from 'node:assert/strict';
import { QuantizeMemory } from '../../../extension/editor/quantize-memory';
import { QuantizeSession } from '../../../extension/editor/quantize-session';
import { MemoryByteSource } from '../../../extension/onnx/byte-source';
import { findTarget } from '../../../extension/targets/catalogue';
import { analyseModel } from '../../../extension/worker/analyse';
import type { Analysis } from '../../../extension/worker/analysis';
import { type CallName, type CallRequest, type CallResult, WorkerCallError } from '../../../extension/worker/calls';
import type { RecipeEstimate } from '../../../extension/worker/recipe-calls';
import type { CallOptions } from '../../../extension/worker/worker-client';
import { buildModel } from '../../fixtures/model-builder';

interface Call {
  readonly name: CallName;
  readonly request: unknown;
  readonly signal: AbortSignal | undefined;
  answer(value: unknown): void;
  fail(error: Error): void;
  progress(done: number, total: number): void;
}

/** A worker that answers when the test says so. A cancelled call is rejected, as the real one does. */
class HeldWorker {
  readonly calls: Call[] = [];

  call<Name extends CallName>(
    name: Name,
    request: CallRequest<Name>,
    options: CallOptions = {},
  ): Promise<CallResult<Name>> {
    return new Promise<CallResult<Name>>((resolve, reject) => {
      const call: Call = {
        name,
        request,
        signal: options.signal,
        answer: (value) => {
          this.take(call);
          if (isResult<Name>(value)) resolve(value);
        },
        fail: (error) => {
          this.take(call);
          reject(error);
        },
        progress: (done, total) => options.onProgress?.(done, total),
      };
      this.calls.push(call);
      options.signal?.addEventListener('abort', () => call.fail(new WorkerCallError('AbortError', 'cancelled')));
    });
  }

  private take(call: Call): void {
    const at = this.calls.indexOf(call);
    if (at >= 0) this.calls.splice(at, 1);
  }

  /** The call under way of a name. */
  one(name: CallName): Call {
    const call = this.calls.find((each) => each.name === name);
    assert.ok(call, `no call of ${name}; there are ${this.calls.map((each) => each.name).join(', ')}`);
    return call;
  }
}

/** What a test answers with is what the call gives. */
function isResult<Name extends CallName>(value: unknown): value is CallResult<Name> {
  return value !== undefined;
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

function estimate(fileBytes: number, flash = fileBytes): RecipeEstimate {
  return {
    kind: 'ready',
    fileBytes,
    externalBytes: undefined,
    dataFileName: undefined,
    constantBytes: flash,
    peakActivationBytes: 100,
    layers: [
      {
        name: 'fc',
        opType: 'Gemm',
        index: 0,
        scheme: 'int8',
        choices: ['float32', 'int8', 'int4-weights'],
        weightBytesBefore: 400,
        weightBytes: 100,
      },
    ],
    passes: [],
    left: [],
  };
}

const measurement = { outputs: [], sqnrDb: 30, samples: 32, synthetic: true, warnings: [] };

describe('a session of the Quantize view', () => {
  let analysis: Analysis;
  let worker: HeldWorker;
  let measuring: HeldWorker;
  let session: QuantizeSession;
  let open: number | undefined;
  let memory: QuantizeMemory;
  const kept = new Map<string, unknown>();

  before(async () => {
    const bytes = buildModel({
      graph: {
        inputs: [{ name: 'x', dims: [1, 10] }],
        outputs: [{ name: 'y', dims: [1, 10] }],
        nodes: [{ op: 'Relu', inputs: ['x'], outputs: ['y'] }],
      },
    });
    ({ analysis } = await analyseModel({ fileName: 'test.onnx', source: new MemoryByteSource(bytes) }));
  });

  function start(): QuantizeSession {
    return new QuantizeSession({
      worker,
      model: () => ({ key: 'm', session: open, analysis, footprint: undefined }),
      fit: () => ({
        target: findTarget('nrf52840'),
        externalRam: false,
        runtime: undefined,
        reserves: { flash: 0, ram: 0, stack: 0 },
      }),
      openMeasuring: async () => ({ worker: measuring, session: 9 }),
      memory,
      mediaOf: async () => undefined,
      changed: () => {},
    });
  }

  beforeEach(() => {
    open = 1;
    kept.clear();
    worker = new HeldWorker();
    measuring = new HeldWorker();
    memory = new QuantizeMemory({ get: () => undefined, update: async (key, value) => void kept.set(key, value) });
    session = start();
  });

  /** Answers all estimates that are asked for, until none is. */
  async function estimateAll(size: (request: unknown) => RecipeEstimate = () => estimate(1000)): Promise<void> {
    for (await settle(); worker.calls.length > 0; await settle()) {
      const call = worker.one('estimateRecipe');
      call.answer(size(call.request));
    }
  }

  it('estimates what is shown first, then every row, and recommends', async () => {
    session.update();
    await settle();
    assert.deepEqual(
      session.state?.rows.map(({ size }) => size.kind).filter((kind) => kind !== 'pending'),
      ['open'],
    );
    await estimateAll();
    const { state } = session;
    assert.ok(state?.rows.every(({ id, size }) => size.kind === (id === 'mixed' ? 'open' : 'ready')));
    assert.equal(state.chosen, 'int8');
    assert.equal(state.recommended?.id, 'int8');
    assert.equal(state.write.fileBytes, 1000);
    assert.match(state.write.blocked ?? '', /needs calibration data/);
  });

  it('lets the latest choice win: an earlier answer is not shown', async () => {
    session.update();
    await estimateAll();
    session.change({ kind: 'layer', name: 'fc', scheme: 'int4-weights' });
    await settle();
    const early = worker.one('estimateRecipe');
    session.change({ kind: 'layer', name: 'fc', scheme: 'float32' });
    early.answer(estimate(600));
    await settle();
    assert.equal(session.state?.write.fileBytes, 1000);
    assert.match(session.state?.write.blocked ?? '', /needs calibration data/);
    const late = worker.one('estimateRecipe');
    assert.match(JSON.stringify(late.request), /"fc":"float32"/);
    late.answer(estimate(1600));
    await estimateAll();
    assert.equal(session.state?.write.fileBytes, 1600);
    assert.deepEqual(session.state?.edited, ['fc']);
  });

  it('asks for the planned file after its sizes, and stops what nobody waits for when the person chooses', async () => {
    session.update();
    await settle();
    worker.one('estimateRecipe').answer(estimate(1000));
    await settle();
    const detail = worker.one('estimateRecipe');
    assert.match(JSON.stringify(detail.request), /"withAnalysis":true/);
    const figures = () => session.figures;
    assert.equal(figures(), undefined);
    session.change({ kind: 'layer', name: 'fc', scheme: 'float32' });
    await settle();
    assert.equal(detail.signal?.aborted, true);
    worker.one('estimateRecipe').answer(estimate(1600));
    await settle();
    worker.one('estimateRecipe').answer({ ...estimate(1600), analysis });
    await settle();
    assert.equal(figures()?.analysis, analysis);
    assert.equal(figures()?.constantBytes, 1600);
    assert.equal(figures(), session.figures);
  });

  it('cannot be written before the model it starts from was proved, and shows the plan that the proof leaves', async () => {
    session.update();
    session.setData({ kind: 'random' });
    await settle();
    const shown = worker.one('estimateRecipe');
    assert.match(JSON.stringify(shown.request), /"unproved":true/);
    shown.answer({ ...estimate(1000), unproved: true });
    await settle();
    worker.one('estimateRecipe').answer({ ...estimate(1000), analysis, unproved: true });
    await settle();
    assert.equal(session.state?.write.blocked, 'The prepared model is being compared with the source.');
    assert.equal(session.writable, undefined);
    const proof = worker.one('estimateRecipe');
    assert.doesNotMatch(JSON.stringify(proof.request), /unproved|withAnalysis/);
    proof.answer(estimate(1200));
    await settle();
    assert.equal(session.state?.write.blocked, undefined);
    const writable = () => session.writable;
    assert.equal(writable()?.estimate.fileBytes, 1200);
  });

  it('cannot be written while its size is computed', async () => {
    session.update();
    await estimateAll();
    session.setData({ kind: 'random' });
    await settle();
    assert.equal(session.state?.write.blocked, undefined);
    const writable = () => session.writable;
    assert.equal(writable()?.estimate.fileBytes, 1000);
    session.change({ kind: 'scheme', id: 'int4-weights' });
    session.change({ kind: 'option', option: { blockSize: 64 } });
    assert.equal(session.state?.write.blocked, 'The size is being computed.');
    assert.equal(writable(), undefined);
    await estimateAll(() => estimate(700));
    assert.equal(writable()?.estimate.fileBytes, 700);
    assert.equal(writable()?.recipe.scheme, 'int4-weights');
  });

  it('reads the data, measures the plan, then layers, candidates and every plan of the frontier', async () => {
    session.update();
    await estimateAll();
    session.setData({ kind: 'files', paths: ['/data.npz'], media: undefined });
    await settle();
    assert.equal(session.state?.data.reading, true);
    measuring.one('describeData').answer({ samples: 64, inputs: [] });
    await settle();
    assert.equal(session.state?.data.found?.samples, 64);
    measuring.one('measurePlan').answer(measurement);
    await settle();
    assert.equal(session.state?.measurement.kind, 'ready');
    assert.equal(session.state?.plainDb, 30);
    assert.deepEqual(measuring.calls, []);
    session.measure();
    await settle();
    measuring.one('sensitivity').progress(2, 8);
    assert.deepEqual(session.state?.sensitivity, { kind: 'running', done: 2, total: 8 });
    measuring.one('sensitivity').answer({ layers: [], samples: 32, synthetic: false, left: [] });
    await settle();
    const plan = (flashBytes: number, name: string) => ({
      recipe: { scheme: 'int8', options: { layers: { [name]: 'int4-weights' } } },
      counts: { int8: 1, 'int4-weights': 1 },
      noise: flashBytes,
      fileBytes: flashBytes,
      externalBytes: undefined,
      flashBytes,
      flashKind: 'exact',
      ramBytes: 10,
      ramKind: 'exact',
    });
    measuring.one('candidatePlans').answer([plan(900, 'a'), plan(800, 'b')]);
    await settle();
    assert.equal(session.state?.frontier.points.length, 2);
    measuring.one('measurePlan').answer(measurement);
    await settle();
    measuring.one('measurePlan').fail(new Error('It cannot run.'));
    await settle();
    assert.deepEqual(
      session.state?.frontier.points.map(({ measurement: { kind } }) => kind),
      ['ready', 'failed'],
    );
    assert.equal(session.state?.frontier.running, false);
    session.change({ kind: 'plan', index: 1 });
    await estimateAll(() => estimate(800));
    assert.equal(session.state?.frontier.shown, 1);
    assert.match(JSON.stringify(session.recipe), /"b":"int4-weights"/);
  });

  it('stops where the person says so, and goes on where it was', async () => {
    session.update();
    await estimateAll();
    session.setData({ kind: 'random' });
    await settle();
    const { signal } = measuring.one('measurePlan');
    session.pause();
    await settle();
    assert.equal(signal?.aborted, true);
    assert.deepEqual(measuring.calls, []);
    assert.equal(session.state?.paused, true);
    session.measure();
    await settle();
    measuring.one('measurePlan').answer(measurement);
    await settle();
    measuring.one('sensitivity');
  });

  it('says what is wrong with the data, and measures nothing', async () => {
    session.update();
    await estimateAll();
    session.setData({ kind: 'files', paths: ['/bad.npz'], media: undefined });
    await settle();
    measuring.one('describeData').fail(new Error('input wants 1x8x8, bad.npz has 32.'));
    await settle();
    assert.equal(session.state?.data.problem, 'input wants 1x8x8, bad.npz has 32.');
    assert.match(session.state?.write.blocked ?? '', /step 3/);
    assert.deepEqual(measuring.calls, []);
  });

  it('begins anew when the file was read again, and drops what was on its way', async () => {
    session.update();
    await estimateAll();
    session.setData({ kind: 'random' });
    await settle();
    const old = measuring.one('measurePlan');
    open = 2;
    session.update();
    await settle();
    assert.equal(old.signal?.aborted, true);
    assert.equal(session.state?.plan, undefined);
    assert.deepEqual(
      worker.calls.map(({ request }) => JSON.stringify(request).slice(0, 12)),
      ['{"session":2'],
    );
    await estimateAll(() => estimate(500));
    assert.equal(session.state?.write.fileBytes, 500);
  });

  it('gives a refusal as the reason that nothing can be written', async () => {
    session.update();
    await estimateAll(() => ({ kind: 'refused', reason: 'It is quantized already.' }));
    assert.equal(session.state?.refused, 'It is quantized already.');
    assert.equal(session.state?.write.blocked, 'It is quantized already.');
    assert.equal(session.figures, undefined);
  });

  it('remembers data and preprocessing, and takes them up again', async () => {
    session.setData({ kind: 'files', paths: ['/data.npz'], media: undefined });
    const [[, remembered] = []] = kept;
    memory = new QuantizeMemory({ get: () => give(remembered), update: async () => {} });
    session = start();
    await settle();
    assert.equal(session.state?.data.label, 'data.npz');
    measuring.one('describeData');
  });
});

/** A memento gives back whatever was kept, under any type. */
function give<Value>(value: unknown): Value | undefined;
function give(value: unknown): unknown {
  return value;
}
