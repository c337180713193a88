import { readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { loadWasmFromDisk } from '../inference/node-wasm';
import { createWebEngine } from '../inference/web-engine';
import { calibrationFilesAt } from '../quantize/calibration-data/node-calibration-files';
import { type PartialRecipe, type Recipe, recipeFromJson, recipeToJson } from '../quantize/recipe';
import { defaultOutputName } from '../quantize/scheme';
import { combineErrors, type WeightError } from '../quantize/weight-error';
import { limitsOf } from '../targets/limits';
import { type Verdict, verdictFor } from '../targets/verdict';
import { type AnalysedModel, analyseModel, type ModelInput } from '../worker/analyse';
import { layerErrors, layersOf } from '../worker/layer-errors';
import { type OpenedModel, quantizationSource, startSession } from '../worker/model-sessions';
import { planRecipe, type RecipePlan } from '../worker/plan-recipe';
import { type CalibrationInputs, quantizeRecipe } from '../worker/quantize-recipe';
import { withLongTail } from './arguments';
import { type ExitCode, type Io, UsageError } from './io';
import { jsonText } from './json-text';
import { errorSentence, openModel } from './measure';
import { type QuantizeArguments, quantizeArguments, recipeOf } from './quantize-arguments';
import { outOfRange, type QuantizeResult, quantizeDocument, quantizeText } from './quantize-report';
import { printable } from './table';

/** `thimble quantize`: writes a smaller model, or with --dry-run says how large it would be. 2 when it cannot be done. */
export async function quantize(argv: readonly string[], io: Io): Promise<ExitCode> {
  const options = await withLongTail(io, (more) => quantizeArguments(argv, more));
  const recipe = recipeOf(options, await recipeInFile(options.recipeFile));
  const output = outputOf(options, recipe);
  assertApart(options, output);
  try {
    const opened = await openModel(options.file);
    try {
      const work = options.dryRun ? predict : write;
      const result = await work(opened, { options, recipe, output, io });
      const verdict = verdictOn(result.after, options);
      if (options.saveRecipe !== undefined) await saveRecipe(options.saveRecipe, recipe);
      if (options.json) io.out(jsonText(quantizeDocument(options, result, verdict), 'indented'));
      else io.out(quantizeText(options, result, verdict, io));
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

interface Task {
  readonly options: QuantizeArguments;
  readonly recipe: Recipe;
  readonly output: string;
  readonly io: Io;
}

async function predict(opened: OpenedModel, { recipe, output, io }: Task): Promise<QuantizeResult> {
  const signal = io.interrupt();
  const session = await startSession(opened, []);
  const source = quantizationSource(session);
  const plan = await planRecipe(
    source,
    recipe,
    { fileName: basename(output) },
    { engine: createWebEngine(loadWasmFromDisk), signal },
  );
  const layers = layerErrors(layersOf(source, plan), undefined);
  return {
    output,
    recipe,
    plan,
    measurement: { outputs: [], layers, samples: 0, synthetic: false, warnings: [] },
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
    outputPath: output,
    overwrite: true,
    engine: createWebEngine(loadWasmFromDisk),
    signal,
    onProgress: progressLine(io),
    async onPlan(plan) {
      warnings.push(...warn(io, sentencesOn(plan)));
      weights.error = await measureWeights(plan, signal, io);
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
      warnings,
      weightError: weights.error ?? (await measureWeights(outcome.plan, signal, io)),
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

/** Measures what the scheme does to the weights; values that do not fit the new type are said before anything is written. */
async function measureWeights(plan: RecipePlan, signal: AbortSignal, io: Io): Promise<WeightError> {
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

function verdictOn({ footprint }: AnalysedModel, { target, externalRam }: QuantizeArguments): Verdict | undefined {
  return target && verdictFor(footprint, target, limitsOf(target, { externalRam }));
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
