import { executionOrder } from '../model/order';
import type { ModelEdits, PlannedFile } from '../onnx/edit';
import { planDynamic } from './dynamic/plan-dynamic';
import { applyEdits } from './edited-source';
import { int8Weights } from './int8-weights';
import { layerWeights, withFloatLayersExcluded } from './layer-weights';
import type { QuantizationOptions } from './options';
import { type ConvertedTensor, type PassReport, QuantizationRefused, type QuantizationSource } from './plan';
import type { FoldedStatistics } from './preparation/fold-affine';
import { prepare } from './preparation/prepare';
import type { Adjustments } from './recovery/adjustments';
import type { Ranges, StaticSchemeId } from './static/activation-type';
import { planStatic } from './static/plan-static';
import { blockOpset, planUpgrade, upgradedOpset } from './upgrade';
import { planMatMulNBits } from './weights/matmul-nbits';
import { type LeftWeight, planWeights, type SchemePlan } from './weights/plan-weights';
import type { WeightFitter } from './weights/weight-fitter';
import { type WeightSchemeId, weightScheme } from './weights/weight-schemes';

/** Every scheme but float16, which goes its own way. */
export type IntegerSchemeId = StaticSchemeId | WeightSchemeId | 'int8-weights' | 'int8-dynamic';

/** A scheme with all that comes before it: the last edits, and the model that they apply to. */
export interface PlannedScheme {
  readonly source: QuantizationSource;
  readonly edits: ModelEdits;
  readonly passes: readonly PassReport[];
  readonly converted: readonly ConvertedTensor[];
  readonly left: readonly LeftWeight[];
  /** Tensors of `source` whose ranges a static scheme needs. */
  readonly activations: readonly string[];
  /** The model after each pass that must not change what it computes, in order. */
  readonly steps: readonly { readonly pass: string; readonly file: PlannedFile }[];
}

/** The first IR version in which an initializer need not be a graph input. */
const freeInitializerIr = 4;

/** A model with the opset upgraded where it is below 13, and prepared (see `prepare`): what every scheme and mix of schemes is applied to. */
export interface SchemeBasis {
  readonly source: QuantizationSource;
  readonly passes: readonly PassReport[];
  readonly steps: PlannedScheme['steps'];
  /** Of batch normalization that was folded, by the value that it gave. */
  readonly statistics: ReadonlyMap<string, FoldedStatistics>;
}

/** Upgrades and prepares a model. Throws QuantizationRefused. */
export async function schemeBasis(
  source: QuantizationSource,
  settings: {
    readonly skippedPasses?: ReadonlySet<string> | undefined;
    readonly adjustments?: Adjustments | undefined;
  } = {},
): Promise<SchemeBasis> {
  const upgrade = await upgraded(source, upgradedOpset, freeInitializerIr);
  const prepared = await prepare(upgrade.source, {
    ...(settings.adjustments && { more: settings.adjustments.rewrites }),
    ...(settings.skippedPasses && { skipped: settings.skippedPasses }),
  });
  return {
    source: prepared.source,
    passes: [...upgrade.passes, ...prepared.passes],
    steps: [...upgrade.steps, ...prepared.steps],
    statistics: prepared.statistics,
  };
}

/**
 * Plans the scheme on the basis that was made of `source`. Sizes and nodes do not depend on `ranges`; a static scheme cannot be written without them.
 * Throws QuantizationRefused.
 */
export async function planScheme(
  source: QuantizationSource,
  basis: SchemeBasis,
  scheme: IntegerSchemeId,
  options: QuantizationOptions,
  settings: {
    readonly ranges?: Ranges | undefined;
    readonly adjustments?: Adjustments | undefined;
    readonly skippedPasses?: ReadonlySet<string> | undefined;
  } = {},
): Promise<PlannedScheme> {
  const { ranges, adjustments } = settings;
  const later = needsBlockOpset(scheme, options) ? await atBlockOpset(basis.source) : undefined;
  const isLeftOut = later?.steps.some(({ pass }) => settings.skippedPasses?.has(pass)) ?? true;
  const upgrade = isLeftOut ? { ...basis, passes: [], steps: [] } : (later ?? basis);
  const { planned, source: last } = await plan(upgrade.source, scheme, options, ranges, adjustments?.fitter);
  return {
    source: last,
    edits: planned.edits,
    passes: withOrder(source, [...basis.passes, ...upgrade.passes, ...planned.passes], planned.edits),
    converted: planned.converted,
    left: planned.left,
    activations: planned.activations ?? [],
    steps: [...basis.steps, ...upgrade.steps],
  };
}

