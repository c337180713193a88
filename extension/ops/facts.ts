import type { DataType } from '../model/data-type';
import type { Dim, Shape } from '../model/dimension';
import type { ValueType } from '../model/model';
import type { KnownElements, OpContext, OpDefinition, ValueFact } from './definition';

/** The fact of a tensor. `elements`, where given, must agree with `shape`. */
export function tensorFact(
  dataType: DataType | undefined,
  shape: Shape | undefined,
  elements?: KnownElements,
  shapeUpperBound?: Shape,
): ValueFact {
  return {
    type: { kind: 'tensor', dataType, shape },
    ...(elements === undefined ? {} : { elements }),
    ...(shapeUpperBound === undefined ? {} : { shapeUpperBound }),
  };
}

/** The fact of a sequence whose tensors have the type `element`. */
export function sequenceFact(element: ValueType | undefined, length: Dim): ValueFact {
  return { type: { kind: 'sequence', element }, ...(length === null ? {} : { length }) };
}

/** A scalar with one known (or null) element. */
export function scalarFact(dataType: DataType | undefined, element: Dim): ValueFact {
  return tensorFact(dataType, [], element === null ? undefined : { dims: [], elements: [element] });
}

/** A shape of which only the rank is known. */
export function unknownDims(rank: number): Shape {
  return Array.from({ length: rank }, () => null);
}

/** The largest rank that a shape read from an element count is believed to have; more is no real tensor. */
export const maximumRank = 1024;

/** The length of a 1-D tensor input, when it is a believable rank or number of axes. */
export function lengthOfVector(context: OpContext, index: number): number | undefined {
  const shape = context.shape(index);
  const length = shape?.length === 1 ? shape[0] : undefined;
  return typeof length === 'number' && length <= maximumRank ? length : undefined;
}

/** The only element of a scalar or one-element input; null when it is not known. */
export function scalarElement(context: OpContext, index: number): Dim {
  const known = context.elements(index);
  return known?.elements.length === 1 ? (known.elements[0] ?? null) : null;
}

/** The shape with `dim` in place of the size of `axis`. */
export function withDim(shape: Shape, axis: number, dim: Dim): Shape {
  return shape.map((old, index) => (index === axis ? dim : old));
}

/** A definition of an ai.onnx operator. */
export function define(type: string, since: number, infer: OpDefinition['infer']): OpDefinition {
  return { domain: 'ai.onnx', type, since, infer };
}
