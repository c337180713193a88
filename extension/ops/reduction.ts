import type { DataType } from '../model/data-type';
import type { Dim, Shape } from '../model/dimension';
import { type GivenAxes, givenAxes, resolveAxes, resolveAxis } from './axes';
import type { KnownElements, OpContext, OpDefinition } from './definition';
import { addElements, maximumElements, minimumElements, multiplyElements, represent } from './element-arithmetic';
import { define, tensorFact, unknownDims } from './facts';
import { followedCount, forEachIndex, knownElements, positionOf, stridesOf } from './known-elements';

type Fold = { readonly start: Dim; readonly step: (a: Dim, b: Dim) => Dim };

/** A reduction over `axes`, which are an attribute before opset `inputSince` and an input from there on. */
function reduction(type: string, inputSince: number, fold?: Fold): OpDefinition {
  return define(type, 1, (context) => {
    const dataType = context.dataType(0);
    const shape = context.shape(0);
    const keepDims = context.attributes.int('keepdims', 1) !== 0;
    const given = givenAxes(context, 1, inputSince);
    if (shape === undefined) return [tensorFact(dataType, undefined)];
    const reduced = reducedAxes(context, given, shape.length);
    if (reduced === 'fault') return [tensorFact(dataType, undefined)];
    if (reduced === undefined) return [tensorFact(dataType, reducedByUnknownAxes(shape, given, keepDims))];
    const elements = fold && foldElements(context.elements(0), reduced, keepDims, fold, dataType);
    return [tensorFact(dataType, withoutAxes(shape, reduced, keepDims), elements)];
  });
}

/** The axes that are reduced; undefined when they are not known. */
function reducedAxes(context: OpContext, given: GivenAxes, rank: number): ReadonlySet<number> | undefined | 'fault' {
  if (given.kind === 'unknown' && given.count !== 0) return undefined;
  if (given.kind === 'known' && given.axes.length > 0) {
    const axes = resolveAxes(context, given.axes, rank);
    return axes === undefined ? 'fault' : new Set(axes);
  }
  const nothing = context.attributes.int('noop_with_empty_axes', 0) !== 0;
  return new Set(nothing ? [] : Array.from({ length: rank }, (_, axis) => axis));
}

function reducedByUnknownAxes(shape: Shape, given: GivenAxes, keepDims: boolean): Shape | undefined {
  if (keepDims) return shape.map((dim) => (dim === 1 ? 1 : null));
  if (given.kind !== 'unknown' || given.count === undefined || given.count > shape.length) return undefined;
  return unknownDims(shape.length - given.count);
}

function withoutAxes(shape: Shape, axes: ReadonlySet<number>, keepDims: boolean): Shape {
  if (keepDims) return shape.map((dim, axis) => (axes.has(axis) ? 1 : dim));
  return shape.filter((_, axis) => !axes.has(axis));
}

function foldElements(
  known: KnownElements | undefined,
  axes: ReadonlySet<number>,
  keepDims: boolean,
  fold: Fold,
  dataType: DataType | undefined,
): KnownElements | undefined {
  if (known === undefined) return undefined;
  const kept = known.dims.map((dim, axis) => (axes.has(axis) ? 1 : dim));
  const strides = stridesOf(kept).map((stride, axis) => (axes.has(axis) ? 0 : stride));
  const count = followedCount(kept);
  if (count === undefined) return undefined;
  const results = Array<Dim>(count).fill(fold.start);
  const touched = Array<boolean>(count).fill(false);
  let position = 0;
  forEachIndex(known.dims, (index) => {
    const target = positionOf(index, strides);
    const value = known.elements[position++] ?? null;
    results[target] = touched[target] ? fold.step(results[target] ?? null, value) : value;
    touched[target] = true;
  });
  const dims = keepDims ? kept : known.dims.filter((_, axis) => !axes.has(axis));
  return knownElements(
    dims,
    results.map((value) => represent(dataType, value)),
  );
}

/** ArgMax and ArgMin: indices along one axis. */
function argument(type: string, isBetter: (candidate: number, best: number) => boolean): OpDefinition {
  return define(type, 1, (context) => {
    const shape = context.shape(0);
    const keepDims = context.attributes.int('keepdims', 1) !== 0;
    if (shape === undefined) return [tensorFact('INT64', undefined)];
    const axis = resolveAxis(context, context.attributes.int('axis', 0), shape.length);
    if (axis === undefined) return [tensorFact('INT64', undefined)];
    const last = context.attributes.int('select_last_index', 0) !== 0;
    const elements = bestIndices(context.elements(0), axis, keepDims, (candidate, best) =>
      last ? !isBetter(best, candidate) : isBetter(candidate, best),
    );
    return [tensorFact('INT64', withoutAxes(shape, new Set([axis]), keepDims), elements)];
  });
}

function bestIndices(
  known: KnownElements | undefined,
  axis: number,
  keepDims: boolean,
  replaces: (candidate: number, best: number) => boolean,
): KnownElements | undefined {
  const length = known?.dims[axis] ?? 0;
  if (known === undefined || length === 0) return undefined;
  const stride = stridesOf(known.dims)[axis] ?? 1;
  const kept = known.dims.map((dim, index) => (index === axis ? 1 : dim));
  const strides = stridesOf(known.dims);
  const indices: Dim[] = [];
  forEachIndex(kept, (index) => {
    const start = positionOf(index, strides);
    let best: Dim = 0;
    for (let step = 0; step < length; step++) {
      const candidate = known.elements[start + step * stride];
      const champion: Dim | undefined = best === null ? null : known.elements[start + best * stride];
      if (typeof candidate !== 'number' || typeof champion !== 'number') best = null;
      else if (step > 0 && replaces(candidate, champion)) best = step;
      if (best === null) break;
    }
    indices.push(best);
  });
  return knownElements(keepDims ? kept : known.dims.filter((_, index) => index !== axis), indices);
}

export const reductionOperators: readonly OpDefinition[] = [
  reduction('ReduceL1', 18),
  reduction('ReduceL2', 18),
  reduction('ReduceLogSum', 18),
  reduction('ReduceLogSumExp', 18),
  reduction('ReduceMax', 18, { start: null, step: maximumElements }),
  reduction('ReduceMean', 18),
  reduction('ReduceMin', 18, { start: null, step: minimumElements }),
  reduction('ReduceProd', 18, { start: 1, step: multiplyElements }),
  reduction('ReduceSum', 13, { start: 0, step: addElements }),
  reduction('ReduceSumSquare', 18),
  argument('ArgMax', (candidate, best) => candidate > best),
  argument('ArgMin', (candidate, best) => candidate < best),
];