/** Every list of nodes that is written anew is in topological order, which is a change where the source is not. */
function withOrder(
  source: QuantizationSource,
  passes: readonly PassReport[],
  edits: ModelEdits,
): readonly PassReport[] {
  const isReported = passes.some(({ pass }) => pass === topologicalOrder);
  if (isReported || !edits.graph?.nodes || executionOrder(source.model.graph).inFileOrder) return passes;
  return [
    { pass: topologicalOrder, changes: ['The nodes of the main graph were put in topological order.'] },
    ...passes,
  ];
}

const topologicalOrder = 'topological order';

type AnyPlan = SchemePlan & { readonly activations?: readonly string[] };

async function plan(
  source: QuantizationSource,
  scheme: IntegerSchemeId,
  options: QuantizationOptions,
  ranges: Ranges | undefined,
  fitter: WeightFitter | undefined,
): Promise<{ readonly planned: AnyPlan; readonly source: QuantizationSource }> {
  switch (scheme) {
    case 'int8':
    case 'uint8':
    case 'int16':
    case 'int16x8':
      return { planned: planStatic(source, scheme, options, ranges, fitter), source };
    case 'int8-dynamic': {
      const known = withFloatLayersExcluded(options);
      layerWeights(scheme, options, fitter);
      return { planned: planDynamic(source, known, fitter), source };
    }
    default: {
      const layers = layerWeights(scheme, options, fitter);
      const form = scheme === 'int8-weights' ? int8Weights(options, fitter) : weightScheme(scheme, options, fitter);
      const then = (next: QuantizationSource) => planWeights(next, form, options.excludedNodes, layers);
      const isBlocks = scheme === 'int4-weights' || scheme === 'int2-weights';
      if (!isBlocks || options.blockOperator !== 'MatMulNBits') return { planned: await then(source), source };
      const excludedNodes = [...options.excludedNodes, ...layers.keys()];
      const blocks = planMatMulNBits(source, scheme === 'int4-weights' ? 4 : 2, { ...options, excludedNodes }, fitter);
      return chained(source, blocks, then);
    }
  }
}

/** One plan after the other: the edits are those of the second, to the model that the first leaves. */
async function chained(
  source: QuantizationSource,
  first: SchemePlan,
  then: (source: QuantizationSource) => Promise<SchemePlan>,
): Promise<{ readonly planned: AnyPlan; readonly source: QuantizationSource }> {
  const next = first.converted.length > 0 ? (await applyEdits(source, first.edits)).source : source;
  const second = await then(next);
  // Edits to the model itself keep its data where it belongs, in the data file where it has one.
  if (second.converted.length === 0) return { planned: { ...first, left: [...first.left, ...second.left] }, source };
  const planned = {
    edits: second.edits,
    converted: [...first.converted, ...second.converted],
    left: [...first.left, ...second.left],
    passes: [...first.passes, ...second.passes],
  };
  return { planned, source: next };
}

/** True where a plan is made at opset 21: ONNX has numbers of 4 and 16 bits, and blocks, from there on; below it, onnxruntime's own operators do without blocks. */
export function needsBlockOpset(scheme: IntegerSchemeId, { blockOperator, layers }: QuantizationOptions): boolean {
  const isLater = (id: string) => laterSchemes.has(id);
  if (blockOperator === 'MatMulNBits' && !scheme.startsWith('int16')) return false;
  return isLater(scheme) || Object.values(layers).some(isLater);
}

const laterSchemes: ReadonlySet<string> = new Set(['int4-weights', 'int2-weights', 'int16', 'int16x8']);

/** The first IR version that has numbers of 4 bits. */
const fourBitIr = 10;

const blockUpgrades = new WeakMap<QuantizationSource, Promise<SchemeBasis | undefined>>();

/** A prepared model at opset 21; undefined where an operator cannot be brought there. Many plans share one. */
function atBlockOpset(source: QuantizationSource): Promise<SchemeBasis | undefined> {
  const known = blockUpgrades.get(source);
  if (known) return known;
  const made = upgraded(source, blockOpset, fourBitIr).catch((error: unknown) => {
    if (error instanceof QuantizationRefused) return undefined;
    blockUpgrades.delete(source);
    throw error;
  });
  blockUpgrades.set(source, made);
  return made;
}

async function upgraded(
  source: QuantizationSource,
  opset: typeof upgradedOpset | typeof blockOpset,
  smallestIr: number,
): Promise<SchemeBasis> {
  const upgrade = await planUpgrade(source, opset);
  if (!upgrade) return { source, passes: [], steps: [], statistics: new Map() };
  const irVersion = Math.max(source.model.irVersion ?? smallestIr, smallestIr);
  const edits = { ...upgrade.edits, ...(irVersion !== source.model.irVersion && { irVersion }) };
  const edited = await applyEdits(source, edits);
  const pass = upgrade.passes[0]?.pass ?? 'opset upgrade';
  return { source: edited.source, passes: upgrade.passes, steps: [{ pass, file: edited.file }], statistics: new Map() };
}
