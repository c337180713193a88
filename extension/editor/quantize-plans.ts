import type { FrontierPoint, Recommendation, SchemeRowId } from '../../webview/quantize-protocol';
import { formatBytes, formatLimit } from '../model/format';
import { neededMemory } from '../targets/runtime-verdict';
import type { FigureKind } from '../targets/verdict';
import type { CandidatePlan, PlanMeasurement, RecipeEstimate } from '../worker/recipe-calls';
import { schemeChoice } from './quantize-choices';

/** Flash and RAM of a plan in bytes, without what is kept for the application. */
export interface NeededBytes {
  readonly flashBytes: number;
  readonly flashKind: FigureKind;
  readonly ramBytes: number;
  readonly ramKind: FigureKind;
  /** True where the runtime has no kernel for some operator. */
  readonly cannotRun: boolean;
}

/** Budgets in bytes; undefined: no limit is known. */
export interface Budgets {
  readonly flash: number | undefined;
  readonly ram: number | undefined;
}

/** What an estimate says is needed: on its runtime, else the lower bounds that hold on any. */
export function neededBy(estimate: Extract<RecipeEstimate, { kind: 'ready' }>): NeededBytes {
  const { footprint, constantBytes, peakActivationBytes } = estimate;
  if (!footprint) {
    const kind = 'lower bound';
    return {
      flashBytes: constantBytes,
      flashKind: kind,
      ramBytes: peakActivationBytes,
      ramKind: kind,
      cannotRun: false,
    };
  }
  const { flash, ram } = neededMemory(footprint);
  const reserve = footprint.flash.parts.find(({ part }) => part === 'reserve')?.bytes ?? 0;
  return {
    flashBytes: flash.bytes - reserve,
    flashKind: flash.kind,
    ramBytes: ram.bytes,
    ramKind: ram.kind,
    cannotRun: footprint.cannotRun.length > 0,
  };
}

/** True where nothing is known to exceed the budgets. */
export function isWithin(
  { flashBytes, ramBytes }: Pick<NeededBytes, 'flashBytes' | 'ramBytes'>,
  { flash, ram }: Budgets,
): boolean {
  return (flash === undefined || flashBytes <= flash) && (ram === undefined || ramBytes <= ram);
}

/** By how much a plan exceeds budgets, as a clause: "12.0 KiB over the flash budget". */
export function excessOf(needed: Pick<NeededBytes, 'flashBytes' | 'ramBytes'>, budgets: Budgets): string | undefined {
  const over = (['flash', 'ram'] as const).flatMap((memory) => {
    const budget = budgets[memory];
    const bytes = memory === 'flash' ? needed.flashBytes : needed.ramBytes;
    const name = memory === 'flash' ? 'flash' : 'RAM';
    return budget !== undefined && bytes > budget ? [`${formatBytes(bytes - budget)} over the ${name} budget`] : [];
  });
  return over.length === 0 ? undefined : over.join(' and ');
}

/** A plan and its measured error, where it is measured. */
export interface KnownPlan {
  readonly plan: CandidatePlan;
  readonly measurement: Pick<PlanMeasurement, 'sqnrDb'> | undefined;
}

/**
 * Position of the plan to show: within the budgets the one with the least measured error, before any is measured the one expected to
 * have the least. Where none is within them, the smallest. undefined without plans.
 */
export function bestPlan(plans: readonly KnownPlan[], budgets: Budgets): number | undefined {
  if (plans.length === 0) return undefined;
  const within = plans.flatMap(({ plan, measurement }, index) =>
    isWithin(plan, budgets) ? [{ index, noise: plan.noise, measurement }] : [],
  );
  const measured = within.flatMap(({ index, measurement }) =>
    measurement === undefined ? [] : [{ index, decibels: measurement.sqnrDb ?? Number.POSITIVE_INFINITY }],
  );
  const [first] = measured;
  if (first) return measured.reduce((best, one) => (one.decibels > best.decibels ? one : best), first).index;
  const [one] = within;
  if (one) return within.reduce((best, each) => (each.noise < best.noise ? each : best), one).index;
  return plans.reduce(
    (smallest, { plan }, index) => (plan.flashBytes < smallest.bytes ? { index, bytes: plan.flashBytes } : smallest),
    { index: 0, bytes: Number.POSITIVE_INFINITY },
  ).index;
}

