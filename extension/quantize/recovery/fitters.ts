import type { Parameters } from '../weights/integer-format';
import type { FittedWeight, WeightFitter, WeightToFit } from '../weights/weight-fitter';
import { halfQuadraticScales } from './hqq';
import type { RecoveryMethod } from './methods';
import { clippedScales } from './mse-clip';

/** Chooses codes for scales that are known; undefined: the nearest ones. */
export type Rounding = (weight: WeightToFit, parameters: Parameters) => Promise<Int8Array | undefined>;

/**
 * Scales by `hqq` or else `mse-clip` where they are among the methods, then codes by `rounding`. What was found for a weight is kept, so that plans that
 * differ elsewhere do not repeat the work: a fitter serves one float model. undefined where there is nothing to do.
 */
export function fitterFor(
  methods: readonly RecoveryMethod[],
  options: { readonly rounding?: Rounding | undefined; readonly signal?: AbortSignal | undefined } = {},
): WeightFitter | undefined {
  const { rounding, signal } = options;
  const scales = methods.includes('hqq')
    ? halfQuadraticScales
    : methods.includes('mse-clip')
      ? clippedScales
      : undefined;
  if (!scales && !rounding) return undefined;
  const known = new Map<string, FittedWeight | undefined>();
  return {
    async fit(weight) {
      if (weight.format.largestCode === undefined) return undefined;
      const key = JSON.stringify([weight.name, weight.grouping, weight.format.largestCode]);
      if (known.has(key)) return known.get(key);
      const parameters = (await scales?.(weight, signal)) ?? (await weight.base());
      const codes = await rounding?.(weight, parameters);
      const fitted = scales || codes ? { parameters, ...(codes && { codes }) } : undefined;
      known.set(key, fitted);
      return fitted;
    },
  };
}
