import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { InferenceEngine } from '../inference/engine';
import { loadWasmFromDisk } from '../inference/node-wasm';
import { createWebEngine } from '../inference/web-engine';
import { calibrationFilesAt } from '../quantize/calibration-data/node-calibration-files';
import { QuantizationRefused } from '../quantize/plan';
import { type Recipe, type RecipeData, recipeDefaults, recipeFromJson } from '../quantize/recipe';
import { describeData } from './describe-data';
import { candidatePlans } from './fit-candidates';
import { measurePlan } from './fit-measure';
import { type ModelSession, openOrigin, quantizationSource, startSession } from './model-sessions';
import type { CalibrationInputs } from './open-inputs';
import { PlanMeter } from './plan-meter';
import { quantizeRecipe } from './quantize-recipe';
import type { DataOrigin, RecipeCalls } from './recipe-calls';
import { RecipeEstimator } from './recipe-estimator';
import { RecipePlanner } from './recipe-planner';
import { measureSensitivity } from './sensitivity';
import type { CallHandlers } from './serve-calls';

/** Samples on which plans are compared where nobody says how many. */
const defaultSampleLimit = 32;

/** What is kept of a session between calls on recipes. */
interface RecipeWork {
  readonly planner: RecipePlanner;
  readonly estimator: RecipeEstimator;
  /** The inputs that were measured on last. */
  meter: { readonly key: string; readonly opened: Promise<PlanMeter> } | undefined;
}

/** The worker's side of the calls on recipes. `sessionOf` throws for a session that was closed. */
export function handleRecipeCalls(sessionOf: (id: number) => ModelSession): Pick<CallHandlers, keyof RecipeCalls> {
  const engine = createWebEngine(loadWasmFromDisk);
  const works = new WeakMap<ModelSession, Map<boolean, Promise<RecipeWork>>>();

  function workOf(id: number, { options }: Pick<Recipe, 'options'>): Promise<RecipeWork> {
    const session = sessionOf(id);
    const known = works.get(session) ?? new Map<boolean, Promise<RecipeWork>>();
    works.set(session, known);
    const { requantize } = options;
    const work = known.get(requantize) ?? startWork(session, requantize, engine);
    known.set(requantize, work);
    work.catch(() => known.delete(requantize));
    return work;
  }

  return {
    async estimateRecipe({ session, recipe, ...options }, { signal }) {
      const { bindings } = sessionOf(session);
      const wanted = recipeOf(recipe);
      try {
        const { estimator } = await workOf(session, wanted);
        return await estimator.estimate(wanted, { ...options, bindings, signal });
      } catch (error) {
        if (error instanceof QuantizationRefused) return { kind: 'refused', reason: error.message };
        throw error;
      }
    },

    async describeData({ session, paths, preprocessing }, { signal }) {
      const recipe: Recipe = { ...recipeDefaults, scheme: 'int8', preprocessing };
      const inputs = await inputsAt({ kind: 'files', paths }, undefined);
      return describeData(quantizationSource(sessionOf(session)), recipe, inputs, engine, signal);
    },

    async sensitivity({ session, recipe: data, scheme, data: origin, sampleLimit }, { signal, progress }) {
      const recipe = recipeOf(data);
      const work = await workOf(session, recipe);
      const meter = await meterFor(work, recipe, origin, sampleLimit ?? defaultSampleLimit, engine);
      const options = { scheme, signal, progress: (done: number, total: number) => progress(done, total) };
      return measureSensitivity(work.planner, meter, recipe, options);
    },

    async candidatePlans({ session, recipe, ...options }, { signal, progress }) {
      const { bindings } = sessionOf(session);
      const wanted = recipeOf(recipe);
      const { planner } = await workOf(session, wanted);
      return candidatePlans(planner, wanted, { ...options, bindings, signal, progress });
    },

    async measurePlan({ session, recipe: data, data: origin, sampleLimit }, { signal }) {
      const recipe = recipeOf(data);
      const work = await workOf(session, recipe);
      const limit = sampleLimit ?? defaultSampleLimit;
      const meter = await meterFor(work, recipe, origin, limit, engine);
      const inputs = await inputsAt(origin, limit);
      return measurePlan({ planner: work.planner, meter, recipe, inputs, engine, signal });
    },

    async quantizeRecipe({ path, recipe, data, outputPath, overwrite, reviewed }, { signal, progress }) {
      const opened = await openOrigin({ kind: 'file', path });
      try {
        const session = await startSession(opened, [], signal);
        const outcome = await quantizeRecipe({
          source: quantizationSource(session),
          sourcePath: path,
          recipe: recipeOf(recipe),
          inputs: data && (await inputsAt(data, undefined)),
          outputPath,
          overwrite,
          engine,
          signal,
          onProgress: (doing, done, total) => progress(done, total ?? 0, doing),
          async onPlan({ predictedFileBytes, predictedExternalBytes }) {
            const same =
              !reviewed ||
              (reviewed.fileBytes === predictedFileBytes && reviewed.externalBytes === predictedExternalBytes);
            if (!same) {
              throw new Error(
                `The plan is ${predictedFileBytes} bytes and was ${reviewed?.fileBytes} when it was shown; nothing was written. Look at it again.`,
              );
            }
          },
        });
        const { plan, measurement, writtenFileBytes, writtenExternalBytes, dataPath, comparison } = outcome;
        return {
          modelPath: outputPath,
          dataPath,
          predictedFileBytes: plan.predictedFileBytes,
          writtenFileBytes,
          writtenExternalBytes,
          passes: plan.passes,
          left: plan.left,
          comparison,
          measurement,
        };
      } finally {
        await opened.close();
      }
    },
  };
}

