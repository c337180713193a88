import type { Formula } from '../extension/worker/analysis';

const KIB = 1024;
const MIB = 1024 * 1024;
const enDash = '\u2013';

let locale: string | undefined;

/** Sets the language whose separators numbers are written with; undefined is that of the browser. */
export function useLocale(tag: string | undefined): void {
  locale = tag;
}

/** The mark of a notion that does not apply, or of a figure that is not known. */
export const notApplicable = enDash;

function decimals(value: number, places: number): string {
  return value
    .toLocaleString(locale, { minimumFractionDigits: places, maximumFractionDigits: places })
    .replace('-', '−');
}

/** A whole number with the locale's separators: `210,850`. */
export function formatCount(value: number): string {
  return decimals(value, 0);
}

/** Bytes in binary units: `112 B`, `98.4 KiB`, from 1 MiB `1.44 MiB`. */
export function formatBytes(bytes: number): string {
  const size = Math.abs(bytes);
  if (size < KIB) return `${decimals(bytes, 0)} B`;
  if (size < MIB) return `${decimals(bytes / KIB, 1)} KiB`;
  return `${decimals(bytes / MIB, 2)} MiB`;
}

/** A chip's limit, written round where it is round: `320 KiB`, `1 MiB`. */
export function formatLimit(bytes: number): string {
  if (bytes >= MIB && bytes % MIB === 0) return `${decimals(bytes / MIB, 0)} MiB`;
  if (bytes >= KIB && bytes % KIB === 0) return `${decimals(bytes / KIB, 0)} KiB`;
  return formatBytes(bytes);
}

/** All digits: `843,400 bytes`. */
export function formatExactBytes(bytes: number): string {
  return `${decimals(bytes, 0)} ${bytes === 1 ? 'byte' : 'bytes'}`;
}

/** A short count of multiply-accumulates: `7.49 M`, `590 k`, `1.2 k`, `640`; an en dash for none. */
export function formatMacs(macs: number): string {
  if (macs === 0) return enDash;
  if (macs >= 999.995e6) return `${decimals(macs / 1e9, 2)} G`;
  if (macs >= 999_500) return `${decimals(macs / 1e6, 2)} M`;
  if (macs >= 9_950) return `${decimals(macs / 1e3, 0)} k`;
  if (macs >= 1_000) return `${decimals(macs / 1e3, 1)} k`;
  return decimals(macs, 0);
}

/** A formula in the unit that suits it: `4·batch KiB`, `(1.5·height·width + 2) M`. Coefficients have up to two decimals. */
export function formatFormula(formula: Formula, of: 'bytes' | 'count'): string {
  const units =
    of === 'bytes'
      ? ([
          [MIB, ' MiB'],
          [KIB, ' KiB'],
          [1, ' B'],
        ] as const)
      : ([
          [1e9, ' G'],
          [1e6, ' M'],
          [1e3, ' k'],
          [1, ''],
        ] as const);
  const sizes = formula.terms.map(({ coefficient }) => Math.abs(coefficient));
  // The largest unit in which no term fades to nothing.
  const [scale, unit] =
    units.find(([size]) => Math.max(...sizes) >= size && sizes.every((one) => one >= size / 10)) ??
    ([1, units[units.length - 1]?.[1] ?? ''] as const);
  const words = formula.terms.map(({ coefficient, factors }, position) => {
    const size = Math.abs(coefficient) / scale;
    const number = size === 1 && factors.length > 0 ? [] : [size.toLocaleString(locale, { maximumFractionDigits: 2 })];
    const sign = coefficient < 0 ? (position === 0 ? '−' : ' − ') : position === 0 ? '' : ' + ';
    return `${sign}${[...number, ...factors.map((factor) => factor.replaceAll('*', '·'))].join('·')}`;
  });
  const text = words.join('');
  return unit !== '' && formula.terms.length > 1 ? `(${text})${unit}` : `${text}${unit}`;
}

/** Milliseconds for people, to three figures: `840 µs`, `21.4 ms`, `144 ms`, `12.3 s`. */
export function formatMilliseconds(milliseconds: number): string {
  const { divisor, name } = timeUnit(milliseconds);
  return `${threeFigures(milliseconds / divisor)} ${name}`;
}

/** From the lower to the upper end, in the unit that the middle is written in: `102–204`. */
export function formatTimeRange(range: {
  readonly lowerMs: number;
  readonly middleMs: number;
  readonly upperMs: number;
}): string {
  const { divisor } = timeUnit(range.middleMs);
  return `${threeFigures(range.lowerMs / divisor)}${enDash}${threeFigures(range.upperMs / divisor)}`;
}

function timeUnit(milliseconds: number): { readonly divisor: number; readonly name: string } {
  if (milliseconds >= 9995) return { divisor: 1000, name: 's' };
  return milliseconds >= 0.9995 ? { divisor: 1, name: 'ms' } : { divisor: 0.001, name: 'µs' };
}

function threeFigures(value: number): string {
  const places = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return value.toLocaleString(locale, { minimumFractionDigits: 0, maximumFractionDigits: places });
}

/** Signal to noise in decibels, one decimal: `46.4`. */
export function formatDecibels(value: number): string {
  return Number.isFinite(value) ? decimals(value, 1) : '∞';
}

/** A share of a whole in percent: one decimal, none for the whole itself; an en dash when the whole is 0. */
export function formatShare(part: number, whole: number): string {
  if (whole === 0) return enDash;
  if (part === whole) return `${decimals(100, 0)} %`;
  const percent = (part / whole) * 100;
  return percent > 0 && percent < 0.05 ? `<${decimals(0.1, 1)} %` : `${decimals(percent, 1)} %`;
}

/** `1×16×48×48`; symbols as they are, `?` for an unknown dimension, `scalar` for rank 0. */
export function formatShape(shape: readonly (number | string | null)[] | undefined): string {
  if (shape === undefined) return enDash;
  if (shape.length === 0) return 'scalar';
  return shape.map((dimension) => (dimension === null ? '?' : String(dimension))).join('×');
}

/** A weight or a statistic with four significant digits and a true minus. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value).replace('-', '−');
  return value.toLocaleString(locale, { maximumSignificantDigits: 4 }).replace('-', '−');
}

/** `1 step`, `3 steps`. */
export function formatQuantity(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

const typeNames: Readonly<Record<string, string>> = { FLOAT: 'float32', DOUBLE: 'float64' };

/** The common name of an ONNX element type: `float32` for FLOAT, `int8` for INT8. */
export function formatDataType(name: string): string {
  return typeNames[name] ?? name.toLowerCase();
}
