import { comparedChips, type PinnedChip } from '../../extension/editor/compared-chips';
import type { FitChoices } from '../../extension/editor/page-state';
import { shownSchemes, tableNotShown, type WhatIfView } from '../../extension/editor/wanted-what-if';
import type { RowId } from '../../extension/editor/what-if';
import { whatIfTable } from '../../extension/editor/what-if-rows';
import type { WhatIfSchemeId } from '../../extension/quantize/what-if-scheme';
import { findTarget } from '../../extension/targets/catalogue';
import type { FitFigures } from '../../extension/targets/fit-figures';
import { comparedRuntime } from '../../extension/targets/target-runtimes';
import type { WeightError } from '../../extension/worker/calls';
import type { FigureOnRuntime, WhatIfFigures } from '../../extension/worker/what-if-calls';
import type { PageState } from '../../webview/protocol';
import { runtimeStateOf } from './sample-runtime';
import { f746 } from './sample-state';

/** Flash and RAM in KiB, dB of the weights; whether a kernel lacks on TensorFlow Lite Micro. */
const sizes: Readonly<Record<RowId, readonly [flash: number, ram: number, decibels: number, noKernel?: 'no kernel']>> =
  {
    'as-in-file': [952.8, 292.9, 0],
    float16: [541, 171, 73.7, 'no kernel'],
    int8: [377.5, 98.4, 46.4],
    'int8-per-tensor': [314.1, 98.4, 37.9],
    int16x8: [391.7, 240.4, 46.4],
    'int8-weights': [375.3, 292.9, 46.4, 'no kernel'],
    'int4-weights': [281.9, 292.9, 21.5, 'no kernel'],
    'fixed-point': [375.3, 292.9, 42.7, 'no kernel'],
    ternary: [375.3, 292.9, 7.3, 'no kernel'],
    binary: [375.3, 292.9, 3, 'no kernel'],
    bfloat16: [541, 292.9, 55.7],
    uint8: [377.5, 98.4, 46.4],
    int16: [580, 170.4, 94.7],
    'int8-dynamic': [361, 303, 46.4, 'no kernel'],
    'int2-weights': [267, 292.9, 7, 'no kernel'],
    codebook: [923, 292.9, 19.6],
  };

const reserves = { flash: 64 * 1024, ram: 48 * 1024, stack: 0 };

export const pinnedNames = ['stm32l432kc', 'nrf52840', 'esp32s3', 'rp2040'];

export interface SampleTable {
  readonly pinned?: readonly string[];
  readonly view?: Partial<WhatIfView>;
  /** Rows that are known; absent: all. */
  readonly known?: readonly RowId[];
  readonly refused?: Readonly<Partial<Record<RowId, string>>>;
  readonly nodeCount?: number;
  readonly constantBytes?: number;
  readonly revision?: number;
}

/** The page's state with chips pinned beside the chosen one, made as the host makes it. */
export function whatIfStateOf(sample: SampleTable = {}): PageState {
  const { pinned = pinnedNames, known, refused = {}, nodeCount, constantBytes, revision = 1 } = sample;
  const base = runtimeStateOf({ target: f746, revision });
  const analysis = {
    ...base.analysis,
    model: { ...base.analysis.model, ...(nodeCount !== undefined && { nodeCount }) },
    totals: { ...base.analysis.totals, ...(constantBytes !== undefined && { constantBytes }) },
  };
  const view = { ...tableNotShown, ...sample.view };
  const chosen = choicesFor('stm32f746zg');
  const chips = comparedChips(
    chosen,
    pinned.map((name): PinnedChip => ({ name, choices: findTarget(name) && choicesFor(name) })),
  );
  const runtimes = chips.flatMap(({ page }) => page.runtime ?? []);
  const schemes = new Map<RowId, WhatIfFigures>();
  const errors = new Map<WhatIfSchemeId, WeightError>();
  const waits = nodeCount !== undefined && nodeCount > 2000 && !view.asked;
  for (const id of ['as-in-file', ...(waits ? [] : shownSchemes(view))] satisfies RowId[]) {
    const reason = refused[id];
    if (known && !known.includes(id)) continue;
    schemes.set(id, reason === undefined ? figuresOf(id, runtimes, analysis) : { kind: 'refused', reason });
    if (id !== 'as-in-file' && constantBytes === undefined) {
      errors.set(id, { sqnrDb: sizes[id][2], tensors: 28, overflows: 0, underflows: id === 'float16' ? 12 : 0 });
    }
  }
  const { rows, table } = whatIfTable({
    analysis,
    whatIf: { schemes, errors },
    view,
    chips,
    runtime: chosen.runtime,
    fileFootprint: undefined,
  });
  return { ...base, analysis, schemes: rows, whatIf: table };
}

/** What a model is held against on a chip. */
export function choicesFor(name: string): FitChoices {
  const target = findTarget(name);
  if (!target) throw new Error(`no target ${name}`);
  return { target, externalRam: false, runtime: comparedRuntime('', target), reserves };
}

/** Figures of the sample in a scheme on runtimes. */
export function figuresOf(
  id: RowId,
  runtimes: readonly { readonly id: string; readonly label: string }[],
  data: Extract<WhatIfFigures, { kind: 'ready' }>['data'],
): Extract<WhatIfFigures, { kind: 'ready' }> {
  const inFile = 213_000;
  const packed = id === 'ternary' ? 62_430 : id === 'binary' ? 36_515 : inFile;
  const onRuntimes = runtimes.map((runtime): [string, FigureOnRuntime] => [
    runtime.id,
    { kind: 'ready', figures: fitOf(id, runtime) },
  ]);
  return {
    kind: 'ready',
    fileBytes: 421_569,
    externalBytes: undefined,
    convertedBytes: { before: 832_448, inFile, packed },
    data,
    onRuntimes: Object.fromEntries(onRuntimes),
  };
}

function fitOf(id: RowId, runtime: { readonly id: string; readonly label: string }): FitFigures {
  const [flashKib, ramKib, , noKernel] = sizes[id];
  const [flash, ram] = [Math.round(flashKib * 1024), Math.round(ramKib * 1024)];
  const lacks = noKernel !== undefined && runtime.id.startsWith('tflm');
  const kind = id.startsWith('int8') ? 'exact' : 'estimated';
  return {
    runtime,
    flash: {
      totalBytes: flash,
      parts: [
        { part: 'weights', bytes: flash - 84_100 - 48_152, kind: 'exact', source: 'Sum of the stored elements.' },
        { part: 'graph and metadata', bytes: 48_152, kind: 'estimated', source: 'Fit over 160 .tflite files.' },
        { part: 'runtime code', bytes: 84_100, kind: 'published', source: 'Sizes of linked kernels.' },
      ],
    },
    memory: {
      planner: 'TensorFlow Lite Micro greedy',
      arenaBytes: ram - 26_980,
      persistentBytes: 26_980,
      scratchBytes: 0,
      inputOutputBytes: 0,
      usedBytes: ram,
      minimumArenaBytes: ram,
      lowerBoundBytes: ram - 40_000,
      kind,
      remarks: [],
      alignment: 16,
    },
    layers: lacks ? [{ name: '/stem/conv/Conv', from: [0], outputShape: [1, 48, 48, 8] }] : [],
    cannotRun: lacks
      ? [{ node: 0, opType: 'Conv', reason: `TensorFlow Lite Micro has no kernel for Conv2D with these weights.` }]
      : [],
    counts: { cannotRun: lacks ? 24 : 0, unknownSizes: 0 },
    notes: ['Images are stored with their channels last.'],
  };
}
