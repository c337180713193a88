import type { Rounding } from './fitters';
import type { InputMomentSource } from './input-moments';
import { weightRows } from './weight-rows';

/** A row is gone over until nothing gets better, at most with so many changes for each element. */
const mostChanges = 2;

/** Codes by adaptive rounding for the weights that `moments` knows. */
export function adaptiveRounding(moments: InputMomentSource, signal?: AbortSignal): Rounding {
  return async (weight, parameters) => {
    const known = await moments.of(weight.name);
    const largest = weight.format.largestCode;
    const rows = known && (await weightRows(known.layer, weight, parameters));
    if (!known || !rows || largest === undefined) return undefined;
    const { inputs, outputs, groups } = known.layer;
    const codes = new Int8Array(weight.tensor.elementCount);
    for (let row = 0; row < outputs; row++) {
      signal?.throwIfAborted();
      const gram = known.grams[Math.floor(row / (outputs / groups))];
      if (!gram) return undefined;
      const span = [row * inputs, (row + 1) * inputs] as const;
      const found = chosenCodes(rows.weights.subarray(...span), rows.scales.subarray(...span), gram, largest);
      for (let column = 0; column < inputs; column++) codes[rows.position(row, column)] = found[column] ?? 0;
    }
    return codes;
  };
}

/**
 * Adaptive rounding (AdaRound; Nagel et al. 2020, arXiv:2004.10568) of one row: each element is rounded up or down so that |W x - W' x|^2 over the inputs is
 * small, which is e^T G e with e = w' - w and G = sum of x x^T. The paper relaxes the choice and follows its gradient; here the same quadratic binary problem
 * is solved by coordinate descent from the nearest codes: the change that helps most is made until none helps. The result is never worse than the nearest
 * codes, and there is no chance in it.
 */
export function chosenCodes(
  weights: Float64Array,
  scales: Float64Array,
  gram: Float64Array,
  largest: number,
): Int8Array {
  const size = weights.length;
  const codes = new Int8Array(size);
  /** What each element becomes where it is rounded the other way, in steps: 1, -1, or 0 where there is no such code. */
  const steps = new Int8Array(size);
  const pull = new Float64Array(size);
  for (let index = 0; index < size; index++) {
    const scale = scales[index] ?? 1;
    const exact = (weights[index] ?? 0) / scale;
    const code = Math.min(Math.max(Math.round(exact), -largest), largest);
    const other = Math.min(Math.max(exact > code ? code + 1 : code - 1, -largest), largest);
    codes[index] = code;
    steps[index] = other - code;
    addColumn(pull, gram, index, code * scale - (weights[index] ?? 0));
  }
  for (let change = 0; change < size * mostChanges; change++) {
    let [best, bestGain] = [-1, 0];
    for (let index = 0; index < size; index++) {
      const step = (steps[index] ?? 0) * (scales[index] ?? 1);
      const gain = -step * (2 * (pull[index] ?? 0) + step * (gram[index * size + index] ?? 0));
      if (gain > bestGain) [best, bestGain] = [index, gain];
    }
    if (best < 0) break;
    const step = steps[best] ?? 0;
    codes[best] = (codes[best] ?? 0) + step;
    steps[best] = -step;
    addColumn(pull, gram, best, step * (scales[best] ?? 1));
  }
  return codes;
}

/** Adds a multiple of a column of a symmetric matrix. */
function addColumn(sum: Float64Array, gram: Float64Array, column: number, factor: number): void {
  const size = sum.length;
  if (factor === 0) return;
  for (let index = 0; index < size; index++)
    sum[index] = (sum[index] ?? 0) + factor * (gram[column * size + index] ?? 0);
}
