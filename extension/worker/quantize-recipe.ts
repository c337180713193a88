import { basename, dirname, join, resolve } from 'node:path';
import { EngineRefused, type InferenceEngine } from '../inference/engine';
import { writePlannedFiles } from '../onnx/node-write';
import { batchNormRanges } from '../quantize/calibration/batch-norm-ranges';
import { collectRanges } from '../quantize/calibration/collect-ranges';
import { compareOutputs } from '../quantize/calibration/compare-outputs';
import type { OutputError } from '../quantize/calibration/output-error';
import type { Interval } from '../quantize/calibration/range-methods';
import type { SampleSource } from '../quantize/calibration-data/samples';
import { QuantizationRefused, type QuantizationSource } from '../quantize/plan';
import type { Recipe } from '../quantize/recipe';
import { floatSource } from '../quantize/requantize';
import { isStaticScheme } from '../quantize/scheme';
import { checkUpgrade } from './check-upgrade';
import { type LayerError, layerErrors, layersOf } from './layer-errors';
import { type CalibrationInputs, openInputs, refusing } from './open-inputs';
import { planRecipe, type RecipePlan, withRanges } from './plan-recipe';
import {
  type CalibratedPlan,
  meanSqnr,
  type OpenInputs,
  type RecoveryStep,
  recoverAccuracy,
  stepSentence,
} from './recover-accuracy';
import { runnablePlan, runnableSource } from './runnable-model';

export interface QuantizeRecipeRequest {
  readonly source: QuantizationSource;
  /** The source model on disk; its folder holds its data files. */
  readonly sourcePath: string;
  readonly recipe: Recipe;
  readonly inputs: CalibrationInputs;
  /** Where there are no inputs: what graph inputs lie in, so that ranges are worked out from batch normalization. */
  readonly inputRange?: Interval | undefined;
  readonly outputPath: string;
  /** Replace an existing output. */
  readonly overwrite: boolean;
  readonly engine: InferenceEngine;
  readonly signal?: AbortSignal;
  /** `total` is undefined where it is not known yet. */
  readonly onProgress?: (doing: string, done: number, total: number | undefined) => void;
  /** Gets the plan that will be written, before anything is. */
  readonly onPlan?: (plan: RecipePlan) => Promise<void>;
}

/** How far the quantized model is from the source. */
export interface RecipeMeasurement {
  readonly outputs: readonly OutputError[];
  readonly layers: readonly LayerError[];
  /** Samples that it was measured on; 0: there were no inputs, or the engine does not run the result. */
  readonly samples: number;
  /** The inputs were made up. */
  readonly synthetic: boolean;
  readonly warnings: readonly string[];
}

export interface RecipeOutcome {
  readonly plan: RecipePlan;
  readonly dataPath: string | undefined;
  readonly writtenFileBytes: number;
  readonly writtenExternalBytes: number | undefined;
  readonly comparison: string | undefined;
  readonly measurement: RecipeMeasurement;
  /** What was tried against the error, in order. */
  readonly recovery: readonly RecoveryStep[];
}

/**
 * Plans, calibrates where the scheme needs it, measures the planned file against the source on the calibration inputs, and writes it. What is measured are
 * the bytes that are written after it, so that whatever fails or is cancelled before leaves nothing behind. Throws QuantizationRefused,
 * CalibrationDataRefused, WriteRefused or Error, each with one sentence.
 */
export async function quantizeRecipe(request: QuantizeRecipeRequest): Promise<RecipeOutcome> {
  const { source, sourcePath, outputPath, signal } = request;
  const { plan, measurement, recovery, comparison } = await measureRecipe(request);
  await request.onPlan?.(plan);
  const dataPath = plan.dataFileName === undefined ? undefined : join(dirname(outputPath), plan.dataFileName);
  const written = await writePlannedFiles({
    model: plan.file,
    modelPath: outputPath,
    ...(plan.dataFile && dataPath !== undefined && { data: plan.dataFile, dataPath }),
    forbidden: [
      ...filesOf(source, sourcePath),
      ...(request.inputs?.kind === 'files' ? request.inputs.paths.map((path) => resolve(path)) : []),
    ],
    overwrite: request.overwrite,
    ...(signal && { signal }),
    progress: (done, total) => request.onProgress?.('writing', done, total),
  });
  return {
    plan,
    dataPath,
    writtenFileBytes: written.modelBytes,
    writtenExternalBytes: written.dataBytes,
    comparison,
    measurement,
    recovery,
  };
}

