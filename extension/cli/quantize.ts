import { readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { loadWasmFromDisk } from '../inference/node-wasm';
import { createWebEngine } from '../inference/web-engine';
import { calibrationFilesAt } from '../quantize/calibration-data/node-calibration-files';
import { optionsFromJson, type QuantizationOptions } from '../quantize/options';
import { type PartialRecipe, type Recipe, recipeFromJson, recipeToJson } from '../quantize/recipe';
import { floatSource } from '../quantize/requantize';
import { defaultOutputName } from '../quantize/scheme';
import { combineErrors, type WeightError } from '../quantize/weight-error';
import { measureOnRuntime } from '../runtimes/measure';
import { limitsOf } from '../targets/limits';
import type { Verdict } from '../targets/verdict';
import { type AnalysedModel, analyseModel, type ModelInput } from '../worker/analyse';
import { layerErrors, layersOf } from '../worker/layer-errors';
import { type OpenedModel, quantizationSource, startSession } from '../worker/model-sessions';
import type { CalibrationInputs } from '../worker/open-inputs';
import { planRecipe, type RecipePlan } from '../worker/plan-recipe';
import { quantizeRecipe } from '../worker/quantize-recipe';
import { withTargets } from './arguments';
import { type ExitCode, type Io, UsageError } from './io';
import { jsonText } from './json-text';
import { errorSentence, openModel } from './measure';
import { type QuantizeArguments, quantizeArguments, recipeOf } from './quantize-arguments';
import { type Fitted, fitToBudget } from './quantize-fit';
import { outOfRange, type QuantizeResult, quantizeDocument, quantizeText } from './quantize-report';
import { reservesFor } from './runtime-arguments';
import type { OnRuntime } from './runtime-document';
import { printable } from './table';
import { verdictOf } from './verdict';

/** `thimble quantize`: writes a smaller model, or with --dry-run says how large it would be. 2 when it cannot be done. */
export async function quantize(argv: readonly string[], io: Io): Promise<ExitCode> {
  const options = await withTargets(io, (more) => quantizeArguments(argv, more));
  const wanted = recipeOf(options, await recipeInFile(options.recipeFile), await layersInFile(options.layersFile));
  const output = outputOf(options, wanted);
  assertApart(options, output);
  try {
    const opened = await openModel(options.file);
    try {
      const fitted = options.fit && (await findMix(opened, options, wanted, io));
      const recipe = fitted?.chosen.recipe ?? wanted;
      const work = options.dryRun ? predict : write;
      const result = await work(opened, { options, recipe, output, io });
      const onRuntime = measuredOn(result.after, options);
      const verdict = verdictOn(result.after, onRuntime, options);
      if (options.saveRecipe !== undefined) await saveRecipe(options.saveRecipe, recipe);
      if (options.json) io.out(jsonText(quantizeDocument(options, result, { verdict, onRuntime, fitted }), 'indented'));
      else io.out(quantizeText(options, result, { verdict, onRuntime, fitted }, io));
      return 0;
    } finally {
      await opened.close();
    }
  } catch (error) {
    const cancelled = error instanceof Error && error.name === 'AbortError';
    io.err(
      cancelled
        ? 'thimble: cancelled; nothing was written.\n'
        : `thimble: ${printable(errorSentence(options.file, error))}\n`,
    );
    return 2;
  }
}

/** Finds the mix of schemes, on the same inputs that the result is then calibrated with. */
async function findMix(opened: OpenedModel, options: QuantizeArguments, recipe: Recipe, io: Io): Promise<Fitted> {
  const inputs = await inputsOf(options);
  if (!inputs) throw new UsageError('--fit needs data: --calibration PATH.');
  const progress = progressLine(io);
  return fitToBudget(opened, options, recipe, inputs, { signal: io.interrupt(), progress });
}

interface Task {
  readonly options: QuantizeArguments;
  readonly recipe: Recipe;
  readonly output: string;
  readonly io: Io;
}

async function predict(opened: OpenedModel, { recipe, output, io }: Task): Promise<QuantizeResult> {
  const signal = io.interrupt();
  const session = await startSession(opened, []);
  const { source, passes } = await floatSource(quantizationSource(session), recipe.options.requantize);
  const planned = await planRecipe(
    source,
    recipe,
    { fileName: basename(output) },
    { engine: createWebEngine(loadWasmFromDisk), signal },
  );
  const plan = { ...planned, passes: [...passes, ...planned.passes] };
  const layers = layerErrors(layersOf(source, plan), undefined);
  return {
    output,
    recipe,
    plan,
    measurement: { outputs: [], layers, samples: 0, synthetic: false, warnings: [] },
    recovery: [],
    warnings: warn(io, sentencesOn(plan)),
    weightError: await measureWeights(plan, signal, io),
    before: session.analysed,
    after: await analyseModel(plannedInput(plan, output)),
  };
}

async function write(opened: OpenedModel, { options, recipe, output, io }: Task): Promise<QuantizeResult> {
  const signal = io.interrupt();
  const warnings: string[] = options.randomInputs ? [...warn(io, [randomInputs])] : [];
  const inputs = await inputsOf(options);
  const session = await startSession(opened, []);
  const weights: { error: WeightError | undefined } = { error: undefined };
  const outcome = await quantizeRecipe({
    source: quantizationSource(session),
    sourcePath: options.file,
    recipe,
    inputs,
    inputRange: options.inputRange,
    outputPath: output,
    overwrite: true,
    engine: createWebEngine(loadWasmFromDisk),
    signal,
    onProgress: progressLine(io),
    async onPlan(plan) {
      warnings.push(...warn(io, sentencesOn(plan)));
      const isMeasuredByWriting = plan.converted.every(({ measuredByWriting }) => measuredByWriting);
      if (!isMeasuredByWriting) weights.error = await measureWeights(plan, signal, io);
    },
  });
  warnings.push(...warn(io, outcome.measurement.warnings));
  const written = await openModel(output);
  try {
    return {
      output,
      recipe,
      plan: outcome.plan,
      written: {
        fileBytes: outcome.writtenFileBytes,
        externalBytes: outcome.writtenExternalBytes,
        dataPath: outcome.dataPath,
        comparison: outcome.comparison,
      },
      measurement: outcome.measurement,
      recovery: outcome.recovery,
      warnings,
      // The files stand: to cancel what is left would be to say that they do not.
      weightError: weights.error ?? (await measureWeights(outcome.plan, undefined, io)),
      before: session.analysed,
      after: await analyseModel(written),
    };
  } finally {
    await written.close();
  }
}

const randomInputs =
  'WARNING: there is no calibration data. Ranges and errors come from RANDOM inputs and say nothing of real data; do not ship this model.';

function sentencesOn({ skippedPasses, growth }: RecipePlan): readonly string[] {
  const skipped = skippedPasses.map((pass) => `The pass "${pass}" changes the outputs of this model and was left out.`);
  return growth === undefined ? skipped : [...skipped, growth];
}

/** Says each sentence on standard error and gives them back. */
function warn(io: Io, sentences: readonly string[]): readonly string[] {
  for (const sentence of sentences) io.err(`thimble: ${printable(sentence)}\n`);
  return sentences;
}

async function inputsOf({ calibration, randomInputs }: QuantizeArguments): Promise<CalibrationInputs> {
  if (randomInputs) return { kind: 'random' };
  if (calibration === undefined) return undefined;
  const files = await calibrationFilesAt(calibration);
  const inFolder = files.filter(({ name }) => name !== basename(calibration));
  return { kind: 'files', files, paths: [calibration, ...inFolder.map(({ name }) => join(calibration, name))] };
}

/** Measures what the scheme does to the weights, and says where values do not fit the new type. */
async function measureWeights(plan: RecipePlan, signal: AbortSignal | undefined, io: Io): Promise<WeightError> {
  const progress = progressLine(io);
  const error = await combineErrors(plan.converted, {
    signal,
    progress: (done, total) => progress('measuring', done, total),
  });
  const sentence = outOfRange(plan.scheme, error);
  if (sentence !== undefined) io.err(`thimble: ${sentence}\n`);
  return error;
}

function plannedInput({ file, dataFile, activations }: RecipePlan, output: string): ModelInput {
  // Without ranges the scales of activations cannot be produced.
  const isStatic = activations.length > 0;
  return {
    fileName: basename(output),
    source: isStatic ? file.structure : file,
    ...(dataFile && { externalFiles: { open: async () => (isStatic ? dataFile.structure : dataFile) } }),
  };
}

function outputOf({ file, output }: QuantizeArguments, { scheme }: Recipe): string {
  return output ?? join(dirname(file), defaultOutputName(basename(file), scheme));
}

/** What the written or planned file needs on the runtime asked for. */
function measuredOn({ model, shapes }: AnalysedModel, { onRuntime, target }: QuantizeArguments): OnRuntime | undefined {
  if (!onRuntime) return undefined;
  const reserves = reservesFor(onRuntime, target);
  const footprint = measureOnRuntime(model, shapes, onRuntime.runtime, 'as-in-file', {
    flashReserveBytes: reserves.flash,
  });
  return { footprint, precision: 'as-in-file', reserves };
}

function verdictOn(
  analysed: AnalysedModel,
  onRuntime: OnRuntime | undefined,
  { file, target, externalRam }: QuantizeArguments,
): Verdict | undefined {
  return target && verdictOf({ file, analysed, onRuntime }, target, limitsOf(target, { externalRam }), externalRam);
}

/** Throws UsageError where the recipe would replace the model, its output or the data. */
function assertApart({ file, calibration, saveRecipe }: QuantizeArguments, output: string): void {
  if (saveRecipe === undefined) return;
  const taken = [file, output, ...(calibration === undefined ? [] : [calibration])].map((path) => resolve(path));
  if (taken.includes(resolve(saveRecipe)))
    throw new UsageError(`--save-recipe ${saveRecipe} would replace another file.`);
}

async function recipeInFile(path: string | undefined): Promise<PartialRecipe> {
  if (path === undefined) return {};
  try {
    return recipeFromJson(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(`the recipe ${path} cannot be read: ${reason}`);
  }
}

/** What a file says of layers: an object of node names and schemes. Throws UsageError. */
async function layersInFile(path: string | undefined): Promise<QuantizationOptions['layers']> {
  if (path === undefined) return {};
  try {
    return optionsFromJson({ layers: JSON.parse(await readFile(path, 'utf8')) }).layers;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(`the layers in ${path} cannot be read: ${reason}`);
  }
}

async function saveRecipe(path: string, recipe: Recipe): Promise<void> {
  try {
    await writeFile(path, jsonText(recipeToJson(recipe), 'indented'));
  } catch (error) {
    throw new Error(
      `The recipe cannot be written to ${path}, though all else is done: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** Percent done, on one line that overwrites itself and is gone at the end; a count where the whole is not known. */
function progressLine(io: Io): (doing: string, done: number, total: number | undefined) => void {
  let shown = '';
  return (doing, done, total) => {
    if (!io.progress) return;
    const isDone = total !== undefined && done >= total;
    const text = total === undefined ? `${doing} ${done}` : `${doing} ${Math.floor((100 * done) / total)} %`;
    if (text === shown) return;
    shown = text;
    io.err(isDone ? '\r\u001b[K' : `\r\u001b[K${text}`);
  };
}
