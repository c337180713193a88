import type { Parameters } from '../weights/integer-format';
import type { WeightToFit } from '../weights/weight-fitter';
import type { LinearLayer } from './linear-layers';

/** A weight as rows, one for each output channel, with the scale of every element. */
export interface WeightRows {
  readonly weights: Float64Array;
  readonly scales: Float64Array;
  /** Where the elements of a row stand in the tensor. */
  position(row: number, column: number): number;
}

/** The rows of a layer's weight; undefined where an element is no finite number. */
export async function weightRows(
  { outputs, inputs, transposed }: LinearLayer,
  weight: WeightToFit,
  { scales: ofGroups }: Parameters,
): Promise<WeightRows | undefined> {
  const weights = new Float64Array(outputs * inputs);
  const scales = new Float64Array(outputs * inputs);
  const group = weight.groups.walk();
  let position = 0;
  for await (const piece of weight.values()) {
    for (const value of piece) {
      if (!Number.isFinite(value)) return undefined;
      const index = transposed ? (position % outputs) * inputs + Math.floor(position / outputs) : position;
      weights[index] = value;
      scales[index] = ofGroups[group()] ?? 1;
      position++;
    }
  }
  return {
    weights,
    scales,
    position: transposed ? (row, column) => column * outputs + row : (row, column) => row * inputs + column,
  };
}
