import { executionOrder } from '../model/order';
import type { ModelEdits, PlannedFile } from '../onnx/edit';
import { planDynamic } from './dynamic/plan-dynamic';
import { applyEdits } from './edited-source';
import { planInt8Weights } from './int8-weights';
import type { QuantizationOptions } from './options';
import type { ConvertedTensor, PassReport, QuantizationSource } from './plan';
import { prepare } from './preparation/prepare';
import type { Ranges, StaticSchemeId } from './static/activation-type';
import { planStatic } from './static/plan-static';
import { planUpgrade, upgradedOpset } from './upgrade';
import { planMatMulNBits } from './weights/matmul-nbits';
import { type LeftWeight, planWeights, type SchemePlan } from './weights/plan-weights';
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

/**
 * Upgrades the opset where it is below 13, prepares the model (see `prepare`), and plans the scheme. Sizes and nodes do not depend on `ranges`; a static
 * scheme cannot be written without them. Throws QuantizationRefused.
 */
export async function planScheme(
  source: QuantizationSource,
  scheme: IntegerSchemeId,
  options: QuantizationOptions,
  settings: {
    readonly ranges?: Ranges | undefined;
    readonly skippedPasses?: ReadonlySet<string> | undefined;
    readonly equalize?: boolean;
  } = {},
): Promise<PlannedScheme> {
  const upgrade = await upgraded(source);
  const prepared = await prepare(upgrade.source, {
    equalize: settings.equalize ?? false,
    ...(settings.skippedPasses && { skipped: settings.skippedPasses }),
  });
  const before = [...upgrade.passes, ...prepared.passes];
  const { planned, source: basis } = await plan(prepared.source, scheme, options, settings.ranges);
  return {
    source: basis,
    edits: planned.edits,
    passes: withOrder(source, [...before, ...planned.passes], planned.edits),
    converted: planned.converted,
    left: planned.left,
    activations: planned.activations ?? [],
    steps: [...upgrade.steps, ...prepared.steps],
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
): Promise<{ readonly planned: AnyPlan; readonly source: QuantizationSource }> {
  switch (scheme) {
    case 'int8':
    case 'uint8':
    case 'int16':
    case 'int16x8':
      return { planned: planStatic(source, scheme, options, ranges), source };
    case 'int8-weights':
      return { planned: await planInt8Weights(source, options), source };
    case 'int8-dynamic':
      // Weights of recurrent operators, which have no whole-number form in ONNX, are at least stored as int8.
      return chained(source, planDynamic(source, options), (next) => planInt8Weights(next, options));
    case 'int4-weights':
    case 'int2-weights': {
      const form = weightScheme(scheme, options);
      if (options.blockOperator !== 'MatMulNBits')
        return { planned: await planWeights(source, form, options.excludedNodes), source };
      const blocks = planMatMulNBits(source, scheme === 'int4-weights' ? 4 : 2, options);
      return chained(source, blocks, (next) => planWeights(next, form, options.excludedNodes));
    }
    default:
      return { planned: await planWeights(source, weightScheme(scheme, options), options.excludedNodes), source };
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

async function upgraded(source: QuantizationSource): Promise<{
  readonly source: QuantizationSource;
  readonly passes: readonly PassReport[];
  readonly steps: PlannedScheme['steps'];
}> {
  const upgrade = await planUpgrade(source, upgradedOpset);
  if (!upgrade) return { source, passes: [], steps: [] };
  const irVersion = Math.max(source.model.irVersion ?? freeInitializerIr, freeInitializerIr);
  const edits = { ...upgrade.edits, ...(irVersion !== source.model.irVersion && { irVersion }) };
  const edited = await applyEdits(source, edits);
  const pass = upgrade.passes[0]?.pass ?? 'opset upgrade';
  return { source: edited.source, passes: upgrade.passes, steps: [{ pass, file: edited.file }] };
}
