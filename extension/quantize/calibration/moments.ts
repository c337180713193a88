import type { Interval } from './range-methods';

/** What is known of a value without data: mean and variance of each channel (or of all: one entry), and where it lies. */
export interface Moments extends Interval {
  readonly mean: Float64Array;
  readonly variance: Float64Array;
}

/** A normal distribution is taken to end so many standard deviations from its mean (Nagel et al. 2019, arXiv:1906.04721, section 5). */
const deviations = 6;
const steps = 96;

/** Normal distributions of known moments, inside `bounds`. */
export function normal(mean: Float64Array, variance: Float64Array, bounds?: Interval): Moments {
  let minimum = Number.POSITIVE_INFINITY;
  let maximum = Number.NEGATIVE_INFINITY;
  for (let channel = 0; channel < mean.length; channel++) {
    const reach = deviations * Math.sqrt(variance[channel] ?? 0);
    minimum = Math.min(minimum, (mean[channel] ?? 0) - reach);
    maximum = Math.max(maximum, (mean[channel] ?? 0) + reach);
  }
  if (!bounds) return { mean, variance, minimum, maximum };
  const limited = (end: number) => Math.min(Math.max(end, bounds.minimum), bounds.maximum);
  return { mean, variance, minimum: limited(minimum), maximum: limited(maximum) };
}

/** Every number of a range is as likely as any other. */
export function uniform({ minimum, maximum }: Interval): Moments {
  const mean = Float64Array.of((minimum + maximum) / 2);
  return { mean, variance: Float64Array.of((maximum - minimum) ** 2 / 12), minimum, maximum };
}

/** What a function of one number makes of normal distributions: its integrals over them. */
export function applied(of: (value: number) => number, from: Moments): Moments {
  const mean = new Float64Array(from.mean.length);
  const variance = new Float64Array(from.mean.length);
  let minimum = Number.POSITIVE_INFINITY;
  let maximum = Number.NEGATIVE_INFINITY;
  for (let channel = 0; channel < mean.length; channel++) {
    const deviation = Math.sqrt(from.variance[channel] ?? 0);
    let [weights, sum, squares] = [0, 0, 0];
    for (let step = 0; step <= steps; step++) {
      const normalised = deviations * ((2 * step) / steps - 1);
      const weight = Math.exp(-(normalised ** 2) / 2);
      const inside = (from.mean[channel] ?? 0) + normalised * deviation;
      const value = of(Math.min(Math.max(inside, from.minimum), from.maximum));
      weights += weight;
      sum += weight * value;
      squares += weight * value * value;
      minimum = Math.min(minimum, value);
      maximum = Math.max(maximum, value);
    }
    mean[channel] = sum / weights;
    variance[channel] = Math.max(0, squares / weights - (sum / weights) ** 2);
  }
  return { mean, variance, minimum, maximum };
}

/** The sum (or difference: `sign` -1) of two values that are taken to be independent; undefined where their channels differ in number. */
export function added(one: Moments, other: Moments, sign: 1 | -1): Moments | undefined {
  const channels = Math.max(one.mean.length, other.mean.length);
  if ([one, other].some(({ mean }) => mean.length !== 1 && mean.length !== channels)) return undefined;
  const at = (values: Float64Array, channel: number) => values[values.length === 1 ? 0 : channel] ?? 0;
  const mean = Float64Array.from({ length: channels }, (_, c) => at(one.mean, c) + sign * at(other.mean, c));
  const variance = Float64Array.from({ length: channels }, (_, c) => at(one.variance, c) + at(other.variance, c));
  const ends = sign === 1 ? [other.minimum, other.maximum] : [-other.maximum, -other.minimum];
  return normal(mean, variance, {
    minimum: one.minimum + (ends[0] ?? 0),
    maximum: one.maximum + (ends[1] ?? 0),
  });
}

/** The same without a difference between channels. */
export function pooled({ mean, variance, minimum, maximum }: Moments): Moments {
  const count = mean.length;
  const centre = mean.reduce((sum, value) => sum + value, 0) / count;
  const spread = mean.reduce((sum, value, channel) => sum + (variance[channel] ?? 0) + (value - centre) ** 2, 0);
  return { mean: Float64Array.of(centre), variance: Float64Array.of(spread / count), minimum, maximum };
}

/** Channels of several values, one after the other. */
export function joined(values: readonly Moments[]): Moments {
  return {
    mean: Float64Array.from(values.flatMap(({ mean }) => [...mean])),
    variance: Float64Array.from(values.flatMap(({ variance }) => [...variance])),
    minimum: Math.min(...values.map(({ minimum }) => minimum)),
    maximum: Math.max(...values.map(({ maximum }) => maximum)),
  };
}
