import { type CompareOptions, compareModels } from '../inference/compare-models';
import type { InferenceEngine } from '../inference/engine';
import type { PlannedFile } from '../onnx/edit';
import { optionsToJson } from '../quantize/options';
import { type QuantizationPlan, QuantizationRefused, type QuantizationSource } from '../quantize/plan';
import { type SchemeBasis, schemeBasis } from '../quantize/plan-scheme';
import { equalizeLayers } from '../quantize/preparation/equalize';
import { planOnBasis, planQuantization, planSchemeFile, type SchemeFilePlan } from '../quantize/quantize-model';
import type { Recipe } from '../quantize/recipe';
import type { Adjustments } from '../quantize/recovery/adjustments';
import { fitterFor } from '../quantize/recovery/fitters';
import { assertFloat } from '../quantize/requantize';
import type { SchemeId, WritableSchemeId } from '../quantize/scheme';
import type { Ranges } from '../quantize/static/activation-type';

/** A quantized file as planned for a recipe. */
export interface RecipePlan extends Omit<QuantizationPlan, 'scheme'> {
  readonly scheme: WritableSchemeId;
  /** The model that calibration runs. */
  readonly prepared: QuantizationSource;
  /** Tensors of `prepared` whose ranges are needed. */
  readonly activations: readonly string[];
  /** Of batch normalization that was folded, by values of `prepared`. */
  readonly statistics: SchemeFilePlan['statistics'];
  /** Passes that were left out because the model computed something else after them. */
  readonly skippedPasses: readonly string[];
  /** What accuracy recovery changed. */
  readonly adjustments: Adjustments | undefined;
  /** What running the source and the prepared model showed; undefined where nothing was compared. */
  readonly comparison: string | undefined;
}

export interface PlanningOptions {
  readonly engine: InferenceEngine;
  readonly signal?: AbortSignal | undefined;
  /** What accuracy recovery changes; absent: what the recipe names that needs no inputs. */
  readonly adjustments?: Adjustments | undefined;
  /** What `provedBasis` gave for the source with these adjustments; absent: it is made. */
  readonly basis?: ProvedBasis | undefined;
  /** Plan without running a model: what a scheme adds to the basis is left out where it is known to change the outputs. */
  readonly unproved?: boolean | undefined;
}

/** A prepared model of which every pass was proved. */
export interface ProvedBasis {
  readonly basis: SchemeBasis;
  /** Passes that were left out because the model computed something else after them. */
  readonly skipped: ReadonlySet<string>;
  readonly comparison: string | undefined;
  /** What comparing showed of the passes that some schemes add to the basis, by name: each is proved once. */
  readonly added: Map<string, Promise<Checked>>;
  /** Those of `added` that are known by now. */
  readonly checked: Map<string, Checked>;
}

/**
 * Plans the file of a recipe. Each preparation pass is proved by running the source and the model after it on the same made-up input; one that changes the
 * outputs is left out, and the plan, with its size, is that without it. Throws QuantizationRefused where planSchemeFile does, where an upgrade changes
 * the outputs, and where the model is quantized already (floatSource turns it back into float).
 */
export async function planRecipe(
  source: QuantizationSource,
  recipe: Recipe,
  output: { readonly fileName: string },
  options: PlanningOptions,
): Promise<RecipePlan> {
  assertFloat(source);
  const plain = plainScheme(recipe);
  if (plain !== undefined) {
    if (Object.keys(recipe.options.layers).length > 0) {
      throw new QuantizationRefused(`Layers of ${plain} cannot have a scheme of their own; all or none are converted.`);
    }
    const plan = await planQuantization(source, plain, output, recipe.options);
    return {
      ...plan,
      prepared: source,
      statistics: new Map(),
      activations: [],
      skippedPasses: [],
      adjustments: undefined,
      comparison: undefined,
    };
  }
  if (!options.adjustments && typeof recipe.recovery !== 'string') {
    const fitted = { rewrites: [], fitter: fitterFor(recipe.recovery, options) };
    const plan = await planRecipe(source, recipe, output, { ...options, adjustments: fitted });
    if (!recipe.recovery.includes('cle') || options.basis) return plan;
    const rewrites = [equalizeLayers()];
    const equalized = await planRecipe(source, recipe, output, { ...options, adjustments: { ...fitted, rewrites } });
    // Recovery changes no size: where a file says a tensor in other bytes than Thimble would, it stays.
    return hasSizeOf(equalized, plan) ? equalized : plan;
  }
  const { adjustments } = options;
  const proved = options.basis ?? (await provedBasis(source, recipe.seed, { ...options, adjustments }));
  const request = { ...schemeOf(recipe), adjustments, skippedPasses: proved.skipped };
  const plan = await planOnBasis(source, proved.basis, request, output);
  const { failing, comparison } = options.unproved
    ? (proved.checked.get(addedPass(plan, proved) ?? '') ?? {})
    : await provedAddition(source, plan, proved, recipe.seed, options);
  if (failing === undefined) return recipePlan(plan, proved.skipped, adjustments, comparison ?? proved.comparison);
  const skipped = new Set([...proved.skipped, failing]);
  const without = await planOnBasis(source, proved.basis, { ...request, skippedPasses: skipped }, output);
  return recipePlan(without, skipped, adjustments, proved.comparison);
}

