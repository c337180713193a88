import { type Dim, type Shape, sameDim } from '../model/dimension';
import { resolveAxis } from './axes';
import type { KnownElements, OpContext, OpDefinition } from './definition';
import { addElements, maximumElements, minimumElements, multiplyElements, represent } from './element-arithmetic';
import { define, scalarElement, tensorFact, unknownDims } from './facts';
import {
  elementsOrNulls,
  forEachIndex,
  knownElements,
  numericElements,
  positionOf,
  rearrange,
  stridesOf,
} from './known-elements';

const gather = define('Gather', 1, (context) => {
  const dataType = context.dataType(0);
  const data = context.shape(0);
  const indices = context.shape(1);
  if (data === undefined) return [tensorFact(dataType, undefined)];
  const axis = resolveAxis(context, context.attributes.int('axis', 0), data.length);
  if (axis === undefined || indices === undefined) return [tensorFact(dataType, undefined)];
  const shape = [...data.slice(0, axis), ...indices, ...data.slice(axis + 1)];
  return [tensorFact(dataType, shape, gatheredElements(context, axis))];
});

function gatheredElements(context: OpContext, axis: number): KnownElements | undefined {
  const data = context.elements(0);
  const indices = context.elements(1);
  if (data === undefined || indices === undefined) return undefined;
  const length = data.dims[axis] ?? 0;
  const strides = stridesOf(data.dims);
  const indexStrides = stridesOf(indices.dims);
  const dims = [...data.dims.slice(0, axis), ...indices.dims, ...data.dims.slice(axis + 1)];
  return rearrange(data, dims, (index) => {
    const which = indices.elements[positionOf(index.slice(axis, axis + indices.dims.length), indexStrides)];
    const position = wrapped(which, length);
    if (position === undefined) return undefined;
    const place = [...index.slice(0, axis), position, ...index.slice(axis + indices.dims.length)];
    return positionOf(place, strides);
  });
}

/** An index counted from the front; undefined when it is not known or out of range. */
function wrapped(index: Dim | undefined, length: number): number | undefined {
  if (typeof index !== 'number' || index < -length || index >= length) return undefined;
  return index < 0 ? index + length : index;
}

const gatherElements = define('GatherElements', 11, (context) => {
  const dataType = context.dataType(0);
  const shape = context.shape(1);
  const data = context.elements(0);
  const indices = context.elements(1);
  const rank = context.shape(0)?.length ?? shape?.length;
  if (rank === undefined) return [tensorFact(dataType, undefined)];
  const axis = resolveAxis(context, context.attributes.int('axis', 0), rank);
  if (axis === undefined || data === undefined || indices === undefined) {
    return [tensorFact(dataType, shape ?? unknownDims(rank))];
  }
  const strides = stridesOf(data.dims);
  const indexStrides = stridesOf(indices.dims);
  const elements = rearrange(data, indices.dims, (index) => {
    const position = wrapped(indices.elements[positionOf(index, indexStrides)], data.dims[axis] ?? 0);
    if (position === undefined) return undefined;
    return positionOf(
      index.map((own, at) => (at === axis ? position : own)),
      strides,
    );
  });
  return [tensorFact(dataType, shape, elements)];
});

const gatherND = define('GatherND', 11, (context) => {
  const dataType = context.dataType(0);
  const data = context.shape(0);
  const indices = context.shape(1);
  const batch = context.attributes.int('batch_dims', 0);
  const depth = indices?.at(-1);
  if (data === undefined || indices === undefined || typeof depth !== 'number')
    return [tensorFact(dataType, undefined)];
  if (batch < 0 || batch + depth > data.length || batch >= indices.length) {
    context.fault(
      `GatherND with indices of ${depth} positions and ${batch} batch dimensions into rank ${data.length}.`,
    );
    return [tensorFact(dataType, undefined)];
  }
  const shape = [...indices.slice(0, -1), ...data.slice(batch + depth)];
  return [tensorFact(dataType, shape, batch === 0 ? gatheredTuples(context, depth) : undefined)];
});

function gatheredTuples(context: OpContext, depth: number): KnownElements | undefined {
  const data = context.elements(0);
  const indices = context.elements(1);
  if (data === undefined || indices === undefined) return undefined;
  const strides = stridesOf(data.dims);
  const tupleStrides = stridesOf(indices.dims);
  const outer = indices.dims.length - 1;
  const dims = [...indices.dims.slice(0, -1), ...data.dims.slice(depth)];
  return rearrange(data, dims, (index) => {
    const start = positionOf(index.slice(0, outer), tupleStrides);
    const place: number[] = [];
    for (let at = 0; at < depth; at++) {
      const position = wrapped(indices.elements[start + at], data.dims[at] ?? 0);
      if (position === undefined) return undefined;
      place.push(position);
    }
    return positionOf([...place, ...index.slice(outer)], strides);
  });
}

