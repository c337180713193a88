import assert from 'node:assert/strict';
import {
  type ComparedSource,
  CompareSession,
  errorsOf,
  type MeasuredErrors,
} from '../../../extension/editor/compare-session';
import type { FitChoices } from '../../../extension/editor/page-state';
import { MemoryByteSource } from '../../../extension/onnx/byte-source';
import { findRuntime } from '../../../extension/runtimes/runtimes';
import { findTarget } from '../../../extension/targets/catalogue';
import type { CallRequest } from '../../../extension/worker/calls';
import { compareSessions } from '../../../extension/worker/compare-sessions';
import { type ModelSession, startSession } from '../../../extension/worker/model-sessions';
import type { RecipeOutcome } from '../../../extension/worker/recipe-calls';
import { buildModel } from '../../fixtures/model-builder';

function open(type: 'FLOAT' | 'INT8'): Promise<ModelSession> {
  const bytes = buildModel({
    opset: 17,
    graph: {
      inputs: [{ name: 'x', dims: [1, 64], type }],
      outputs: [{ name: 'y', dims: [1, 32], type }],
      nodes: [{ op: 'MatMul', name: 'dense', inputs: ['x', 'w'], outputs: ['y'] }],
      initializers: [{ name: 'w', type, dims: [64, 32] }],
    },
  });
  return startSession({ fileName: 'net.onnx', source: new MemoryByteSource(bytes), close: async () => {} }, []);
}

