import type { ConvertedTensor } from './plan';

/** The error that a scheme makes in the weights, measured over all of their elements. */
export interface WeightError {
  /**
   * 10 log10(sum of w^2 / sum of (w - converted w)^2) in decibels; undefined where nothing is converted or nothing differs,
   * since the ratio has no finite logarithm then.
   */
  readonly sqnrDb: number | undefined;
  /** Tensors that were measured. */
  readonly tensors: number;
  /** Elements limited to the largest number of the new type, or no finite numbers at all. */
  readonly overflows: number;
  /** Non-zero elements that become zero in float16. */
  readonly underflows: number;
}

/** Measures converted tensors one after the other. `progress` gets elements done and elements in all. */
export async function combineErrors(
  converted: readonly ConvertedTensor[],
  options: {
    readonly signal?: AbortSignal | undefined;
    readonly progress?: ((done: number, total: number) => void) | undefined;
  } = {},
): Promise<WeightError> {
  const total = converted.reduce((sum, tensor) => sum + tensor.elements, 0);
  let [signal, noise, overflows, underflows, done] = [0, 0, 0, 0, 0];
  for (const tensor of converted) {
    options.signal?.throwIfAborted();
    const error = await tensor.measure(options.signal);
    signal += error.signal;
    noise += error.noise;
    overflows += error.overflows;
    underflows += error.underflows;
    done += tensor.elements;
    options.progress?.(done, total);
  }
  const sqnrDb = signal > 0 && noise > 0 ? 10 * Math.log10(signal / noise) : undefined;
  return { sqnrDb, tensors: converted.length, overflows, underflows };
}