/** What is measured without being written. */
export type MeasureRecipeRequest = Pick<
  QuantizeRecipeRequest,
  'source' | 'recipe' | 'inputs' | 'inputRange' | 'outputPath' | 'engine' | 'signal' | 'onProgress'
>;

/** All of quantizeRecipe but the writing: the plan as it would be written, and its error. Throws what quantizeRecipe does. */
export async function measureRecipe(
  request: MeasureRecipeRequest,
): Promise<Pick<RecipeOutcome, 'plan' | 'measurement' | 'recovery' | 'comparison'>> {
  const float = await floatSource(request.source, request.recipe.options.requantize);
  const measured = await measureFloat({ ...request, source: float.source });
  return { ...measured, plan: { ...measured.plan, passes: [...float.passes, ...measured.plan.passes] } };
}

async function measureFloat(
  request: MeasureRecipeRequest,
): Promise<Pick<RecipeOutcome, 'plan' | 'measurement' | 'recovery' | 'comparison'>> {
  const { source, recipe, outputPath, engine, signal } = request;
  const output = { fileName: basename(outputPath) };
  if (isStaticScheme(recipe.scheme) && !request.inputs && !request.inputRange) {
    throw new QuantizationRefused(`${recipe.scheme} fixes the ranges of activations and needs calibration data.`);
  }
  // What a recipe names is done below, one after the other, where there are inputs.
  const adjustments = request.inputs || recipe.recovery === 'auto' ? { rewrites: [] } : undefined;
  const first = await planRecipe(source, recipe, output, { engine, signal, adjustments });
  const upgrade = first.upgraded && (await checkUpgrade(source, first.upgraded, signal));
  const run = request.inputs && (await openInputs(source, recipe, request.inputs, engine));
  const ready = await recovered(request, await calibrated(request, first, run?.samples), run);
  return { ...ready, comparison: upgrade ?? ready.plan.comparison };
}

/** Recovers accuracy as the recipe says, and measures the result. What `auto` chose is left aside where it is no better on all inputs than nothing. */
async function recovered(
  request: MeasureRecipeRequest,
  start: CalibratedPlan,
  run: OpenInputs | undefined,
): Promise<{
  readonly plan: RecipePlan;
  readonly measurement: RecipeMeasurement;
  readonly recovery: readonly RecoveryStep[];
}> {
  const { source, recipe, outputPath, engine, signal } = request;
  const result = await recoverAccuracy(
    {
      source,
      recipe,
      output: { fileName: basename(outputPath) },
      engine,
      signal,
      onProgress: request.onProgress,
      run,
      calibrate: (plan, samples) => calibrated(request, plan, samples),
    },
    start,
  );
  const measured = await measure(request, result.plan, run);
  let [best, steps] = [{ plan: result.plan, measured, warnings: result.warnings }, result.steps];
  if (recipe.recovery === 'auto' && run && steps.some(({ kept }) => kept)) {
    const plain = await measure(request, start.plan, run);
    if (meanSqnr(plain.outputs) > meanSqnr(measured.outputs)) {
      best = { plan: start.plan, measured: plain, warnings: start.warnings };
      steps = steps.map((step) =>
        step.kept ? { ...step, kept: false, reason: 'It does not help on all inputs.' } : step,
      );
    }
  }
  const changes = steps.map(stepSentence);
  return {
    plan:
      changes.length > 0
        ? { ...best.plan, passes: [...best.plan.passes, { pass: 'accuracy recovery', changes }] }
        : best.plan,
    measurement: { ...best.measured, warnings: [...best.warnings, ...best.measured.warnings] },
    recovery: steps,
  };
}

