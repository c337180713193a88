import type { InferenceEngine } from '../inference/engine';
import { formatBytes } from '../model/format';
import { type Budget, isWithin, leastErrorWithin, onFrontier } from '../quantize/fit/frontier';
import { optionsFromJson } from '../quantize/options';
import { QuantizationRefused } from '../quantize/plan';
import type { Recipe } from '../quantize/recipe';
import { candidatePlans } from './fit-candidates';
import { measurePlan } from './fit-measure';
import type { CalibrationInputs } from './open-inputs';
import { PlanMeter } from './plan-meter';
import type { CandidatePlan, PlanMeasurement, Sensitivities } from './recipe-calls';
import type { RecipePlanner } from './recipe-planner';
import { measureSensitivity } from './sensitivity';

export interface FitRequest {
  readonly planner: RecipePlanner;
  /** The scheme of the most faithful plan, and its options. */
  readonly recipe: Recipe;
  readonly inputs: NonNullable<CalibrationInputs>;
  readonly budget: Budget;
  /** RAM in bytes that the application keeps for itself. */
  readonly ramReserveBytes?: number;
  /** Absent: flash is the constants of the file and RAM the peak of activations, both lower bounds. */
  readonly runtime?: string | undefined;
  readonly flashReserveBytes?: number | undefined;
  readonly keepFloatInputsAndOutputs?: boolean | undefined;
  readonly engine: InferenceEngine;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: (doing: string, done: number, total: number) => void;
}

/** A plan that was measured end to end; its RAM counts what the application keeps. */
export interface FitPoint extends Omit<CandidatePlan, 'recipe'> {
  readonly recipe: Recipe;
  readonly sqnrDb: number | undefined;
  readonly outputs: PlanMeasurement['outputs'];
  readonly fits: boolean;
  /** No other plan is as small with less error. */
  readonly onFrontier: boolean;
}

export interface FitResult {
  readonly points: readonly FitPoint[];
  /** The least error within the budget. */
  readonly chosen: FitPoint;
  readonly sensitivity: Sensitivities;
}

/**
 * Finds the mix of schemes with the least error within a budget: the sensitivity of every layer, plans by harm for each byte saved, each measured
 * without accuracy recovery, which can only make it better. Throws QuantizationRefused with the smallest plan's sizes where none fits.
 */
export async function fitPlan(request: FitRequest): Promise<FitResult> {
  const { planner, inputs, engine, budget, signal, onProgress, ramReserveBytes = 0 } = request;
  const recipe: Recipe = { ...request.recipe, recovery: 'none' };
  const meter = await PlanMeter.open(planner.source, recipe, inputs, engine, signal);
  const sensitivity = await measureSensitivity(planner, meter, recipe, {
    signal,
    progress: (done, total) => onProgress?.('measuring layers', done, total),
  });
  const plans = await candidatePlans(planner, recipe, {
    sensitivity: sensitivity.layers,
    signal,
    ...(request.runtime !== undefined && { runtime: request.runtime }),
    ...(request.flashReserveBytes !== undefined && { flashReserveBytes: request.flashReserveBytes }),
    ...(request.keepFloatInputsAndOutputs !== undefined && {
      keepFloatInputsAndOutputs: request.keepFloatInputsAndOutputs,
    }),
  });
  const sizes = plans.map((plan) => ({ ...plan, ramBytes: plan.ramBytes + ramReserveBytes }));
  if (!sizes.some((plan) => isWithin(plan, budget))) throw new QuantizationRefused(nothingFits(sizes, budget));
  const measured: Omit<FitPoint, 'onFrontier'>[] = [];
  for (const [index, plan] of sizes.entries()) {
    signal?.throwIfAborted();
    onProgress?.('measuring plans', index, sizes.length);
    const mixed = { ...recipe, options: optionsFromJson(plan.recipe.options ?? {}) };
    const { sqnrDb, outputs } = await measurePlan({ planner, meter, recipe: mixed, inputs, engine, signal });
    const { options } = mixed;
    measured.push({ ...plan, recipe: { ...request.recipe, options }, sqnrDb, outputs, fits: isWithin(plan, budget) });
  }
  onProgress?.('measuring plans', sizes.length, sizes.length);
  const marks = onFrontier(measured);
  const points = measured.map((point, index) => ({ ...point, onFrontier: marks[index] ?? false }));
  const chosen = leastErrorWithin(points, budget);
  if (!chosen) throw new QuantizationRefused(nothingFits(sizes, budget));
  return { points, chosen, sensitivity };
}

/** Says that no plan is within the budget, and how small the smallest is. */
function nothingFits(plans: readonly Pick<CandidatePlan, 'flashBytes' | 'ramBytes'>[], budget: Budget): string {
  const least = (sizes: readonly number[]) => sizes.reduce((smallest, size) => Math.min(smallest, size));
  const smallest = plans.toSorted((a, b) => a.flashBytes - b.flashBytes || a.ramBytes - b.ramBytes)[0];
  if (!smallest) return 'There is no plan of this model that could be fitted.';
  const text = ({ flashBytes, ramBytes }: Pick<CandidatePlan, 'flashBytes' | 'ramBytes'>) =>
    `${formatBytes(flashBytes)} of flash and ${formatBytes(ramBytes)} of RAM`;
  const limits = [
    ...(budget.flashBytes === undefined ? [] : [`${formatBytes(budget.flashBytes)} of flash`]),
    ...(budget.ramBytes === undefined ? [] : [`${formatBytes(budget.ramBytes)} of RAM`]),
  ].join(' and ');
  const ram = least(plans.map(({ ramBytes }) => ramBytes));
  const hint =
    budget.ramBytes !== undefined && ram > budget.ramBytes
      ? ' Smaller weights do not lower the RAM: look at its peak.'
      : '';
  return `No plan fits ${limits}: the smallest needs ${text(smallest)}.${hint}`;
}
