import { add, ceilDivide, type Dim, floorDivide, minimum, multiply, type Shape, subtract } from '../model/dimension';
import type { OpContext } from './definition';
import { unknownDims } from './facts';

/** How a window slides over the spatial axes: the attributes shared by convolutions and pools, one entry an axis. */
export interface Window {
  /** Elements along each axis; null where not known. */
  readonly kernel: readonly Dim[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Padding at the beginning of each axis, then at the end of each. */
  readonly pads: readonly number[];
  readonly automatic: 'NOTSET' | 'VALID' | 'SAME';
  readonly roundUp: boolean;
}

/**
 * Reads strides, dilations, pads, auto_pad and ceil_mode for `rank` spatial axes. Undefined, with a fault, where a list has the
 * wrong length or a value that no window can have.
 */
export function readWindow(context: OpContext, kernel: readonly Dim[]): Window | undefined {
  const rank = kernel.length;
  const strides = positiveList(context, 'strides', rank);
  const dilations = positiveList(context, 'dilations', rank);
  const pads = listOf(context, 'pads', rank * 2, 0);
  const automatic = readAutomaticPadding(context);
  if (strides === undefined || dilations === undefined || pads === undefined || automatic === undefined)
    return undefined;
  if (kernel.some((size) => typeof size === 'number' && size < 1)) {
    context.fault('The kernel has an axis of size 0.');
    return undefined;
  }
  return {
    kernel,
    strides,
    dilations,
    pads: automatic === 'NOTSET' ? pads : pads.map(() => 0),
    automatic,
    roundUp: context.attributes.int('ceil_mode', 0) !== 0,
  };
}

/** The attribute auto_pad; undefined, with a fault, for a word that ONNX does not define. */
export function readAutomaticPadding(context: OpContext): Window['automatic'] | undefined {
  const word = context.attributes.string('auto_pad', 'NOTSET');
  switch (word) {
    case '':
    case 'NOTSET':
      return 'NOTSET';
    case 'VALID':
      return 'VALID';
    case 'SAME_UPPER':
    case 'SAME_LOWER':
      return 'SAME';
    default:
      context.fault(`auto_pad is "${word}"; it must be NOTSET, SAME_UPPER, SAME_LOWER or VALID.`);
      return undefined;
  }
}

/** A list attribute of `length` entries, `otherwise` for each where it is absent; undefined, with a fault, at another length. */
export function listOf(
  context: OpContext,
  name: string,
  length: number,
  otherwise: number,
): readonly number[] | undefined {
  const list = context.attributes.ints(name);
  if (list === undefined || list.length === 0) return Array<number>(length).fill(otherwise);
  if (list.length === length) return list;
  context.fault(`${name} has ${list.length} entries; ${length} are needed.`);
  return undefined;
}

/** Like listOf with 1 for each; a fault where an entry is below 1. */
export function positiveList(context: OpContext, name: string, length: number): readonly number[] | undefined {
  const list = listOf(context, name, length, 1);
  if (list === undefined || list.every((entry) => entry >= 1)) return list;
  context.fault(`${name} has an entry below 1.`);
  return undefined;
}

/**
 * Positions of the window along each spatial axis: floor((input + pads - extent) / stride) + 1 with extent =
 * dilation * (kernel - 1) + 1, ceil in ceil_mode where the last window must start inside the input or the leading padding;
 * ceil(input / stride) for auto_pad SAME. Source: ONNX operators Conv and MaxPool. Null, with a fault, where no window fits.
 */
export function windowPositions(context: OpContext, spatial: Shape, window: Window | undefined): Shape {
  if (window === undefined) return unknownDims(spatial.length);
  return spatial.map((size, axis) => positionsAlong(context, size, axis, window));
}

/** Elements from the first to the last that a window covers on one axis. */
export function windowExtent(window: Pick<Window, 'kernel' | 'dilations'>, axis: number): Dim {
  return add(multiply(window.dilations[axis] ?? 1, subtract(window.kernel[axis] ?? null, 1)), 1);
}

function positionsAlong(context: OpContext, size: Dim, axis: number, window: Window): Dim {
  const stride = window.strides[axis] ?? 1;
  if (window.automatic === 'SAME') return ceilDivide(size, stride);
  const rank = window.kernel.length;
  const before = window.pads[axis] ?? 0;
  const after = window.pads[axis + rank] ?? 0;
  const extent = windowExtent(window, axis);
  const slack = subtract(add(size, before + after), extent);
  const positions = window.roundUp
    ? roundedUp(slack, stride, add(size, before), typeof extent === 'number' && after + stride <= extent)
    : add(floorDivide(slack, stride), 1);
  if (typeof positions !== 'number' || positions >= 1) return positions;
  context.fault(
    `A window of ${extent} elements does not fit into spatial axis ${axis} of ${size} (padding ${before + after}).`,
  );
  return null;
}

/** `contained`: the padding at the end is too small for a window to start in it. */
function roundedUp(slack: Dim, stride: number, beforeEnd: Dim, contained: boolean): Dim {
  const rounded = add(ceilDivide(slack, stride), 1);
  return contained ? rounded : minimum(rounded, ceilDivide(beforeEnd, stride));
}
