import type { RecipeEstimate } from './recipe-calls';

type ReadyEstimate = Extract<RecipeEstimate, { readonly kind: 'ready' }>;

/** The estimates asked for last, by what they were made from: a change that is taken back, or made again, takes no plan. */
export class RecentEstimates {
  /** In the order of their last use. */
  readonly #estimates = new Map<string, ReadyEstimate>();
  #entries = 0;

  /** `mostEntries`: of all the lists of layers that are kept together, which is what estimates of large models consist of. */
  constructor(private readonly mostEntries = 100_000) {}

  get(key: string): ReadyEstimate | undefined {
    const known = this.#estimates.get(key);
    if (known) {
      this.#estimates.delete(key);
      this.#estimates.set(key, known);
    }
    return known;
  }

  /** Keeps an estimate, and as many of the others as there is room for; the last one is kept however large it is. */
  add(key: string, estimate: ReadyEstimate): void {
    this.#drop(key);
    this.#estimates.set(key, estimate);
    this.#entries += entriesOf(estimate);
    for (const oldest of this.#estimates.keys()) {
      const isTooMuch = this.#entries > this.mostEntries || this.#estimates.size > mostEstimates;
      if (!isTooMuch || oldest === key) return;
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    const known = this.#estimates.get(key);
    if (!known) return;
    this.#estimates.delete(key);
    this.#entries -= entriesOf(known);
  }
}

const mostEstimates = 32;

function entriesOf({ layers, footprint }: ReadyEstimate): number {
  return layers.length + (footprint?.layers.length ?? 0);
}
