import type { Parameters } from '../weights/integer-format';
import type { WeightToFit } from '../weights/weight-fitter';
import { eachElement, nearestCode, repeatable } from './element-passes';

const iterations = 20;
/** The p of the norm: below 1, so that a few large errors count less than in squares. */
const norm = 0.7;
const firstBeta = 10;
const betaGrowth = 1.01;

/**
 * Half-quadratic quantization (Badri and Shaji 2023): codes and scale by turns, with what the shrinkage |x| - |x|^(p - 1) / beta leaves of the errors
 * taken out of the weight as outliers first. The original moves the zero point; these codes have none, so that the scale moves here:
 * s = sum(q (w - e)) / sum(q^2). Errors are taken in units of the first scale, which makes the result independent of the weight's magnitude.
 * Each group keeps the scale with the least sum of |error|^p. undefined for a format whose scales are not free.
 */
export async function halfQuadraticScales(weight: WeightToFit, signal?: AbortSignal): Promise<Parameters | undefined> {
  const largest = weight.format.largestCode;
  if (largest === undefined) return undefined;
  const base = await weight.base();
  const values = await repeatable(weight);
  let scales = Float64Array.from(base.scales);
  const best = Float32Array.from(base.scales);
  const bestErrors = new Float64Array(scales.length).fill(Number.POSITIVE_INFINITY);
  let beta = firstBeta;
  // The last round only measures what the one before it found.
  for (let round = 0; round <= iterations; round++) {
    signal?.throwIfAborted();
    const current = scales.map(Math.fround);
    const products = new Float64Array(scales.length);
    const squares = new Float64Array(scales.length);
    const errors = new Float64Array(scales.length);
    const shrinkage = beta;
    await eachElement(weight, values, (value, group) => {
      const unit = base.scales[group] ?? 1;
      const scale = current[group] ?? 1;
      const code = nearestCode(value, scale, largest);
      const error = (value - code * scale) / unit;
      const outlier = shrink(error, shrinkage) * unit;
      errors[group] = (errors[group] ?? 0) + Math.abs(error) ** norm;
      products[group] = (products[group] ?? 0) + code * (value - outlier);
      squares[group] = (squares[group] ?? 0) + code * code;
    });
    for (const [group, error] of errors.entries()) {
      if (error >= (bestErrors[group] ?? 0)) continue;
      bestErrors[group] = error;
      best[group] = current[group] ?? 1;
    }
    scales = scales.map((scale, group) => {
      const next = (products[group] ?? 0) / (squares[group] ?? 0);
      return next > 2 ** -126 && Number.isFinite(next) ? next : scale;
    });
    beta *= betaGrowth;
  }
  return { ...base, scales: best };
}

/** sign(x) * max(|x| - |x|^(p - 1) / beta, 0). */
function shrink(value: number, beta: number): number {
  const magnitude = Math.abs(value);
  const left = magnitude - magnitude ** (norm - 1) / beta;
  return left > 0 ? Math.sign(value) * left : 0;
}