/** From the least change of a model to the most. */
const byChange: readonly SchemeRowId[] = [
  'float16',
  'int8',
  'int8-per-tensor',
  'int8-weights',
  'mixed',
  'int4-weights',
];

/**
 * The scheme that changes the model least and fits the budgets, with its reason as a clause. undefined where none of those that are
 * known fits, and while one that changes less is not known yet.
 */
export function recommend(
  known: ReadonlyMap<SchemeRowId, NeededBytes | 'refused'>,
  budgets: Budgets,
  runtime: string | undefined,
): Recommendation | undefined {
  let before = '';
  for (const id of byChange) {
    // Few runtimes have kernels for float16; where none is chosen it is not known.
    if (id === 'float16' && runtime === undefined) continue;
    const needed = known.get(id);
    if (needed === undefined) {
      // A mixture is known only once its plans are.
      if (id === 'mixed') continue;
      return undefined;
    }
    const { label } = schemeChoice(id);
    if (needed === 'refused') {
      before = `${label} is not possible here`;
      continue;
    }
    if (needed.cannotRun) {
      before = `${runtime ?? 'the runtime'} has no kernels for ${label}`;
      continue;
    }
    if (isWithin(needed, budgets)) {
      const limit = budgets.flash === undefined && budgets.ram === undefined ? '' : ' that fits';
      return { id, label, reason: `the least change${limit}${before === '' ? '' : `; ${before}`}` };
    }
    before = `${label} is ${shortage(needed, budgets)}`;
  }
  return undefined;
}

function shortage({ flashBytes, ramBytes }: NeededBytes, { flash, ram }: Budgets): string {
  if (flash !== undefined && flashBytes > flash) {
    return `${formatBytes(flashBytes - flash)} over ${formatLimit(flash)} of flash`;
  }
  return ram === undefined ? 'too large' : `${formatBytes(ramBytes - ram)} over ${formatLimit(ram)} of RAM`;
}

/** "10 layers at int4, 18 at int8", in the order of the counts. */
export function countsInWords(counts: Readonly<Record<string, number>>): string {
  const entries = Object.entries(counts).filter(([, count]) => count > 0);
  return entries
    .map(([scheme, count], position) =>
      position === 0
        ? `${count.toLocaleString('en-US')} ${count === 1 ? 'layer' : 'layers'} at ${shortScheme(scheme)}`
        : `${count.toLocaleString('en-US')} at ${shortScheme(scheme)}`,
    )
    .join(', ');
}

/** "int8 / int4": what a plan is made of, the most frequent first. */
export function schemesInWords(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .sort(([, a], [, b]) => b - a)
    .map(([scheme]) => shortScheme(scheme))
    .slice(0, 3)
    .join(' / ');
}

/** A layer's scheme as a list has room for: "int4" for `int4-weights`. */
export function shortScheme(scheme: string): string {
  return scheme.replace(/-weights$/, '');
}

/** The plan as a point of the chart. */
export function frontierPoint(plan: CandidatePlan, measurement: FrontierPoint['measurement']): FrontierPoint {
  const { flashBytes, flashKind, ramBytes, ramKind, counts } = plan;
  const kinds = Object.entries(counts).filter(([, count]) => count > 0);
  const [only] = kinds;
  return {
    flashBytes,
    flashKind,
    ramBytes,
    ramKind,
    words: countsInWords(counts),
    ...(kinds.length === 1 && only && { end: `all ${shortScheme(only[0])}` }),
    measurement,
  };
}
