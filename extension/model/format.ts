import type { DataType } from './data-type';

const kibi = 1024;
const mebi = 1024 * 1024;

const oneDecimal = new Intl.NumberFormat('en-US', { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const twoDecimals = new Intl.NumberFormat('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** Bytes for people: `112 B`, `98.4 KiB` (one decimal below 1 MiB), `1.25 MiB` (two decimals from there). */
export function formatBytes(bytes: number): string {
  if (Math.abs(bytes) < kibi) return `${whole.format(bytes)} B`;
  // Just below 1 MiB the decimal may round up to 1,024.0 KiB, which is still a size below the limit of 1 MiB it is read against.
  if (Math.abs(bytes) < mebi) return `${oneDecimal.format(bytes / kibi)} KiB`;
  return `${twoDecimals.format(bytes / mebi)} MiB`;
}

/** A chip's limit, written round where it is: `320 KiB`, `1 MiB`, `1,524 KiB`. */
export function formatLimit(bytes: number): string {
  if (bytes >= mebi && bytes % mebi === 0) return `${whole.format(bytes / mebi)} MiB`;
  if (bytes >= kibi && bytes % kibi === 0) return `${whole.format(bytes / kibi)} KiB`;
  return formatBytes(bytes);
}

/** A number with thousands separators: `7,489,664`. */
export function formatWhole(count: number): string {
  return whole.format(count);
}

/** A count for people, to three figures: `999`, `590 k`, `7.49 M`, `19.6 G`. */
export function formatCount(count: number): string {
  for (const [unit, name] of [
    [1e12, 'T'],
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const) {
    // Rounded first, so that 999,999 becomes 1.00 M and not 1000 k.
    const scaled = Number((count / unit).toPrecision(3));
    if (scaled >= 1) return `${scaled >= 100 ? whole.format(scaled) : scaled.toFixed(scaled >= 10 ? 1 : 2)} ${name}`;
  }
  return whole.format(count);
}

/** An element type for people: `float32` for FLOAT, `int8` for INT8. */
export function formatDataType(type: DataType): string {
  if (type === 'FLOAT') return 'float32';
  return type === 'DOUBLE' ? 'float64' : type.toLowerCase();
}

/** Milliseconds for people, to three figures: `840 µs`, `21.4 ms`, `144 ms`, `12.3 s`. */
export function formatMilliseconds(milliseconds: number): string {
  const [divisor, unit] = milliseconds >= 9995 ? [1000, 's'] : milliseconds >= 0.9995 ? [1, 'ms'] : [0.001, 'µs'];
  const value = milliseconds / divisor;
  return `${value >= 99.95 ? whole.format(value) : Number(value.toPrecision(3))} ${unit}`;
}
