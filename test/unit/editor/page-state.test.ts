import assert from 'node:assert/strict';
import {
  figureKey,
  improvementsKey,
  type KnownFigures,
  type RuntimeFigure,
} from '../../../extension/editor/known-figures';
import { type Choices, type KnownModel, pageState } from '../../../extension/editor/page-state';
import { wantedFigures } from '../../../extension/editor/wanted-figures';
import { tableNotShown } from '../../../extension/editor/wanted-what-if';
import type { KnownWhatIf } from '../../../extension/editor/what-if';
import { MemoryByteSource } from '../../../extension/onnx/byte-source';
import { usualSchemes, type WhatIfSchemeId } from '../../../extension/quantize/what-if-scheme';
import type { Improvement } from '../../../extension/runtimes/improvement';
import { measureOnRuntime } from '../../../extension/runtimes/measure';
import { findRuntime } from '../../../extension/runtimes/runtimes';
import { findTarget } from '../../../extension/targets/catalogue';
import { fitFigures } from '../../../extension/targets/fit-figures';
import { type AnalysedModel, analyseModel } from '../../../extension/worker/analyse';
import type { PlannedScheme } from '../../../extension/worker/calls';
import type { WhatIfFigures } from '../../../extension/worker/what-if-calls';
import { buildModel } from '../../fixtures/model-builder';

const runtime = findRuntime('tflm-cmsis-nn-m4');
const none = { flash: 0, ram: 0, stack: 0 };
const empty: KnownFigures = { figures: new Map(), improvements: new Map(), targets: new Map() };

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
  const plans = new Map<WhatIfSchemeId, PlannedScheme>();
  const sizes = { fileBytes: 10, externalBytes: undefined, dataFileName: undefined, convertedTensors: 0 };
  plans.set('float16', { kind: 'ready', analysis, ...sizes, passes: [], left: [] });
  plans.set('int8-weights', { kind: 'refused', reason: 'no weights' });
  return { analysis, plans, whatIf: { schemes: new Map(), errors: new Map() } };
}

/** A scheme whose planned file is this model. */
function figuresOf({ model, shapes, footprint }: AnalysedModel): WhatIfFigures {
  assert.ok(runtime);
  const { totals, peak } = footprint;
  const figures = fitFigures(measureOnRuntime(model, shapes, runtime, 'as-in-file'));
  return {
    kind: 'ready',
    fileBytes: 10,
    externalBytes: undefined,
    convertedBytes: { before: 8, inFile: 4, packed: 4 },
    data: { totals, peak },
    onRuntimes: { [runtime.id]: { kind: 'ready', figures } },
  };
}

function figures({ model, shapes }: AnalysedModel, ids: readonly ('as-in-file' | 'float16')[]): KnownFigures {
  assert.ok(runtime);
  const map = new Map<string, RuntimeFigure>();
  for (const id of ids) {
    const footprint = measureOnRuntime(model, shapes, runtime, 'as-in-file');
    map.set(figureKey(runtime.id, id), { kind: 'ready', footprint });
  }
  return { ...empty, figures: map };
}

