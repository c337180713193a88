import { add, ceilDivide, type Dim, maximum, minimum, type Shape, subtract } from '../model/dimension';
import { resolveAxes } from './axes';
import type { KnownElements, OpContext, OpDefinition } from './definition';
import { isNonNegative } from './element-arithmetic';
import { define, maximumRank, tensorFact, unknownDims } from './facts';
import { positionOf, rearrange, stridesOf } from './known-elements';

/** Bounds this large mean "to the end": exporters write the largest int32 or int64. */
const beyondAnyDimension = 2147483647;

interface Cut {
  readonly start: Dim;
  readonly end: Dim;
  readonly step: Dim;
}

const slice = define('Slice', 1, (context) => {
  const dataType = context.dataType(0);
  const input = context.shape(0);
  if (input === undefined) return [tensorFact(dataType, undefined)];
  const cuts = slicedAxes(context, input.length);
  if (cuts === undefined) return [tensorFact(dataType, unknownDims(input.length))];
  const shape = input.map((dim, axis) => {
    const cut = cuts.get(axis);
    return cut === undefined ? dim : slicedDim(dim, cut);
  });
  return [tensorFact(dataType, shape, slicedElements(context.elements(0), cuts))];
});

/** What is cut from each axis; undefined when it is not even known which axes are cut. */
function slicedAxes(context: OpContext, rank: number): ReadonlyMap<number, Cut> | undefined {
  const attributes = context.opset < 10;
  const vector = (name: string, index: number): readonly Dim[] | undefined =>
    attributes ? context.attributes.ints(name) : context.elements(index)?.elements;
  const starts = vector('starts', 1);
  const ends = vector('ends', 2);
  const steps = attributes ? undefined : vector('steps', 4);
  const count = starts?.length ?? ends?.length ?? vectorLength(context, 1) ?? vectorLength(context, 2);
  const axes = slicedAxisNumbers(context, vector('axes', 3), !attributes && context.hasInput(3), count, rank);
  if (axes === undefined) return undefined;
  const stepGiven = !attributes && context.hasInput(4);
  if (steps?.includes(0)) context.fault('Slice with a step of 0.');
  return new Map(
    axes.map((axis, index) => [
      axis,
      {
        start: starts?.[index] ?? null,
        end: ends?.[index] ?? null,
        step: stepGiven ? (steps?.[index] ?? null) : 1,
      },
    ]),
  );
}

function vectorLength(context: OpContext, index: number): number | undefined {
  const shape = context.opset < 10 ? undefined : context.shape(index);
  const length = shape?.length === 1 ? shape[0] : undefined;
  return typeof length === 'number' && length <= maximumRank ? length : undefined;
}

function slicedAxisNumbers(
  context: OpContext,
  axes: readonly Dim[] | undefined,
  axesGiven: boolean,
  count: number | undefined,
  rank: number,
): readonly number[] | undefined {
  if (axes === undefined) {
    if (axesGiven || count === undefined) return undefined;
    return resolveAxes(
      context,
      Array.from({ length: count }, (_, axis) => axis),
      rank,
    );
  }
  const numbers = axes.filter((axis) => typeof axis === 'number');
  return numbers.length === axes.length ? resolveAxes(context, numbers, rank) : undefined;
}

/** How many elements a cut leaves of a dimension. */
export function slicedDim(dim: Dim, { start, end, step }: Cut): Dim {
  if (dim === 0) return 0;
  if (typeof step !== 'number' || step === 0) return null;
  return step > 0 ? slicedForward(dim, start, end, step) : slicedBackward(dim, start, end, -step);
}

/** max(0, end - start): the start needs no upper limit and the end no lower one, since either way nothing is left. */
function slicedForward(dim: Dim, start: Dim, end: Dim, step: number): Dim {
  // From n places before the end to the end there are n, or all when there are fewer: simpler than the difference.
  if (typeof start === 'number' && start < 0 && isPastEnd(dim, end)) return ceilDivide(minimum(dim, -start), step);
  const from = fromFront(dim, start);
  const to = isPastEnd(dim, end) ? dim : minimum(fromFront(dim, end), dim);
  return ceilDivide(maximum(subtract(to, isNonNegative(from) ? from : maximum(from, 0)), 0), step);
}

