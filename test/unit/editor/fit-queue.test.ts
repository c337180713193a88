import assert from 'node:assert/strict';
import { FitQueue } from '../../../extension/editor/fit-queue';
import { type FitColumns, fitColumns, type MeasuredModel } from '../../../extension/editor/fit-rows';
import type { FitProgress } from '../../../webview/fit-table-protocol';
import { analysisOf, mobileNet } from '../../webview/sample-state';
import { choicesFor, figuresOf } from '../../webview/sample-what-if';

const analysis = analysisOf(mobileNet());

function model(runtimes: readonly string[]): MeasuredModel {
  const labelled = runtimes.map((id) => ({ id, label: id }));
  return { parameters: 10, figures: figuresOf('int8', labelled, analysis) };
}

function columnsFor(count: number, ...names: readonly string[]): FitColumns {
  const pinned = names.slice(1).map((name) => ({ name, choices: choicesFor(name) }));
  return fitColumns(
    Array.from({ length: count }, () => choicesFor(names[0] ?? '')),
    pinned,
  );
}

interface Call {
  readonly path: string;
  readonly runtimes: readonly string[];
  readonly signal: AbortSignal;
  readonly resolve: (model: MeasuredModel) => void;
  readonly reject: (error: Error) => void;
}

/** A queue whose measurements are answered by the test. */
function setUp() {
  const calls: Call[] = [];
  const told: string[] = [];
  const progress: FitProgress['kind'][] = [];
  const queue = new FitQueue(
    (path, runtimes, signal) =>
      new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('cancelled')));
        calls.push({ path, runtimes, signal, resolve, reject });
      }),
    ({ path, state }) => told.push(`${path} ${state.kind}`),
    ({ kind }) => progress.push(kind),
  );
  const answer = async (at: number) => {
    const call = calls[at];
    assert.ok(call, `no call ${at}`);
    call.resolve(model(call.runtimes));
    await turn();
  };
  return { queue, calls, told, progress, answer };
}

/** Lets everything that waits for an answer go on. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe('measuring the models of a folder', () => {
  it('measures one after the other and tells every row as it comes', async () => {
    const { queue, calls, told, answer } = setUp();
    queue.show(['a.onnx', 'b.onnx'], columnsFor(2, 'stm32f746zg'));
    assert.deepEqual(told, ['a.onnx measuring']);
    assert.equal(calls.length, 1);
    await answer(0);
    await answer(1);
    await queue.settled();
    assert.deepEqual(told, ['a.onnx measuring', 'a.onnx ready', 'b.onnx measuring', 'b.onnx ready']);
    assert.equal(queue.progress.kind, 'done');
  });

  it('keeps a row for a file that cannot be read, and goes on', async () => {
    const { queue, calls, answer } = setUp();
    queue.show(['a.onnx', 'b.onnx'], columnsFor(2, 'stm32f746zg'));
    calls[0]?.reject(new Error('not a model'));
    await turn();
    await answer(1);
    await queue.settled();
    assert.deepEqual(queue.rows[0]?.state, { kind: 'unreadable', reason: 'not a model' });
    assert.equal(queue.rows[1]?.state.kind, 'ready');
  });

  it('stops at once, keeps what is known, and goes on where it was', async () => {
    const { queue, calls, progress, answer } = setUp();
    queue.show(['a.onnx', 'b.onnx'], columnsFor(2, 'stm32f746zg'));
    await answer(0);
    queue.stop();
    assert.equal(calls[1]?.signal.aborted, true);
    await queue.settled();
    assert.equal(queue.progress.kind, 'stopped');
    assert.deepEqual(
      queue.rows.map(({ state }) => state.kind),
      ['ready', 'waiting'],
    );
    queue.check();
    await answer(2);
    await queue.settled();
    assert.deepEqual(
      calls.map(({ path }) => path),
      ['a.onnx', 'b.onnx', 'b.onnx'],
    );
    assert.equal(progress.at(-1), 'done');
  });

  it('measures again only what a new chip’s runtime needs', async () => {
    const { queue, calls, answer } = setUp();
    queue.show(['a.onnx'], columnsFor(1, 'stm32f746zg'));
    await answer(0);
    queue.show(['a.onnx'], columnsFor(1, 'stm32f746zg', 'nrf52840'));
    await turn();
    assert.equal(calls.length, 1, 'a chip of the same runtime is a comparison alone');
    const [row] = queue.rows;
    assert.equal(row?.state.kind === 'ready' && row.state.cells.length, 2);
    queue.show(['a.onnx'], columnsFor(1, 'stm32f746zg', 'esp32s3'));
    await turn();
    assert.equal(calls.length, 2);
    await answer(1);
    await queue.settled();
    assert.equal(queue.progress.kind, 'done');
  });

  it('measures a changed file again, also while it is being measured', async () => {
    const { queue, calls, answer } = setUp();
    queue.show(['a.onnx'], columnsFor(1, 'stm32f746zg'));
    queue.forget('a.onnx');
    await turn();
    assert.equal(calls[0]?.signal.aborted, true);
    await answer(1);
    queue.forget('a.onnx');
    await answer(2);
    await queue.settled();
    assert.equal(queue.rows[0]?.state.kind, 'ready');
  });

  it('drops the row of a deleted file, and all work on it', async () => {
    const { queue, calls, answer } = setUp();
    queue.show(['a.onnx', 'b.onnx'], columnsFor(2, 'stm32f746zg'));
    queue.show(['b.onnx'], columnsFor(1, 'stm32f746zg'));
    assert.equal(calls[0]?.signal.aborted, true);
    await turn();
    await answer(1);
    await queue.settled();
    assert.deepEqual(
      queue.rows.map(({ path, state }) => [path, state.kind]),
      [['b.onnx', 'ready']],
    );
  });

  it('measures all again when asked to once more', async () => {
    const { queue, calls, told, answer } = setUp();
    queue.show(['a.onnx'], columnsFor(1, 'stm32f746zg'));
    await answer(0);
    queue.check();
    await turn();
    assert.equal(calls.length, 2);
    assert.ok(told.includes('a.onnx waiting'));
    await answer(1);
    await queue.settled();
  });
});
