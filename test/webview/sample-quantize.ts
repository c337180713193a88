import type { LayerScheme } from '../../extension/quantize/layer-schemes';
import type { PlanMeasurement, PlannedLayer } from '../../extension/worker/recipe-calls';
import type { PageState } from '../../webview/protocol';
import type {
  FrontierPoint,
  PlanSizes,
  QuantizeState,
  SchemeRow,
  SensitivityState,
  Work,
} from '../../webview/quantize-protocol';
import { activatedNet, footprintOf, runtimeStateOf } from './sample-runtime';
import { analysisOf, f746, type Plan } from './sample-state';

const kib = 1024;
const choices: readonly LayerScheme[] = ['float32', 'int16x8', 'int8', 'int4-weights'];

/** Layers with weights, at int8, or at int4 where `low` says so. */
export function plannedLayers(
  plans: readonly Plan[],
  low: (position: number) => boolean = () => false,
): PlannedLayer[] {
  return plans
    .map((plan, index) => ({ plan, index }))
    .filter(({ plan }) => plan.weights > 0)
    .map(({ plan, index }, position) => ({
      name: plan.name,
      opType: plan.opType,
      index,
      scheme: low(position) ? 'int4-weights' : 'int8',
      choices,
      weightBytesBefore: plan.weights * 4,
      weightBytes: Math.ceil(plan.weights * (low(position) ? 0.5 : 1)) + 40,
    }));
}

/** Layers alone: the earlier, the more harm. */
export function sensitivityOf(layers: readonly PlannedLayer[]): SensitivityState {
  return {
    layers: layers.map(({ name }, position) => ({
      name,
      scheme: 'int4-weights',
      sqnrDb: 17.8 + (position / Math.max(1, layers.length - 1)) * 27.6,
      noise: 0.02 / (position + 1),
    })),
    samples: 64,
    synthetic: false,
  };
}

function measured(sqnrDb: number | undefined): FrontierPoint['measurement'] {
  return { kind: 'ready', value: { sqnrDb, samples: 64, synthetic: false } };
}

/** Flash in KiB and error in dB of plans from all int8 to all int4. */
const plans: readonly (readonly [kib: number, decibels: number])[] = [
  [382.6, 31.3],
  [382.4, 31.0],
  [383.0, 30.2],
  [377.5, 29.4],
  [366.0, 31.2],
  [365.0, 30.6],
  [364.5, 30.4],
  [356.8, 30.1],
  [324.8, 27.6],
  [316.4, 26.0],
  [316.3, 25.2],
  [316.2, 24.2],
  [316.1, 23.5],
  [315.4, 23.1],
  [314.6, 23.0],
  [316.1, 22.3],
  [310.4, 23.1],
  [309.8, 22.3],
  [307.8, 21.5],
  [307.7, 21.2],
  [299.8, 21.4],
  [299.4, 21.0],
  [291.2, 20.8],
  [290.2, 18.6],
  [290.0, 18.3],
  [281.9, 15.3],
];

/** Plans of the sample. `measuredPlans`: how many of them are measured. */
export function frontierPoints(measuredPlans = plans.length): FrontierPoint[] {
  return plans.map(([size, decibels], index): FrontierPoint => {
    const low = Math.round((index / (plans.length - 1)) * 28);
    return {
      flashBytes: Math.round(size * kib),
      flashKind: 'estimated',
      ramBytes: 100_720,
      ramKind: 'exact',
      words: `${low} layers at int4, ${28 - low} at int8`,
      ...(index === 0 ? { end: 'all int8' } : index === plans.length - 1 ? { end: 'all int4' } : {}),
      measurement: index < measuredPlans ? measured(decibels) : { kind: 'none' },
    };
  });
}

export const planMeasurement: PlanMeasurement = {
  outputs: [
    {
      name: 'output',
      sqnrDb: 27.6,
      cosine: 0.999,
      maxAbsoluteError: 0.02,
      elements: 128,
      notFinite: 0,
      top1: { agreeing: 64, rows: 64 },
    },
  ],
  sqnrDb: 27.6,
  samples: 64,
  synthetic: false,
  warnings: [],
};

function row(id: string, label: string, size: number, needsData: boolean, rare = false): SchemeRow {
  return { id, label, rare, needsData, size: { kind: 'ready', bytes: Math.round(size * kib), figure: 'estimated' } };
}

