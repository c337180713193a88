import {
  addSymbols,
  constant,
  constantValue,
  difference,
  evaluate,
  floorOf,
  type Polynomial,
  product,
  sum,
  symbolNamed,
  Unrepresentable,
} from './polynomial';
import { floorQuotient } from './polynomial-division';
import { extreme } from './polynomial-order';

/**
 * One dimension of a shape: a number, an expression over symbols in canonical form, or null when nothing is known of it.
 * Arithmetic with null gives null (except where the result is known anyway, such as multiplying by 0). A result beyond 2^53,
 * or an expression too long to be of use, is null as well: never rounded.
 */
export type Dim = number | Expression | null;

export type Shape = readonly Dim[];

/** A symbolic size. Two expressions that are equal as polynomials have the same `text`. */
export type Expression = Polynomial;

/** The symbol `name` (a dim_param taken verbatim, even where it looks like an expression). */
export function symbol(name: string): Expression {
  return symbolNamed(name);
}

/** a + b. */
export function add(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return exact(a, b, a + b);
  if (a === 0) return b;
  if (b === 0) return a;
  return combine(a, b, sum);
}

/** a - b. */
export function subtract(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return exact(a, b, a - b);
  if (b === 0) return a;
  return combine(a, b, difference);
}

/** a * b; 0 when either is 0, whatever the other is. */
export function multiply(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return exact(a, b, a * b);
  if (a === 0 || b === 0) return 0;
  if (a === 1) return b;
  if (b === 1) return a;
  return combine(a, b, product);
}

/** floor(a / b). Division by zero gives null. */
export function floorDivide(a: Dim, b: Dim): Dim {
  if (b === 0) return null;
  if (typeof a === 'number' && typeof b === 'number') {
    return Number.isSafeInteger(a) && Number.isSafeInteger(b) ? floorOf(a, b) : finite(Math.floor(a / b));
  }
  if (b === 1) return a;
  return combine(a, b, floorQuotient);
}

/** ceil(a / b). */
export function ceilDivide(a: Dim, b: Dim): Dim {
  // The first form is the one that exporters write, and nests: ceil(ceil(x/2)/2) is floor((x + 3)/4).
  if (typeof b === 'number' && b > 0 && Number.isInteger(b) && typeof a === 'object')
    return floorDivide(add(a, b - 1), b);
  return subtract(0, floorDivide(subtract(0, a), b));
}

/** a - b * floor(a / b). */
export function modulo(a: Dim, b: Dim): Dim {
  return subtract(a, multiply(b, floorDivide(a, b)));
}

/** The smaller of the two, as an expression where that is not known. */
export function minimum(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return Math.min(a, b);
  return combine(a, b, (x, y) => extreme('min', [x, y]));
}

/** The larger of the two, as an expression where that is not known. */
export function maximum(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return Math.max(a, b);
  return combine(a, b, (x, y) => extreme('max', [x, y]));
}

/** True only when both are known and provably equal. */
export function sameDim(a: Dim, b: Dim): boolean {
  if (typeof a === 'number' || typeof b === 'number') return a === b;
  return a !== null && b !== null && a.key === b.key;
}

/** The product of all dimensions: the number of elements. 1 for a scalar; 0 if any is 0. */
export function elementCount(shape: Shape): Dim {
  if (shape.includes(0)) return 0;
  let count: Dim = 1;
  for (const dim of shape) count = multiply(count, dim);
  return count;
}

/** The number a dimension has when symbols are bound as `lookup` says; null when it stays unknown or is beyond 2^53. */
export function evaluateDim(dim: Dim, lookup: (symbol: string) => number | undefined): number | null {
  return typeof dim === 'object' && dim !== null ? evaluate(dim, lookup) : dim;
}

/** The symbols in a dimension, each once. */
export function symbolsOf(dim: Dim): readonly string[] {
  if (typeof dim !== 'object' || dim === null) return [];
  const names = new Set<string>();
  addSymbols(dim, names);
  return [...names];
}

/** Number, canonical text or null: the form used in JSON and in tables. */
export function dimToJson(dim: Dim): number | string | null {
  return typeof dim === 'object' && dim !== null ? dim.text : dim;
}

/** Integers give integers or null; numbers that are no integers (elements of float tensors) follow float64. */
function exact(a: number, b: number, result: number): Dim {
  if (Number.isSafeInteger(result)) return result + 0;
  return Number.isSafeInteger(a) && Number.isSafeInteger(b) ? null : finite(result);
}

function finite(value: number): Dim {
  return Number.isFinite(value) ? value + 0 : null;
}

function combine(a: Dim, b: Dim, operation: (a: Polynomial, b: Polynomial) => Polynomial): Dim {
  const left = toPolynomial(a);
  const right = toPolynomial(b);
  if (!left || !right) return null;
  try {
    const result = operation(left, right);
    return constantValue(result) ?? result;
  } catch (error) {
    if (error instanceof Unrepresentable) return null;
    throw error;
  }
}

function toPolynomial(dim: Dim): Polynomial | undefined {
  if (dim === null) return undefined;
  if (typeof dim !== 'number') return dim;
  return Number.isSafeInteger(dim) ? constant(dim) : undefined;
}
