import { EngineRefused, type InferenceEngine } from '../inference/engine';
import type { OutputError } from '../quantize/calibration/output-error';
import { QuantizationRefused } from '../quantize/plan';
import { planOnBasis } from '../quantize/quantize-model';
import type { Recipe } from '../quantize/recipe';
import type { CalibrationInputs } from './open-inputs';
import { noiseToDb, type PlanMeter, relativeNoise } from './plan-meter';
import { plainScheme, type RecipePlan } from './plan-recipe';
import { measureRecipe } from './quantize-recipe';
import type { PlanMeasurement } from './recipe-calls';
import type { RecipePlanner } from './recipe-planner';
import { runnablePlan } from './runnable-model';

export interface MeasurePlanRequest {
  readonly planner: RecipePlanner;
  readonly meter: PlanMeter;
  readonly recipe: Recipe;
  /** Those of the meter. */
  readonly inputs: NonNullable<CalibrationInputs>;
  readonly engine: InferenceEngine;
  readonly signal?: AbortSignal | undefined;
}

/** Calibrates the plan of a recipe and measures it against the source, with the recovery that the recipe asks for. Throws QuantizationRefused. */
export async function measurePlan(request: MeasurePlanRequest): Promise<PlanMeasurement> {
  const { planner, meter, recipe, inputs, engine, signal } = request;
  if (recipe.recovery !== 'none') {
    const { measurement } = await measureRecipe({
      source: planner.source,
      recipe,
      inputs,
      outputPath: 'plan.onnx',
      engine,
      ...(signal && { signal }),
    });
    return described(measurement.outputs, measurement);
  }
  const { samples, synthetic } = meter;
  try {
    const plan = await calibratedPlan(planner, meter, recipe, signal);
    return described(await meter.errors(await runnablePlan(plan), signal), { samples, synthetic, warnings: [] });
  } catch (error) {
    if (!(error instanceof EngineRefused)) throw error;
    throw new QuantizationRefused(`The engine does not run the quantized model: ${error.message}`);
  }
}

async function calibratedPlan(
  planner: RecipePlanner,
  meter: PlanMeter,
  recipe: Recipe,
  signal: AbortSignal | undefined,
): Promise<Pick<RecipePlan, 'file' | 'dataFile' | 'dataFileName'>> {
  const fileName = 'plan.onnx';
  const plan = await planner.plan(recipe, fileName, signal);
  const { scheme, options } = recipe;
  if (plan.activations.length === 0 || scheme === 'float16' || plainScheme(recipe) !== undefined) return plan;
  const { basis } = await planner.basis(recipe, signal);
  const ranges = await meter.ranges(basis.source, plan.activations, recipe, signal);
  return planOnBasis(planner.source, basis, { scheme, options, ranges }, { fileName });
}

function described(
  outputs: readonly OutputError[],
  rest: Pick<PlanMeasurement, 'samples' | 'synthetic' | 'warnings'>,
): PlanMeasurement {
  const { samples, synthetic, warnings } = rest;
  return {
    outputs: outputs.map((output) => ({
      ...output,
      ...(output.top1 && { top1Agreement: output.top1.agreeing / output.top1.rows }),
    })),
    sqnrDb: noiseToDb(relativeNoise(outputs)),
    samples,
    synthetic,
    warnings,
  };
}
