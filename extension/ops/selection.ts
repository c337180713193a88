import { type Dim, elementCount, minimum, multiply } from '../model/dimension';
import { resolveAxis } from './axes';
import type { KnownElements, OpContext, OpDefinition } from './definition';
import { addElements, multiplyElements, represent } from './element-arithmetic';
import { define, scalarElement, tensorFact, withDim } from './facts';
import {
  forEachIndex,
  knownElements,
  knownVector,
  numericElements,
  positionOf,
  rearrange,
  stridesOf,
} from './known-elements';

const topK = define('TopK', 1, (context) => {
  const dataType = context.dataType(0);
  const input = context.shape(0);
  if (input === undefined) return [tensorFact(dataType, undefined), tensorFact('INT64', undefined)];
  const axis = resolveAxis(context, context.attributes.int('axis', -1), input.length);
  if (axis === undefined) return [tensorFact(dataType, undefined), tensorFact('INT64', undefined)];
  const count: Dim = context.opset < 10 ? (context.attributes.int('k') ?? null) : scalarElement(context, 1);
  const dim = input[axis] ?? null;
  if (typeof count === 'number' && typeof dim === 'number' && (count > dim || count < 0)) {
    context.fault(`TopK of ${count} among ${dim}.`);
  }
  const shape = withDim(input, axis, count);
  const bound = count === null ? input : undefined;
  return [tensorFact(dataType, shape, undefined, bound), tensorFact('INT64', shape, undefined, bound)];
});

const nonZero = define('NonZero', 9, (context) => {
  const input = context.shape(0);
  const known = context.elements(0);
  const numbers = numericElements(known);
  if (known !== undefined && numbers !== undefined && known.dims.length > 0) return [knownNonZero(known, numbers)];
  // Runtimes disagree over the rows for a scalar.
  const rows = input === undefined || input.length === 0 ? null : input.length;
  const bound = input && [rows, elementCount(input)];
  return [tensorFact('INT64', [rows, context.dataDependent('nonzero')], undefined, bound)];
});

function knownNonZero(known: KnownElements, numbers: readonly number[]) {
  const found: number[][] = [];
  let position = 0;
  forEachIndex(known.dims, (index) => {
    if (numbers[position++] !== 0) found.push([...index]);
  });
  const elements = known.dims.flatMap((_, axis) => found.map((index) => index[axis] ?? null));
  const dims = [known.dims.length, found.length];
  return tensorFact('INT64', dims, knownElements(dims, elements));
}

const unique = define('Unique', 11, (context) => {
  const dataType = context.dataType(0);
  const input = context.shape(0);
  const given = context.attributes.int('axis');
  const axis = given === undefined || input === undefined ? undefined : resolveAxis(context, given, input.length);
  const numbers = given === undefined ? numericElements(context.elements(0)) : undefined;
  if (numbers !== undefined) return uniqueNumbers(context, numbers);
  const count = context.dataDependent('unique');
  const total = input === undefined ? null : axis === undefined ? elementCount(input) : (input[axis] ?? null);
  const places = (dim: Dim, bound?: Dim) =>
    tensorFact('INT64', [dim], undefined, bound === undefined ? undefined : [bound]);
  const all = given !== undefined && axis === undefined ? null : total;
  const values = given === undefined ? [count] : axis === undefined ? undefined : input && withDim(input, axis, count);
  const bound = given === undefined ? [total] : axis === undefined ? undefined : input;
  return [tensorFact(dataType, values, undefined, bound), places(count, all), places(all), places(count, all)];
});

function uniqueNumbers(context: OpContext, numbers: readonly number[]) {
  const first = new Map<number, number>();
  numbers.forEach((number, position) => {
    if (!first.has(number)) first.set(number, position);
  });
  const values = [...first.keys()];
  if (context.attributes.int('sorted', 1) !== 0) values.sort((a, b) => a - b);
  const ranks = new Map(values.map((value, rank) => [value, rank]));
  const counts = Array<number>(values.length).fill(0);
  const inverse = numbers.map((number) => {
    const rank = ranks.get(number) ?? 0;
    counts[rank] = (counts[rank] ?? 0) + 1;
    return rank;
  });
  const vector = (elements: readonly Dim[]) => tensorFact('INT64', [elements.length], knownVector(elements));
  return [
    tensorFact(context.dataType(0), [values.length], knownVector(values)),
    vector(values.map((value) => first.get(value) ?? null)),
    vector(inverse),
    vector(counts),
  ];
}

