/** The nearest whole number, an even one where two are equally near, as numpy and QuantizeLinear round. */
export function roundHalfToEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/** The smallest normal float32: a smaller scale loses its precision and becomes 1, as in onnxruntime. */
export const smallestScale = 2 ** -126;
