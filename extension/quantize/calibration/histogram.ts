/**
 * Counts of numbers in equal bins on both sides of zero, in memory that does not depend on how many there are. The width is the
 * smallest power of two with which the largest magnitude fits; it doubles, merging neighbours, when a larger one comes. So the counts
 * do not depend on the order of the numbers, and are those that the final width would have given from the start. Zeros are counted
 * apart: every scheme represents them exactly.
 */
export class Histogram {
  /** Bin i counts magnitudes in [i * width, (i + 1) * width). No bins while there is nothing on that side. */
  positive: Float64Array = new Float64Array();
  negative: Float64Array = new Float64Array();
  zeros = 0;
  #exponent = Number.NEGATIVE_INFINITY;

  /** `binsPerSide` is a power of two. */
  constructor(readonly binsPerSide: number) {}

  /** Width of a bin; 0 while there are only zeros. */
  get width(): number {
    return 2 ** this.#exponent;
  }

  /** Adds the finite ones of `values`, of which `minimum` and `maximum` are the smallest and the largest. */
  add(values: Float32Array | Float64Array, minimum: number, maximum: number): void {
    this.#widen(Math.max(Math.abs(minimum), Math.abs(maximum)));
    if (maximum > 0 && this.positive.length === 0) this.positive = new Float64Array(this.binsPerSide);
    if (minimum < 0 && this.negative.length === 0) this.negative = new Float64Array(this.binsPerSide);
    const { positive, negative } = this;
    // Only a power of two: the product is exact.
    const perWidth = 2 ** -this.#exponent;
    for (let index = 0; index < values.length; index++) {
      const value = values[index] ?? 0;
      if (value === 0) this.zeros++;
      else if (value > 0 && value <= maximum) count(positive, value * perWidth);
      else if (value < 0 && value >= minimum) count(negative, -value * perWidth);
    }
  }

  /** Bins up to the last one that is not empty on either side. */
  get span(): number {
    let last = Math.max(this.positive.length, this.negative.length);
    while (last > 0 && !this.positive[last - 1] && !this.negative[last - 1]) last--;
    return last;
  }

  #widen(largest: number): void {
    if (largest === 0) return;
    let exponent = Math.max(smallestExponent, Math.floor(Math.log2(largest)) + 1 - Math.log2(this.binsPerSide));
    // The logarithm of a number just below a power of two may come out as that power, or as slightly less.
    while (largest >= this.binsPerSide * 2 ** exponent) exponent++;
    if (exponent <= this.#exponent) return;
    const merged = 2 ** (exponent - this.#exponent);
    this.#exponent = exponent;
    this.positive = merge(this.positive, merged);
    this.negative = merge(this.negative, merged);
  }
}

/** Of a normal float64, so that the reciprocal is finite. */
const smallestExponent = -1022;

function count(bins: Float64Array, position: number): void {
  const bin = Math.floor(position);
  bins[bin] = (bins[bin] ?? 0) + 1;
}

function merge(bins: Float64Array, neighbours: number): Float64Array {
  const result = new Float64Array(bins.length);
  for (const [index, number] of bins.entries()) {
    if (number === 0) continue;
    const bin = Math.floor(index / neighbours);
    result[bin] = (result[bin] ?? 0) + number;
  }
  return result;
}