/** The pass that a scheme added to the basis. */
function addedPass({ steps }: SchemeFilePlan, { basis }: ProvedBasis): string | undefined {
  return steps.length === basis.steps.length ? undefined : steps.at(-1)?.pass;
}

/** Proves what a scheme added to the basis, as the basis was. */
function provedAddition(
  source: QuantizationSource,
  plan: SchemeFilePlan,
  proved: ProvedBasis,
  seed: number,
  options: PlanningOptions,
): Promise<Checked> {
  const { added, checked } = proved;
  const last = plan.steps.at(-1);
  if (!last || addedPass(plan, proved) === undefined) return Promise.resolve({});
  const known = added.get(last.pass);
  if (known) return known;
  const checking = compareSteps(source, [last], seed, options, plan.steps);
  added.set(last.pass, checking);
  checking.then(
    (result) => checked.set(last.pass, result),
    () => added.delete(last.pass),
  );
  return checking;
}

/** Upgrades and prepares a model, and proves each pass as planRecipe does; one that changes the outputs is left out. Throws QuantizationRefused. */
export async function provedBasis(
  source: QuantizationSource,
  seed: number,
  options: PlanningOptions,
  /** What `schemeBasis` gave for the source with these adjustments, where that was asked for before. */
  first?: SchemeBasis,
): Promise<ProvedBasis> {
  const skipped = new Set<string>();
  for (let known = first; ; known = undefined) {
    const basis = known ?? (await schemeBasis(source, { skippedPasses: skipped, adjustments: options.adjustments }));
    const checked = await compareSteps(source, basis.steps, seed, options);
    if (checked.failing === undefined) return asProved(basis, skipped, checked.comparison);
    if (skipped.has(checked.failing) || checked.failing.startsWith('opset')) {
      throw new QuantizationRefused(`The pass "${checked.failing}" changes the outputs; nothing was written.`);
    }
    skipped.add(checked.failing);
  }
}

/** A basis as proved, or as it is taken to be until it is. */
export function asProved(basis: SchemeBasis, skipped: ReadonlySet<string>, comparison?: string): ProvedBasis {
  return { basis, skipped, comparison, added: new Map(), checked: new Map() };
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
  const calibrated = await replanned(source, recipe, output, plan, { ranges, adjustments: plan.adjustments });
  if (!hasSizeOf(calibrated, plan)) {
    throw new Error(
      `Calibration changed the size from ${plan.predictedFileBytes} to ${calibrated.predictedFileBytes} bytes; nothing was written.`,
    );
  }
  return calibrated;
}

/** The plan once more with other adjustments, which change nothing of the float model that has to be proved. Throws QuantizationRefused. */
export async function replanned(
  source: QuantizationSource,
  recipe: Recipe,
  output: { readonly fileName: string },
  { skippedPasses, comparison }: RecipePlan,
  settings: { readonly ranges: Ranges | undefined; readonly adjustments: Adjustments | undefined },
): Promise<RecipePlan> {
  const skipped = new Set(skippedPasses);
  const plan = await planned(source, recipe, output, { skipped, ...settings });
  return recipePlan(plan, skipped, settings.adjustments, comparison);
}

/** True where two plans make files of the same sizes. */
export function hasSizeOf(one: RecipePlan, other: RecipePlan): boolean {
  return (
    one.predictedFileBytes === other.predictedFileBytes && one.predictedExternalBytes === other.predictedExternalBytes
  );
}

/** The scheme, where the recipe is planned without preparation: float16, and int8-weights without a choice. */
export function plainScheme({ scheme, options, recovery }: Recipe): SchemeId | undefined {
  if (scheme === 'float16') return scheme;
  const isDefault = Object.keys(optionsToJson(options)).length === 0;
  return scheme === 'int8-weights' && isDefault && typeof recovery === 'string' ? scheme : undefined;
}

async function planned(
  source: QuantizationSource,
  recipe: Recipe,
  output: { readonly fileName: string },
  settings: {
    readonly skipped: ReadonlySet<string>;
    readonly ranges?: Ranges | undefined;
    readonly adjustments: Adjustments | undefined;
  },
): Promise<SchemeFilePlan> {
  const { skipped: skippedPasses, ranges, adjustments } = settings;
  return planSchemeFile(source, { ...schemeOf(recipe), ranges, skippedPasses, adjustments }, output);
}

function schemeOf({ scheme, options }: Recipe) {
  if (scheme === 'float16') throw new RangeError('float16 is planned without options');
  return { scheme, options };
}

function recipePlan(
  plan: SchemeFilePlan,
  skipped: ReadonlySet<string>,
  adjustments: Adjustments | undefined,
  comparison: string | undefined,
): RecipePlan {
  return { ...plan, upgraded: undefined, skippedPasses: [...skipped], adjustments, comparison };
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
  /** The passes to speak of; those of `steps` where nothing was compared before. */
  all = steps,
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
    comparison: `The prepared model gives the outputs of the source after each pass (${all.map(({ pass }) => pass).join(', ')}; measured on one input).`,
  };
}

/** External data up to this many bytes is loaded to compare with. */
const largestExternalBytes = 2 ** 29;

function notCompared(reason: string): string {
  return `The prepared model was not compared with the source: ${reason.replace(/\.$/, '')}.`;
}
