import { lowerBounds } from '../budget/lower-bounds';
import type { Model } from '../model/model';
import { readModel } from '../onnx/read-model';
import { QuantizationRefused } from '../quantize/plan';
import type { Recipe } from '../quantize/recipe';
import { defaultOutputName } from '../quantize/scheme';
import type { LoweredGraph } from '../runtimes/lowered';
import { type MeasureOptions, measureLowered } from '../runtimes/measure';
import type { Runtime, RuntimeMemory } from '../runtimes/runtime';
import { findRuntime } from '../runtimes/runtimes';
import { inferShapes } from '../shapes/infer-shapes';
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
  /** On the runtime that was asked for. */
  readonly lowered: { readonly graph: LoweredGraph; readonly memory: RuntimeMemory } | undefined;
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
  const proofs = options.unproved ? 'later' : 'first';
  const plan = await planner.plan(recipe, outputName, signal, proofs);
  const mixable = await planner.layers(recipe, signal, proofs, plan);
  const { model, shapes, analysis, bounds } = await readPlan(plan, outputName, options);
  const runtime = runtimeFor(options);
  const lowered = runtime && loweredOn(runtime, shapes, options);
  const fileBytes = model.source.externalFiles.reduce(
    (sum, { byteLength = 0 }) => sum + byteLength,
    model.source.byteLength,
  );
  const footprint =
    runtime &&
    lowered &&
    measureLowered(lowered.graph, lowered.memory, fileBytes, runtime, 'as-in-file', measureOptions(options));
  const packed = plan.converted.some(({ packedBytes }) => packedBytes !== undefined);
  const estimate = {
    kind: 'ready',
    fileBytes: plan.predictedFileBytes,
    externalBytes: plan.predictedExternalBytes,
    dataFileName: plan.dataFileName,
    ...(footprint && { footprint }),
    ...(analysis && { analysis }),
    constantBytes: bounds.constantBytes,
    peakActivationBytes: bounds.peakActivationBytes,
    layers: plannedLayers(mixable, recipe, plan),
    passes: plan.passes,
    left: plan.left,
    ...(packed && {
      packedBytes: plan.converted.reduce((sum, tensor) => sum + (tensor.packedBytes ?? tensor.bytesAfter), 0),
    }),
  } as const;
  return { estimate, plan, model, shapes, lowered };
}

/** What is in the planned file; its analysis only where that is asked for. */
async function readPlan(
  { file, dataFile }: RecipePlan,
  fileName: string,
  { withAnalysis, bindings, signal }: EstimateOptions,
) {
  const input = {
    fileName,
    ...(dataFile && { externalFiles: { open: async () => dataFile.structure } }),
  };
  if (withAnalysis) {
    const { model, shapes, analysis } = await analyseModel({ ...input, source: file.structure }, bindings, signal);
    return { model, shapes, analysis, bounds: analysis.totals };
  }
  const model = await readModel(file.structure, input);
  signal?.throwIfAborted();
  const shapes = inferShapes(model, bindings);
  return { model, shapes, analysis: undefined, bounds: lowerBounds(model, shapes) };
}

function loweredOn(runtime: Runtime, shapes: ModelShapes, options: EstimateOptions) {
  const graph = runtime.lower(shapes, 'as-in-file', measureOptions(options));
  return { graph, memory: runtime.memory(graph) };
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
