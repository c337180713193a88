import { type Dim, elementCount, floorDivide, modulo, multiply, type Shape, sameDim } from '../model/dimension';
import type { KnownElements, OpContext, OpDefinition } from './definition';
import { define, lengthOfVector, tensorFact, unknownDims } from './facts';
import { followedCount, numericDims } from './known-elements';

const reshape = define('Reshape', 1, (context) => {
  const dataType = context.dataType(0);
  const target = reshapeTarget(context);
  if (target === undefined) {
    const rank = context.opset < 5 ? undefined : lengthOfVector(context, 1);
    return [tensorFact(dataType, rank === undefined ? undefined : unknownDims(rank))];
  }
  const shape = reshapedShape(context, context.shape(0), target, context.attributes.int('allowzero', 0) !== 0);
  return [tensorFact(dataType, shape, shape && reshapedElements(context.elements(0), shape))];
});

function reshapeTarget(context: OpContext): readonly Dim[] | undefined {
  if (context.opset >= 5) return context.elements(1)?.elements;
  return context.attributes.ints('shape');
}

/** The shape that Reshape gives; undefined, with a fault, when it cannot be. */
function reshapedShape(
  context: OpContext,
  input: Shape | undefined,
  target: readonly Dim[],
  allowZero: boolean,
): Shape | undefined {
  if (target.some((dim) => typeof dim === 'number' && (dim < -1 || !Number.isSafeInteger(dim)))) {
    context.fault(`Reshape to [${target.map(String).join(', ')}]: a dimension must be a size, 0 or -1.`);
    return undefined;
  }
  const deduced = target.flatMap((dim, axis) => (dim === -1 ? [axis] : []));
  if (deduced.length > 1) {
    context.fault('Reshape with more than one -1: only one dimension can be deduced.');
    return undefined;
  }
  const copies = (axis: number) => target[axis] === 0 && !allowZero;
  if (input !== undefined && target.some((_, axis) => copies(axis) && axis >= input.length)) {
    context.fault(`Reshape copies a dimension that its input of rank ${input.length} does not have.`);
    return undefined;
  }
  const dims = target.map((dim, axis): Dim => (copies(axis) ? (input?.[axis] ?? null) : dim === -1 ? null : dim));
  // An unknown target dimension may be -1 itself, but it can be solved for like one where it is the only unknown.
  const unknown = dims.flatMap((dim, axis) => (dim === null && !copies(axis) ? [axis] : []));
  const [open] = unknown;
  if (input === undefined) return dims;
  if (open === undefined) {
    checkCounts(context, input, dims);
    return dims;
  }
  if (unknown.length > 1) return dims;
  const rest = quotientOfShapes(input, dims, (axis) => copies(axis), open);
  if (rest === 'uneven') {
    context.fault('Reshape: the number of elements of the input is no multiple of the other dimensions.');
    return dims;
  }
  return dims.map((dim, axis) => (axis === open ? rest : dim));
}

/** elements(input) / elements(dims without `open`), with dimensions that both sides have left out of the division. */
function quotientOfShapes(
  input: Shape,
  dims: Shape,
  isCopied: (axis: number) => boolean,
  open: number,
): Dim | 'uneven' {
  const remaining = input.flatMap((dim, axis) => (isCopied(axis) && axis < dims.length ? [] : [dim]));
  const divisors: Dim[] = [];
  dims.forEach((dim, axis) => {
    if (axis === open || isCopied(axis)) return;
    const same = typeof dim === 'number' ? -1 : remaining.findIndex((candidate) => sameDim(candidate, dim));
    if (same >= 0) remaining.splice(same, 1);
    else divisors.push(dim);
  });
  if (input.some((dim, axis) => isCopied(axis) && dim === 0)) return null;
  const total = elementCount(remaining);
  const divisor = elementCount(divisors);
  if (divisor === 0) return null;
  const rest = modulo(total, divisor);
  if (typeof rest === 'number' && rest !== 0) return 'uneven';
  return floorDivide(total, divisor);
}

function checkCounts(context: OpContext, input: Shape, dims: Shape): void {
  const before = elementCount(input);
  const after = elementCount(dims);
  if (typeof before === 'number' && typeof after === 'number' && before !== after) {
    context.fault(`Reshape of ${before} elements to ${after}: the numbers must be equal.`);
  }
}

/** The same elements in another shape, when it has the same number of them. */
export function reshapedElements(known: KnownElements | undefined, shape: Shape): KnownElements | undefined {
  const dims = numericDims(shape);
  if (known === undefined || dims === undefined || followedCount(dims) !== known.elements.length) return undefined;
  return { dims, elements: known.elements };
}

const flatten = define('Flatten', 1, (context) => {
  const dataType = context.dataType(0);
  const input = context.shape(0);
  if (input === undefined) return [tensorFact(dataType, [null, null])];
  const given = context.attributes.int('axis', 1);
  const axis = given < 0 && context.opset >= 11 ? given + input.length : given;
  if (axis < 0 || axis > input.length) {
    context.fault(`Flatten at axis ${given} of a tensor of rank ${input.length}: the axis is out of range.`);
    return [tensorFact(dataType, [null, null])];
  }
  const shape = [elementCount(input.slice(0, axis)), elementCount(input.slice(axis))];
  return [tensorFact(dataType, shape, reshapedElements(context.elements(0), shape))];
});

/** Blocks of an image moved between depth and space; the modes differ in order only. */
const spaceToDepth = define('SpaceToDepth', 1, (context) => {
  const block = blockSize(context);
  return [
    blocks(context, block, ([batch = null, depth = null, height = null, width = null]) => [
      batch,
      multiply(depth, multiply(block, block)),
      floorDivide(height, block),
      floorDivide(width, block),
    ]),
  ];
});

const depthToSpace = define('DepthToSpace', 1, (context) => {
  const block = blockSize(context);
  return [
    blocks(context, block, ([batch = null, depth = null, height = null, width = null]) => [
      batch,
      floorDivide(depth, multiply(block, block)),
      multiply(height, block),
      multiply(width, block),
    ]),
  ];
});

function blockSize(context: OpContext): Dim {
  const size = context.attributes.int('blocksize');
  if (size !== undefined && size > 0) return size;
  context.fault(`${context.node.opType} needs a positive blocksize.`);
  return null;
}

function blocks(context: OpContext, block: Dim, shapeOf: (input: Shape) => Shape) {
  const input = context.shape(0);
  const sound = input === undefined || input.length === 4;
  if (!sound) context.fault(`${context.node.opType} needs an input of rank 4, not ${input.length}.`);
  const usable = input !== undefined && sound && block !== null;
  return tensorFact(context.dataType(0), usable ? shapeOf(input) : sound ? unknownDims(4) : undefined);
}

export const reshapeOperators: readonly OpDefinition[] = [reshape, flatten, spaceToDepth, depthToSpace];
