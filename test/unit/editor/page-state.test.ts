import assert from 'node:assert/strict';
import {
  figureKey,
  improvementsKey,
  type KnownFigures,
  type RuntimeFigure,
} from '../../../extension/editor/known-figures';
import { type Choices, type KnownModel, pageState } from '../../../extension/editor/page-state';
import { wantedFigures } from '../../../extension/editor/wanted-figures';
import { MemoryByteSource } from '../../../extension/onnx/byte-source';
import type { SchemeId } from '../../../extension/quantize/scheme';
import type { Improvement } from '../../../extension/runtimes/improvement';
import { measureOnRuntime } from '../../../extension/runtimes/measure';
import { findRuntime } from '../../../extension/runtimes/runtimes';
import { findTarget } from '../../../extension/targets/catalogue';
import { type AnalysedModel, analyseModel } from '../../../extension/worker/analyse';
import type { PlannedScheme } from '../../../extension/worker/calls';
import { buildModel } from '../../fixtures/model-builder';

const runtime = findRuntime('tflm-cmsis-nn-m4');
const none = { flash: 0, ram: 0, stack: 0 };
const empty: KnownFigures = { figures: new Map(), improvements: new Map() };

async function analysed(op = 'Sigmoid', elements = 1000): Promise<AnalysedModel> {
  const bytes = buildModel({
    graph: {
      inputs: [{ name: 'x', dims: [1, elements] }],
      outputs: [{ name: 'y', dims: [1, elements] }],
      nodes: [{ op, inputs: ['x'], outputs: ['y'] }],
    },
  });
  return analyseModel({ fileName: 'test.onnx', source: new MemoryByteSource(bytes) });
}

function known({ analysis }: AnalysedModel): KnownModel {
  const plans = new Map<SchemeId, PlannedScheme>();
  const sizes = { fileBytes: 10, externalBytes: undefined, dataFileName: undefined, convertedTensors: 0 };
  plans.set('float16', { kind: 'ready', analysis, ...sizes, passes: [], left: [] });
  plans.set('int8-weights', { kind: 'refused', reason: 'no weights' });
  return { analysis, plans, errors: new Map() };
}

function figures({ model, shapes }: AnalysedModel, ids: readonly ('as-in-file' | 'int8' | 'float16')[]): KnownFigures {
  assert.ok(runtime);
  const map = new Map<string, RuntimeFigure>();
  for (const id of ids) {
    const footprint = measureOnRuntime(model, shapes, runtime, id === 'float16' ? 'as-in-file' : id);
    map.set(figureKey(runtime.id, id), { kind: 'ready', footprint });
  }
  return { figures: map, improvements: new Map() };
}

function choices(more: Partial<Choices> = {}): Choices {
  const target = findTarget('nrf52840');
  return { target, externalRam: false, runtime, reserves: none, precision: 'as-in-file', ...more };
}

