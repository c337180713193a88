import { type Dim, multiply, type Shape } from '../model/dimension';
import { type GivenAxes, givenAxes, resolveAxes, resolveAxis } from './axes';
import { broadcastShapes } from './broadcast';
import type { KnownElements, OpContext, OpDefinition } from './definition';
import { isNonNegative } from './element-arithmetic';
import { define, lengthOfVector, maximumRank, scalarElement, tensorFact, unknownDims, withDim } from './facts';
import { combineElements, numericDims, positionOf, rearrange, stridesOf } from './known-elements';
import { reshapedElements } from './reshape';

const squeeze = define('Squeeze', 1, (context) => {
  const shape = squeezedShape(context, context.shape(0), givenAxes(context, 1, 13));
  return [tensorFact(context.dataType(0), shape, shape && reshapedElements(context.elements(0), shape))];
});

function squeezedShape(context: OpContext, input: Shape | undefined, given: GivenAxes): Shape | undefined {
  if (input === undefined) return undefined;
  if (given.kind === 'unknown') {
    const count = given.count;
    return count === undefined || count > input.length ? undefined : unknownDims(input.length - count);
  }
  if (given.kind === 'absent') {
    // Whether a symbolic size is 1 decides over the rank.
    return numericDims(input)?.filter((dim) => dim !== 1);
  }
  const axes = resolveAxes(context, given.axes, input.length);
  if (axes === undefined) return undefined;
  const wrong = axes.find((axis) => typeof input[axis] === 'number' && input[axis] !== 1);
  if (wrong !== undefined) {
    context.fault(`Squeeze of axis ${wrong}, whose size is ${String(input[wrong])} and not 1.`);
    return undefined;
  }
  return input.filter((_, axis) => !axes.includes(axis));
}

const unsqueeze = define('Unsqueeze', 1, (context) => {
  const shape = unsqueezedShape(context, context.shape(0), givenAxes(context, 1, 13));
  return [tensorFact(context.dataType(0), shape, shape && reshapedElements(context.elements(0), shape))];
});

function unsqueezedShape(context: OpContext, input: Shape | undefined, given: GivenAxes): Shape | undefined {
  if (given.kind === 'absent') context.fault('Unsqueeze without axes.');
  if (input === undefined || given.kind === 'absent') return undefined;
  const count = given.kind === 'known' ? given.axes.length : given.count;
  if (count === undefined || count > maximumRank) return undefined;
  const rank = input.length + count;
  if (given.kind === 'unknown') return unknownDims(rank);
  const axes = resolveAxes(context, given.axes, rank);
  if (axes === undefined) return undefined;
  const added = new Set(axes);
  let next = 0;
  return Array.from({ length: rank }, (_, axis) => (added.has(axis) ? 1 : (input[next++] ?? null)));
}

const transpose = define('Transpose', 1, (context) => {
  const dataType = context.dataType(0);
  const input = context.shape(0);
  const order = context.attributes.ints('perm') ?? (input && Array.from(input, (_, axis) => input.length - 1 - axis));
  if (order === undefined) return [tensorFact(dataType, undefined)];
  if (input === undefined) return [tensorFact(dataType, unknownDims(order.length))];
  const axes = resolveAxes(context, order, input.length);
  if (axes === undefined || axes.length !== input.length) {
    context.fault(
      `Transpose by [${order.join(', ')}] of a tensor of rank ${input.length}: not a permutation of its axes.`,
    );
    return [tensorFact(dataType, undefined)];
  }
  const shape = axes.map((axis) => input[axis] ?? null);
  return [tensorFact(dataType, shape, transposedElements(context.elements(0), axes))];
});

function transposedElements(known: KnownElements | undefined, axes: readonly number[]): KnownElements | undefined {
  if (known === undefined) return undefined;
  const strides = stridesOf(known.dims);
  const moved = axes.map((axis) => strides[axis] ?? 0);
  return rearrange(
    known,
    axes.map((axis) => known.dims[axis] ?? 0),
    (index) => positionOf(index, moved),
  );
}

const expand = define('Expand', 8, (context) => {
  const dataType = context.dataType(0);
  const target = context.elements(1)?.elements;
  if (target === undefined) {
    const rank = lengthOfVector(context, 1);
    const shape = rank === undefined ? undefined : broadcastShapes(context.shape(0), unknownDims(rank));
    return [tensorFact(dataType, shape)];
  }
  if (target.some((dim) => typeof dim === 'number' && dim < 0)) context.fault('Expand to a negative size.');
  // A size that could be negative says nothing.
  const shape = broadcastShapes(
    context.shape(0),
    target.map((dim) => (isNonNegative(dim) ? dim : null)),
  );
  const dims = numericDims(shape);
  const known = context.elements(0);
  // Broadcasting with a tensor of zeros of the target shape is the expansion.
  const elements =
    dims && known && rearrange({ dims: [], elements: [0] }, dims, () => 0)
      ? combineElements([known, zeros(dims)], ([value = null]) => value)
      : undefined;
  return [tensorFact(dataType, shape, elements)];
});

function zeros(dims: readonly number[]): KnownElements {
  return { dims, elements: Array<Dim>(dims.reduce((product, dim) => product * dim, 1)).fill(0) };
}

const tile = define('Tile', 1, (context) => {
  const dataType = context.dataType(0);
  const input = context.shape(0);
  if (context.opset < 6) return [tensorFact(dataType, input && tiledAlongOneAxis(context, input))];
  const repeats = context.elements(1)?.elements;
  if (repeats === undefined) {
    const rank = input?.length ?? lengthOfVector(context, 1);
    return [tensorFact(dataType, rank === undefined ? undefined : unknownDims(rank))];
  }
  if (input === undefined) return [tensorFact(dataType, unknownDims(repeats.length))];
  if (repeats.length !== input.length) {
    context.fault(`Tile with ${repeats.length} repeats of a tensor of rank ${input.length}.`);
    return [tensorFact(dataType, undefined)];
  }
  const shape = input.map((dim, axis) => multiply(dim, repeats[axis] ?? null));
  return [tensorFact(dataType, shape, tiledElements(context.elements(0), shape))];
});

function tiledAlongOneAxis(context: OpContext, input: Shape): Shape {
  const given = scalarElement(context, 2);
  const axis = typeof given === 'number' ? resolveAxis(context, given, input.length) : undefined;
  if (axis === undefined) return unknownDims(input.length);
  return withDim(input, axis, multiply(input[axis] ?? null, scalarElement(context, 1)));
}

function tiledElements(known: KnownElements | undefined, shape: Shape): KnownElements | undefined {
  const dims = numericDims(shape);
  if (known === undefined || dims === undefined) return undefined;
  const strides = stridesOf(known.dims);
  return rearrange(known, dims, (index) =>
    positionOf(
      index.map((position, axis) => position % (known.dims[axis] ?? 1)),
      strides,
    ),
  );
}

export const axesChangingOperators: readonly OpDefinition[] = [squeeze, unsqueeze, transpose, expand, tile];
