import { linesOf } from '../file-diagnostic';

export interface IniValue {
  /** Values over several lines are joined by line feeds. */
  readonly value: string;
  /** From 1. */
  readonly line: number;
}

export interface IniSection {
  readonly name: string;
  readonly line: number;
  readonly values: ReadonlyMap<string, IniValue>;
}

/** Sections of an ini file as Python's configparser reads it: `;` and `#` begin comments, indented lines go on with the value above. */
export function parseIni(text: string): ReadonlyMap<string, IniSection> {
  const sections = new Map<string, { name: string; line: number; values: Map<string, IniValue> }>();
  let current: Map<string, IniValue> | undefined;
  let key: string | undefined;
  for (const [index, raw] of linesOf(text).entries()) {
    if (/^\s*(?:[;#]|$)/.test(raw)) continue;
    const content = raw.replace(/\s[;#].*$/, '').trimEnd();
    const header = /^\[([^\]]+)\]/.exec(content);
    if (header?.[1] !== undefined) {
      const name = header[1].trim();
      const section = sections.get(name) ?? { name, line: index + 1, values: new Map() };
      sections.set(name, section);
      current = section.values;
      key = undefined;
    } else if (/^\s/.test(content) && key !== undefined) {
      const above = current?.get(key);
      if (above) current?.set(key, { ...above, value: `${above.value}\n${content.trim()}`.trim() });
    } else {
      const match = /^([^=:\s][^=:]*?)\s*[=:]\s*(.*)$/.exec(content);
      key = match?.[1]?.toLowerCase();
      if (key !== undefined) current?.set(key, { value: match?.[2] ?? '', line: index + 1 });
    }
  }
  return sections;
}
