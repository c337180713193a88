/** A size with a unit, as a piece of a regular expression with one group: `256K`, `1.5 MB`, `64 KiB`, `262144`. */
export const sizePattern = String.raw`(\d+(?:\.\d+)?\s*(?:[kmg](?:i?b(?:ytes?)?)?|bytes?|b)?)`;

const unitBytes: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };
const wholeText = /^(\d+(?:\.\d+)?)\s*(?:([kmg])(?:i?b(?:ytes?)?)?|bytes?|b)?$/i;

/** Bytes of `256K`, `1.5M`, `64 KiB`, `0x1000`, `262144`: K, M and G are powers of 1,024. undefined for anything else. */
export function sizeOf(text: string): number | undefined {
  const trimmed = text.trim();
  const hexadecimal = /^0x[\da-f]{1,12}$/i.test(trimmed);
  if (hexadecimal) return Number(trimmed);
  const match = wholeText.exec(trimmed);
  const unit = unitBytes[match?.[2]?.toLowerCase() ?? ''];
  if (!match || unit === undefined) return undefined;
  const bytes = Math.floor(Number(match[1]) * unit);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
