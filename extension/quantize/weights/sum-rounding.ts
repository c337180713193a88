/** Rows of a weight, one after the other, whose codes keep the sums of the row. */
export interface SummedRows {
  /** Elements of a row: the weights of one output channel. */
  readonly length: number;
  /** Elements of a window within it, such as 9 of a 3x3 convolution; 1: there is none. */
  readonly window: number;
}

/** Longer rows are rounded to nearest: a row is held in memory. */
export const longestSummedRow = 2 ** 20;

/**
 * Codes of one row from -largest to largest, where its rounding errors add up to at most half a step in each window and in the whole row: codes are flipped
 * to their second nearest, those first that lose least. What a layer takes is mostly alike within a window and above zero after a Relu, so that errors which
 * cancel disturb its sums far less than nearest codes, at nearly the same error of the weights. It needs no data. Source: SQuant (Guo et al. 2022,
 * arXiv:2202.07471), its kernel-wise and channel-wise steps. What is no finite number becomes 0 or the end of the codes, and is not counted.
 */
export function sumKeepingCodes(
  values: ArrayLike<number>,
  scale: number,
  window: number,
  largest: number,
): Int32Array<ArrayBuffer> {
  const codes = new Int32Array(values.length);
  /** Code less exact value, in steps. */
  const errors = new Float64Array(values.length);
  for (let index = 0; index < values.length; index++) {
    const exact = (values[index] ?? 0) / scale;
    const code = Number.isNaN(exact) ? 0 : Math.min(Math.max(Math.round(exact), -largest), largest);
    codes[index] = code;
    // Beyond the ends nothing can be flipped without making it much worse.
    errors[index] = Math.abs(exact) <= largest ? code - exact : 0;
  }
  if (window > 1) {
    for (let start = 0; start < values.length; start += window) {
      flip(codes.subarray(start, start + window), errors.subarray(start, start + window), largest);
    }
  }
  flip(codes, errors, largest);
  return codes;
}

/** Brings the sum of the errors to half a step or less by flips in its direction. */
function flip(codes: Int32Array, errors: Float64Array, largest: number): void {
  let sum = 0;
  for (const error of errors) sum += error;
  const step = sum > 0 ? -1 : 1;
  const wanted = Math.round(Math.abs(sum));
  if (wanted === 0) return;
  const candidates: number[] = [];
  for (const [index, error] of errors.entries()) {
    // Flipped once already, an error is above a half and must not grow further.
    if (error * step < 0 && Math.abs((codes[index] ?? 0) + step) <= largest) candidates.push(index);
  }
  candidates.sort((a, b) => (errors[a] ?? 0) * step - (errors[b] ?? 0) * step || a - b);
  for (const index of candidates.slice(0, wanted)) {
    codes[index] = (codes[index] ?? 0) + step;
    errors[index] = (errors[index] ?? 0) + step;
  }
}
