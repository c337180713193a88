import { nearestCode } from './element-passes';
import type { Rounding } from './fitters';
import type { InputMomentSource } from './input-moments';
import { weightRows } from './weight-rows';

/** Share of the mean diagonal that is added to it, so that the matrix can be inverted. */
const damping = 0.01;

/** Codes by GPTQ for the weights that `moments` knows. */
export function gptqRounding(moments: InputMomentSource, signal?: AbortSignal): Rounding {
  return async (weight, parameters) => {
    const known = await moments.of(weight.name);
    const largest = weight.format.largestCode;
    const rows = known && (await weightRows(known.layer, weight, parameters));
    if (!known || !rows || largest === undefined) return undefined;
    const { inputs, outputs, groups } = known.layer;
    const codes = new Int8Array(weight.tensor.elementCount);
    const perGroup = outputs / groups;
    for (const [group, gram] of known.grams.entries()) {
      signal?.throwIfAborted();
      const factor = new ErrorSpread(gram, inputs);
      for (let row = group * perGroup; row < (group + 1) * perGroup; row++) {
        const span = [row * inputs, (row + 1) * inputs] as const;
        const found = factor.codes(rows.weights.subarray(...span), rows.scales.subarray(...span), largest);
        for (let column = 0; column < inputs; column++) codes[rows.position(row, column)] = found[column] ?? 0;
      }
    }
    return codes;
  };
}

/**
 * GPTQ (Frantar et al. 2023, arXiv:2210.17323): the elements of a row are rounded one after the other, those with the largest inputs first, and what rounding
 * changes in the output is made up for by the elements that are left. With H = sum of x x^T, damped by 1 % of its mean diagonal, and its
 * factor H = L L^T in the order of rising diagonal, that is: err = (w_k - q_k) / (1 / L)_kk, w_m -= err (1 / L)_km for m < k, from the last k to the first.
 */
export class ErrorSpread {
  /** From the smallest diagonal to the largest. */
  readonly #order: readonly number[];
  readonly #inverse: Float64Array;

  constructor(
    gram: Float64Array,
    private readonly size: number,
  ) {
    const diagonal = Array.from({ length: size }, (_, index) => gram[index * size + index] ?? 0);
    const mean = diagonal.reduce((sum, value) => sum + value, 0) / size;
    // Inputs that were always 0 say nothing: their weights are rounded on their own.
    const added = mean > 0 ? mean * damping : 1;
    this.#order = diagonal.map((_, index) => index).sort((a, b) => (diagonal[a] ?? 0) - (diagonal[b] ?? 0) || b - a);
    const ordered = new Float64Array(size * size);
    for (const [i, from] of this.#order.entries()) {
      for (const [j, to] of this.#order.entries()) {
        ordered[i * size + j] = (gram[from * size + to] ?? 0) + (i === j ? added : 0);
      }
    }
    this.#inverse = invertedLower(choleskyLower(ordered, size), size);
  }

  codes(weights: Float64Array, scales: Float64Array, largest: number): Int8Array {
    const { size } = this;
    const inverse = this.#inverse;
    const left = Float64Array.from(this.#order, (column) => weights[column] ?? 0);
    const codes = new Int8Array(size);
    for (let k = size - 1; k >= 0; k--) {
      const column = this.#order[k] ?? 0;
      const scale = scales[column] ?? 1;
      const value = left[k] ?? 0;
      const code = nearestCode(value, scale, largest);
      codes[column] = code;
      const error = (value - code * scale) / (inverse[k * size + k] ?? 1);
      for (let m = 0; m < k; m++) left[m] = (left[m] ?? 0) - error * (inverse[k * size + m] ?? 0);
    }
    return codes;
  }
}

/** L with L L^T = the matrix, which is symmetric and positive. In place. */
function choleskyLower(matrix: Float64Array, size: number): Float64Array {
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * size + j] ?? 0;
      for (let k = 0; k < j; k++) sum -= (matrix[i * size + k] ?? 0) * (matrix[j * size + k] ?? 0);
      // Rounding may leave nothing of a small pivot.
      matrix[i * size + j] = i === j ? Math.sqrt(Math.max(sum, Number.MIN_VALUE)) : sum / (matrix[j * size + j] ?? 1);
    }
  }
  return matrix;
}

function invertedLower(lower: Float64Array, size: number): Float64Array {
  const inverse = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    const pivot = lower[i * size + i] ?? 1;
    for (let k = 0; k < i; k++) {
      const factor = (lower[i * size + k] ?? 0) / pivot;
      if (factor === 0) continue;
      for (let j = 0; j <= k; j++) {
        inverse[i * size + j] = (inverse[i * size + j] ?? 0) - factor * (inverse[k * size + j] ?? 0);
      }
    }
    inverse[i * size + i] = 1 / pivot;
  }
  return inverse;
}
