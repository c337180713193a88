import type { Histogram } from './histogram';

/** What an empty bin counts as, so that the logarithm exists. */
const smoothing = 1e-4;

/**
 * The symmetric interval, around zero, whose distribution loses least (Kullback-Leibler divergence) when it is merged into `levels` bins; undefined where
 * the histogram has no more bins than that, so that there is nothing to choose.
 * Source: "8-bit inference with TensorRT", S. Migacz, 2017, in the form of onnxruntime's EntropyCalibrater.
 */
export function entropyThreshold(
  histogram: Histogram,
  levels: number,
): { readonly low: number; readonly high: number } | undefined {
  const half = histogram.span;
  if (half < levels / 2) return undefined;
  const counts = signedCounts(histogram, half);
  let best: { readonly bins: number; readonly divergence: number } | undefined;
  for (let bins = Math.floor(levels / 2); bins <= half; bins++) {
    const divergence = divergenceOf(counts, half - bins, Math.min(half + bins + 1, counts.length), levels);
    if (best === undefined || divergence < best.divergence) best = { bins, divergence };
  }
  if (!best) return undefined;
  // The candidate's upper end is one bin further out, as zero belongs to the first positive bin.
  const above = Math.min(best.bins + 1, half);
  return { low: -best.bins * histogram.width, high: above * histogram.width };
}

/** Both sides as one array of 2 * half counts; zero belongs to the first bin above it. */
function signedCounts({ positive, negative, zeros }: Histogram, half: number): Float64Array {
  const counts = new Float64Array(2 * half);
  for (let bin = 0; bin < half; bin++) {
    counts[half + bin] = positive[bin] ?? 0;
    counts[half - 1 - bin] = negative[bin] ?? 0;
  }
  counts[half] = (counts[half] ?? 0) + zeros;
  return counts;
}

/** Of the counts from `start` to `end` with everything outside put into the end bins, against the same without it merged into `levels` bins. */
function divergenceOf(counts: Float64Array, start: number, end: number, levels: number): number {
  const size = end - start;
  const reference = counts.slice(start, end);
  reference[0] = (reference[0] ?? 0) + sum(counts, 0, start);
  reference[size - 1] = (reference[size - 1] ?? 0) + sum(counts, end, counts.length);
  const merged = new Float64Array(size);
  const perLevel = Math.floor(size / levels);
  for (let level = 0; level < levels; level++) {
    const from = level * perLevel;
    const to = from + perLevel;
    const content = sum(counts, start + from, level === levels - 1 ? end : start + to);
    let occupied = 0;
    for (let bin = from; bin < to; bin++) if (reference[bin] !== 0) occupied++;
    if (occupied > 0) merged.fill(content / occupied, from, to);
  }
  return divergence(smooth(reference), smooth(merged));
}

function sum(counts: Float64Array, from: number, to: number): number {
  let total = 0;
  for (let bin = from; bin < to; bin++) total += counts[bin] ?? 0;
  return total;
}

/** Empty bins get a little, which the others give; undefined where all are empty. */
function smooth(counts: Float64Array): Float64Array | undefined {
  let empty = 0;
  for (const number of counts) if (number === 0) empty++;
  if (empty === counts.length) return undefined;
  const given = (smoothing * empty) / (counts.length - empty);
  return counts.map((number) => (number === 0 ? smoothing : number - given));
}

function divergence(reference: Float64Array | undefined, candidate: Float64Array | undefined): number {
  if (!reference || !candidate) return Number.POSITIVE_INFINITY;
  const referenceSum = sum(reference, 0, reference.length);
  const candidateSum = sum(candidate, 0, candidate.length);
  let total = 0;
  for (const [bin, number] of reference.entries()) {
    const share = number / referenceSum;
    total += share * Math.log(share / ((candidate[bin] ?? 0) / candidateSum));
  }
  return Number.isNaN(total) ? Number.POSITIVE_INFINITY : total;
}