function choices(more: Partial<Choices> = {}): Choices {
  const target = findTarget('nrf52840');
  const fit = { target, externalRam: false, runtime, reserves: none };
  return { ...fit, precision: 'as-in-file', pinned: [], view: tableNotShown, ...more };
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

  it('has a row for every usual scheme, planned or not', async () => {
    const model = await analysed();
    const state = pageState(known(model), figures(model, ['as-in-file']), choices(), 1);
    assert.deepEqual(
      state.schemes.map(({ id }) => id),
      ['as-in-file', ...usualSchemes],
    );
    const kinds = new Map(state.schemes.map((row) => [row.id, row.state.kind]));
    assert.equal(kinds.get('as-in-file'), 'ready');
    assert.equal(kinds.get('int8'), 'planning');
  });

  it('shows what was shown before while a chosen precision is not known', async () => {
    const model = await analysed();
    const shown = (more: Partial<Choices>, of = figures(model, ['as-in-file', 'float16'])) =>
      pageState(known(model), of, choices(more), 1).precision;
    assert.equal(shown({ precision: 'int8' }), 'as-in-file');
    assert.equal(shown({ precision: 'int8', shownBefore: 'float16' }), 'float16');
    assert.equal(shown({ precision: 'float16' }), 'float16');
    assert.equal(shown({ precision: 'float16' }, empty), 'as-in-file');
    assert.equal(shown({ precision: 'float16', runtime: undefined }, empty), 'float16');
  });

  it('says what cannot run', async () => {
    const model = await analysed('Frobnicate');
    const state = pageState(known(model), figures(model, ['as-in-file']), choices(), 1);
    assert.equal(state.verdict?.outcome, 'cannot-run');
    const [file] = state.schemes;
    assert.ok(file?.state.kind === 'ready');
    assert.equal(file.state.cannotRun, '1 operator, Frobnicate at layer y');
    assert.equal(state.suggestion, undefined);
  });

  it('suggests the first scheme that fits where the file does not', async () => {
    const model = await analysed('Sigmoid', 40_000);
    const small = await analysed('Sigmoid', 1000);
    const whatIf: KnownWhatIf = {
      schemes: new Map([
        ['float16', figuresOf(model)],
        ['int8', figuresOf(small)],
        ['int16x8', figuresOf(small)],
      ]),
      errors: new Map(),
    };
    const state = pageState({ ...known(model), whatIf }, figures(model, ['as-in-file']), choices(), 1);
    assert.equal(state.verdict?.outcome, 'does-not-fit');
    assert.equal(state.suggestion?.id, 'int8');
    assert.match(state.suggestion?.text ?? '', /of RAM stay free$/);
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
    const knownFigures: KnownFigures = { ...figures(model, ['as-in-file', 'float16']), improvements };
    assert.equal(pageState(known(model), knownFigures, choices(), 1).improvements, list);
    assert.equal(pageState(known(model), knownFigures, choices({ precision: 'float16' }), 1).improvements, undefined);
    const elsewhere = choices({ target: findTarget('rp2040') });
    assert.equal(pageState(known(model), knownFigures, elsewhere, 1).improvements, undefined);
  });

  it('has lower bounds alone without a runtime', async () => {
    const model = await analysed();
    const state = pageState(
      known(model),
      figures(model, ['as-in-file', 'float16']),
      choices({ runtime: undefined }),
      1,
    );
    assert.deepEqual(
      [state.runtime, state.runtimeFootprint, state.verdict?.outcome],
      [undefined, undefined, 'model-data-fits'],
    );
    assert.equal(state.runtimes?.[0]?.id, 'tflm-cmsis-nn-m4');
  });
});

describe('the figures that the page wants', () => {
  it('are those of the shown precision, then of the file', async () => {
    const model = known(await analysed());
    assert.deepEqual(wantedFigures(model, choices())?.precisions, ['as-in-file']);
    assert.deepEqual(wantedFigures(model, choices({ precision: 'float16' }))?.precisions, ['float16', 'as-in-file']);
    assert.deepEqual(wantedFigures(model, choices({ precision: 'int8' }))?.precisions, ['as-in-file']);
    assert.equal(wantedFigures(model, choices({ runtime: undefined, target: undefined })), undefined);
  });

  it('include improvements of the shown precision', async () => {
    const model = known(await analysed());
    assert.equal(wantedFigures(model, choices())?.improve, 'as-in-file');
    assert.equal(wantedFigures(model, choices({ precision: 'float16' }))?.improve, 'float16');
  });

  it('leave the reserves out of the limit for improvements', async () => {
    const reserves = { flash: 7, ram: 1000, stack: 24 };
    const wanted = wantedFigures(known(await analysed()), choices({ reserves }));
    assert.deepEqual([wanted?.ramLimitBytes, wanted?.flashReserveBytes], [256 * 1024 - 1024, 7]);
  });
});