const compress = define('Compress', 9, (context) => {
  const dataType = context.dataType(0);
  const input = context.shape(0);
  const given = context.attributes.int('axis');
  const condition = numericElements(context.elements(1));
  const axis = given === undefined || input === undefined ? undefined : resolveAxis(context, given, input.length);
  const kept = condition?.filter((flag) => flag !== 0).length ?? context.dataDependent('compress');
  if (given === undefined) {
    const bound = condition === undefined && input !== undefined ? [elementCount(input)] : undefined;
    return [tensorFact(dataType, [kept], compressedElements(context, 0), bound)];
  }
  if (input === undefined || axis === undefined) return [tensorFact(dataType, undefined)];
  const bound = condition === undefined ? input : undefined;
  return [tensorFact(dataType, withDim(input, axis, kept), compressedElements(context, axis), bound)];
});

function compressedElements(context: OpContext, axis: number): KnownElements | undefined {
  const condition = numericElements(context.elements(1));
  const known = context.elements(0);
  if (condition === undefined || known === undefined) return undefined;
  const flat = context.attributes.has('axis') ? known : { dims: [known.elements.length], elements: known.elements };
  const chosen = condition.flatMap((flag, position) => (flag !== 0 ? [position] : []));
  if (chosen.some((position) => position >= (flat.dims[axis] ?? 0))) return undefined;
  const strides = stridesOf(flat.dims);
  return rearrange(
    flat,
    flat.dims.map((dim, at) => (at === axis ? chosen.length : dim)),
    (index) =>
      positionOf(
        index.map((position, at) => (at === axis ? (chosen[position] ?? 0) : position)),
        strides,
      ),
  );
}

const nonMaxSuppression = define('NonMaxSuppression', 10, (context) => {
  const boxes = context.shape(0);
  const scores = context.shape(1);
  // At most so many boxes for each batch and class; 0, the default, selects none.
  const perClass: Dim = context.hasInput(2) ? scalarElement(context, 2) : 0;
  if (perClass === 0) return [tensorFact('INT64', [0, 3])];
  const places = scores?.[2] ?? boxes?.[1] ?? null;
  const most = multiply(multiply(scores?.[0] ?? boxes?.[0] ?? null, scores?.[1] ?? null), limited(places, perClass));
  return [tensorFact('INT64', [context.dataDependent('nms'), 3], undefined, [most, 3])];
});

function limited(places: Dim, limit: Dim): Dim {
  if (typeof limit !== 'number') return places;
  return places === null ? limit : minimum(places, Math.min(limit, Number.MAX_SAFE_INTEGER));
}

/** CumSum and CumProd: running totals along an axis. */
function cumulative(type: string, since: number, start: number, step: (total: Dim, value: Dim) => Dim): OpDefinition {
  return define(type, since, (context) => {
    const shape = context.shape(0);
    return [tensorFact(context.dataType(0), shape, runningTotals(context, start, step))];
  });
}

function runningTotals(
  context: OpContext,
  initial: number,
  step: (total: Dim, value: Dim) => Dim,
): KnownElements | undefined {
  const known = context.elements(0);
  const given = scalarElement(context, 1);
  if (known === undefined || typeof given !== 'number') return undefined;
  const axis = resolveAxis(context, given, known.dims.length);
  const length = axis === undefined ? 0 : (known.dims[axis] ?? 0);
  if (axis === undefined || length === 0) return undefined;
  const reverse = context.attributes.int('reverse', 0) !== 0;
  const exclusive = context.attributes.int('exclusive', 0) !== 0;
  const strides = stridesOf(known.dims);
  const stride = strides[axis] ?? 1;
  const results = Array<Dim>(known.elements.length).fill(null);
  const starts = known.dims.map((dim, at) => (at === axis ? 1 : dim));
  forEachIndex(starts, (index) => {
    const start = positionOf(index, strides);
    let total: Dim = initial;
    for (let count = 0; count < length; count++) {
      const position = start + (reverse ? length - 1 - count : count) * stride;
      const next = represent(context.dataType(0), step(total, known.elements[position] ?? null));
      results[position] = exclusive ? total : next;
      total = next;
    }
  });
  return knownElements(known.dims, results);
}

const reverseSequence = define('ReverseSequence', 10, (context) => [tensorFact(context.dataType(0), context.shape(0))]);

export const selectionOperators: readonly OpDefinition[] = [
  topK,
  nonZero,
  unique,
  compress,
  nonMaxSuppression,
  cumulative('CumSum', 11, 0, addElements),
  cumulative('CumProd', 26, 1, multiplyElements),
  reverseSequence,
];
