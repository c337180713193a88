import type { Parameters } from '../weights/integer-format';
import type { WeightToFit } from '../weights/weight-fitter';
import { eachElement, nearestCode, repeatable } from './element-passes';

/** Shares of the largest magnitude at which a range may end. */
const ratios: readonly number[] = Array.from({ length: 37 }, (_, index) => 1 - index / 40);
/** Rounds of refinement after the grid; a scale settles in a few. */
const refinements = 3;

/**
 * Scales with the least squared error of each group: ranges that end at shares of the largest magnitude are tried, and the best scale is then brought
 * to the least squares of its own codes, s = sum(w q) / sum(q^2), as long as that makes the error smaller. No group gets a larger error than by its
 * largest magnitude. Memory grows with the number of groups alone. undefined for a format whose scales are not free.
 */
export async function clippedScales(weight: WeightToFit, signal?: AbortSignal): Promise<Parameters | undefined> {
  const largest = weight.format.largestCode;
  if (largest === undefined) return undefined;
  const base = await weight.base();
  const values = await repeatable(weight);
  const best = new LeastError(weight, values, base.scales);
  for (const ratio of ratios) {
    signal?.throwIfAborted();
    await best.offer(
      base.scales.map((scale) => scale * ratio),
      largest,
    );
  }
  for (let round = 0; round < refinements; round++) {
    signal?.throwIfAborted();
    await best.offer(await leastSquares(weight, values, best.scales, largest), largest);
  }
  return { ...base, scales: best.scales };
}

/** The best scale so far of each group. */
export class LeastError {
  readonly #errors: Float64Array;
  #scales: Float32Array;

  constructor(
    private readonly weight: WeightToFit,
    private readonly values: () => AsyncIterable<Float64Array>,
    scales: Float32Array,
  ) {
    this.#scales = scales.slice();
    this.#errors = new Float64Array(scales.length).fill(Number.POSITIVE_INFINITY);
  }

  get scales(): Float32Array {
    return this.#scales;
  }

  /** Takes each scale that has a smaller sum of squared errors than the one before. */
  async offer(scales: Float32Array, largest: number): Promise<void> {
    const errors = new Float64Array(scales.length);
    await eachElement(this.weight, this.values, (value, group) => {
      const scale = scales[group] ?? 1;
      const error = value - nearestCode(value, scale, largest) * scale;
      errors[group] = (errors[group] ?? 0) + error * error;
    });
    for (const [group, error] of errors.entries()) {
      const scale = scales[group] ?? 0;
      if (!(error < (this.#errors[group] ?? 0)) || !(scale >= smallestScale)) continue;
      this.#errors[group] = error;
      this.#scales[group] = scale;
    }
  }
}

/** The smallest normal float32. */
const smallestScale = 2 ** -126;

async function leastSquares(
  weight: WeightToFit,
  values: () => AsyncIterable<Float64Array>,
  scales: Float32Array,
  largest: number,
): Promise<Float32Array> {
  const products = new Float64Array(scales.length);
  const squares = new Float64Array(scales.length);
  await eachElement(weight, values, (value, group) => {
    const code = nearestCode(value, scales[group] ?? 1, largest);
    products[group] = (products[group] ?? 0) + value * code;
    squares[group] = (squares[group] ?? 0) + code * code;
  });
  return scales.map((scale, group) => {
    const square = squares[group] ?? 0;
    return square > 0 ? (products[group] ?? 0) / square : scale;
  });
}
