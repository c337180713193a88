/** Width of the axis at the left of a chart, in pixels; the same for charts that stand one above the other. */
export const axisWidth = 64;

/** A step that is round in binary and gives at most `lines` lines. */
export function roundStep(largest: number, lines: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(1, largest) / lines));
}

/** The smallest of 1, 2, 5, 10, 20, 50 … that is not less. */
export function roundCount(least: number): number {
  const ten = 10 ** Math.floor(Math.log10(Math.max(1, least)));
  return [1, 2, 5].map((digit) => digit * ten).find((size) => size >= least) ?? 10 * ten;
}
