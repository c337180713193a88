import { add, ceilDivide, type Dim, floorDivide, multiply, type Shape, sameDim, subtract } from '../model/dimension';
import { axesInput, resolveAxes, resolveAxis } from './axes';
import { mergeShapes } from './broadcast';
import type { KnownElements, OpContext, OpDefinition } from './definition';
import { isIntegerType } from './element-arithmetic';
import { define, scalarElement, tensorFact, unknownDims, withDim } from './facts';
import { elementsOrNulls, followedCount, knownElements, positionOf, rearrange, stridesOf } from './known-elements';

const concat = define('Concat', 1, (context) => {
  const inputs = Array.from({ length: context.inputCount }, (_, index) => index);
  let dataType = context.dataType(0);
  for (const index of inputs) dataType ??= context.dataType(index);
  const shapes = inputs.map((index) => context.shape(index));
  const rank = shapes.find((shape) => shape !== undefined)?.length;
  if (rank === undefined) return [tensorFact(dataType, undefined)];
  if (shapes.some((shape) => shape !== undefined && shape.length !== rank)) {
    context.fault('Concat of tensors with different ranks.');
    return [tensorFact(dataType, undefined)];
  }
  const given = context.attributes.int('axis') ?? (context.opset < 4 ? 1 : undefined);
  if (given === undefined) context.fault('Concat without the axis it needs since opset 4.');
  const axis = given === undefined ? undefined : resolveAxis(context, given, rank);
  if (axis === undefined) return [tensorFact(dataType, undefined)];
  let shape: Shape = unknownDims(rank);
  let length: Dim = 0;
  for (const part of shapes) {
    shape = mergeShapes(shape, part) ?? shape;
    length = add(length, part?.[axis] ?? null);
  }
  if (contradicts(shapes, axis)) {
    context.fault(`Concat on axis ${axis}: the inputs differ on another axis.`);
    return [tensorFact(dataType, unknownDims(rank))];
  }
  const elements = isIntegerType(dataType) || dataType === 'BOOL' ? joinedElements(context, inputs, axis) : undefined;
  return [tensorFact(dataType, withDim(shape, axis, length), elements ?? joinedFloats(context, inputs, axis))];
});

function contradicts(shapes: readonly (Shape | undefined)[], joined: number): boolean {
  const sizes = new Map<number, number>();
  for (const shape of shapes) {
    for (const [axis, dim] of (shape ?? []).entries()) {
      if (axis === joined || typeof dim !== 'number') continue;
      const before = sizes.get(axis) ?? dim;
      if (before !== dim) return true;
      sizes.set(axis, dim);
    }
  }
  return false;
}

/** Floats are followed only where all are known: a scale or a region, not an activation. */
function joinedFloats(context: OpContext, inputs: readonly number[], axis: number): KnownElements | undefined {
  return inputs.every((index) => context.elements(index)) ? joinedElements(context, inputs, axis) : undefined;
}

function joinedElements(context: OpContext, inputs: readonly number[], axis: number): KnownElements | undefined {
  if (!inputs.some((index) => context.elements(index))) return undefined;
  const parts: KnownElements[] = [];
  let total = 0;
  for (const index of inputs) {
    const part = elementsOrNulls(context, index);
    if (part === undefined) return undefined;
    total += part.elements.length;
    parts.push(part);
  }
  const [first] = parts;
  if (first === undefined || followedCount([total]) === undefined) return undefined;
  const outer = first.dims.slice(0, axis).reduce((product, dim) => product * dim, 1);
  const elements: Dim[] = [];
  for (let row = 0; row < outer; row++) {
    for (const part of parts) {
      const run = part.elements.length / outer;
      for (let position = 0; position < run; position++) elements.push(part.elements[row * run + position] ?? null);
    }
  }
  const length = parts.reduce((sum, part) => sum + (part.dims[axis] ?? 0), 0);
  return knownElements(
    first.dims.map((dim, index) => (index === axis ? length : dim)),
    elements,
  );
}

const split = define('Split', 1, (context) => {
  const dataType = context.dataType(0);
  const input = context.shape(0);
  const nothing = Array.from({ length: context.outputCount }, () => tensorFact(dataType, undefined));
  if (input === undefined) return nothing;
  const axis = resolveAxis(context, context.attributes.int('axis', 0), input.length);
  if (axis === undefined) return nothing;
  const sizes = splitSizes(context, input[axis] ?? null);
  let start: Dim = 0;
  return nothing.map((_, index) => {
    const size = sizes[index] ?? null;
    const elements = cutElements(context.elements(0), axis, start, size);
    start = add(start, size);
    return tensorFact(dataType, withDim(input, axis, size), elements);
  });
});