/** A session over a worker in this process; `settled` waits until nothing more is asked for. */
async function sessionWith(fit: Partial<FitChoices> = {}) {
  const models = new Map([
    [1, await open('FLOAT')],
    [2, await open('INT8')],
    [3, await open('INT8')],
  ]);
  const calls: Promise<unknown>[] = [];
  const engine = { open: () => Promise.reject(new Error('nothing is run')) };
  const compare = (request: CallRequest<'compare'>, signal: AbortSignal) => {
    const sessionOf = (id: number) => models.get(id) ?? assert.fail(`session ${id} was closed`);
    const answer = compareSessions(sessionOf, request, engine, { signal });
    calls.push(answer.catch(() => undefined));
    return answer;
  };
  const sources = new Map<string, ComparedSource>(
    [
      ['this', 1],
      ['other', 2],
      ['third', 3],
    ].map(([id, session]) => [
      String(id),
      {
        choice: { id: String(id), label: `${id}.onnx`, planned: false },
        origin: { session: Number(session) },
        problem: undefined,
      },
    ]),
  );
  const session = new CompareSession({
    compare,
    sources: () => [...sources.values()],
    committed: () => undefined,
    fit: () => ({
      target: undefined,
      externalRam: false,
      runtime: undefined,
      reserves: { flash: 0, ram: 0, stack: 0 },
      ...fit,
    }),
    pinned: () => [{ name: 'no such chip', choices: undefined }],
    changed: () => {},
  });
  const settled = async () => {
    for (let asked = -1; asked !== calls.length; ) {
      asked = calls.length;
      await Promise.all(calls);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { session, sources, calls, settled };
}

const measured: MeasuredErrors = {
  layers: [{ name: 'dense', sqnrDb: 33 }],
  outputs: { sqnrDb: 30, samples: 8, synthetic: false },
};

describe('the session of Compare', () => {
  it('compares once two models are chosen and the view is in front', async () => {
    const { session, calls, settled } = await sessionWith();
    session.show(true);
    assert.equal(session.state.after, undefined);
    session.show(false);
    session.choose('after', 'other');
    assert.equal(calls.length, 0);
    session.show(true);
    assert.equal(session.state.busy, true);
    await settled();
    const { state, layers } = session;
    assert.equal(state.busy, false);
    assert.deepEqual([state.before, state.after], ['this', 'other']);
    assert.equal(layers.version, state.version);
    assert.equal(layers.layers[0]?.before?.weightBytes, 64 * 32 * 4);
    assert.equal(layers.layers[0]?.after?.weightBytes, 64 * 32);
    session.update();
    assert.equal(calls.length, 1, 'the same comparison is not asked for twice');
  });

  it('lets the two change places, and puts this file beside what is chosen first', async () => {
    const { session } = await sessionWith();
    session.choose('before', 'other');
    assert.deepEqual([session.state.before, session.state.after], ['other', 'this']);
    session.choose('after', 'other');
    assert.deepEqual([session.state.before, session.state.after], ['this', 'other']);
    session.swap();
    assert.deepEqual([session.state.before, session.state.after], ['other', 'this']);
    session.choose('after', 'third');
    assert.deepEqual([session.state.before, session.state.after], ['other', 'third']);
  });

  it('measures anew when one of them was read again, and keeps nothing of it that was not in front', async () => {
    const { session, sources, settled } = await sessionWith();
    session.show(true);
    session.choose('after', 'other');
    await settled();
    const { version } = session.state;
    const other = sources.get('other');
    assert.ok(other);
    sources.set('other', { ...other, origin: { session: 3 } });
    session.update();
    await settled();
    assert.equal(session.state.version, version + 1);
    session.show(false);
    sources.set('other', other);
    session.update();
    assert.equal(session.state.comparison, undefined);
  });

  it('says why a model cannot be compared, and goes on when it can', async () => {
    const { session, sources, settled } = await sessionWith();
    const other = sources.get('other');
    assert.ok(other);
    session.show(true);
    sources.set('other', { ...other, origin: undefined, problem: 'other.onnx: it holds no graph.' });
    session.choose('after', 'other');
    assert.equal(session.state.problem, 'other.onnx: it holds no graph.');
    assert.equal(session.state.busy, false);
    sources.set('other', { ...other, origin: { session: 9 } });
    session.update();
    await settled();
    assert.match(session.state.problem ?? '', /session 9 was closed/);
    sources.set('other', other);
    session.retry();
    await settled();
    assert.equal(session.state.problem, undefined);
    assert.ok(session.state.comparison);
  });

  it('judges both on the chosen chip and names a pin that is none', async () => {
    const target = findTarget('stm32f746zg', {});
    const runtime = findRuntime('tflm');
    assert.ok(target && runtime);
    const { session, settled } = await sessionWith({ target, runtime });
    session.show(true);
    session.choose('after', 'other');
    await settled();
    const [chosen, unknown] = session.state.chips;
    assert.equal(chosen?.chosen, true);
    assert.equal(chosen?.before.kind, 'judged');
    assert.equal(chosen?.after.kind, 'judged');
    assert.deepEqual(unknown?.before, { kind: 'refused', reason: 'No chip is known by the name "no such chip".' });
    assert.equal(session.state.comparison?.runtime?.id, 'tflm');
  });

  it('shows measured errors of these two files as they were written, and of no others', async () => {
    const { session, sources, settled } = await sessionWith();
    const worst = () => session.state.outputs?.sqnrDb;
    session.show(true);
    session.compare({ before: 'this', after: 'other' }, measured);
    await settled();
    assert.equal(worst(), 30);
    assert.equal(session.layers.layers[0]?.outputDb, 33);
    session.swap();
    await settled();
    assert.equal(worst(), undefined);
    session.swap();
    await settled();
    assert.equal(worst(), 30);
    const other = sources.get('other');
    assert.ok(other);
    sources.set('other', { ...other, origin: { session: 3 } });
    session.update();
    await settled();
    assert.equal(worst(), undefined);
    assert.equal(session.layers.layers[0]?.outputDb, undefined);
  });

  it('takes the output that is hit worst, and nothing where nothing was measured', () => {
    const output = { name: 'y', cosine: 1, maxAbsoluteError: 0, elements: 1, notFinite: 0 };
    const measurement: RecipeOutcome['measurement'] = {
      outputs: [
        { ...output, sqnrDb: 40 },
        { ...output, sqnrDb: 28 },
        { ...output, sqnrDb: undefined },
      ],
      layers: [],
      samples: 16,
      synthetic: true,
      warnings: [],
    };
    assert.deepEqual(errorsOf(measurement)?.outputs, { sqnrDb: 28, samples: 16, synthetic: true });
    assert.equal(errorsOf({ ...measurement, samples: 0 }), undefined);
  });
});
