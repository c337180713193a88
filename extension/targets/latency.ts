import type { LayerCost } from '../budget/footprint';
import {
  coreName,
  kindOfCore,
  type LatencyRow,
  type LatencySystem,
  publishedLatencies,
  type Work,
  type WorkKind,
} from './latency-evidence';
import { fitLatencies, kindKey, type LatencyModel, type LogNormal, whyNotUsable } from './latency-model';
import type { Target } from './target';

/** What latency is estimated from, one entry per layer that costs time. */
export interface LatencyWork {
  readonly layers: readonly {
    /** Position of its node in the file. */
    readonly index: number;
    readonly name: string;
    readonly kind: WorkKind;
    readonly operations: number;
  }[];
  /** Layers whose multiply-accumulates are not known: no estimate can be given for the model. */
  readonly unknown: readonly string[];
}

/** Milliseconds. `lower` to `upper` is meant to hold the true value in at least 8 of 10 cases. */
export interface LatencyRange {
  readonly lowerMs: number;
  readonly middleMs: number;
  readonly upperMs: number;
}

export interface LatencyEstimate extends LatencyRange {
  /** Each with a range of its own; the middles add up to the total, the ends do not. */
  readonly perLayer: readonly (LatencyRange & {
    readonly index: number;
    readonly name: string;
    readonly kind: WorkKind;
  })[];
  readonly kind: 'estimated';
  /** The published rows it was derived from, in words. */
  readonly basis: string;
  /** How far such estimates were off where they could be checked, a sentence. */
  readonly accuracy: string;
}

/** The runtime id that means the target's accelerator, with the maker's own compiler. */
export const acceleratorRuntime = 'accelerator';

/**
 * How far estimates were off where they could be checked: each published int8 row estimated without the rows of its board. Shares:
 * 0.25 is 25 %. A test holds them to the evidence.
 */
export const latencyAccuracy = { medianError: 0.24, inRange: 0.88, rows: 300 } as const;

const accuracyText =
  `Published latencies of ${latencyAccuracy.rows} models and boards, each estimated without the rows of its board: the median error was ` +
  `${Math.round(100 * latencyAccuracy.medianError)} %, and ${Math.round(100 * latencyAccuracy.inRange)} % were in their range. ` +
  'Nearly all are of the four models of MLPerf Tiny; a network unlike those can be further off.';

/** Half the width of a range in standard deviations: 80 % of a normal distribution. */
const rangeWidth = 1.28;

/** Layers that a runtime folds into their neighbours, or that move no data. */
const foldedAway =
  /^(QuantizeLinear|DequantizeLinear|DynamicQuantizeLinear|Relu|Clip|BatchNormalization|Identity|Dropout|Cast|Constant|Shape)$/;

type WorkLayer = Pick<LayerCost, 'index' | 'name' | 'opType' | 'macs' | 'elementOperations'> & {
  readonly operator: string;
};

/** The work of a model's layers, by the kinds that published latencies tell apart. */
export function workOf(layers: readonly WorkLayer[]): LatencyWork {
  const unknown = layers.filter(({ macs }) => macs === undefined).map(({ name }) => name);
  const costly = layers.flatMap(({ index, name, opType, operator, macs = 0, elementOperations = 0 }) => {
    if (macs > 0) return [{ index, name, kind: kindOfProduct(opType, operator), operations: macs }];
    if (elementOperations > 0 && !foldedAway.test(opType)) {
      return [{ index, name, kind: 'other' as const, operations: elementOperations }];
    }
    return [];
  });
  return { layers: costly, unknown };
}

/** `operator` as the layer table shows it: "Conv 3×3", "Depthwise 3×3", "Conv 1×1", "Gemm". */
function kindOfProduct(opType: string, operator: string): WorkKind {
  if (operator.startsWith('Depthwise')) return 'depthwise';
  if (!/Conv/.test(opType)) return 'dense';
  return /\s1(×1)*(,|$)/.test(operator) ? 'pointwise' : 'conv';
}

/**
 * How long a model takes on a target with a runtime, in milliseconds: an estimate from published latencies (latency-model.ts says
 * how), always a range. undefined where there is no evidence; `whyNoLatency` says what is missing.
 */
export function estimateLatency(
  work: LatencyWork,
  target: Target,
  runtimeId: string,
  precision: string,
): LatencyEstimate | undefined {
  const found = queryFor(work, target, runtimeId, precision);
  if (!('system' in found)) return undefined;
  const { system, clockHz } = found;
  const model = allRowsModel();
  const prediction = model.predict(system, sumOf(work));
  return {
    ...inMilliseconds(rangeOf(prediction.total, clockHz)),
    perLayer: work.layers.map(({ index, name, kind, operations }) => {
      const { mean, deviation } = prediction.perOperation[kind];
      return {
        index,
        name,
        kind,
        ...inMilliseconds(rangeOf({ mean: mean + Math.log(operations), deviation }, clockHz)),
      };
    }),
    kind: 'estimated',
    basis: basisOf(system),
    accuracy: accuracyText,
  };
}

