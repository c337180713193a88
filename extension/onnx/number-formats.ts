/** A floating-point format of at most 8 bits. */
interface SmallFloat {
  readonly exponentBits: number;
  readonly mantissaBits: number;
  readonly bias: number;
  /** What the codes with special meaning stand for; undefined for ordinary numbers. `code` has no sign bit. */
  readonly special?: (code: number, negative: boolean) => number | undefined;
}

/**
 * Source: OCP Microscaling Formats 1.0 (E2M1, E2M3, E3M2), "FP8 Formats for Deep Learning" (E4M3FN, E5M2),
 * "8-bit Numerical Formats for Deep Neural Networks" (the FNUZ forms: one NaN in place of negative zero).
 */
const smallFloats = {
  FLOAT8E4M3FN: {
    exponentBits: 4,
    mantissaBits: 3,
    bias: 7,
    special: (code) => (code === 0x7f ? Number.NaN : undefined),
  },
  FLOAT8E4M3FNUZ: { exponentBits: 4, mantissaBits: 3, bias: 8, special: nanForNegativeZero },
  FLOAT8E5M2: {
    exponentBits: 5,
    mantissaBits: 2,
    bias: 15,
    special: (code) => (code === 0x7c ? Number.POSITIVE_INFINITY : code > 0x7c ? Number.NaN : undefined),
  },
  FLOAT8E5M2FNUZ: { exponentBits: 5, mantissaBits: 2, bias: 16, special: nanForNegativeZero },
  FLOAT4E2M1: { exponentBits: 2, mantissaBits: 1, bias: 1 },
  FLOAT6E2M3: { exponentBits: 2, mantissaBits: 3, bias: 1 },
  FLOAT6E3M2: { exponentBits: 3, mantissaBits: 2, bias: 3 },
} as const satisfies Record<string, SmallFloat>;

export type SmallFloatType = keyof typeof smallFloats;

/** True for float types of eight bits and fewer. */
export function isSmallFloat(type: string): type is SmallFloatType {
  return Object.hasOwn(smallFloats, type);
}

const tables = new Map<SmallFloatType, Float64Array>();

/** The numbers that the codes of a format stand for, by code. */
export function smallFloatTable(type: SmallFloatType): Float64Array {
  let table = tables.get(type);
  if (!table) {
    const format: SmallFloat = smallFloats[type];
    const signBit = 1 << (format.exponentBits + format.mantissaBits);
    table = Float64Array.from({ length: 2 * signBit }, (_, code) => smallFloatValue(format, code, signBit));
    tables.set(type, table);
  }
  return table;
}

function smallFloatValue(format: SmallFloat, code: number, signBit: number): number {
  const negative = code >= signBit;
  const magnitudeCode = code % signBit;
  const special = format.special?.(magnitudeCode, negative);
  const magnitude = special ?? magnitudeOf(format, magnitudeCode);
  return negative ? -magnitude : magnitude;
}

function magnitudeOf({ mantissaBits, bias }: SmallFloat, code: number): number {
  const exponent = code >> mantissaBits;
  const fraction = (code % (1 << mantissaBits)) / (1 << mantissaBits);
  return exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias);
}

function nanForNegativeZero(code: number, negative: boolean): number | undefined {
  return code === 0 && negative ? Number.NaN : undefined;
}

/** FLOAT8E8M0: a power of two; code 255 is NaN. Source: OCP Microscaling Formats 1.0. */
export function powerOfTwo(code: number): number {
  return code === 255 ? Number.NaN : 2 ** (code - 127);
}

let halfTable: Float64Array | undefined;

/** The numbers that the 65,536 codes of IEEE 754 binary16 stand for. */
export function float16Table(): Float64Array {
  halfTable ??= Float64Array.from({ length: 1 << 16 }, (_, code) => {
    const sign = code >= 0x8000 ? -1 : 1;
    const exponent = (code >> 10) & 0x1f;
    const fraction = (code & 0x3ff) / 1024;
    if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    return sign * (exponent === 0 ? fraction * 2 ** -14 : (1 + fraction) * 2 ** (exponent - 15));
  });
  return halfTable;
}
