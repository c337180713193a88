import { linesOf } from '../file-diagnostic';

export interface KconfigEntry {
  /** Without quotes. */
  readonly value: string;
  /** From 1. */
  readonly line: number;
}

/** Settings of a Kconfig output (`CONFIG_X=y`, `CONFIG_Y="text"`) by name; `# CONFIG_Z is not set` is absent. The last of several wins. */
export function parseKconfig(text: string): ReadonlyMap<string, KconfigEntry> {
  const entries = new Map<string, KconfigEntry>();
  for (const [index, line] of linesOf(text).entries()) {
    const match = /^\s*(CONFIG_\w+)=(.*)$/.exec(line);
    const [, name = '', raw = ''] = match ?? [];
    if (match) entries.set(name, { value: raw.trim().replace(/^"(.*)"$/, '$1'), line: index + 1 });
  }
  return entries;
}

/** A whole number, decimal or hexadecimal; undefined for anything else. */
export function kconfigNumber(entry: KconfigEntry | undefined): number | undefined {
  return entry && /^(?:0x[\da-f]{1,12}|-?\d{1,15})$/i.test(entry.value) ? Number(entry.value) : undefined;
}