/** Why there is no estimate, one sentence; undefined where there is one. */
export function whyNoLatency(
  work: LatencyWork,
  target: Target,
  runtimeId: string,
  precision: string,
): string | undefined {
  const found = queryFor(work, target, runtimeId, precision);
  return 'system' in found ? undefined : found.missing;
}

/** The range of a logarithm of cycles at a clock, in milliseconds. */
export function rangeOf({ mean, deviation }: LogNormal, clockHz: number) {
  const at = (log: number) => (1000 * Math.exp(log)) / clockHz;
  return {
    lower: at(mean - rangeWidth * deviation),
    middle: at(mean),
    upper: at(mean + rangeWidth * deviation),
  };
}

/**
 * Whether published rows say anything about a system: there is one of its kind of core (of its series, for an accelerator) in this
 * precision. In float32, where a floating-point unit decides, of the core itself.
 */
export function hasEvidence(system: LatencySystem, rows: readonly LatencyRow[]): boolean {
  return rows.some((row) => {
    if (row.system.precision !== system.precision || whyNotUsable(row) !== undefined) return false;
    return system.precision === 'float32' ? row.system.core === system.core : kindKey(row.system) === kindKey(system);
  });
}

let fitted: LatencyModel | undefined;

/** Fitted at the first call, which takes about a tenth of a second. */
function allRowsModel(): LatencyModel {
  fitted ??= fitLatencies(publishedLatencies());
  return fitted;
}

interface Query {
  readonly system: LatencySystem;
  readonly clockHz: number;
}

function queryFor(
  work: LatencyWork,
  target: Target,
  runtimeId: string,
  precision: string,
): Query | { readonly missing: string } {
  if (work.unknown.length > 0) {
    const [first, ...more] = work.unknown;
    const layers = more.length > 0 ? `${work.unknown.length} layers (${first} first)` : `layer ${first}`;
    return { missing: `the multiply-accumulates of ${layers} are not known` };
  }
  if (work.layers.length === 0) return { missing: 'no layer has work that can be counted' };
  const rows = publishedLatencies();
  const base = baseOf(target, runtimeId);
  if (!base) {
    return {
      missing: `no latency is published for ${runtimeId === acceleratorRuntime ? (target.accelerator ?? target.name) : runtimeId}`,
    };
  }
  if (base.clockHz === undefined) return { missing: `the clock of ${target.name} is not known` };
  const board = rows.find((row) => row.target === target.id && row.system.core === base.core)?.system.board;
  const system = {
    core: base.core,
    kind: base.kind,
    family: base.family,
    line: base.line,
    precision,
    ...(board !== undefined && { board }),
  };
  if (hasEvidence(system, rows)) return { system, clockHz: base.clockHz };
  return { missing: `no ${precision} latency is published for a core like ${base.core}` };
}

/** Which published runtime each of ours is. Others (onnx2c, ONNX Runtime) have no published latencies on microcontrollers. */
const runtimeFamilies: Readonly<Record<string, { readonly family: string; readonly line: string }>> = {
  tflm: { family: 'TFLM reference kernels', line: 'plain C' },
  'tflm-cmsis-nn-m0': { family: 'TFLM + optimized kernels', line: 'TFLM + CMSIS-NN' },
  'tflm-cmsis-nn-m4': { family: 'TFLM + optimized kernels', line: 'TFLM + CMSIS-NN' },
  'tflm-cmsis-nn-m55': { family: 'TFLM + optimized kernels', line: 'TFLM + CMSIS-NN' },
  'st-edge-ai': { family: 'X-CUBE-AI 9 and later', line: 'ST Edge AI' },
  'esp-dl': { family: 'ESP-DL', line: 'ESP-DL' },
};

/** Accelerators with published latencies: by the name in the catalogue, as published, and what compiles for them. */
const accelerators = [
  { pattern: /^Neural-ART/, core: 'Neural-ART', ...runtimeFamilies['st-edge-ai'] },
  { pattern: /^MVP/, core: 'Silicon Labs MVP', family: 'TFLM + optimized kernels', line: 'TFLM + CMSIS-NN' },
  {
    pattern: /^Syntiant Core 2/,
    core: 'Syntiant Core 2',
    family: 'TensorFlow, Syntiant SDK',
    line: 'TensorFlow, Syntiant SDK',
  },
  { pattern: /^NE16/, core: 'NE16', family: 'GAPflow', line: 'GAPflow' },
  ...['U55-32', 'U55-64', 'U55-128', 'U55-256', 'U65-256', 'U65-512'].map((size) => ({
    // Where a chip has two, the first, larger one.
    pattern: new RegExp(`^Ethos-${size}(?!\\d)`),
    core: `Ethos-${size}`,
    family: 'Vela',
    line: 'Vela',
  })),
];

