import { entropyThreshold } from './entropy-threshold';
import type { Histogram } from './histogram';

export const rangeMethods = ['minmax', 'percentile', 'entropy', 'mse'] as const;

export type RangeMethod = (typeof rangeMethods)[number];

export interface RangeRules {
  readonly method: RangeMethod;
  /** Of the elements that stay inside, for `percentile`; 99.999 unless given. */
  readonly percentile?: number;
  /** Bins of the histogram on both sides together, a power of two; 8,192 unless given, 2,048 for `entropy`. */
  readonly bins?: number;
  /** Levels that `entropy` compares with; 128 unless given. */
  readonly quantizedBins?: number;
  /** Width of the quantized integers, for `mse`; 8 unless given. */
  readonly bits?: number;
  /** The range will be used as [-a, a]: `percentile` and `mse` then look for the best a. */
  readonly symmetric?: boolean;
}

export interface Interval {
  readonly minimum: number;
  readonly maximum: number;
}

/** Clip ratios from this one to 1 are tried, in steps of 1/100. */
const smallestRatio = 0.05;

/** Bins on each side that a method needs; 0 where it needs no histogram. Throws RangeError for a number that is no power of two. */
export function binsPerSide({ method, bins = method === 'entropy' ? 2048 : 8192 }: RangeRules): number {
  if (method === 'minmax') return 0;
  if (bins < 2 || bins > 2 ** 20 || !Number.isInteger(Math.log2(bins))) {
    throw new RangeError(
      `A histogram of ${bins} bins cannot be made; the number must be a power of two up to ${2 ** 20}.`,
    );
  }
  return bins / 2;
}

/**
 * The range to quantize with, inside the observed one. It may leave out zero; a scheme widens it then.
 * Throws RangeError for a percentile that is none.
 */
export function chooseRange(rules: RangeRules, histogram: Histogram, observed: Interval): Interval {
  switch (rules.method) {
    case 'minmax':
      return observed;
    case 'percentile':
      return percentileRange(rules, histogram, observed);
    case 'entropy': {
      const { low, high } = entropyThreshold(histogram, rules.quantizedBins ?? 128) ?? wholeOf(observed);
      return within(observed, low, high);
    }
    case 'mse':
      return leastError(rules, histogram, observed);
  }
}

function wholeOf({ minimum, maximum }: Interval): { readonly low: number; readonly high: number } {
  return { low: minimum, high: maximum };
}

function within({ minimum, maximum }: Interval, low: number, high: number): Interval {
  return { minimum: Math.min(maximum, Math.max(minimum, low)), maximum: Math.max(minimum, Math.min(maximum, high)) };
}

/**
 * Cuts (100 - percentile)/2 percent at each end; symmetric: (100 - percentile) percent of the largest magnitudes (the definitions of
 * onnxruntime's PercentileCalibrater). Inside a bin, elements count as spread evenly.
 */
function percentileRange(
  { percentile = 99.999, symmetric = false }: RangeRules,
  histogram: Histogram,
  observed: Interval,
): Interval {
  if (!(percentile > 0 && percentile <= 100)) {
    throw new RangeError(`${percentile} is no percentile; give a number above 0 and up to 100.`);
  }
  const { positive, negative, zeros, width } = histogram;
  const total = sum(positive) + sum(negative) + zeros;
  if (symmetric) {
    const magnitudes = Float64Array.from(
      { length: histogram.binsPerSide },
      (_, bin) => (positive[bin] ?? 0) + (negative[bin] ?? 0),
    );
    const threshold = positionFromEnd(magnitudes, (total * (100 - percentile)) / 100) * width;
    return within(observed, -threshold, threshold);
  }
  const outside = (total * (100 - percentile)) / 200;
  // What is cut at one end may reach beyond zero; the range then ends at zero, which every scheme keeps.
  const high = positionFromEnd(positive, outside) * width;
  const low = positionFromEnd(negative, outside) * width;
  return within(
    observed,
    observed.minimum < 0 ? -low : observed.minimum,
    observed.maximum > 0 ? high : observed.maximum,
  );
}

/** Where, in widths, `outside` of the counts lie beyond; 0 when there are not so many. */
function positionFromEnd(bins: Float64Array, outside: number): number {
  let beyond = 0;
  for (let bin = bins.length - 1; bin >= 0; bin--) {
    const number = bins[bin] ?? 0;
    if (number > 0 && beyond + number >= outside) return bin + 1 - (outside - beyond) / number;
    beyond += number;
  }
  return 0;
}

/**
 * The range with the least mean square error over a grid of clip ratios, both ends on their own. The error of what lies inside is taken as
 * step^2 / 12 (rounding errors spread evenly), of what lies outside as its distance from the end; zeros are exact.
 */
function leastError({ bits = 8, symmetric = false }: RangeRules, histogram: Histogram, observed: Interval): Interval {
  const { positive, negative } = histogram;
  const steps = 2 ** bits - (symmetric ? 2 : 1);
  const low = Math.max(0, -observed.minimum);
  const high = Math.max(0, observed.maximum);
  const inside = sum(positive) + sum(negative);
  const candidates = (end: number, bins: Float64Array): readonly ClippedEnd[] =>
    end === 0
      ? [{ end: 0, outside: 0, error: 0 }]
      : ratios.map((ratio) => clippedAt(bins, histogram.width, end * ratio));
  let best: { readonly low: number; readonly high: number; readonly error: number } | undefined;
  const consider = (below: ClippedEnd, above: ClippedEnd, range: number) => {
    const rounding = ((range / steps) ** 2 / 12) * (inside - below.outside - above.outside);
    const error = below.error + above.error + rounding;
    if (best === undefined || error < best.error) best = { low: below.end, high: above.end, error };
  };
  if (symmetric) {
    for (const ratio of ratios) {
      const end = Math.max(low, high) * ratio;
      consider(clippedAt(negative, histogram.width, end), clippedAt(positive, histogram.width, end), 2 * end);
    }
  } else {
    const above = candidates(high, positive);
    for (const below of candidates(low, negative)) {
      for (const candidate of above) consider(below, candidate, below.end + candidate.end);
    }
  }
  return best ? within(observed, -best.low, best.high) : observed;
}

const ratios: readonly number[] = Array.from({ length: 101 - smallestRatio * 100 }, (_, index) => 1 - index / 100);

interface ClippedEnd {
  readonly end: number;
  /** Elements beyond the end, and the sum of their squared distances from it. */
  readonly outside: number;
  readonly error: number;
}

function clippedAt(bins: Float64Array, width: number, end: number): ClippedEnd {
  let outside = 0;
  let error = 0;
  for (let bin = bins.length - 1; bin >= 0; bin--) {
    const centre = (bin + 0.5) * width;
    if (centre <= end) break;
    const number = bins[bin] ?? 0;
    outside += number;
    error += number * (centre - end) ** 2;
  }
  return { end, outside, error };
}

function sum(bins: Float64Array): number {
  let total = 0;
  for (const number of bins) total += number;
  return total;
}
