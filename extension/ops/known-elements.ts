import type { Dim, Shape } from '../model/dimension';
import type { KnownElements, OpContext } from './definition';

/** Tensors with more elements than this are not followed element by element. */
export const maximumKnownElements = 4096;

/** How many elements a shape has when all its dimensions are numbers and they are few enough to follow. */
export function followedCount(shape: Shape | undefined): number | undefined {
  if (shape === undefined) return undefined;
  let count = 1;
  for (const dim of shape) {
    if (typeof dim !== 'number') return undefined;
    count *= dim;
  }
  // Any zero makes the tensor empty, however large its other dimensions are.
  return count <= maximumKnownElements ? count : undefined;
}

/** The dimensions as numbers, or undefined when one is not a number. */
export function numericDims(shape: Shape | undefined): readonly number[] | undefined {
  if (shape === undefined) return undefined;
  const dims: number[] = [];
  for (const dim of shape) {
    if (typeof dim !== 'number') return undefined;
    dims.push(dim);
  }
  return dims;
}

/** The elements as numbers, or undefined when one is not a number. */
export function numericElements(known: KnownElements | undefined): readonly number[] | undefined {
  return known === undefined ? undefined : numericDims(known.elements);
}

/** Known elements, or undefined when there are too many or nothing is known of any. */
export function knownElements(dims: readonly number[], elements: readonly Dim[]): KnownElements | undefined {
  if (elements.length > maximumKnownElements) return undefined;
  if (elements.length > 0 && elements.every((element) => element === null)) return undefined;
  return { dims, elements };
}

/** A known one-dimensional tensor. */
export function knownVector(elements: readonly Dim[]): KnownElements | undefined {
  return knownElements([elements.length], elements);
}

/** What is known of an input's elements; all null when only its (small, numeric) shape is known. */
export function elementsOrNulls(context: OpContext, index: number): KnownElements | undefined {
  const known = context.elements(index);
  if (known !== undefined) return known;
  const shape = context.shape(index);
  const dims = numericDims(shape);
  const count = followedCount(shape);
  return dims === undefined || count === undefined ? undefined : { dims, elements: Array<Dim>(count).fill(null) };
}

/** Row-major strides, in elements. */
export function stridesOf(dims: readonly number[]): number[] {
  const strides = Array<number>(dims.length).fill(1);
  for (let axis = dims.length - 2; axis >= 0; axis--) {
    strides[axis] = (strides[axis + 1] ?? 1) * (dims[axis + 1] ?? 1);
  }
  return strides;
}

/** Calls `visit` with each index of a tensor of these dimensions, in row-major order. The array is reused between calls. */
export function forEachIndex(dims: readonly number[], visit: (index: readonly number[]) => void): void {
  const count = dims.reduce((product, dim) => product * dim, 1);
  const index = Array<number>(dims.length).fill(0);
  for (let step = 0; step < count; step++) {
    visit(index);
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      const next = (index[axis] ?? 0) + 1;
      if (next < (dims[axis] ?? 0)) {
        index[axis] = next;
        break;
      }
      index[axis] = 0;
    }
  }
}

/** The position of `index` in row-major order. */
export function positionOf(index: readonly number[], strides: readonly number[]): number {
  let position = 0;
  for (let axis = 0; axis < index.length; axis++) position += (index[axis] ?? 0) * (strides[axis] ?? 0);
  return position;
}

/**
 * A tensor of dimensions `dims` whose element at each index is the element of `from` at `place(index)`; null where `place`
 * gives undefined. undefined when it would have too many elements.
 */
export function rearrange(
  from: KnownElements,
  dims: readonly number[],
  place: (index: readonly number[]) => number | undefined,
): KnownElements | undefined {
  if (followedCount(dims) === undefined) return undefined;
  const elements: Dim[] = [];
  forEachIndex(dims, (index) => {
    const position = place(index);
    elements.push(position === undefined ? null : (from.elements[position] ?? null));
  });
  return knownElements(dims, elements);
}

/** Applies `operation` to broadcast tensors, element by element; undefined when they do not broadcast or are too many. */
export function combineElements(
  inputs: readonly KnownElements[],
  operation: (values: readonly Dim[]) => Dim,
): KnownElements | undefined {
  const rank = inputs.reduce((most, input) => Math.max(most, input.dims.length), 0);
  const dims: number[] = [];
  for (let axis = 0; axis < rank; axis++) {
    let size = 1;
    for (const input of inputs) {
      const dim = input.dims[axis - rank + input.dims.length] ?? 1;
      if (dim === 1 || dim === size) continue;
      if (size !== 1) return undefined;
      size = dim;
    }
    dims.push(size);
  }
  if (followedCount(dims) === undefined) return undefined;
  // An axis of size 1 does not move: its stride in the broadcast tensor is 0.
  const strides = inputs.map((input) => {
    const own = stridesOf(input.dims).map((stride, axis) => (input.dims[axis] === 1 ? 0 : stride));
    return [...Array<number>(rank - own.length).fill(0), ...own];
  });
  const elements: Dim[] = [];
  forEachIndex(dims, (index) => {
    elements.push(
      operation(inputs.map((input, which) => input.elements[positionOf(index, strides[which] ?? [])] ?? null)),
    );
  });
  return knownElements(dims, elements);
}

/** Applies `operation` to each element. */
export function mapElements(
  known: KnownElements | undefined,
  operation: (value: Dim) => Dim,
): KnownElements | undefined {
  return known === undefined ? undefined : knownElements(known.dims, known.elements.map(operation));
}