type Combine = (old: Dim, update: Dim) => Dim;

const combinations: ReadonlyMap<string, Combine> = new Map([
  ['none', (_: Dim, update: Dim) => update],
  ['add', addElements],
  ['mul', multiplyElements],
  ['min', minimumElements],
  ['max', maximumElements],
]);

/** Scatter and ScatterElements: single elements along one axis. */
function scatterElements(type: string, since: number): OpDefinition {
  return define(type, since, (context) => {
    const dataType = context.dataType(0);
    const shape = context.shape(0);
    const axis = shape && resolveAxis(context, context.attributes.int('axis', 0), shape.length);
    const data = context.elements(0);
    const indices = context.elements(1);
    const updates = elementsOrNulls(context, 2);
    const combine = combinations.get(context.attributes.string('reduction', 'none'));
    if (axis === undefined || !data || !indices || !updates || !combine) return [tensorFact(dataType, shape)];
    const strides = stridesOf(data.dims);
    const results = [...data.elements];
    let certain = true;
    let next = 0;
    forEachIndex(indices.dims, (index) => {
      const position = wrapped(indices.elements[next], data.dims[axis] ?? 0);
      const update = updates.elements[next] ?? null;
      next++;
      if (position === undefined) {
        certain = false;
        return;
      }
      const target = positionOf(
        index.map((own, at) => (at === axis ? position : own)),
        strides,
      );
      results[target] = represent(dataType, combine(results[target] ?? null, update));
    });
    return [tensorFact(dataType, shape, certain ? knownElements(data.dims, results) : undefined)];
  });
}

const scatterND = define('ScatterND', 11, (context) => {
  const dataType = context.dataType(0);
  const data = context.elements(0);
  const indices = context.elements(1);
  const updates = elementsOrNulls(context, 2);
  const combine = combinations.get(context.attributes.string('reduction', 'none'));
  const elements =
    data && indices && updates && combine
      ? scatteredTuples(data, indices, updates, (old, update) => represent(dataType, combine(old, update)))
      : undefined;
  return [tensorFact(dataType, context.shape(0), elements)];
});

function scatteredTuples(
  data: KnownElements,
  indices: KnownElements,
  updates: KnownElements,
  combine: Combine,
): KnownElements | undefined {
  const positions = numericElements(indices);
  const depth = indices.dims.at(-1);
  if (positions === undefined || depth === undefined || depth < 1 || depth > data.dims.length) return undefined;
  const strides = stridesOf(data.dims);
  const run = strides[depth - 1] ?? 1;
  const results = [...data.elements];
  for (let tuple = 0; tuple * depth < positions.length; tuple++) {
    let start = 0;
    for (let at = 0; at < depth; at++) {
      const position = wrapped(positions[tuple * depth + at], data.dims[at] ?? 0);
      if (position === undefined) return undefined;
      start += position * (strides[at] ?? 1);
    }
    for (let at = 0; at < run; at++) {
      results[start + at] = combine(results[start + at] ?? null, updates.elements[tuple * run + at] ?? null);
    }
  }
  return knownElements(data.dims, results);
}

const oneHot = define('OneHot', 9, (context) => {
  const dataType = context.dataType(2);
  const indices = context.shape(0);
  if (indices === undefined) return [tensorFact(dataType, undefined)];
  const axis = resolveAxis(context, context.attributes.int('axis', -1), indices.length + 1);
  if (axis === undefined) return [tensorFact(dataType, undefined)];
  const given = scalarElement(context, 1);
  const depth = typeof given === 'number' ? Math.trunc(given) : given;
  const shape = [...indices.slice(0, axis), depth, ...indices.slice(axis)];
  return [tensorFact(dataType, shape, oneHotElements(context, shape, axis))];
});

function oneHotElements(context: OpContext, shape: Shape, axis: number): KnownElements | undefined {
  const indices = context.elements(0);
  const values = context.elements(2);
  const depth = shape[axis];
  if (indices === undefined || values === undefined || typeof depth !== 'number') return undefined;
  const dims = [...indices.dims.slice(0, axis), depth, ...indices.dims.slice(axis)];
  const strides = stridesOf(indices.dims);
  return rearrange(values, dims, (index) => {
    const hot = indices.elements[positionOf([...index.slice(0, axis), ...index.slice(axis + 1)], strides)] ?? null;
    if (typeof hot !== 'number') return undefined;
    return sameDim(wrapped(hot, depth) ?? null, index[axis] ?? null) ? 1 : 0;
  });
}

export const gatheringOperators: readonly OpDefinition[] = [
  gather,
  gatherElements,
  gatherND,
  scatterElements('Scatter', 9),
  scatterElements('ScatterElements', 11),
  scatterND,
  oneHot,
];
