import { assignmentsBySize, type LayerGroup, type LayerOption, spread } from '../quantize/fit/frontier';
import type { LayerScheme } from '../quantize/layer-schemes';
import { QuantizationRefused } from '../quantize/plan';
import { type Recipe, recipeToJson } from '../quantize/recipe';
import { neededMemory } from '../targets/runtime-verdict';
import { type EstimateOptions, estimateRecipe } from './estimate-recipe';
import type { CandidatePlan, LayerSensitivity, RecipeEstimate } from './recipe-calls';
import { type MixableLayer, type RecipePlanner, withLayers } from './recipe-planner';
import { sharingGroups } from './sensitivity';

/** Plans where nobody says how many. */
const defaultLimit = 24;

export interface CandidateOptions extends EstimateOptions {
  /** Of layers quantized alone. What was not measured is not tried; the recipe's own scheme counts as harmless where it was not. */
  readonly sensitivity: readonly LayerSensitivity[];
  /** Plans at most. */
  readonly limit?: number | undefined;
  readonly progress?: ((done: number, total: number) => void) | undefined;
}

/**
 * Plans that mix schemes, from the least noise to the fewest bytes, each with its sizes. Their errors are to be measured: they do not add up.
 * Throws QuantizationRefused where the recipe cannot be planned at all, and the signal's reason.
 */
export async function candidatePlans(
  planner: RecipePlanner,
  recipe: Recipe,
  { sensitivity, limit = defaultLimit, progress, ...options }: CandidateOptions,
): Promise<readonly CandidatePlan[]> {
  const { signal } = options;
  const layers = await planner.layers(recipe, signal);
  const bytes = await weightBytes(planner, recipe, layers, sensitivity, options);
  const noise = new Map<string, Map<LayerScheme, number>>();
  for (const { name, scheme, noise: each } of sensitivity) {
    const known = noise.get(name) ?? new Map<LayerScheme, number>();
    noise.set(name, known.set(scheme, each));
  }
  const groups = sharingGroups(layers).map((group): LayerGroup => {
    const option = (scheme: LayerScheme): LayerOption[] => {
      const sizes = group.map(({ name }) => bytes.get(name)?.get(scheme));
      if (sizes.some((size) => size === undefined)) return [];
      const noises = group.map(({ name }) => noise.get(name)?.get(scheme) ?? 0);
      return [{ scheme, bytes: sizes.reduce<number>((sum, size = 0) => sum + size, 0), noise: Math.max(...noises) }];
    };
    const schemes = new Set<LayerScheme>([recipe.scheme]);
    for (const { name } of group) for (const scheme of noise.get(name)?.keys() ?? []) schemes.add(scheme);
    return { names: group.map(({ name }) => name), options: [...schemes].flatMap(option) };
  });
  const picked = spread(assignmentsBySize(groups), limit);
  const plans: CandidatePlan[] = [];
  for (const [index, assignment] of picked.entries()) {
    signal?.throwIfAborted();
    const chosen = withLayers(recipe, {
      ...recipe.options.layers,
      ...Object.fromEntries([...assignment.schemes].filter(([, scheme]) => scheme !== recipe.scheme)),
    });
    const estimate = await estimateRecipe(planner, chosen, options);
    if (estimate.kind === 'ready') plans.push(candidateOf(chosen, estimate, assignment));
    else if (index === 0) throw new QuantizationRefused(estimate.reason);
    progress?.(index + 1, picked.length);
  }
  return plans;
}

function candidateOf(
  recipe: Recipe,
  estimate: Extract<RecipeEstimate, { readonly kind: 'ready' }>,
  { schemes, noise }: { readonly schemes: ReadonlyMap<string, LayerScheme>; readonly noise: number },
): CandidatePlan {
  const counts = new Map<string, number>();
  for (const scheme of schemes.values()) counts.set(scheme, (counts.get(scheme) ?? 0) + 1);
  return {
    recipe: recipeToJson(recipe),
    counts: Object.fromEntries(counts),
    noise,
    fileBytes: estimate.fileBytes,
    externalBytes: estimate.externalBytes,
    ...sizesOf(estimate),
  };
}

/** Flash and RAM of an estimate: on its runtime, or the lower bounds that hold on any. */
export function sizesOf({
  footprint,
  constantBytes,
  peakActivationBytes,
}: Extract<RecipeEstimate, { readonly kind: 'ready' }>): Pick<
  CandidatePlan,
  'flashBytes' | 'flashKind' | 'ramBytes' | 'ramKind'
> {
  if (!footprint) {
    const kind = 'lower bound';
    return { flashBytes: constantBytes, flashKind: kind, ramBytes: peakActivationBytes, ramKind: kind };
  }
  const { flash, ram } = neededMemory(footprint);
  return { flashBytes: flash.bytes, flashKind: flash.kind, ramBytes: ram.bytes, ramKind: ram.kind };
}

/** Bytes of the weights of each layer in each scheme, from plans in which all layers that can have it do. */
async function weightBytes(
  planner: RecipePlanner,
  recipe: Recipe,
  layers: readonly MixableLayer[],
  sensitivity: readonly LayerSensitivity[],
  options: EstimateOptions,
): Promise<ReadonlyMap<string, ReadonlyMap<LayerScheme, number>>> {
  const schemes = new Set<LayerScheme>([recipe.scheme, ...sensitivity.map(({ scheme }) => scheme)]);
  const bytes = new Map(layers.map(({ name }) => [name, new Map<LayerScheme, number>()]));
  for (const scheme of schemes) {
    const names = new Set(
      scheme === recipe.scheme
        ? layers.map(({ name }) => name)
        : sensitivity.flatMap((each) => (each.scheme === scheme ? [each.name] : [])),
    );
    const all = scheme === recipe.scheme ? {} : Object.fromEntries([...names].map((name) => [name, scheme]));
    const estimate = await estimateRecipe(planner, withLayers(recipe, all), { signal: options.signal });
    if (estimate.kind === 'refused') {
      if (scheme === recipe.scheme) throw new QuantizationRefused(estimate.reason);
      continue;
    }
    for (const layer of estimate.layers)
      if (names.has(layer.name)) bytes.get(layer.name)?.set(scheme, layer.weightBytes);
  }
  return bytes;
}
