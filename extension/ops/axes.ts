import type { OpContext } from './definition';

/** The axis counted from the front; undefined, with a fault, when it is outside [-rank, rank - 1]. */
export function resolveAxis(context: OpContext, axis: number, rank: number): number | undefined {
  if (Number.isInteger(axis) && axis >= -rank && axis < rank) return axis < 0 ? axis + rank : axis;
  context.fault(
    `Axis ${axis} is out of range for a tensor of rank ${rank}; it must be within [${-rank}, ${rank - 1}].`,
  );
  return undefined;
}

/** The axes counted from the front, in the order given; undefined, with a fault, when one is out of range or named twice. */
export function resolveAxes(context: OpContext, axes: readonly number[], rank: number): readonly number[] | undefined {
  const resolved: number[] = [];
  const seen = new Set<number>();
  for (const axis of axes) {
    const position = resolveAxis(context, axis, rank);
    if (position === undefined) return undefined;
    if (seen.has(position)) {
      context.fault(`Axis ${axis} is named twice.`);
      return undefined;
    }
    seen.add(position);
    resolved.push(position);
  }
  return resolved;
}

/** Axes as an operator was given them: the list, `absent`, or given but not known (then perhaps how many there are). */
export type GivenAxes =
  | { readonly kind: 'absent' }
  | { readonly kind: 'known'; readonly axes: readonly number[] }
  | { readonly kind: 'unknown'; readonly count: number | undefined };

/** The `axes` attribute, or from opset `inputSince` on the input at `index`. */
export function givenAxes(context: OpContext, index: number, inputSince: number): GivenAxes {
  if (context.opset < inputSince) {
    const axes = context.attributes.ints('axes');
    return axes === undefined ? { kind: 'absent' } : { kind: 'known', axes };
  }
  return axesInput(context, index);
}

/** Axes given by a one-dimensional (or scalar) integer input. */
export function axesInput(context: OpContext, index: number): GivenAxes {
  if (!context.hasInput(index)) return { kind: 'absent' };
  const known = context.elements(index)?.elements;
  const axes: number[] = [];
  for (const element of known ?? []) if (typeof element === 'number') axes.push(element);
  if (known !== undefined && axes.length === known.length) return { kind: 'known', axes };
  const shape = context.shape(index);
  const count = shape?.length === 0 ? 1 : shape?.length === 1 ? shape[0] : undefined;
  return { kind: 'unknown', count: typeof count === 'number' ? count : undefined };
}