/**
 * Clocks of accelerators that do not run at the clock of the core: of STM32N6 from ST's reference manual, of i.MX 93 as in Vela's
 * configuration. Of RA8P1 it is not known from a source.
 */
const acceleratorClocks: Readonly<Record<string, number | undefined>> = {
  stm32n657x0: 1e9,
  imx93: 1e9,
  ra8p1: undefined,
};

function baseOf(target: Target, runtimeId: string) {
  const found = accelerators.find(({ pattern }) => pattern.test(target.accelerator ?? ''));
  // ST's compiler places what it can on the accelerator; the published rows of that chip are of it.
  const accelerated = runtimeId === acceleratorRuntime || (runtimeId === 'st-edge-ai' && found?.core === 'Neural-ART');
  if (accelerated) {
    if (!found) return undefined;
    const { core, family = '', line = '' } = found;
    const clockHz = target.id in acceleratorClocks ? acceleratorClocks[target.id] : target.clockHz;
    return { core, family, line, kind: 'accelerator' as const, clockHz };
  }
  const runtime = runtimeFamilies[runtimeId];
  if (!runtime) return undefined;
  const kind = kindOfCore(target.core);
  // Plain C is what ESP-DL is on Espressif's chips without vector instructions, by its own documentation.
  const plain = runtimeId === 'esp-dl' && !/vector/.test(kind) ? runtimeFamilies['tflm'] : undefined;
  return { core: coreName(target.core), kind, ...runtime, ...plain, clockHz: target.clockHz };
}

function sumOf({ layers }: LatencyWork): Work {
  const sums = { conv: 0, depthwise: 0, pointwise: 0, dense: 0, other: 0 };
  for (const { kind, operations } of layers) sums[kind] += operations;
  return sums;
}

/** Which published rows speak about a system, from the closest to the least close. */
function basisOf(system: LatencySystem): string {
  const left = new Set(
    publishedLatencies().filter((row) => row.system.precision === system.precision && !whyNotUsable(row)),
  );
  const take = (accepts: (row: LatencyRow) => boolean): readonly LatencyRow[] => {
    const taken = [...left].filter(accepts);
    for (const row of taken) left.delete(row);
    return taken;
  };
  const sameCore = (row: LatencyRow) => row.system.core === system.core;
  const chip = take((row) => sameCore(row) && row.system.family === system.family && row.system.board === system.board);
  const exact = take((row) => sameCore(row) && row.system.family === system.family);
  const core = take(sameCore);
  const kind = take((row) => kindKey(row.system) === kindKey(system));
  const runtime = system.kind === 'accelerator' ? [] : take((row) => row.system.line === system.line);
  const closest = chip.length > 0 ? chip : exact.length > 0 ? exact : core.length > 0 ? core : kind;
  const parts = [
    [chip, `of ${system.family} on this very chip`],
    [exact, `of ${system.core} with ${system.family}${chip.length > 0 ? ' on other boards' : ''}`],
    [core, `of ${system.core} with other runtimes`],
    [kind, `of other ${kindName(system)}`],
    [runtime, `of ${system.line} elsewhere`],
  ] as const;
  const counts = parts.flatMap(([rows, text]) => (rows.length > 0 ? [`${rows.length} ${text}`] : []));
  const boards = [...new Set(closest.map((row) => row.system.board ?? ''))];
  const named = boards.slice(0, 3).join(', ') + (boards.length > 3 ? ` and ${boards.length - 3} more` : '');
  const computed = closest.every((row) => row.computed)
    ? '; the closest are computed by the compiler, not measured'
    : '';
  const rates = closest.every((row) => row.rate) ? '; the closest are known by their rounded rates only' : '';
  return `Published latencies: ${counts.join(', ')}; the closest from ${named}${computed}${rates}.`;
}

function kindName(system: LatencySystem): string {
  const name = kindKey(system);
  return system.kind === 'accelerator' ? `${name} accelerators` : name.replace('core', 'cores');
}

function inMilliseconds({ lower, middle, upper }: ReturnType<typeof rangeOf>): LatencyRange {
  return { lowerMs: lower, middleMs: middle, upperMs: upper };
}
