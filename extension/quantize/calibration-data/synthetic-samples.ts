import type { EngineValue } from '../../inference/engine';
import { makeInput } from '../../inference/make-input';
import type { SampleSource } from './samples';

/**
 * Made-up inputs that depend on the seed only: floats uniform in [-1, 1), integers 0 or 1. `sizes` gives open dimensions (1 otherwise).
 * Its samples reject with EngineRefused for an input that cannot be made up.
 */
export function syntheticSamples(
  inputs: readonly EngineValue[],
  options: {
    readonly count?: number;
    readonly seed?: number;
    readonly sizes?: (symbol: string) => number | undefined;
  } = {},
): SampleSource {
  const { count = 32, seed = 1, sizes } = options;
  return {
    synthetic: true,
    total: count,
    async *samples() {
      for (let index = 0; index < count; index++) {
        const feeds = inputs.map((input, position) => {
          const dims = input.dims.map((dim) => (typeof dim === 'string' ? (sizes?.(dim) ?? 1) : (dim ?? 1)));
          return [input.name, makeInput(input, dims, seed + index * inputs.length + position)] as const;
        });
        yield { name: `made-up input ${index + 1}`, feeds: new Map(feeds), count: 1, labels: new Map() };
      }
    },
  };
}
