import type { RecipeData } from '../quantize/recipe';
import type { Analysis } from '../worker/analysis';
import { WorkerCallError } from '../worker/calls';
import type { EstimateRequest, RecipeEstimate } from '../worker/recipe-calls';
import type { WorkerClient } from '../worker/worker-client';
import { RecipeKeys } from './recipe-keys';

/** On what recipes are estimated. */
export type EstimateGround = Omit<EstimateRequest, 'recipe' | 'outputName' | 'withAnalysis' | 'unproved'>;

/** Recipes to estimate: the one that is shown, and those of the list beside it. */
export interface WantedEstimates {
  readonly ground: EstimateGround;
  readonly shown: RecipeData;
  readonly others: readonly RecipeData[];
}

/**
 * Asks for the sizes of recipes. What is shown comes first and the latest wins: an answer to an earlier wish is dropped. Everything
 * that was estimated on the same ground is kept.
 */
export class RecipeEstimates {
  /** Of the latest shown recipe that was answered: it stays while the next one is estimated. */
  shown: { readonly recipe: RecipeData; readonly estimate: RecipeEstimate } | undefined;
  /** The analysis of the file of the latest shown recipe that had time for it: it comes after the sizes. */
  detail: { readonly recipe: RecipeData; readonly analysis: Analysis | undefined } | undefined;
  private readonly known = new Map<string, RecipeEstimate>();
  private keys = new RecipeKeys();
  private ground = '';
  private wanted: WantedEstimates | undefined;
  private running = false;
  /** Of an estimate that nobody waits for. */
  private background: AbortController | undefined;

  constructor(
    private readonly worker: Pick<WorkerClient, 'call'>,
    private readonly changed: () => void,
  ) {}

  /** Forgets everything: the file was read again, or closed. */
  reset(): void {
    this.known.clear();
    this.keys = new RecipeKeys();
    this.shown = undefined;
    this.detail = undefined;
    this.wanted = undefined;
    this.ground = '';
  }

  /** Says what is wanted now. May be called as often as one likes. */
  want(wanted: WantedEstimates): void {
    const ground = JSON.stringify(wanted.ground);
    if (ground !== this.ground) this.known.clear();
    this.ground = ground;
    this.wanted = wanted;
    if (this.isBehind) this.background?.abort();
    if (!this.running) void this.run();
  }

  /** What is known of a recipe, without its layers; undefined while it is estimated. */
  of(recipe: RecipeData): RecipeEstimate | undefined {
    return this.known.get(this.keys.of(recipe));
  }

  /** True while the sizes shown are those of an earlier choice. */
  get isBehind(): boolean {
    return this.wanted !== undefined && !this.isSame(this.wanted.shown, this.shown?.recipe);
  }

  private next(): { readonly recipe: RecipeData; readonly part: 'shown' | 'detail' | 'proof' | 'other' } | undefined {
    const { wanted } = this;
    if (!wanted) return undefined;
    if (this.isBehind || !this.shownOnGround) return { recipe: wanted.shown, part: 'shown' };
    const estimate = this.shown?.estimate;
    const isReady = estimate?.kind === 'ready';
    if (isReady && !this.isSame(wanted.shown, this.detail?.recipe)) return { recipe: wanted.shown, part: 'detail' };
    if (isReady && estimate.unproved) return { recipe: wanted.shown, part: 'proof' };
    const other = wanted.others.find((recipe) => !this.known.has(this.keys.of(recipe)));
    return other && { recipe: other, part: 'other' };
  }

  /** True for recipes that are equal. */
  isSame(one: RecipeData, other: RecipeData | undefined): boolean {
    return other !== undefined && this.keys.of(one) === this.keys.of(other);
  }

  private get shownOnGround(): boolean {
    return this.shown !== undefined && this.known.has(this.keys.of(this.shown.recipe));
  }

  private async run(): Promise<void> {
    this.running = true;
    for (let task = this.next(); task; task = this.next()) {
      const { recipe, part } = task;
      const { ground, wanted } = this;
      if (!wanted) break;
      const isDetail = part === 'detail';
      const isProof = part === 'proof';
      const controller = new AbortController();
      this.background = part === 'shown' ? undefined : controller;
      const request = {
        ...wanted.ground,
        recipe,
        ...(isDetail && { withAnalysis: true }),
        ...(!isProof && { unproved: true }),
      };
      const estimate = await this.estimate(request, controller.signal);
      this.background = undefined;
      // A choice of the person came first; this is asked for again.
      if (controller.signal.aborted) continue;
      // The file was read again, or another runtime chosen meanwhile.
      if (ground !== this.ground) continue;
      if (estimate === undefined) break;
      if (isProof && !hasSizesOf(estimate, this.shown?.estimate)) this.forgetUnproved();
      if (isDetail) this.detail = { recipe, analysis: estimate.kind === 'ready' ? estimate.analysis : undefined };
      else this.keep(recipe, estimate, part !== 'other');
      this.changed();
    }
    this.running = false;
  }

  /** A pass was left out, which no plan has from now on. */
  private forgetUnproved(): void {
    this.known.clear();
    this.detail = undefined;
  }

  private keep(recipe: RecipeData, estimate: RecipeEstimate, isShown: boolean): void {
    this.known.set(this.keys.of(recipe), summaryOf(estimate));
    // A person who drags asks for many; the oldest are not wanted again.
    const [oldest] = this.known.keys();
    if (this.known.size > mostKnown && oldest !== undefined) this.known.delete(oldest);
    if (isShown && this.wanted && this.isSame(recipe, this.wanted.shown)) this.shown = { recipe, estimate };
  }

  /** undefined when the worker has gone. */
  private async estimate(request: EstimateRequest, signal: AbortSignal): Promise<RecipeEstimate | undefined> {
    try {
      return await this.worker.call('estimateRecipe', request, { signal });
    } catch (error) {
      if (error instanceof WorkerCallError && error.cancelled) return undefined;
      return { kind: 'refused', reason: error instanceof Error ? error.message : String(error) };
    }
  }
}

function hasSizesOf(one: RecipeEstimate, other: RecipeEstimate | undefined): boolean {
  if (one.kind === 'refused' || other?.kind !== 'ready') return one.kind === other?.kind;
  return one.fileBytes === other.fileBytes && one.externalBytes === other.externalBytes;
}

const mostKnown = 400;

/** Without layers and buffers, of which there may be thousands. */
function summaryOf(estimate: RecipeEstimate): RecipeEstimate {
  if (estimate.kind === 'refused') return estimate;
  const { analysis: _, footprint, ...sizes } = estimate;
  const short = footprint && { ...footprint, layers: [], memory: { ...footprint.memory, tensors: [], inPlace: [] } };
  return { ...sizes, layers: [], ...(short && { footprint: short }) };
}
