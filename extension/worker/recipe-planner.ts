import type { InferenceEngine } from '../inference/engine';
import type { Node } from '../model/model';
import { type LayerScheme, layerChoices, layerName } from '../quantize/layer-schemes';
import type { PassReport, QuantizationSource } from '../quantize/plan';
import type { Recipe } from '../quantize/recipe';
import { floatSource } from '../quantize/requantize';
import { isStaticScheme } from '../quantize/scheme';
import { staticChoices } from '../quantize/static/layer-types';
import { layersOf } from './layer-errors';
import { type ProvedBasis, plainScheme, planRecipe, provedBasis, type RecipePlan } from './plan-recipe';
import type { PlannedLayer } from './recipe-calls';

/** A layer with the weights that it shares with others, which then have one scheme together. */
export interface MixableLayer extends Omit<PlannedLayer, 'scheme' | 'weightBytes'> {
  /** Weights that are converted, by name in the prepared model. */
  readonly weights: readonly string[];
  /** Its first output, or that of the Relu or Clip which alone takes it. */
  readonly output: string;
}

/** Plans many recipes of one model: what comes before the scheme is done and proved once. */
export class RecipePlanner {
  readonly #bases = new Map<number, Promise<ProvedBasis>>();
  readonly #layers = new Map<string, Promise<readonly MixableLayer[]>>();

  private constructor(
    readonly source: QuantizationSource,
    private readonly engine: InferenceEngine,
    private readonly passes: readonly PassReport[],
  ) {}

  /** Throws QuantizationRefused where the model is quantized and `requantize` does not ask to turn it back into float, or where that cannot be done. */
  static async open(source: QuantizationSource, requantize: boolean, engine: InferenceEngine): Promise<RecipePlanner> {
    const float = await floatSource(source, requantize);
    return new RecipePlanner(float.source, engine, float.passes);
  }

  /** Throws QuantizationRefused where planRecipe does. */
  async plan(recipe: Recipe, fileName: string, signal?: AbortSignal): Promise<RecipePlan> {
    const basis = plainScheme(recipe) === undefined ? await this.basis(recipe, signal) : undefined;
    const plan = await planRecipe(this.source, recipe, { fileName }, { engine: this.engine, signal, basis });
    return { ...plan, passes: [...this.passes, ...plan.passes] };
  }

  /** The model that schemes are applied to, without what accuracy recovery rewrites. */
  basis({ seed }: Recipe, signal?: AbortSignal): Promise<ProvedBasis> {
    const known = this.#bases.get(seed);
    if (known) return known;
    const made = provedBasis(this.source, seed, { engine: this.engine, signal });
    this.#bases.set(seed, made);
    // A cancelled or failed one must not stand for the next.
    made.catch(() => this.#bases.delete(seed));
    return made;
  }

  /** The layers that a recipe may give schemes of their own, in the order of the file; none where its scheme cannot be mixed. */
  layers(recipe: Recipe, signal?: AbortSignal): Promise<readonly MixableLayer[]> {
    const key = JSON.stringify([recipe.scheme, recipe.options.granularity, recipe.options.blockOperator, recipe.seed]);
    const known = this.#layers.get(key);
    if (known) return known;
    const made = this.#findLayers(recipe, signal);
    this.#layers.set(key, made);
    made.catch(() => this.#layers.delete(key));
    return made;
  }

  async #findLayers(recipe: Recipe, signal: AbortSignal | undefined): Promise<readonly MixableLayer[]> {
    const plan = await this.plan(withLayers(recipe, {}), 'layers.onnx', signal);
    const nodes = new Map<string, Node>();
    for (const { graph } of [this.source.model, plan.prepared.model]) {
      for (const node of graph.nodes) nodes.set(layerName(node), node);
    }
    const indices = new Map(this.source.model.graph.nodes.map((node) => [layerName(node), node.index]));
    return layersOf(this.source, plan).flatMap((layer) => {
      const node = nodes.get(layer.name);
      if (!node) return [];
      const { scheme } = recipe;
      return {
        name: layer.name,
        opType: layer.opType,
        index: indices.get(layer.name),
        choices: isStaticScheme(scheme) ? staticChoices(node, scheme) : layerChoices(scheme),
        weightBytesBefore: layer.weightBytesBefore,
        weights: layer.weights,
        output: layer.output,
      };
    });
  }
}

/** The recipe with these layers in place of its own. */
export function withLayers(recipe: Recipe, layers: Readonly<Record<string, LayerScheme>>): Recipe {
  return { ...recipe, options: { ...recipe.options, layers } };
}

/** The layers of a plan, those in float32 among them. */
export function plannedLayers(
  layers: readonly MixableLayer[],
  recipe: Recipe,
  { converted }: Pick<RecipePlan, 'converted'>,
): readonly PlannedLayer[] {
  const wanted = new Map(Object.entries(recipe.options.layers));
  const excluded = new Set(recipe.options.excludedNodes);
  const bytes = new Map(converted.map(({ name, bytesAfter }) => [name, bytesAfter]));
  const before = new Map(converted.map(({ name, bytesBefore }) => [name, bytesBefore]));
  return layers.map(({ weights, output: _, ...layer }) => {
    const saved = weights.reduce((sum, name) => sum + (before.get(name) ?? 0) - (bytes.get(name) ?? 0), 0);
    const scheme = excluded.has(layer.name) ? 'float32' : (wanted.get(layer.name) ?? recipe.scheme);
    return { ...layer, scheme, weightBytes: layer.weightBytesBefore - saved };
  });
}
