import { basename, dirname, join, resolve } from 'node:path';
import { EngineRefused, type EngineValue, type InferenceEngine } from '../inference/engine';
import { writePlannedFiles } from '../onnx/node-write';
import { collectRanges } from '../quantize/calibration/collect-ranges';
import { compareOutputs } from '../quantize/calibration/compare-outputs';
import { type RunnableModel, runSample, withSession } from '../quantize/calibration/observation';
import type { OutputError } from '../quantize/calibration/output-error';
import type { CalibrationFile } from '../quantize/calibration-data/calibration-files';
import { openSamples } from '../quantize/calibration-data/open-samples';
import type { SampleSource } from '../quantize/calibration-data/samples';
import { syntheticSamples } from '../quantize/calibration-data/synthetic-samples';
import { QuantizationRefused, type QuantizationSource } from '../quantize/plan';
import { equalizeLayers } from '../quantize/preparation/equalize';
import type { Recipe } from '../quantize/recipe';
import { isStaticScheme } from '../quantize/scheme';
import { checkUpgrade } from './check-upgrade';
import { type LayerError, layerErrors, layersOf } from './layer-errors';
import { planRecipe, type RecipePlan, withRanges } from './plan-recipe';
import { runnablePlan, runnableSource } from './runnable-model';

/** Where the inputs of calibration and measurement come from. */
export type CalibrationInputs =
  | { readonly kind: 'files'; readonly files: readonly CalibrationFile[]; readonly paths: readonly string[] }
  | { readonly kind: 'random' }
  | undefined;

export interface QuantizeRecipeRequest {
  readonly source: QuantizationSource;
  /** The source model on disk; its folder holds its data files. */
  readonly sourcePath: string;
  readonly recipe: Recipe;
  readonly inputs: CalibrationInputs;
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
}

/**
 * Plans, calibrates where the scheme needs it, measures the planned file against the source on the calibration inputs, and writes it. What is measured are
 * the bytes that are written after it, so that whatever fails or is cancelled before leaves nothing behind. Throws QuantizationRefused,
 * CalibrationDataRefused, WriteRefused or Error, each with one sentence.
 */
export async function quantizeRecipe(request: QuantizeRecipeRequest): Promise<RecipeOutcome> {
  const { source, sourcePath, recipe, outputPath, engine, signal } = request;
  const output = { fileName: basename(outputPath) };
  if (isStaticScheme(recipe.scheme) && !request.inputs) {
    throw new QuantizationRefused(`${recipe.scheme} fixes the ranges of activations and needs calibration data.`);
  }
  const first = await planRecipe(source, recipe, output, { engine, signal });
  const upgrade = first.upgraded && (await checkUpgrade(source, first.upgraded, signal));
  const run = request.inputs && (await openInputs(request, request.inputs));
  const plain = await tried(request, first, run);
  const { plan, measurement } = (await recovered(request, plain, run)) ?? plain;
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
    comparison: upgrade ?? plan.comparison,
    measurement,
  };
}

interface Tried {
  readonly plan: RecipePlan;
  readonly measurement: RecipeMeasurement;
}

/** Calibrates a plan where it needs it, and measures it. */
async function tried(request: QuantizeRecipeRequest, first: RecipePlan, run: OpenInputs | undefined): Promise<Tried> {
  const calibrated = run && first.activations.length > 0 ? await calibrate(request, first, run.samples) : undefined;
  const plan = calibrated?.plan ?? first;
  const measured = await measure(request, plan, run);
  return { plan, measurement: { ...measured, warnings: [...(calibrated?.warnings ?? []), ...measured.warnings] } };
}

/** `auto`: the plan with equalized layers where it is closer to the source, measured on the inputs; one scale for each channel has no need of it. */
async function recovered(
  request: QuantizeRecipeRequest,
  plain: Tried,
  run: OpenInputs | undefined,
): Promise<Tried | undefined> {
  const { source, recipe, outputPath, engine, signal } = request;
  const helps =
    recipe.recovery === 'auto' && isStaticScheme(recipe.scheme) && recipe.options.granularity === 'per-tensor';
  if (!helps || !run) return undefined;
  const equalized = { ...request, recipe: { ...recipe, recovery: 'cle' as const } };
  const plan = await planRecipe(source, equalized.recipe, { fileName: basename(outputPath) }, { engine, signal });
  const isSameSize = plan.predictedFileBytes === plain.plan.predictedFileBytes;
  if (!isSameSize || !plan.passes.some(({ pass }) => pass === equalizeLayers.name)) return undefined;
  const other = await tried(equalized, plan, run);
  return meanSqnr(other.measurement) > meanSqnr(plain.measurement) ? other : undefined;
}

/** Of the outputs, in decibels; an output without error or signal does not count. */
function meanSqnr({ outputs }: RecipeMeasurement): number {
  const known = outputs.flatMap(({ sqnrDb }) => sqnrDb ?? []);
  return known.length === 0 ? Number.NEGATIVE_INFINITY : known.reduce((sum, each) => sum + each, 0) / known.length;
}

interface OpenInputs {
  readonly model: RunnableModel;
  readonly samples: SampleSource;
}

/** The inputs that fit the source; it is run on the first of them, so that what cannot be run is known before the work begins. */
async function openInputs(
  { source, recipe, engine }: QuantizeRecipeRequest,
  inputs: NonNullable<CalibrationInputs>,
): Promise<OpenInputs> {
  const model = await runnableSource(source);
  return refusing(() =>
    withSession(engine, model, [], async (session) => {
      const samples = samplesFor(inputs, session.inputs, recipe, source);
      for await (const sample of samples.samples()) {
        await runSample(session, sample);
        break;
      }
      return { model, samples };
    }),
  );
}

function samplesFor(
  inputs: NonNullable<CalibrationInputs>,
  values: readonly EngineValue[],
  { preprocessing, seed }: Recipe,
  { shapes }: QuantizationSource,
): SampleSource {
  if (inputs.kind === 'files') return openSamples(inputs.files, values, preprocessing ? { preprocessing } : {});
  return syntheticSamples(values, {
    seed,
    sizes: (symbol) => shapes.bindables.find(({ key }) => key === symbol)?.value,
  });
}

async function calibrate(
  request: QuantizeRecipeRequest,
  plan: RecipePlan,
  samples: SampleSource,
): Promise<{ readonly plan: RecipePlan; readonly warnings: readonly string[] }> {
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
  return {
    plan: await withRanges(source, recipe, { fileName: basename(request.outputPath) }, plan, ranges),
    warnings,
  };
}

async function measure(
  { source, engine, signal, onProgress }: QuantizeRecipeRequest,
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

/** The engine's refusal as a sentence on the model. */
async function refusing<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof EngineRefused)) throw error;
    throw new QuantizationRefused(
      `The engine (onnxruntime-web) does not run the model, which calibration needs: ${error.message}`,
    );
  }
}

/** The model file and every data file it names: none of them may be written to. */
function filesOf({ model }: QuantizationSource, sourcePath: string): string[] {
  const folder = dirname(resolve(sourcePath));
  return [resolve(sourcePath), ...model.source.externalFiles.map((file) => resolve(folder, file.path))];
}