/** A bound counted from the front; null when its sign is open. */
function fromFront(dim: Dim, bound: Dim): Dim {
  if (typeof bound === 'number' && bound < 0) {
    // The smallest int64 is no exact number; no dimension reaches that far.
    return add(dim, Math.max(bound, -(2 ** 52)));
  }
  return isNonNegative(bound) ? clampToExact(bound) : null;
}

function clampToExact(bound: Dim): Dim {
  return typeof bound === 'number' ? Math.min(bound, Number.MAX_SAFE_INTEGER) : bound;
}

function isPastEnd(dim: Dim, bound: Dim): boolean {
  return typeof bound === 'number' && bound >= (typeof dim === 'number' ? dim : beyondAnyDimension);
}

function slicedBackward(dim: Dim, start: Dim, end: Dim, step: number): Dim {
  if (typeof start !== 'number' || typeof end !== 'number') return null;
  if (typeof dim === 'number') {
    const from = Math.min(start < 0 ? start + dim : start, dim - 1);
    const to = Math.max(end < 0 ? end + dim : end, -1);
    return Math.max(0, Math.ceil((Math.max(from, -1) - Math.min(to, dim - 1)) / step));
  }
  const fromEnd = start === -1 || start >= beyondAnyDimension;
  return fromEnd && end <= -beyondAnyDimension ? ceilDivide(dim, step) : null;
}

function slicedElements(known: KnownElements | undefined, cuts: ReadonlyMap<number, Cut>): KnownElements | undefined {
  if (known === undefined) return undefined;
  const dims: number[] = [];
  const starts: number[] = [];
  const steps: number[] = [];
  for (const [axis, dim] of known.dims.entries()) {
    const cut = cuts.get(axis) ?? { start: 0, end: dim, step: 1 };
    const size = slicedDim(dim, cut);
    const { start, step } = cut;
    if (typeof size !== 'number' || typeof start !== 'number' || typeof step !== 'number') return undefined;
    const from = start < 0 ? start + dim : start;
    dims.push(size);
    starts.push(step > 0 ? Math.max(from, 0) : Math.min(from, dim - 1));
    steps.push(step);
  }
  const strides = stridesOf(known.dims);
  return rearrange(known, dims, (index) =>
    positionOf(
      index.map((position, axis) => (starts[axis] ?? 0) + position * (steps[axis] ?? 1)),
      strides,
    ),
  );
}

const centerCropPad = define('CenterCropPad', 18, (context) => {
  const dataType = context.dataType(0);
  const input = context.shape(0);
  const sizes = context.elements(1)?.elements;
  const given = context.attributes.ints('axes');
  if (input === undefined) {
    return [tensorFact(dataType, given === undefined ? sizes?.map((size) => size) : undefined)];
  }
  const all = Array.from(input, (_, axis) => axis);
  const axes = given === undefined ? all : resolveAxes(context, given, input.length);
  if (axes === undefined || (sizes !== undefined && sizes.length !== axes.length)) {
    return [tensorFact(dataType, unknownDims(input.length))];
  }
  const shape = input.map((dim, axis) => (axes.includes(axis) ? (sizes?.[axes.indexOf(axis)] ?? null) : dim));
  return [tensorFact(dataType, shape)];
});

const trilu = define('Trilu', 14, (context) => [tensorFact(context.dataType(0), context.shape(0))]);

/** Experimental operator of opset 1: cuts `border` (left, top, right, bottom) from an image, or crops it to `scale`. */
const crop = define('Crop', 1, (context) => {
  const input = context.shape(0);
  const border = context.attributes.ints('border') ?? [];
  const scale = context.attributes.ints('scale') ?? [];
  if (input?.length !== 4) return [tensorFact(context.dataType(0), undefined)];
  const [batch = null, channels = null, height = null, width = null] = input;
  const [left = null, top = null, right = null, bottom = null] = border;
  const cropped: Shape =
    scale.length === 2
      ? [batch, channels, scale[0] ?? null, scale[1] ?? null]
      : [batch, channels, subtract(subtract(height, top), bottom), subtract(subtract(width, left), right)];
  return [tensorFact(context.dataType(0), cropped)];
});

/** Experimental operator of opset 1: Slice with its bounds as inputs. */
const dynamicSlice = define('DynamicSlice', 1, (context) => {
  const input = context.shape(0);
  return [tensorFact(context.dataType(0), input && unknownDims(input.length))];
});

export const slicingOperators: readonly OpDefinition[] = [slice, centerCropPad, trilu, crop, dynamicSlice];
