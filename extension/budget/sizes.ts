import { storedBytes } from '../model/data-type';
import { evaluateDim, type Shape } from '../model/dimension';
import type { ValueType } from '../model/model';
import type { ValueFact } from '../ops/definition';

/** The size a symbol has in totals (ModelShapes.sizeInTotals). */
export type SizeOf = (symbol: string) => number;

/**
 * Elements of a shape with its symbols at their size in totals. undefined when a dimension is not known, is below 0 at these sizes,
 * or the count is beyond 2^53.
 */
export function countElements(shape: Shape, sizeOf: SizeOf): number | undefined {
  if (shape.includes(0)) return shape.includes(null) ? undefined : 0;
  let product = 1;
  for (const dim of shape) {
    const size = evaluateDim(dim, sizeOf);
    if (size === null || size < 0) return undefined;
    product *= size;
  }
  return exact(product);
}

/**
 * Bytes of a value while it is live; undefined when not known or beyond 2^53. Strings count 0 and 4- and 2-bit elements are packed.
 * A sequence is its length times the bytes of an element.
 */
export function valueBytes(fact: ValueFact | undefined, sizeOf: SizeOf): number | undefined {
  return fact?.type && typeBytes(fact.type, fact, sizeOf);
}

function typeBytes(type: ValueType, fact: ValueFact, sizeOf: SizeOf): number | undefined {
  switch (type.kind) {
    case 'tensor':
    case 'sparse-tensor': {
      if (type.dataType === 'STRING') return 0;
      const elements = type.shape && countElements(type.shape, sizeOf);
      return type.dataType && elements !== undefined ? exact(storedBytes(type.dataType, elements)) : undefined;
    }
    case 'optional':
      return type.element && typeBytes(type.element, fact, sizeOf);
    case 'sequence': {
      const length = evaluateDim(fact.length ?? null, sizeOf);
      if (length === 0) return 0;
      const element = type.element && typeBytes(type.element, { type: type.element }, sizeOf);
      return length === null || length < 0 || element === undefined ? undefined : exact(length * element);
    }
    default:
      return undefined;
  }
}

/** The number where it is a whole one that is exact in float64; a rounded one is not known. */
export function exact(value: number): number | undefined {
  return Number.isSafeInteger(value) ? value : undefined;
}