function rows(hasData: boolean): SchemeRow[] {
  return [
    {
      ...row('float16', 'float16', 545.2, false),
      size: {
        kind: 'ready',
        bytes: 558_285,
        figure: 'estimated',
        cannotRun: 'TFLM + CMSIS-NN cannot run Conv: it has no float16 kernels.',
      },
    },
    row('int8', 'int8 per channel', 377.5, !hasData),
    row('int8-per-tensor', 'int8 per tensor', 314.1, !hasData),
    row('int16x8', 'int16 x 8', 391.7, !hasData),
    hasData
      ? row('mixed', 'Fit to budget, mixed', 324.8, false)
      : { ...row('mixed', 'Fit to budget, mixed', 0, true), size: { kind: 'open', note: 'needs data' } },
    row('int8-weights', 'int8 weights', 412.0, false),
    row('int4-weights', 'int4 weights', 281.9, false),
    row('fixed-point', 'Fixed point Qm.n', 314.1, false),
    row('bfloat16', 'bfloat16', 545.2, false, true),
    row('codebook', 'Codebook (k-means)', 270.4, false, true),
    {
      ...row('ternary', 'Ternary', 0, false, true),
      size: { kind: 'refused', reason: 'Ternary weights need a layer with more than one value.' },
    },
  ];
}

/** Sizes with one number changed, so that the plan of the sample adds up to 324.8 KiB. */
function sizesOf(precision: 'as-in-file' | 'int8', flashBytes?: number): PlanSizes {
  const analysis = analysisOf(activatedNet());
  const { runtime, memory, flash, cannotRun } = footprintOf(analysis, { precision });
  const sum = flash.parts.reduce((total, { part, bytes }) => (part === 'reserve' ? total : total + bytes), 0);
  const parts = flash.parts.map((part) =>
    part.part === 'weights' && flashBytes !== undefined ? { ...part, bytes: part.bytes + flashBytes - sum } : part,
  );
  return {
    footprint: { runtime, memory, flash: { ...flash, parts }, cannotRun },
    constantBytes: analysis.totals.constantBytes,
    peakActivationBytes: analysis.totals.peakActivationBytes,
  };
}

/** The view as it stands once a mixed plan is measured. */
export function quantizeOf(change: Partial<QuantizeState> = {}): QuantizeState {
  const layers = plannedLayers(activatedNet(), (position) => position % 3 === 2);
  const sensitivity: Work<SensitivityState> = { kind: 'ready', value: sensitivityOf(layers) };
  return {
    rows: rows(true),
    chosen: 'mixed',
    label: 'int8 / int4',
    recommended: {
      id: 'mixed',
      label: 'Fit to budget, mixed',
      reason: 'the least change that fits; int8 per channel is 25.5 KiB over 352 KiB of flash',
    },
    options: { activations: 'asymmetric' },
    method: 'minmax',
    isStatic: true,
    recovery: 'mse-clip',
    recoveries: [
      { id: 'cle', reason: undefined },
      { id: 'bias-absorption', reason: undefined },
      { id: 'mse-clip', reason: undefined },
      { id: 'hqq', reason: 'It is for weights of 4 and 2 bits.' },
    ],
    flashBudget: { bytes: 352 * kib, room: 960 * kib },
    ramBudget: { bytes: 272 * kib, room: 272 * kib },
    data: {
      source: 'files',
      label: 'calibration.npz',
      media: undefined,
      preprocessing: {
        layout: 'auto',
        resize: 'none',
        colourOrder: 'RGB',
        scale: 1,
        mean: [0],
        std: [1],
        audioLength: 'exact',
      },
      reading: false,
      found: { samples: 64, inputs: [{ name: 'input_1', shape: [1, 3, 96, 96], dataType: 'FLOAT' }] },
      problem: undefined,
    },
    file: sizesOf('as-in-file'),
    plan: sizesOf('int8', Math.round(324.8 * kib)),
    refused: undefined,
    layers,
    edited: [],
    sensitivity,
    frontier: { points: frontierPoints(), shown: 8, running: false },
    measurement: { kind: 'ready', value: planMeasurement },
    plainDb: 29.4,
    paused: false,
    write: { fileBytes: 268_595, externalBytes: undefined, blocked: undefined, writing: false, outcome: undefined },
    ...change,
  };
}

/** The view before there is any data. */
export function withoutData(change: Partial<QuantizeState> = {}): QuantizeState {
  const state = quantizeOf();
  return {
    ...state,
    rows: rows(false),
    chosen: 'int8',
    label: 'int8 per channel',
    recommended: { id: 'int8', label: 'int8 per channel', reason: 'the least change that fits' },
    data: { ...state.data, source: 'none', label: '', found: undefined },
    sensitivity: { kind: 'none' },
    frontier: { points: [], shown: undefined, running: false },
    measurement: { kind: 'none' },
    plainDb: undefined,
    write: { ...state.write, blocked: 'int8 per channel needs calibration data: choose it in step 3.' },
    ...change,
  };
}

/** The page's state with the plan shown. */
export function plannedState(): PageState {
  return { ...runtimeStateOf({ target: f746, precision: 'int8' }), precision: 'plan', planLabel: 'int8 / int4' };
}
