const factors: Readonly<Record<string, number>> = {
  b: 1,
  byte: 1,
  bytes: 1,
  '': 1024,
  k: 1024,
  kb: 1024,
  kib: 1024,
  m: 1024 * 1024,
  mb: 1024 * 1024,
  mib: 1024 * 1024,
};

/** Bytes from what a person types: "352 KiB", "1.5 MiB", "4096 B"; a number alone counts KiB. undefined for anything else. */
export function parseSize(text: string): number | undefined {
  const match = /^\s*(\d[\d\s]*(?:[.,]\d+)*)\s*([a-z]*)\s*$/i.exec(text);
  const factor = factors[match?.[2]?.toLowerCase() ?? '?'];
  if (!match || factor === undefined) return undefined;
  const digits = (match[1] ?? '').replaceAll(/\s/g, '');
  // A comma before three digits groups thousands, as fields show them.
  const number = Number(digits.replaceAll(/,(?=\d{3}(?:\D|$))/g, '').replace(',', '.'));
  return Number.isFinite(number) ? Math.round(number * factor) : undefined;
}