/** The plan with the ranges of its activations, where it needs them. */
async function calibrated(
  request: MeasureRecipeRequest,
  plan: RecipePlan,
  samples: SampleSource | undefined,
): Promise<CalibratedPlan> {
  if (!samples && request.inputRange) return estimated(request, plan, request.inputRange);
  if (!samples || plan.activations.length === 0) return { plan, ranges: undefined, warnings: [] };
  const { source, recipe, engine, signal, onProgress } = request;
  const { scheme, options, calibrationMethod } = recipe;
  const prepared = await runnableSource(plan.prepared);
  const { ranges } = await refusing(() =>
    collectRanges(engine, prepared, plan.activations, samples, {
      method: calibrationMethod,
      bits: scheme === 'int16' || scheme === 'int16x8' ? 16 : 8,
      symmetric: options.activations === 'symmetric' || scheme === 'int16x8',
      ...(signal && { signal }),
      progress: (done, total) => onProgress?.('calibrating', done, total),
    }),
  );
  const warnings = Array.from(ranges, ([name, { notFinite, elements }]) =>
    notFinite > 0
      ? [`${name} has ${notFinite} of ${elements} values that are NaN or infinite; its range leaves them out.`]
      : [],
  ).flat();
  const ready = await withRanges(source, recipe, { fileName: basename(request.outputPath) }, plan, ranges);
  return { plan: ready, ranges, warnings };
}

/** The plan with ranges that are worked out without data. */
async function estimated(
  { source, recipe, outputPath }: MeasureRecipeRequest,
  plan: RecipePlan,
  inputRange: Interval,
): Promise<CalibratedPlan> {
  if (plan.activations.length === 0) return { plan, ranges: undefined, warnings: [] };
  if (plan.adjustments && plan.adjustments.rewrites.length > 0) {
    throw new QuantizationRefused(
      'Equalized layers have other ranges than batch normalization says; leave cle out of the recovery, or calibrate with data.',
    );
  }
  const ranges = await batchNormRanges(plan.prepared, plan.statistics, plan.activations, inputRange);
  const warning =
    'The ranges of activations are ESTIMATED from batch normalization, without data: errors are not measured, and real data may lie outside.';
  const ready = await withRanges(source, recipe, { fileName: basename(outputPath) }, plan, ranges);
  return { plan: ready, ranges, warnings: [warning] };
}

async function measure(
  { source, engine, signal, onProgress }: MeasureRecipeRequest,
  plan: RecipePlan,
  run: OpenInputs | undefined,
): Promise<RecipeMeasurement> {
  const layers = layersOf(source, plan);
  const nothing = { outputs: [], layers: layerErrors(layers, undefined), samples: 0, synthetic: false };
  if (!run) return { ...nothing, warnings: [] };
  try {
    const result = await compareOutputs(engine, run.model, await runnablePlan(plan), run.samples, {
      tensors: layers.map(({ output }) => output),
      changedSuffix: dequantizedSuffix,
      ...(signal && { signal }),
      progress: (done, total) => onProgress?.('measuring outputs', done, total),
    });
    return {
      outputs: result.outputs,
      layers: layerErrors(layers, result),
      samples: result.samples,
      synthetic: result.synthetic,
      warnings: [],
    };
  } catch (error) {
    // The source has run on these inputs: it is the result that this engine does not take.
    if (!(error instanceof EngineRefused)) throw error;
    return {
      ...nothing,
      warnings: [`The engine does not run the quantized model, so that its error is not measured: ${error.message}`],
    };
  }
}

/** Behind a tensor's name, where a static scheme has its value after quantization. */
const dequantizedSuffix = '_dequantized';

/** The model file and every data file it names: none of them may be written to. */
function filesOf({ model }: QuantizationSource, sourcePath: string): string[] {
  const folder = dirname(resolve(sourcePath));
  return [resolve(sourcePath), ...model.source.externalFiles.map((file) => resolve(folder, file.path))];
}
