import assert from 'node:assert/strict';
import { tableNotShown, type WhatIfView, wantedWhatIf } from '../../../extension/editor/wanted-what-if';
import { type WantedWhatIf, WhatIf } from '../../../extension/editor/what-if';
import { usualSchemes } from '../../../extension/quantize/what-if-scheme';
import { type CallRequest, WorkerCallError } from '../../../extension/worker/calls';
import type { WhatIfFigures } from '../../../extension/worker/what-if-calls';
import type { CallOptions } from '../../../extension/worker/worker-client';
import { analysisOf, mobileNet } from '../../webview/sample-state';

const ready: Extract<WhatIfFigures, { kind: 'ready' }> = {
  kind: 'ready',
  fileBytes: 10,
  externalBytes: undefined,
  convertedBytes: { before: 8, inFile: 4, packed: 4 },
  data: analysisOf(mobileNet()),
  onRuntimes: {},
};
const refused = { kind: 'refused', reason: 'quantized already' } as const;
const error = { sqnrDb: 40, tensors: 1, overflows: 0, underflows: 0 };

interface Call {
  readonly name: string;
  readonly request: CallRequest<'whatIf'>;
  readonly signal: AbortSignal | undefined;
  answer(value: unknown): void;
}

/** A worker whose answers the test gives. */
class ScriptedWorker {
  readonly calls: Call[] = [];

  readonly call = ((name: string, request: Call['request'], options: CallOptions = {}) =>
    new Promise((resolve, reject) => {
      const { signal } = options;
      signal?.addEventListener('abort', () => reject(new WorkerCallError('AbortError', 'cancelled')));
      this.calls.push({ name, request, signal, answer: resolve });
    })) as never;

  async last(): Promise<Call> {
    await settle();
    const call = this.calls.at(-1);
    assert.ok(call);
    return call;
  }

  /** Answers with figures on all runtimes that are asked for. */
  async answerFigures(): Promise<Call> {
    const call = await this.last();
    const onRuntimes = Object.fromEntries(call.request.runtimes.map((id) => [id, refused]));
    call.answer({ ...ready, onRuntimes });
    await settle();
    return call;
  }
}

function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

const wanted: WantedWhatIf = { schemes: ['as-in-file', 'int8'], runtimes: ['tflm'], errors: ['int8'] };

describe('the schemes of a model', () => {
  let worker: ScriptedWorker;
  let whatIf: WhatIf;
  let changes = 0;

  beforeEach(() => {
    worker = new ScriptedWorker();
    changes = 0;
    whatIf = new WhatIf(worker, () => changes++);
    whatIf.reset(1);
  });

  it('are asked for one after the other, errors of weights last', async () => {
    whatIf.want(wanted);
    assert.equal((await worker.answerFigures()).request.scheme, undefined);
    assert.equal((await worker.answerFigures()).request.scheme, 'int8');
    const last = await worker.last();
    assert.equal(last.name, 'weightError');
    last.answer(error);
    await settle();
    assert.equal(changes, 3);
    assert.deepEqual(whatIf.errors.get('int8'), error);
    assert.equal(worker.calls.length, 3);
  });

  it('are asked only for the runtimes that are missing, and keep the others', async () => {
    whatIf.want({ ...wanted, schemes: ['int8'], errors: [] });
    await worker.answerFigures();
    whatIf.want({ schemes: ['int8'], runtimes: ['tflm', 'esp-dl'], errors: [] });
    assert.deepEqual((await worker.answerFigures()).request.runtimes, ['esp-dl']);
    const known = whatIf.schemes.get('int8');
    assert.ok(known?.kind === 'ready');
    assert.deepEqual(Object.keys(known.onRuntimes), ['tflm', 'esp-dl']);
  });

  it('end when nothing is wanted any more, and go on where they were', async () => {
    whatIf.want(wanted);
    const first = await worker.last();
    whatIf.want(undefined);
    assert.equal(first.signal?.aborted, true);
    await settle();
    assert.equal(changes, 0);
    whatIf.want(wanted);
    await worker.answerFigures();
    assert.equal(whatIf.schemes.has('as-in-file'), true);
  });

  it('are not asked for again once refused, and a refused scheme is not measured', async () => {
    whatIf.want({ ...wanted, schemes: ['int8'] });
    (await worker.last()).answer(refused);
    await settle();
    whatIf.want({ schemes: ['int8'], runtimes: ['tflm', 'onnx2c'], errors: ['int8'] });
    await settle();
    assert.equal(worker.calls.length, 1);
  });

  it('drop answers of an earlier state of the file', async () => {
    whatIf.want(wanted);
    const stale = await worker.last();
    whatIf.reset(2);
    stale.answer(ready);
    await settle();
    assert.equal(whatIf.schemes.size, 0);
    whatIf.want(wanted);
    assert.equal((await worker.answerFigures()).request.session, 2);
  });
});

describe('what the table wants', () => {
  const analysis = analysisOf(mobileNet());
  const now = { shownIsKnown: true, fileVerdict: undefined, runtimes: ['tflm', 'tflm', 'esp-dl'] };
  const want = (view: Partial<WhatIfView>, more: Partial<Parameters<typeof wantedWhatIf>[2]> = {}, of = analysis) =>
    wantedWhatIf(of, { ...tableNotShown, summaryShown: true, ...view }, { ...now, ...more });

  it('is every usual scheme on each runtime once', () => {
    assert.deepEqual(want({}), {
      schemes: ['as-in-file', ...usualSchemes],
      runtimes: ['tflm', 'esp-dl'],
      errors: usualSchemes,
    });
    assert.ok(want({ allSchemes: true })?.schemes.includes('codebook'));
  });

  it("comes after the model's own figures, and only while Summary is shown or a file needs help", () => {
    assert.equal(want({}, { shownIsKnown: false }), undefined);
    assert.equal(want({ summaryShown: false }), undefined);
    const verdict = { targetId: '', targetName: '', lead: '', detail: '', reasons: [] };
    const memory = { bytes: 1, kind: 'exact', limit: 0, limitLabel: '', fits: false } as const;
    const fileVerdict = { ...verdict, outcome: 'does-not-fit', flash: memory, ram: memory } as const;
    const helping = want({ summaryShown: false }, { fileVerdict });
    assert.equal(helping?.schemes.length, 1 + usualSchemes.length);
    assert.deepEqual(helping?.errors, []);
  });

  it('leaves large models and large weights until somebody asks', () => {
    const large = { ...analysis, model: { ...analysis.model, nodeCount: 100_000 } };
    assert.deepEqual(want({}, {}, large)?.schemes, ['as-in-file']);
    assert.equal(want({ asked: true }, {}, large)?.schemes.length, 1 + usualSchemes.length);
    const heavy = { ...analysis, totals: { ...analysis.totals, constantBytes: 2 ** 30 } };
    assert.deepEqual(want({}, {}, heavy)?.errors, []);
    assert.deepEqual(want({ measure: new Set(['int8']) }, {}, heavy)?.errors, ['int8']);
  });
});
