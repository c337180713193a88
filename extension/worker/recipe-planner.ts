import type { InferenceEngine } from '../inference/engine';
import type { Node } from '../model/model';
import { type LayerScheme, layerChoices, layerName } from '../quantize/layer-schemes';
import type { PassReport, QuantizationSource } from '../quantize/plan';
import { needsBlockOpset, type SchemeBasis, schemeBasis } from '../quantize/plan-scheme';
import type { Recipe } from '../quantize/recipe';
import { floatSource } from '../quantize/requantize';
import { isStaticScheme } from '../quantize/scheme';
import { staticChoices } from '../quantize/static/layer-types';
import { layersOf } from './layer-errors';
import { asProved, type ProvedBasis, plainScheme, planRecipe, provedBasis, type RecipePlan } from './plan-recipe';
import type { PlannedLayer } from './recipe-calls';

/** A layer with the weights that it shares with others, which then have one scheme together. */
export interface MixableLayer extends Omit<PlannedLayer, 'scheme' | 'weightBytes'> {
  /** Weights that are converted, by name in the prepared model. */
  readonly weights: readonly string[];
  /** Its first output, or that of the Relu or Clip which alone takes it. */
  readonly output: string;
}

/** When passes are proved, by running the model: before anything is told, or later, since sizes only depend on it where a pass fails. */
export type Proofs = 'first' | 'later';

/** Plans many recipes of one model: what comes before the scheme is done and proved once. */
export class RecipePlanner {
  readonly #bases = new Map<number, Promise<ProvedBasis>>();
  /** Those of `#bases` that are known by now. */
  readonly #proved = new Map<number, ProvedBasis>();
  /** Seeds with which the upgrade was proved that some schemes add. */
  readonly #provedBlocks = new Set<number>();
  #unproved: Promise<SchemeBasis> | undefined;
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
  async plan(recipe: Recipe, fileName: string, signal?: AbortSignal, proofs: Proofs = 'first'): Promise<RecipePlan> {
    const basis = await this.#basisFor(recipe, signal, proofs);
    const options = { engine: this.engine, signal, basis, unproved: proofs === 'later' };
    const plan = await planRecipe(this.source, recipe, { fileName }, options);
    return { ...plan, passes: [...this.passes, ...plan.passes] };
  }

  /** Proves what comes before the scheme of a recipe, and what the scheme adds to it; once for all plans. Throws QuantizationRefused. */
  async prove(recipe: Recipe, signal?: AbortSignal): Promise<void> {
    if (this.isProved(recipe)) return;
    await this.plan(recipe, 'proved.onnx', signal);
    if (this.#needsBlockOpset(recipe)) this.#provedBlocks.add(recipe.seed);
  }

  /** True where no proof can change the plan of a recipe any more. */
  isProved(recipe: Recipe): boolean {
    if (plainScheme(recipe) !== undefined) return true;
    const { seed } = recipe;
    return this.#proved.has(seed) && (!this.#needsBlockOpset(recipe) || this.#provedBlocks.has(seed));
  }

  #needsBlockOpset({ scheme, options }: Recipe): boolean {
    return scheme !== 'float16' && needsBlockOpset(scheme, options);
  }

  /** Passes that are known to change the outputs: no plan has them. */
  failedPasses({ seed }: Recipe): readonly string[] {
    const proved = this.#proved.get(seed);
    const added = [...(proved?.checked.values() ?? [])].flatMap(({ failing }) => failing ?? []);
    return [...(proved?.skipped ?? []), ...added];
  }

  async #basisFor(recipe: Recipe, signal: AbortSignal | undefined, proofs: Proofs): Promise<ProvedBasis | undefined> {
    if (plainScheme(recipe) !== undefined) return undefined;
    if (proofs === 'first') return this.basis(recipe, signal);
    return this.#proved.get(recipe.seed) ?? asProved(await this.#unprovedBasis(), new Set());
  }

  #unprovedBasis(): Promise<SchemeBasis> {
    if (this.#unproved) return this.#unproved;
    const made = schemeBasis(this.source);
    this.#unproved = made;
    made.catch(() => {
      this.#unproved = undefined;
    });
    return made;
  }

  /** The model that schemes are applied to, without what accuracy recovery rewrites. */
  basis({ seed }: Recipe, signal?: AbortSignal): Promise<ProvedBasis> {
    const known = this.#bases.get(seed);
    if (known) return known;
    const made = this.#prove(seed, signal);
    this.#bases.set(seed, made);
    // A cancelled or failed one must not stand for the next.
    made.then(
      (proved) => this.#proved.set(seed, proved),
      () => this.#bases.delete(seed),
    );
    return made;
  }

  async #prove(seed: number, signal: AbortSignal | undefined): Promise<ProvedBasis> {
    return provedBasis(this.source, seed, { engine: this.engine, signal }, await this.#unprovedBasis());
  }

  /** The layers that a recipe may give schemes of their own, in the order of the file; none where its scheme cannot be mixed. */
  async layers(
    recipe: Recipe,
    signal?: AbortSignal,
    proofs: Proofs = 'first',
    /** The plan of this recipe, where it was made before. */
    planned?: RecipePlan,
  ): Promise<readonly MixableLayer[]> {
    const { scheme, options, seed } = recipe;
    const skipped = (await this.#basisFor(recipe, signal, proofs))?.skipped ?? [];
    const key = JSON.stringify([scheme, options.granularity, options.blockOperator, seed, [...skipped]]);
    const known = this.#layers.get(key);
    if (known) return known;
    const isPlain = planned && Object.keys(options.layers).length === 0;
    const made = isPlain
      ? Promise.resolve(this.#layersIn(planned, recipe))
      : this.plan(withLayers(recipe, {}), 'layers.onnx', signal, proofs).then((plan) => this.#layersIn(plan, recipe));
    this.#layers.set(key, made);
    made.catch(() => this.#layers.delete(key));
    return made;
  }

  #layersIn(plan: RecipePlan, { scheme }: Recipe): readonly MixableLayer[] {
    const nodes = new Map<string, Node>();
    for (const { graph } of [this.source.model, plan.prepared.model]) {
      for (const node of graph.nodes) nodes.set(layerName(node), node);
    }
    const indices = new Map(this.source.model.graph.nodes.map((node) => [layerName(node), node.index]));
    return layersOf(this.source, plan).flatMap((layer) => {
      const node = nodes.get(layer.name);
      if (!node) return [];
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
