import type { WeightToFit } from '../weights/weight-fitter';

/** A weight up to this many elements stays in memory between passes. */
const largestKept = 2 ** 22;

/** The elements of a weight, for a method that goes over them many times: read once where they are few. */
export async function repeatable(weight: WeightToFit): Promise<() => AsyncIterable<Float64Array>> {
  if (weight.tensor.elementCount > largestKept) return () => weight.values();
  const pieces: Float64Array[] = [];
  for await (const piece of weight.values()) pieces.push(piece);
  return async function* () {
    yield* pieces;
  };
}

/** Calls `visit` with every finite element and its group. */
export async function eachElement(
  weight: WeightToFit,
  values: () => AsyncIterable<Float64Array>,
  visit: (value: number, group: number) => void,
): Promise<void> {
  const group = weight.groups.walk();
  for await (const piece of values()) {
    for (let index = 0; index < piece.length; index++) {
      const value = piece[index] ?? 0;
      const current = group();
      if (Number.isFinite(value)) visit(value, current);
    }
  }
}

/** The code of a value, from -largest to largest: halves to even, as the file will have it. */
export function nearestCode(value: number, scale: number, largest: number): number {
  const exact = value / scale;
  const limited = exact > largest ? largest : exact < -largest ? -largest : exact;
  return limited + roundsToInteger - roundsToInteger;
}

/** Adding and taking away 1.5 * 2^52 leaves a number without its fraction, rounded half to even as float64 sums are. */
const roundsToInteger = 1.5 * 2 ** 52;
