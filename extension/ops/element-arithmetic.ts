import { bitsPerElement, type DataType, dataTypeKind } from '../model/data-type';
import { add, type Dim, floorDivide, maximum, minimum, modulo, multiply, sameDim, subtract } from '../model/dimension';

/**
 * A computed element as a tensor of this type holds it: floats rounded to the type; null for an integer that does not fit (it wraps
 * in ways that differ between runtimes) or is beyond 2^53, where a number is no longer exact.
 */
export function represent(dataType: DataType | undefined, value: Dim): Dim {
  if (dataType === undefined || value === null) return null;
  const kind = dataTypeKind(dataType);
  if (typeof value === 'object')
    return kind === 'signed' || kind === 'unsigned' || isWideFloat(dataType) ? value : null;
  if (kind === 'bool') return value === 0 ? 0 : 1;
  if (kind === 'float') return representFloat(dataType, value);
  if (kind !== 'signed' && kind !== 'unsigned') return null;
  if (!isExact(value) || !Number.isSafeInteger(value)) return null;
  const bits = bitsPerElement(dataType);
  const low = kind === 'signed' ? -(2 ** (bits - 1)) : 0;
  const high = 2 ** (kind === 'signed' ? bits - 1 : bits);
  return value >= low && value < high ? value + 0 : null;
}

/** An int64 beyond 2^53 stands as the largest safe integer: enough to compare with, but not to compute with. */
export function isExact(value: number): boolean {
  return Math.abs(value) !== Number.MAX_SAFE_INTEGER;
}

function isWideFloat(dataType: DataType): boolean {
  return dataType === 'FLOAT' || dataType === 'DOUBLE';
}

function representFloat(dataType: DataType, value: number): Dim {
  if (dataType === 'DOUBLE') return value;
  if (dataType === 'FLOAT') return Math.fround(value);
  // Integers of up to 8 significant bits are exact in FLOAT16 and BFLOAT16; anything else would need their rounding.
  const exact =
    (dataType === 'FLOAT16' || dataType === 'BFLOAT16') && Number.isInteger(value) && Math.abs(value) <= 256;
  return exact ? value : null;
}

/** True for the integer types. */
export function isIntegerType(dataType: DataType | undefined): boolean {
  if (dataType === undefined) return false;
  const kind = dataTypeKind(dataType);
  return kind === 'signed' || kind === 'unsigned';
}

/** True when the value is known never to be negative. */
export function isNonNegative(value: Dim): boolean {
  if (typeof value === 'number') return value >= 0;
  return value !== null && sameDim(maximum(value, 0), value);
}

/** a + b. Two numbers are added as floats are; the dimension functions serve where one is symbolic. */
export function addElements(a: Dim, b: Dim): Dim {
  return arithmetic(a, b, (x, y) => x + y, add);
}

/** a - b. */
export function subtractElements(a: Dim, b: Dim): Dim {
  return arithmetic(a, b, (x, y) => x - y, subtract);
}

/** a * b. */
export function multiplyElements(a: Dim, b: Dim): Dim {
  return arithmetic(a, b, (x, y) => x * y, multiply);
}

function arithmetic(
  a: Dim,
  b: Dim,
  ofNumbers: (a: number, b: number) => number,
  ofDimensions: (a: Dim, b: Dim) => Dim,
): Dim {
  if (typeof a === 'number' && typeof b === 'number') return isExact(a) && isExact(b) ? ofNumbers(a, b) : null;
  return integersOnly(a, b) ? ofDimensions(a, b) : null;
}

/** Neither is null, and no number among them has a fraction. */
function integersOnly(a: Dim, b: Dim): boolean {
  return isInteger(a) && isInteger(b);
}

function isInteger(value: Dim): boolean {
  return typeof value === 'number' ? Number.isSafeInteger(value) && isExact(value) : value !== null;
}

/** Integer division truncates toward zero; float division is exact before rounding to the type. */
export function divideElements(dataType: DataType | undefined, a: Dim, b: Dim): Dim {
  if (a === null || b === null) return null;
  if (typeof a === 'number' && typeof b === 'number') {
    if (!isExact(a) || !isExact(b)) return null;
    if (!isIntegerType(dataType)) return a / b;
    return b === 0 ? null : Math.trunc(a / b);
  }
  if (!integersOnly(a, b) || b === 0) return null;
  // With a whole quotient, or with nothing negative, the floor is the quotient that the runtime computes.
  if (modulo(a, b) === 0) return floorDivide(a, b);
  return isIntegerType(dataType) && isNonNegative(a) && isNonNegative(b) ? floorDivide(a, b) : null;
}

/** Remainder with the sign of the divisor, or with `fmod` of the dividend. */
export function moduloElements(a: Dim, b: Dim, fmod: boolean): Dim {
  if (a === null || b === null || b === 0) return null;
  if (typeof a === 'number' && typeof b === 'number') {
    if (!isExact(a) || !isExact(b)) return null;
    const remainder = a % b;
    return fmod || remainder === 0 || remainder > 0 === b > 0 ? remainder : remainder + b;
  }
  if (!integersOnly(a, b)) return null;
  return !fmod || (isNonNegative(a) && isNonNegative(b)) ? modulo(a, b) : null;
}

/** base to the power of exponent, where both are numbers. */
export function powerElements(base: Dim, exponent: Dim): Dim {
  if (typeof base === 'number' && typeof exponent === 'number') return isExact(base) ? base ** exponent : null;
  if (typeof exponent !== 'number' || !Number.isInteger(exponent) || exponent < 0 || exponent > 8) return null;
  let power: Dim = 1;
  for (let factor = 0; factor < exponent; factor++) power = multiply(power, base);
  return power;
}

/** The smaller of two elements; see Dim for symbolic ones. */
export function minimumElements(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return Math.min(a, b);
  return integersOnly(a, b) ? minimum(a, b) : null;
}

/** The larger of two elements; see Dim for symbolic ones. */
export function maximumElements(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return Math.max(a, b);
  return integersOnly(a, b) ? maximum(a, b) : null;
}

/** The sign of a - b, or null when it is not certain. */
export function compareElements(a: Dim, b: Dim): -1 | 0 | 1 | null {
  if (a === null || b === null) return null;
  if (typeof a === 'number' && typeof b === 'number') return a === b ? 0 : a < b ? -1 : a > b ? 1 : null;
  if (sameDim(a, b)) return 0;
  if (typeof a === 'number' && a < 0 && isNonNegative(b)) return -1;
  if (typeof b === 'number' && b < 0 && isNonNegative(a)) return 1;
  const difference = integersOnly(a, b) ? subtract(a, b) : null;
  if (typeof difference !== 'number' || difference === 0) return null;
  return difference < 0 ? -1 : 1;
}

/** Rounds halves to the even neighbour, as ONNX Round does. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const fraction = value - floor;
  if (fraction !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
