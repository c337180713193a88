import { type Dim, maximum, type Shape, sameDim } from '../model/dimension';
import type { OpContext } from './definition';

/**
 * The shape of two tensors under multidirectional broadcasting (ONNX "Broadcasting in ONNX"); undefined when a rank is unknown.
 * A dimension is null where the two contradict each other.
 */
export function broadcastShapes(a: Shape | undefined, b: Shape | undefined): Shape | undefined {
  if (a === undefined || b === undefined) return undefined;
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => broadcastDims(alignedDim(a, rank, axis), alignedDim(b, rank, axis)));
}

/** The size of `axis` when the shape is extended to `rank` by ones in front. */
function alignedDim(shape: Shape, rank: number, axis: number): Dim {
  const own = axis - rank + shape.length;
  return own < 0 ? 1 : (shape[own] ?? null);
}

/** One dimension of a broadcast; null when it is not known or when the two cannot be broadcast. */
export function broadcastDims(a: Dim, b: Dim): Dim {
  if (a === 1) return b;
  if (b === 1 || sameDim(a, b)) return a;
  if (typeof a === 'number') return typeof b === 'number' ? null : a;
  // A number other than 1 decides: whatever the other side is, it must be that number or 1.
  if (typeof b === 'number') return b;
  // Two sizes that are not empty broadcast when they are equal or one is 1: the result is the larger one either way.
  return maximum(a, b);
}

/** The shape of all given inputs broadcast together; notes a fault when two can never be. */
export function broadcastInputs(context: OpContext, indices: readonly number[]): Shape | undefined {
  let result: Shape | undefined = [];
  for (const index of indices) {
    const shape = context.shape(index);
    if (result !== undefined && shape !== undefined && neverBroadcast(result, shape)) {
      context.fault(`Input ${index} cannot be broadcast with the inputs before it.`);
    }
    result = broadcastShapes(result, shape);
  }
  return result;
}

function neverBroadcast(a: Shape, b: Shape): boolean {
  const rank = Math.max(a.length, b.length);
  for (let axis = 0; axis < rank; axis++) {
    const left = alignedDim(a, rank, axis);
    const right = alignedDim(b, rank, axis);
    if (typeof left === 'number' && typeof right === 'number' && left !== right && left !== 1 && right !== 1)
      return true;
  }
  return false;
}

/**
 * The shape of a two-input operator at its opset. Before opset 7 the second input is broadcast into the first (attributes
 * `broadcast` and `axis`), so the first has the shape of the result; without `broadcast` both have it.
 */
export function binaryShape(context: OpContext): Shape | undefined {
  if (context.opset >= 7) return broadcastInputs(context, [0, 1]);
  const first = context.shape(0);
  if (context.attributes.int('broadcast', 0) !== 0) return first;
  return mergeShapes(first, context.shape(1));
}

/** What is known of one shape from two descriptions of it. Where they contradict each other, the first stays. */
export function mergeShapes(a: Shape | undefined, b: Shape | undefined): Shape | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  if (a.length !== b.length) return a;
  return a.map((dim, axis) => {
    const other = b[axis] ?? null;
    return dim === null || (typeof dim !== 'number' && typeof other === 'number') ? other : dim;
  });
}

/** What two shapes have in common: null where they differ, undefined when their ranks do. */
export function commonShape(a: Shape | undefined, b: Shape | undefined): Shape | undefined {
  if (a === undefined || b === undefined || a.length !== b.length) return undefined;
  return a.map((dim, axis) => (sameDim(dim, b[axis] ?? null) ? dim : null));
}
