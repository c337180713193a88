import type { DataType } from '../../model/data-type';
import { roundHalfToEven, smallestScale } from './rounding';

/** How a weight becomes whole numbers with a scale for each group of elements: w = scale * (code - zero point). */
export interface IntegerFormat {
  readonly dataType: DataType & ('INT2' | 'INT4' | 'INT8' | 'UINT8' | 'INT16');
  /** Bits that a code needs where it is packed as tightly as its values allow; the file may store it wider. */
  readonly packedBits: number;
  /** True when zero points are not all 0. */
  readonly hasZeroPoint: boolean;
  /** Codes go from -largestCode to largestCode, and scales are free; undefined: a format with rules of its own. */
  readonly largestCode?: number;
  fit(statistics: Statistics): Parameters;
  /** True when `fit` needs the mean of the magnitudes over Statistics.threshold. */
  readonly needsLarge?: boolean;
  code(value: number, parameters: Parameters, group: number): number;
}

/** What is known of the elements of each group that are finite numbers. */
export interface Statistics {
  readonly count: Float64Array;
  readonly minimum: Float64Array;
  readonly maximum: Float64Array;
  readonly sumOfMagnitudes: Float64Array;
  /** Count and sum of the magnitudes over 0.7 times their mean. */
  readonly largeCount: Float64Array;
  readonly largeSum: Float64Array;
}

/** Of each group. */
export interface Parameters {
  readonly scales: Float32Array;
  readonly zeroPoints: Int32Array;
  /** For ternary weights: magnitudes up to it become 0. */
  readonly thresholds?: Float64Array;
}

/** Ternary: magnitudes up to this share of their mean become 0 (Li et al. 2016, Ternary Weight Networks). */
export const ternaryThreshold = 0.7;

/** Symmetric: codes from -largest to largest, scale = largest magnitude / largest. */
export function symmetricFormat(
  dataType: IntegerFormat['dataType'],
  largest: number,
  packedBits: number,
  options: { readonly powerOfTwo?: boolean } = {},
): IntegerFormat {
  return {
    dataType,
    packedBits,
    hasZeroPoint: false,
    ...(!options.powerOfTwo && { largestCode: largest }),
    fit: (statistics) => {
      const scales = statistics.count.map((_, group) => {
        const exact = Math.max(-(statistics.minimum[group] ?? 0), statistics.maximum[group] ?? 0) / largest;
        return options.powerOfTwo ? powerOfTwoFrom(exact) : exact;
      });
      return withoutZeroPoints(scales);
    },
    code: (value, { scales }, group) => limited(value, scales[group] ?? 1, 0, -largest, largest),
  };
}

/** Codes from `lowest` to `highest` over the range of the elements, 0 included, as activations have them. */
export function rangeFormat(
  dataType: IntegerFormat['dataType'],
  codes: { readonly lowest: number; readonly highest: number; readonly symmetric?: boolean },
  packedBits: number,
): IntegerFormat {
  const { lowest, highest } = codes;
  return {
    dataType,
    packedBits,
    hasZeroPoint: true,
    fit: ({ count, minimum, maximum }) => {
      const fitted = Array.from(count, (_, group) =>
        rangeParameters({ minimum: minimum[group] ?? 0, maximum: maximum[group] ?? 0 }, codes),
      );
      return {
        scales: Float32Array.from(fitted, ({ scale }) => scale),
        zeroPoints: Int32Array.from(fitted, ({ zeroPoint }) => zeroPoint),
      };
    },
    code: (value, { scales, zeroPoints }, group) =>
      limited(value, scales[group] ?? 1, zeroPoints[group] ?? 0, lowest, highest),
  };
}

/** -1, 0 and 1 times the mean magnitude of those that are not 0. */
export const ternaryFormat: IntegerFormat = {
  dataType: 'INT8',
  packedBits: 2,
  hasZeroPoint: false,
  needsLarge: true,
  fit: ({ count, sumOfMagnitudes, largeCount, largeSum }) => {
    const scales = count.map((_, group) => (largeSum[group] ?? 0) / Math.max(largeCount[group] ?? 0, 1));
    const thresholds = count.map((elements, group) => thresholdOf(sumOfMagnitudes[group] ?? 0, elements));
    return { ...withoutZeroPoints(scales), thresholds };
  },
  code: (value, { thresholds }, group) => (Math.abs(value) > (thresholds?.[group] ?? 0) ? Math.sign(value) : 0),
};

/** -1 and 1 times the mean magnitude (Rastegari et al. 2016, XNOR-Net). */
export const binaryFormat: IntegerFormat = {
  dataType: 'INT8',
  packedBits: 1,
  hasZeroPoint: false,
  fit: ({ count, sumOfMagnitudes }) => {
    const means = count.map((elements, group) => (sumOfMagnitudes[group] ?? 0) / Math.max(elements, 1));
    // There is no code for 0: a group of zeros gets the smallest scale there is.
    return withoutZeroPoints(means.map((mean) => Math.max(mean, smallestScale)));
  },
  code: (value) => (value < 0 ? -1 : 1),
};

/** The magnitude up to which ternary weights become 0. */
export function thresholdOf(sumOfMagnitudes: number, count: number): number {
  return (ternaryThreshold * sumOfMagnitudes) / Math.max(count, 1);
}

/**
 * Scale (float32) and zero point of a range, as onnxruntime.quantization computes them: 0 belongs to every range, the width is taken in
 * float32 and divided in float64, and `symmetric` puts the zero point in the middle.
 */
export function rangeParameters(
  range: { readonly minimum: number; readonly maximum: number },
  codes: { readonly lowest: number; readonly highest: number; readonly symmetric?: boolean },
): { readonly scale: number; readonly zeroPoint: number } {
  let minimum = Math.min(Math.fround(range.minimum), 0);
  let maximum = Math.max(Math.fround(range.maximum), 0);
  if (codes.symmetric) {
    maximum = Math.max(-minimum, maximum);
    minimum = -maximum;
  }
  const exact = Math.fround(maximum - minimum) / (codes.highest - codes.lowest);
  if (!(exact >= smallestScale)) return { scale: 1, zeroPoint: 0 };
  const zeroPoint = codes.symmetric
    ? roundHalfToEven((codes.lowest + codes.highest) / 2)
    : roundHalfToEven(codes.lowest - minimum / exact);
  return { scale: Math.fround(exact), zeroPoint };
}

/** The code of a value; NaN becomes the zero point, infinities the ends. */
export function limited(value: number, scale: number, zeroPoint: number, lowest: number, highest: number): number {
  const exact = Math.fround(value / scale);
  if (Number.isNaN(exact)) return zeroPoint;
  return Math.min(Math.max(roundHalfToEven(exact) + zeroPoint, lowest), highest);
}

function withoutZeroPoints(exact: Float64Array): Parameters {
  const scales = Float32Array.from(exact, (scale) => (Math.fround(scale) < smallestScale ? 1 : scale));
  return { scales, zeroPoints: new Int32Array(scales.length) };
}

/** The smallest power of two that is not below `value`. */
function powerOfTwoFrom(value: number): number {
  if (value === 0) return 0;
  const power = 2 ** Math.ceil(Math.log2(value));
  return power / 2 >= value ? power / 2 : power < value ? power * 2 : power;
}
