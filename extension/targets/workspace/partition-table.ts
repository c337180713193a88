import { linesOf } from '../file-diagnostic';

export interface AppPartition {
  readonly name: string;
  readonly bytes: number;
  /** From 1. */
  readonly line: number;
}

export interface PartitionTable {
  /** Partitions of type app, in file order; those for tests only where there are no others. */
  readonly apps: readonly AppPartition[];
  readonly faults: readonly { readonly code: string; readonly message: string; readonly line: number }[];
}

/** ESP-IDF's partition table: `Name, Type, SubType, Offset, Size, Flags`, sizes such as 1M, 24K, 0x6000; `#` begins a comment. */
export function parsePartitionTable(text: string): PartitionTable {
  const apps: AppPartition[] = [];
  const tests: AppPartition[] = [];
  const faults: { code: string; message: string; line: number }[] = [];
  for (const [index, raw] of linesOf(text).entries()) {
    const line = index + 1;
    const content = raw.replace(/#.*$/, '').trim();
    if (content === '') continue;
    const [name = '', type = '', subtype = '', , size] = content.split(',').map((field) => field.trim());
    if (size === undefined) {
      faults.push({
        code: 'broken-partition-table',
        message: 'A partition needs name, type, subtype, offset and size.',
        line,
      });
      continue;
    }
    // Type 0 is app.
    if (!/^(?:app|0|0x0+)$/i.test(type)) continue;
    const bytes = sizeOfPartition(size);
    if (bytes === undefined) {
      const negative = size.startsWith('-');
      const message = negative
        ? `The size of "${name}" is negative: ${size}.`
        : `"${size}" is no size such as 1M or 0x6000.`;
      faults.push({ code: negative ? 'negative-size' : 'invalid-size', message, line });
    } else {
      // Subtype 0x20 is test: started by a pin at boot, it never holds the application.
      (/^(?:test|0x20|32)$/i.test(subtype) ? tests : apps).push({ name, bytes, line });
    }
  }
  return { apps: apps.length > 0 ? apps : tests, faults };
}

function sizeOfPartition(text: string): number | undefined {
  const match = /^(0x[\da-f]{1,8}|\d{1,10})([km]?)$/i.exec(text);
  if (!match) return undefined;
  const bytes = Number(match[1]) * ({ k: 1024, m: 1024 * 1024 }[match[2]?.toLowerCase() ?? ''] ?? 1);
  return bytes > 0 ? bytes : undefined;
}
