import assert from 'node:assert/strict';
import { figureKey, improvementsKey, targetKey } from '../../../extension/editor/known-figures';
import { RuntimeFigures, type WantedFigures } from '../../../extension/editor/runtime-figures';
import { allTargets } from '../../../extension/targets/catalogue';
import { WorkerCallError } from '../../../extension/worker/calls';
import type { CallOptions } from '../../../extension/worker/worker-client';

interface Call {
  readonly name: string;
  readonly request: { readonly runtime?: string; readonly precision?: string; readonly scheme?: string };
  readonly signal: AbortSignal | undefined;
  answer(value: unknown): void;
  fail(error: Error): void;
}

/** A worker whose answers the test gives. */
class ScriptedWorker {
  readonly calls: Call[] = [];

  readonly call = ((name: string, request: Call['request'], options: CallOptions = {}) =>
    new Promise((resolve, reject) => {
      const { signal } = options;
      signal?.addEventListener('abort', () => reject(new WorkerCallError('AbortError', 'cancelled')));
      this.calls.push({ name, request, signal, answer: resolve, fail: reject });
    })) as never;

  async last(): Promise<Call> {
    await settle();
    const call = this.calls.at(-1);
    assert.ok(call);
    return call;
  }
}

function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

const wanted: WantedFigures = {
  runtime: 'tflm',
  precisions: ['as-in-file', 'float16'],
  flashReserveBytes: 0,
  improve: 'as-in-file',
  target: 'rp2040',
  others: ['onnx2c'],
  ramLimitBytes: undefined,
};

describe('the figures of a model on runtimes', () => {
  let worker: ScriptedWorker;
  let figures: RuntimeFigures;
  let changes = 0;

  beforeEach(() => {
    worker = new ScriptedWorker();
    changes = 0;
    figures = new RuntimeFigures(worker, () => changes++);
    figures.reset(1);
  });

  async function answerFigures(): Promise<void> {
    (await worker.last()).answer({});
    (await worker.last()).answer({});
  }

  it('come one after the other, schemes through their file, improvements last', async () => {
    figures.want(wanted);
    const first = await worker.last();
    assert.deepEqual(
      [first.name, first.request.precision, first.request.scheme],
      ['onRuntime', 'as-in-file', undefined],
    );
    first.answer({});
    const second = await worker.last();
    assert.deepEqual([second.request.precision, second.request.scheme], ['as-in-file', 'float16']);
    second.answer({});
    const third = await worker.last();
    assert.equal(third.name, 'improvements');
    third.answer([]);
    await settle();
    assert.equal(changes, 3);
    assert.ok(figures.improvements.has(improvementsKey('tflm', 'as-in-file', 'rp2040')));
  });

  it('are kept: what was measured once is not asked for again', async () => {
    figures.want(wanted);
    await answerFigures();
    (await worker.last()).answer([]);
    await settle();
    figures.want({ ...wanted, runtime: 'onnx2c' });
    await answerFigures();
    (await worker.last()).answer([]);
    await settle();
    const count = worker.calls.length;
    figures.want(wanted);
    await settle();
    assert.equal(worker.calls.length, count);
  });

  it('end a search for improvements when something else is wanted', async () => {
    figures.want(wanted);
    await answerFigures();
    const search = await worker.last();
    figures.want(wanted);
    assert.equal(search.signal?.aborted, false);
    figures.want({ ...wanted, runtime: 'onnx2c' });
    assert.equal(search.signal?.aborted, true);
    assert.equal((await worker.last()).request.runtime, 'onnx2c');
    assert.equal(figures.improvements.size, 0);
  });

  it('drop answers of an earlier state of the file', async () => {
    figures.want(wanted);
    const stale = await worker.last();
    figures.reset(2);
    stale.answer({});
    await settle();
    assert.equal(figures.figures.size, 0);
    assert.equal(changes, 0);
    figures.want(wanted);
    await answerFigures();
    await settle();
    assert.equal(figures.figures.size, 2);
  });

  it('keep the reason where a figure cannot be had, and go on', async () => {
    figures.want(wanted);
    (await worker.last()).fail(new WorkerCallError('RangeError', 'too large'));
    (await worker.last()).answer({});
    await settle();
    assert.deepEqual(figures.figures.get(figureKey('tflm', 'as-in-file')), { kind: 'refused', reason: 'too large' });
    assert.equal(figures.figures.get(figureKey('tflm', 'float16'))?.kind, 'ready');
  });

  describe('on a target', () => {
    const [target] = allTargets();
    assert.ok(target);
    const onTarget = { target, precision: 'as-in-file' } as const;

    it('come right after those of the shown precision, and once', async () => {
      figures.want({ ...wanted, improve: undefined, onTarget });
      assert.equal((await worker.last()).name, 'onRuntime');
      (await worker.last()).answer({});
      const asked = await worker.last();
      assert.deepEqual([asked.name, asked.request.runtime], ['onTarget', 'tflm']);
      asked.answer({ latency: 'latency' });
      assert.equal((await worker.last()).name, 'onRuntime');
      (await worker.last()).answer({});
      await settle();
      assert.equal(changes, 3);
      const key = targetKey(target, 'tflm', 'as-in-file');
      assert.deepEqual(figures.targets.get(key), { latency: 'latency' });
      figures.want({ ...wanted, improve: undefined, onTarget });
      await settle();
      assert.equal(worker.calls.length, 3);
    });

    it('are asked for without a runtime too, and again where the clock is another', async () => {
      const bare = { ...wanted, runtime: undefined, improve: undefined, onTarget };
      figures.want(bare);
      const first = await worker.last();
      assert.deepEqual([first.name, first.request.runtime], ['onTarget', undefined]);
      first.answer({});
      await settle();
      assert.equal(worker.calls.length, 1);
      figures.want({ ...bare, onTarget: { ...onTarget, target: { ...target, clockHz: 1 } } });
      assert.equal((await worker.last()).name, 'onTarget');
      assert.equal(worker.calls.length, 2);
    });

    it('stand empty where they cannot be had, and others come', async () => {
      figures.want({ ...wanted, improve: undefined, onTarget });
      (await worker.last()).answer({});
      (await worker.last()).fail(new WorkerCallError('Error', 'no plan'));
      assert.equal((await worker.last()).name, 'onRuntime');
      assert.deepEqual(figures.targets.get(targetKey(target, 'tflm', 'as-in-file')), {});
    });

    it('are dropped when the file was read again meanwhile', async () => {
      figures.want({ ...wanted, runtime: undefined, onTarget });
      const stale = await worker.last();
      figures.reset(2);
      stale.answer({});
      await settle();
      assert.equal(figures.targets.size, 0);
    });
  });

  it('are measured again with another reserve of flash', async () => {
    figures.want({ ...wanted, improve: undefined });
    await answerFigures();
    await settle();
    const count = worker.calls.length;
    figures.want({ ...wanted, improve: undefined, flashReserveBytes: 1000 });
    await answerFigures();
    await settle();
    assert.equal(worker.calls.length, count + 2);
  });
});
