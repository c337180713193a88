import { type LayerScheme, layerChoices } from '../quantize/layer-schemes';
import { QuantizationRefused } from '../quantize/plan';
import type { Recipe } from '../quantize/recipe';
import { LiveEstimate, variableSchemes, withoutScheme } from './estimate-live';
import { type EstimateOptions, estimateRecipe, type PlannedRecipe, planAndMeasure } from './estimate-recipe';
import { RecentEstimates } from './recent-estimates';
import type { RecipeEstimate } from './recipe-calls';
import { type RecipePlanner, withLayers } from './recipe-planner';

/** Gives estimates, from what it keeps of earlier ones where that is enough. */
export class RecipeEstimator {
  /** By varied scheme, and by recipe and options but for layers of it; undefined: asked for once, which is not worth the plans that it takes. */
  readonly #live = new Map<string, Promise<LiveEstimate | undefined> | undefined>();

  /** The plan that was made last, from which the next change may start. */
  #last: { readonly key: string; readonly planned: PlannedRecipe } | undefined;

  /** Of full plans: those that are put together are as quick to make again. */
  readonly #recent = new RecentEstimates();

  constructor(private readonly planner: RecipePlanner) {}

  /** What `estimateRecipe` gives. Throws what it throws. */
  async estimate(recipe: Recipe, options: EstimateOptions): Promise<RecipeEstimate> {
    // Later the proof is there already, and shared by all plans.
    if (!options.unproved) {
      try {
        await this.planner.prove(recipe, options.signal);
      } catch (error) {
        if (error instanceof QuantizationRefused) return { kind: 'refused', reason: error.message };
        throw error;
      }
    }
    const estimate = await this.#estimate(recipe, { ...options, unproved: true });
    const isProved = estimate.kind === 'refused' || this.planner.isProved(recipe);
    return isProved || !options.unproved ? estimate : { ...estimate, unproved: true };
  }

  async #estimate(recipe: Recipe, options: EstimateOptions): Promise<RecipeEstimate> {
    // What is in a file is told from that file, not put together.
    if (options.withAnalysis) return estimateRecipe(this.planner, recipe, options);
    const { signal: _, ...ground } = options;
    const { layers } = recipe.options;
    const key = this.#keyOf(recipe, ground);
    const recent = this.#recent.get(key);
    if (recent) return recent;
    for (const varied of variableSchemes(recipe, Object.values(layers))) {
      const live = await this.#liveFor(recipe, varied, ground);
      const names = Object.entries(layers).flatMap(([name, scheme]) => (scheme === varied ? [name] : []));
      const estimate = live?.estimate(new Set(names));
      if (estimate) return estimate;
    }
    const known = await this.#knownBase(key, recipe);
    if (known) return known;
    try {
      const planned = await planAndMeasure(this.planner, recipe, options);
      // A proof that ended meanwhile may have taken a pass away, which this plan may or may not have.
      if (this.#keyOf(recipe, ground) === key) {
        this.#last = { key, planned };
        this.#recent.add(key, planned.estimate);
      }
      return planned.estimate;
    } catch (error) {
      if (error instanceof QuantizationRefused) return { kind: 'refused', reason: error.message };
      throw error;
    }
  }

  /** The estimate of a plan that stands at the start of changes. */
  async #knownBase(key: string, recipe: Recipe): Promise<RecipeEstimate | undefined> {
    for (const varied of variableSchemes(recipe, layerChoices(recipe.scheme))) {
      const live = await this.#live.get(`${varied} ${key}`);
      if (live) return live.estimate(new Set());
    }
    return undefined;
  }

  /** undefined where it is asked for the first time, which is not worth the plans that it takes, unless one is there already. */
  async #liveFor(recipe: Recipe, varied: LayerScheme, ground: EstimateOptions): Promise<LiveEstimate | undefined> {
    const others = withLayers(recipe, withoutScheme(recipe.options.layers, varied));
    const baseKey = this.#keyOf(others, ground);
    const key = `${varied} ${baseKey}`;
    const base = this.#last?.key === baseKey ? this.#last.planned : undefined;
    const isWorthIt = this.#recent.get(baseKey) !== undefined || this.#live.has(key);
    // Of one caller's cancelling the next must not hear.
    const opened =
      this.#live.get(key) ??
      (isWorthIt ? LiveEstimate.open(this.planner, recipe, varied, ground, base).catch(() => undefined) : undefined);
    this.#live.delete(key);
    this.#live.set(key, opened);
    const [oldest] = this.#live.keys();
    if (this.#live.size > mostKept && oldest !== undefined) this.#live.delete(oldest);
    return opened;
  }

  #keyOf(recipe: Recipe, { bindings, ...ground }: EstimateOptions): string {
    return JSON.stringify([recipe, ground, [...(bindings ?? [])], this.planner.failedPasses(recipe)]);
  }
}

const mostKept = 12;