describe('the state of the page', () => {
  it('shows lower bounds while the runtime is measured, and its figures after', async () => {
    const model = await analysed();
    const before = pageState(known(model), empty, choices(), 1);
    assert.equal(before.verdict?.outcome, 'model-data-fits');
    assert.equal(before.runtimeFootprint, undefined);
    assert.deepEqual(before.runtime, { id: 'tflm-cmsis-nn-m4', label: runtime?.label });
    const after = pageState(known(model), figures(model, ['as-in-file']), choices(), 2);
    assert.equal(after.verdict?.outcome, 'fits');
    assert.equal(after.runtimeFootprint?.precision, 'as-in-file');
    const [file] = after.schemes;
    assert.ok(file?.state.kind === 'ready');
    assert.equal(file.state.ramBytes, after.runtimeFootprint?.memory.minimumArenaBytes);
    assert.deepEqual([file.state.ramKind, file.state.flashKind], [after.runtimeFootprint?.memory.kind, 'estimated']);
  });

  it('has a row for int8 that nothing writes, once it is measured', async () => {
    const model = await analysed();
    const ids = (figuresOf: KnownFigures) =>
      pageState(known(model), figuresOf, choices(), 1).schemes.map(({ id }) => id);
    assert.deepEqual(ids(figures(model, ['as-in-file'])), ['as-in-file', 'float16', 'int8-weights']);
    assert.deepEqual(ids(figures(model, ['as-in-file', 'int8'])), ['as-in-file', 'float16', 'int8-weights', 'int8']);
    const state = pageState(known(model), figures(model, ['int8']), choices({ precision: 'int8' }), 1);
    assert.equal(state.precision, 'int8');
    assert.equal(state.runtimeFootprint?.precision, 'int8');
    const row = state.schemes.at(-1);
    assert.ok(row?.state.kind === 'ready');
    assert.equal(row.state.fileBytes, undefined);
  });

  it('shows the file while a chosen precision is not known', async () => {
    const model = await analysed();
    assert.equal(pageState(known(model), empty, choices({ precision: 'int8' }), 1).precision, 'as-in-file');
    assert.equal(pageState(known(model), empty, choices({ precision: 'int8-weights' }), 1).precision, 'as-in-file');
  });

  it('says what cannot run, and suggests what can', async () => {
    const model = await analysed('Frobnicate');
    const state = pageState(known(model), figures(model, ['as-in-file', 'int8']), choices(), 1);
    assert.equal(state.verdict?.outcome, 'cannot-run');
    const [file] = state.schemes;
    assert.ok(file?.state.kind === 'ready');
    assert.equal(file.state.cannotRun, '1 operator, Frobnicate at layer y');
    assert.equal(state.suggestion, undefined);
  });

  it('suggests the first scheme that fits where the file does not', async () => {
    const model = await analysed('Sigmoid', 40_000);
    const small = await analysed('Sigmoid', 1000);
    const map = new Map(figures(model, ['as-in-file']).figures);
    for (const [key, figure] of figures(small, ['float16']).figures) map.set(key, figure);
    const state = pageState(known(model), { figures: map, improvements: new Map() }, choices(), 1);
    assert.equal(state.verdict?.outcome, 'does-not-fit');
    assert.equal(state.suggestion?.id, 'float16');
    assert.match(state.suggestion?.text ?? '', /of RAM stay free$/);
  });

  it('suggests nothing that is planned alone', async () => {
    const model = await analysed('Sigmoid', 40_000);
    const state = pageState(known(model), figures(model, ['as-in-file', 'int8', 'float16']), choices(), 1);
    const row = state.schemes.find(({ id }) => id === 'int8');
    assert.ok(row?.state.kind === 'ready');
    assert.equal(row.state.verdict?.outcome, 'fits');
    assert.equal(state.suggestion, undefined);
  });

  it('counts reserves in RAM and passes them on', async () => {
    const model = await analysed();
    const plain = pageState(known(model), figures(model, ['as-in-file']), choices(), 1);
    const reserves = { flash: 0, ram: 5000, stack: 1000 };
    const reserved = pageState(known(model), figures(model, ['as-in-file']), choices({ reserves }), 1);
    assert.equal((reserved.verdict?.ram.bytes ?? 0) - (plain.verdict?.ram.bytes ?? 0), 6000);
    assert.equal(reserved.ramReserveBytes, 6000);
  });

  it('shows the improvements of the shown precision on this target alone', async () => {
    const model = await analysed();
    const list: readonly Improvement[] = [];
    const improvements = new Map([[improvementsKey('tflm-cmsis-nn-m4', 'as-in-file', 'nrf52840'), list]]);
    const knownFigures: KnownFigures = { ...figures(model, ['as-in-file', 'int8']), improvements };
    assert.equal(pageState(known(model), knownFigures, choices(), 1).improvements, list);
    assert.equal(pageState(known(model), knownFigures, choices({ precision: 'int8' }), 1).improvements, undefined);
    const elsewhere = choices({ target: findTarget('rp2040') });
    assert.equal(pageState(known(model), knownFigures, elsewhere, 1).improvements, undefined);
  });

  it('has lower bounds alone without a runtime', async () => {
    const model = await analysed();
    const state = pageState(known(model), figures(model, ['as-in-file', 'int8']), choices({ runtime: undefined }), 1);
    assert.deepEqual(
      [state.runtime, state.runtimeFootprint, state.verdict?.outcome],
      [undefined, undefined, 'model-data-fits'],
    );
    assert.equal(state.runtimes?.[0]?.id, 'tflm-cmsis-nn-m4');
  });
});

describe('the figures that the page wants', () => {
  it('are those of the shown precision first, then the rest that can be had', async () => {
    const model = known(await analysed());
    assert.deepEqual(wantedFigures(model, choices())?.precisions, ['as-in-file', 'int8', 'float16']);
    assert.deepEqual(wantedFigures(model, choices({ precision: 'float16' }))?.precisions, [
      'float16',
      'as-in-file',
      'int8',
    ]);
    assert.deepEqual(wantedFigures(model, choices({ runtime: findRuntime('onnx2c') }))?.precisions, [
      'as-in-file',
      'float16',
    ]);
    assert.equal(wantedFigures(model, choices({ runtime: undefined })), undefined);
  });

  it('include improvements once all schemes are planned', async () => {
    const model = known(await analysed());
    assert.equal(wantedFigures(model, choices())?.improve, 'as-in-file');
    assert.equal(wantedFigures({ ...model, plans: new Map() }, choices())?.improve, undefined);
  });

  it('leave the reserves out of the limit for improvements', async () => {
    const reserves = { flash: 7, ram: 1000, stack: 24 };
    const wanted = wantedFigures(known(await analysed()), choices({ reserves }));
    assert.deepEqual([wanted?.ramLimitBytes, wanted?.flashReserveBytes], [256 * 1024 - 1024, 7]);
  });
});