/** The sizes of the parts of a dimension. */
function splitSizes(context: OpContext, dim: Dim): readonly Dim[] {
  const byInput = context.opset >= 13 || (context.opset === 1 && context.hasInput(1));
  const given: readonly Dim[] | undefined = byInput ? context.elements(1)?.elements : context.attributes.ints('split');
  if (given !== undefined) {
    checkSplit(context, dim, given);
    return given;
  }
  if (byInput && context.hasInput(1)) return [];
  const count = context.opset >= 18 ? context.attributes.int('num_outputs', context.outputCount) : context.outputCount;
  if (count < 1) return [];
  if (context.opset < 18) {
    if (typeof dim === 'number' && dim % count !== 0) {
      context.fault(`Split of ${dim} into ${count} equal parts.`);
      return [];
    }
    return Array.from({ length: context.outputCount }, () => floorDivide(dim, count));
  }
  // From opset 18 the last part may be smaller.
  const part = ceilDivide(dim, count);
  const last = subtract(dim, multiply(part, count - 1));
  if (typeof last === 'number' && last < 0) {
    context.fault(`Split of ${String(dim)} into ${count} parts: nothing is left for the last one.`);
    return [];
  }
  return Array.from({ length: context.outputCount }, (_, index) => (index === count - 1 ? last : part));
}

function checkSplit(context: OpContext, dim: Dim, sizes: readonly Dim[]): void {
  if (sizes.length !== context.outputCount) {
    context.fault(`Split into ${sizes.length} sizes for ${context.outputCount} outputs.`);
  }
  let total: Dim = 0;
  for (const size of sizes) total = add(total, size);
  if (typeof dim === 'number' && typeof total === 'number' && !sameDim(dim, total)) {
    context.fault(`Split of ${dim} into parts that add up to ${total}.`);
  }
}

function cutElements(known: KnownElements | undefined, axis: number, start: Dim, size: Dim): KnownElements | undefined {
  if (known === undefined || typeof start !== 'number' || typeof size !== 'number') return undefined;
  const strides = stridesOf(known.dims);
  const offset = start * (strides[axis] ?? 1);
  const dims = known.dims.map((dim, index) => (index === axis ? size : dim));
  return rearrange(known, dims, (index) => offset + positionOf(index, strides));
}

const pad = define('Pad', 1, (context) => {
  const dataType = context.dataType(0);
  const input = context.shape(0);
  const pads = givenPads(context);
  if (input === undefined) return [tensorFact(dataType, undefined)];
  const axes = paddedAxes(context, input.length);
  if (axes === undefined) return [tensorFact(dataType, unknownDims(input.length))];
  if (pads !== undefined && pads.length !== axes.length * 2) {
    context.fault(`Pad with ${pads.length} pads for ${axes.length} axes.`);
    return [tensorFact(dataType, unknownDims(input.length))];
  }
  const before = new Map(axes.map((axis, index) => [axis, pads?.[index] ?? null]));
  const after = new Map(axes.map((axis, index) => [axis, pads?.[index + axes.length] ?? null]));
  const shape = input.map((dim, axis) => {
    const padded = add(
      add(dim, before.get(axis) ?? (before.has(axis) ? null : 0)),
      after.get(axis) ?? (after.has(axis) ? null : 0),
    );
    return typeof padded === 'number' && padded < 0 ? null : padded;
  });
  return [tensorFact(dataType, shape, paddedElements(context, shape, before))];
});

function givenPads(context: OpContext): readonly Dim[] | undefined {
  if (context.opset < 2) return context.attributes.ints('paddings');
  if (context.opset < 11) return context.attributes.ints('pads');
  return context.elements(1)?.elements;
}

/** The axes that pads are given for; undefined when that is not known. */
function paddedAxes(context: OpContext, rank: number): readonly number[] | undefined {
  const given = context.opset >= 18 ? axesInput(context, 3) : { kind: 'absent' as const };
  if (given.kind === 'absent') return Array.from({ length: rank }, (_, axis) => axis);
  return given.kind === 'known' ? resolveAxes(context, given.axes, rank) : undefined;
}

/** Padding with a constant; the other modes repeat elements and are not followed. */
function paddedElements(context: OpContext, shape: Shape, before: ReadonlyMap<number, Dim>): KnownElements | undefined {
  const known = context.elements(0);
  if (known === undefined || context.attributes.string('mode', 'constant') !== 'constant') return undefined;
  const filler =
    context.opset < 11 ? context.attributes.float('value', 0) : context.hasInput(2) ? scalarElement(context, 2) : 0;
  const dims: number[] = [];
  const starts: number[] = [];
  for (const [axis, dim] of shape.entries()) {
    const start = before.has(axis) ? (before.get(axis) ?? null) : 0;
    if (typeof dim !== 'number' || typeof start !== 'number') return undefined;
    dims.push(dim);
    starts.push(start);
  }
  const strides = stridesOf(known.dims);
  // The filler is put behind the elements, where every index outside the source finds it.
  const source = { dims: known.dims, elements: [...known.elements, filler] };
  return rearrange(source, dims, (index) => {
    const from = index.map((position, axis) => position - (starts[axis] ?? 0));
    const inside = from.every((position, axis) => position >= 0 && position < (known.dims[axis] ?? 0));
    return inside ? positionOf(from, strides) : known.elements.length;
  });
}

export const joiningOperators: readonly OpDefinition[] = [concat, split, pad];
