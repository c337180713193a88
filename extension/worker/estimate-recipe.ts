import type { Model } from '../model/model';
import { QuantizationRefused } from '../quantize/plan';
import type { Recipe } from '../quantize/recipe';
import { defaultOutputName } from '../quantize/scheme';
import { type MeasureOptions, measureOnRuntime, type RuntimeFootprint } from '../runtimes/measure';
import type { Runtime } from '../runtimes/runtime';
import { findRuntime } from '../runtimes/runtimes';
import type { ModelShapes } from '../shapes/model-shapes';
import { analyseModel } from './analyse';
import type { RecipePlan } from './plan-recipe';
import type { EstimateRequest, RecipeEstimate } from './recipe-calls';
import { plannedLayers, type RecipePlanner } from './recipe-planner';

export type EstimateOptions = Omit<EstimateRequest, 'session' | 'recipe'> & {
  readonly bindings?: ReadonlyMap<string, number> | undefined;
  readonly signal?: AbortSignal | undefined;
};

/** A recipe that was planned in full, with what is in the planned file. */
export interface PlannedRecipe {
  readonly estimate: Extract<RecipeEstimate, { readonly kind: 'ready' }>;
  readonly plan: RecipePlan;
  readonly model: Model;
  readonly shapes: ModelShapes;
}

/** Sizes of what a recipe would write, by planning it in full; reads no weights. Throws Error for an unknown runtime, and the signal's reason. */
export async function estimateRecipe(
  planner: RecipePlanner,
  recipe: Recipe,
  options: EstimateOptions = {},
): Promise<RecipeEstimate> {
  try {
    return (await planAndMeasure(planner, recipe, options)).estimate;
  } catch (error) {
    if (error instanceof QuantizationRefused) return { kind: 'refused', reason: error.message };
    throw error;
  }
}

/** The same with the plan. Throws QuantizationRefused too. */
export async function planAndMeasure(
  planner: RecipePlanner,
  recipe: Recipe,
  options: EstimateOptions = {},
): Promise<PlannedRecipe> {
  const { fileName } = planner.source.model.source;
  const { signal, outputName = defaultOutputName(fileName, recipe.scheme) } = options;
  const plan = await planner.plan(recipe, outputName, signal);
  const mixable = await planner.layers(recipe, signal);
  const { analysis, model, shapes } = await analysePlan(plan, outputName, options.bindings, signal);
  const footprint = footprintOn(model, shapes, options);
  const packed = plan.converted.some(({ packedBytes }) => packedBytes !== undefined);
  const estimate = {
    kind: 'ready',
    fileBytes: plan.predictedFileBytes,
    externalBytes: plan.predictedExternalBytes,
    dataFileName: plan.dataFileName,
    ...(footprint && { footprint }),
    ...(options.withAnalysis && { analysis }),
    constantBytes: analysis.totals.constantBytes,
    peakActivationBytes: analysis.totals.peakActivationBytes,
    layers: plannedLayers(mixable, recipe, plan),
    passes: plan.passes,
    left: plan.left,
    ...(packed && {
      packedBytes: plan.converted.reduce((sum, tensor) => sum + (tensor.packedBytes ?? tensor.bytesAfter), 0),
    }),
  } as const;
  return { estimate, plan, model, shapes };
}

function analysePlan(
  { file, dataFile }: RecipePlan,
  fileName: string,
  bindings: ReadonlyMap<string, number> | undefined,
  signal: AbortSignal | undefined,
) {
  const input = {
    fileName,
    source: file.structure,
    ...(dataFile && { externalFiles: { open: async () => dataFile.structure } }),
  };
  return analyseModel(input, bindings, signal);
}

function footprintOn(model: Model, shapes: ModelShapes, options: EstimateOptions): RuntimeFootprint | undefined {
  const runtime = runtimeFor(options);
  return runtime && measureOnRuntime(model, shapes, runtime, 'as-in-file', measureOptions(options));
}

/** Throws Error for an unknown runtime. */
export function runtimeFor({ runtime: id }: EstimateOptions): Runtime | undefined {
  if (id === undefined) return undefined;
  const runtime = findRuntime(id);
  if (!runtime) throw new Error(`There is no runtime "${id}".`);
  return runtime;
}

export function measureOptions({
  flashReserveBytes,
  keepFloatInputsAndOutputs = false,
}: EstimateOptions): MeasureOptions {
  return {
    floatInputsAndOutputs: keepFloatInputsAndOutputs,
    ...(flashReserveBytes !== undefined && { flashReserveBytes }),
  };
}
