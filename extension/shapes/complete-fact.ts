import type { Dim, Shape } from '../model/dimension';
import type { ValueType } from '../model/model';
import type { KnownElements, ValueFact } from '../ops/definition';
import { maximumKnownElements } from '../ops/known-elements';

/** The fact with what follows from it: a tensor without elements is known in full; elements that do not fit are dropped. */
export function completeFact(fact: ValueFact): ValueFact {
  const shape = shapeOf(fact.type);
  if (shape?.includes(0) && !fact.elements) {
    const dims: number[] = [];
    for (const dim of shape) if (typeof dim === 'number') dims.push(dim);
    if (dims.length === shape.length) return { ...fact, elements: { dims, elements: [] } };
  }
  if (fact.elements && !elementsFit(fact.elements, shape)) {
    const { elements: _dropped, ...rest } = fact;
    return rest;
  }
  return fact;
}

function elementsFit({ dims, elements }: KnownElements, shape: Shape | undefined): boolean {
  if (elements.length > maximumKnownElements || shape?.length !== dims.length) return false;
  let count = 1;
  for (const dim of dims) count *= dim;
  return count === elements.length && dims.every((dim, axis) => dim === shape[axis]);
}

/** True when the type has a size that no tensor can have: negative, fractional or beyond 2^53. */
export function hasImpossibleSize(type: ValueType | undefined): boolean {
  return shapeOf(type)?.some(isImpossible) ?? false;
}

/** The type with impossible sizes made unknown. */
export function withoutImpossibleSizes(type: ValueType | undefined): ValueType | undefined {
  return isTensor(type) ? { ...type, shape: type.shape?.map((dim) => (isImpossible(dim) ? null : dim)) } : type;
}

/** True when some dimension is not known, not even as a symbol. */
export function hasOpenDims(type: ValueType | undefined): boolean {
  return shapeOf(type)?.includes(null) ?? false;
}

/** The type with nothing known of its shape. */
export function withoutDims(type: ValueType | undefined): ValueType | undefined {
  return isTensor(type) ? { ...type, shape: undefined } : type;
}

function isImpossible(dim: Dim): boolean {
  return typeof dim === 'number' && (dim < 0 || !Number.isSafeInteger(dim));
}

/** True for dense and sparse tensors. */
export function isTensor(
  type: ValueType | undefined,
): type is Extract<ValueType, { kind: 'tensor' | 'sparse-tensor' }> {
  return type?.kind === 'tensor' || type?.kind === 'sparse-tensor';
}

/** The shape of a tensor; undefined when its rank is not known or it is no tensor. */
export function shapeOf(type: ValueType | undefined): Shape | undefined {
  return isTensor(type) ? type.shape : undefined;
}
