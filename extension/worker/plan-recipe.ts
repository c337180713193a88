import { type CompareOptions, compareModels } from '../inference/compare-models';
import type { InferenceEngine } from '../inference/engine';
import type { PlannedFile } from '../onnx/edit';
import { optionsToJson } from '../quantize/options';
import { type QuantizationPlan, QuantizationRefused, type QuantizationSource } from '../quantize/plan';
import { planQuantization, planSchemeFile, type SchemeFilePlan } from '../quantize/quantize-model';
import type { Recipe } from '../quantize/recipe';
import type { SchemeId, WritableSchemeId } from '../quantize/scheme';
import type { Ranges } from '../quantize/static/activation-type';

/** A quantized file as planned for a recipe. */
export interface RecipePlan extends Omit<QuantizationPlan, 'scheme'> {
  readonly scheme: WritableSchemeId;
  /** The model that calibration runs. */
  readonly prepared: QuantizationSource;
  /** Tensors of `prepared` whose ranges are needed. */
  readonly activations: readonly string[];
  /** Passes that were left out because the model computed something else after them. */
  readonly skippedPasses: readonly string[];
  /** What running the source and the prepared model showed; undefined where nothing was compared. */
  readonly comparison: string | undefined;
}

export interface PlanningOptions {
  readonly engine: InferenceEngine;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Plans the file of a recipe. Each preparation pass is proved by running the source and the model after it on the same made-up input; one that changes the
 * outputs is left out, and the plan, with its size, is that without it. Throws QuantizationRefused where planSchemeFile does, and where an upgrade changes
 * the outputs.
 */
export async function planRecipe(
  source: QuantizationSource,
  recipe: Recipe,
  output: { readonly fileName: string },
  options: PlanningOptions,
): Promise<RecipePlan> {
  const plain = plainScheme(recipe);
  if (plain !== undefined) {
    const plan = await planQuantization(source, plain, output);
    return { ...plan, prepared: source, activations: [], skippedPasses: [], comparison: undefined };
  }
  const skipped = new Set<string>();
  for (;;) {
    const plan = await planned(source, recipe, output, skipped);
    const checked = await compareSteps(source, plan.steps, recipe.seed, options);
    if (checked.failing === undefined) return recipePlan(plan, skipped, checked.comparison);
    if (skipped.has(checked.failing) || checked.failing.startsWith('opset')) {
      throw new QuantizationRefused(`The pass "${checked.failing}" changes the outputs; nothing was written.`);
    }
    skipped.add(checked.failing);
  }
}

/**
 * The plan once more, with the ranges that calibration found: it can be written. Throws QuantizationRefused for a range that cannot be used, and Error where
 * the size is another, which would be a mistake in the scheme.
 */
export async function withRanges(
  source: QuantizationSource,
  recipe: Recipe,
  output: { readonly fileName: string },
  plan: RecipePlan,
  ranges: Ranges,
): Promise<RecipePlan> {
  const skipped = new Set(plan.skippedPasses);
  const calibrated = await planned(source, recipe, output, skipped, ranges);
  const isSame =
    calibrated.predictedFileBytes === plan.predictedFileBytes &&
    calibrated.predictedExternalBytes === plan.predictedExternalBytes;
  if (!isSame) {
    throw new Error(
      `Calibration changed the size from ${plan.predictedFileBytes} to ${calibrated.predictedFileBytes} bytes; nothing was written.`,
    );
  }
  return recipePlan(calibrated, skipped, plan.comparison);
}

/** float16, and int8-weights without a choice, are planned as the editor plans them: no preparation. */
function plainScheme({ scheme, options, recovery }: Recipe): SchemeId | undefined {
  if (scheme === 'float16') return scheme;
  const isDefault = Object.keys(optionsToJson(options)).length === 0;
  return scheme === 'int8-weights' && isDefault && recovery !== 'cle' ? scheme : undefined;
}

async function planned(
  source: QuantizationSource,
  { scheme, options, recovery }: Recipe,
  output: { readonly fileName: string },
  skippedPasses: ReadonlySet<string>,
  ranges?: Ranges,
): Promise<SchemeFilePlan> {
  if (scheme === 'float16') throw new RangeError('float16 is planned without options');
  return planSchemeFile(source, { scheme, options, ranges, skippedPasses, equalize: recovery === 'cle' }, output);
}

function recipePlan(plan: SchemeFilePlan, skipped: ReadonlySet<string>, comparison: string | undefined): RecipePlan {
  return { ...plan, upgraded: undefined, skippedPasses: [...skipped], comparison };
}

interface Checked {
  readonly failing?: string;
  readonly comparison?: string | undefined;
}

async function compareSteps(
  source: QuantizationSource,
  steps: readonly { readonly pass: string; readonly file: PlannedFile }[],
  seed: number,
  { engine, signal }: PlanningOptions,
): Promise<Checked> {
  if (steps.length === 0) return {};
  const { bytes, model, shapes } = source;
  const needed = model.source.externalFiles.reduce((sum, { byteLength = 0 }) => sum + byteLength, 0);
  if (needed > largestExternalBytes) return { comparison: notCompared('its data is too large to load') };
  const externalData = await Promise.all(
    model.source.externalFiles.map(async ({ path }) => {
      const file = await bytes.externalFiles?.open(path);
      return { path, data: file ? await file.read(0, file.size) : new Uint8Array() };
    }),
  );
  const options: CompareOptions = {
    engine,
    seed,
    externalData,
    sizes: (symbol) => shapes.bindables.find(({ key }) => key === symbol)?.value,
    ...(signal && { signal }),
  };
  for (const { pass, file } of steps) {
    const result = await compareModels(bytes.source, file, options);
    if (!result.compared) return { comparison: notCompared(result.reason) };
    if (!result.equal) return { failing: pass };
  }
  return {
    comparison: `The prepared model gives the outputs of the source after each pass (${steps.map(({ pass }) => pass).join(', ')}; measured on one input).`,
  };
}

/** External data up to this many bytes is loaded to compare with. */
const largestExternalBytes = 2 ** 29;

function notCompared(reason: string): string {
  return `The prepared model was not compared with the source: ${reason.replace(/\.$/, '')}.`;
}
