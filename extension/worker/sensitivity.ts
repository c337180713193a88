import { EngineRefused } from '../inference/engine';
import { type LayerScheme, layerName } from '../quantize/layer-schemes';
import { QuantizationRefused } from '../quantize/plan';
import { planOnBasis, type SchemeFilePlan } from '../quantize/quantize-model';
import type { Recipe } from '../quantize/recipe';
import { isStaticScheme } from '../quantize/scheme';
import type { Ranges } from '../quantize/static/activation-type';
import { noiseToDb, type PlanMeter, relativeNoise } from './plan-meter';
import type { LayerSensitivity, Sensitivities } from './recipe-calls';
import { type MixableLayer, type RecipePlanner, withLayers } from './recipe-planner';
import { runnablePlan } from './runnable-model';

export interface SensitivityOptions {
  /** What each layer becomes; absent: the lowest of its choices in a static plan, else the recipe's scheme. */
  readonly scheme?: LayerScheme | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Gets layers done and in all. */
  readonly progress?: ((done: number, total: number) => void) | undefined;
}

/**
 * Quantizes one layer at a time, all others left in float32, and measures the error at the outputs; layers that share weights go together. Each layer takes
 * one session of the engine and one run for each sample; in memory are the source, one changed model, the samples and the source's outputs on them.
 * Throws QuantizationRefused, and the signal's reason.
 */
export async function measureSensitivity(
  planner: RecipePlanner,
  meter: PlanMeter,
  recipe: Recipe,
  { scheme: wanted, signal, progress }: SensitivityOptions = {},
): Promise<Sensitivities> {
  const groups = sharingGroups(await planner.layers(recipe, signal));
  const tasks: Task[] = [];
  const left: { name: string; reason: string }[] = [];
  for (const group of groups) {
    signal?.throwIfAborted();
    const [first] = group;
    if (!first) continue;
    const scheme = schemeFor(first, recipe, wanted);
    if (scheme === undefined) {
      left.push(...group.map(({ name, opType }) => ({ name, reason: `A ${opType} cannot be ${wanted}.` })));
      continue;
    }
    try {
      tasks.push({ group, scheme, plan: await planAlone(planner, recipe, group, scheme, signal) });
    } catch (error) {
      if (!(error instanceof QuantizationRefused)) throw error;
      left.push(...group.map(({ name }) => ({ name, reason: error.message })));
    }
  }
  const measured: LayerSensitivity[] = [];
  // One run over the samples finds the ranges for all.
  const names = new Set(tasks.flatMap(({ plan }) => [...plan.activations]));
  const { basis } = await planner.basis(recipe, signal);
  const ranges = names.size > 0 ? await meter.ranges(basis.source, [...names], recipe, signal) : undefined;
  for (const [index, { group, scheme, plan }] of tasks.entries()) {
    signal?.throwIfAborted();
    try {
      const ready =
        plan.activations.length > 0 ? await planAlone(planner, recipe, group, scheme, signal, ranges) : plan;
      const noise = relativeNoise(await meter.errors(await runnablePlan(ready), signal));
      for (const { name } of group) measured.push({ name, scheme, sqnrDb: noiseToDb(noise), noise });
    } catch (error) {
      if (!(error instanceof EngineRefused || error instanceof QuantizationRefused)) throw error;
      left.push(...group.map(({ name }) => ({ name, reason: error.message })));
    }
    progress?.(index + 1, tasks.length);
  }
  return {
    layers: measured.sort((a, b) => b.noise - a.noise),
    samples: meter.samples,
    synthetic: meter.synthetic,
    left,
  };
}

interface Task {
  readonly group: readonly MixableLayer[];
  readonly scheme: LayerScheme;
  readonly plan: SchemeFilePlan;
}

/** Layers in groups of those that share a weight, straight or through others. */
export function sharingGroups(layers: readonly MixableLayer[]): readonly (readonly MixableLayer[])[] {
  const groupOf = new Map<string, MixableLayer[]>();
  const groups = new Set<MixableLayer[]>();
  for (const layer of layers) {
    const group = [layer];
    groups.add(group);
    for (const weight of layer.weights) {
      const other = groupOf.get(weight);
      if (other && other !== group) {
        groups.delete(other);
        group.unshift(...other);
        for (const member of other) for (const name of member.weights) groupOf.set(name, group);
      }
      groupOf.set(weight, group);
    }
  }
  return [...groups];
}

function schemeFor(
  { choices }: MixableLayer,
  recipe: Recipe,
  wanted: LayerScheme | undefined,
): LayerScheme | undefined {
  if (wanted === undefined) return isStaticScheme(recipe.scheme) ? choices.at(-1) : recipe.scheme;
  return wanted === recipe.scheme || choices.includes(wanted) ? wanted : undefined;
}

async function planAlone(
  planner: RecipePlanner,
  recipe: Recipe,
  group: readonly MixableLayer[],
  scheme: LayerScheme,
  signal: AbortSignal | undefined,
  ranges?: Ranges,
): Promise<SchemeFilePlan> {
  const { basis } = await planner.basis(recipe, signal);
  const layers = new Map<string, LayerScheme>();
  for (const node of basis.source.model.graph.nodes) layers.set(layerName(node), 'float32');
  for (const { name } of group) layers.set(name, scheme);
  const { scheme: base, options } = withLayers(recipe, Object.fromEntries(layers));
  if (base === 'float16') throw new QuantizationRefused('float16 converts all layers or none.');
  return planOnBasis(planner.source, basis, { scheme: base, options, ranges }, { fileName: 'alone.onnx' });
}
