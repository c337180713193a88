/** The IEEE 754 binary16 pattern nearest to a number, ties to even; beyond 65,504 it becomes an infinity. */
export function float16Bits(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (Number.isNaN(magnitude)) return 0x7e00;
  if (magnitude >= 65520) return sign | 0x7c00;
  // Below 2^-14 the step stays 2^-24; above, ten bits follow the leading one.
  const exponent = Math.max(Math.floor(Math.log2(magnitude)), -14);
  const steps = roundHalfEven(magnitude * 2 ** (10 - exponent));
  // A mantissa that rounds up to the next power of two carries into the exponent by the addition.
  return sign | (((exponent + 14) << 10) + steps);
}

function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

/**
 * The binary16 patterns nearest to binary32 patterns, ties to even. Finite magnitudes above 65,504 become that, infinities stay, and
 * every NaN becomes 0x7e00. Whole numbers only and one loop, since weights come by the hundred million.
 */
export function float16Patterns(patterns: Uint32Array): Uint16Array<ArrayBuffer> {
  const halves = new Uint16Array(patterns.length);
  for (let index = 0; index < patterns.length; index++) {
    const pattern = patterns[index] ?? 0;
    const sign = (pattern >>> 16) & 0x8000;
    const magnitude = pattern & 0x7fffffff;
    if (magnitude >= 0x38800000 && magnitude < 0x477fe000) {
      // From 2^-14 to 65,504: 13 bits of the mantissa are rounded off, and the exponent's bias goes from 127 to 15.
      const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
      halves[index] = sign | ((rounded - (112 << 23)) >>> 13);
    } else if (magnitude < 0x38800000) {
      // Steps of 2^-24. All from 2^-25 down, which ties with zero, is zero.
      if (magnitude <= 0x33000000) {
        halves[index] = sign;
        continue;
      }
      const shift = 126 - (magnitude >>> 23);
      const mantissa = (magnitude & 0x7fffff) | 0x800000;
      halves[index] = sign | ((mantissa + (1 << (shift - 1)) - 1 + ((mantissa >>> shift) & 1)) >>> shift);
    } else if (magnitude < 0x7f800000) halves[index] = sign | 0x7bff;
    else halves[index] = magnitude === 0x7f800000 ? sign | 0x7c00 : 0x7e00;
  }
  return halves;
}