async function startWork(session: ModelSession, requantize: boolean, engine: InferenceEngine): Promise<RecipeWork> {
  const planner = await RecipePlanner.open(quantizationSource(session), requantize, engine);
  return { planner, estimator: new RecipeEstimator(planner), meter: undefined };
}

/** The recipe with the defaults for what is left out. Throws Error (a sentence) for what is no recipe. */
export function recipeOf(data: RecipeData): Recipe {
  const { scheme = data.scheme, ...given } = recipeFromJson(data);
  return {
    scheme,
    options: given.options ?? recipeDefaults.options,
    calibrationMethod: given.calibrationMethod ?? recipeDefaults.calibrationMethod,
    recovery: given.recovery ?? recipeDefaults.recovery,
    seed: given.seed ?? recipeDefaults.seed,
    preprocessing: given.preprocessing,
  };
}

/** Opens the inputs, or takes those of the call before where they are the same. A file that changed on disk is read again. */
async function meterFor(
  work: RecipeWork,
  recipe: Recipe,
  origin: DataOrigin,
  limit: number,
  engine: InferenceEngine,
): Promise<PlanMeter> {
  const { scheme, options, calibrationMethod, preprocessing, seed } = recipe;
  const versions = origin.kind === 'files' ? await Promise.all(origin.paths.map(versionOf)) : [];
  const key = JSON.stringify([
    origin,
    versions,
    limit,
    calibrationMethod,
    preprocessing,
    seed,
    scheme,
    options.activations,
  ]);
  if (work.meter?.key === key) return work.meter.opened;
  // A signal of one call must not end what the next one waits for.
  const opened = inputsAt(origin, limit).then((inputs) => PlanMeter.open(work.planner.source, recipe, inputs, engine));
  work.meter = { key, opened };
  opened.catch(() => {
    if (work.meter?.key === key) work.meter = undefined;
  });
  return opened;
}

async function versionOf(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  return found ? `${found.mtimeMs} ${found.size}` : '';
}

async function inputsAt(origin: DataOrigin, limit: number | undefined): Promise<NonNullable<CalibrationInputs>> {
  if (origin.kind === 'random') return { kind: 'random', count: origin.count, limit };
  const found = await Promise.all(origin.paths.map(async (path) => ({ path, files: await calibrationFilesAt(path) })));
  const paths = found.flatMap(({ path, files }) => [
    path,
    ...files.flatMap(({ name }) => (name === basename(path) ? [] : [join(path, name)])),
  ]);
  return { kind: 'files', files: found.flatMap(({ files }) => files), paths, limit };
}
