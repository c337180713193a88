/** A column of a table: its head, and where its cells stand. */
export interface Column {
  readonly head: string;
  readonly align?: 'left' | 'right';
}

/** Rows in aligned columns, two blanks apart, for a terminal. Cells are made safe to print. */
export function textTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const cells = [columns.map(({ head }) => head), ...rows].map((row) => row.map(printable));
  const widths = columns.map((_, index) => cells.reduce((width, row) => Math.max(width, row[index]?.length ?? 0), 0));
  return cells
    .map((row) =>
      columns
        .map(({ align }, index) => {
          const cell = row[index] ?? '';
          const width = widths[index] ?? 0;
          return align === 'right' ? cell.padStart(width) : cell.padEnd(width);
        })
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}

/** Rows as comma-separated values (RFC 4180), with a head. Cells are made safe for terminals and spreadsheets. */
export function csvTable(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  return [heads, ...rows].map((row) => `${row.map(csvCell).join(',')}\r\n`).join('');
}

/** Rows as a Markdown table. */
export function markdownTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`;
  return [
    line(columns.map(({ head }) => head)),
    line(columns.map(({ align }) => (align === 'right' ? '---:' : '---'))),
    ...rows.map((row) => line(row.map(markdownCell))),
  ].join('');
}

/** Characters of a name that a report for a terminal shows. */
const shownLength = 48;

/** A name for a line in a terminal: a long one without its middle, since names of layers differ at their end. */
export function shortName(name: string): string {
  const characters = [...name];
  if (characters.length <= shownLength) return name;
  const end = Math.ceil((shownLength * 2) / 3);
  return `${characters.slice(0, shownLength - 1 - end).join('')}…${characters.slice(-end).join('')}`;
}

/** Text from a model with control and direction characters shown as escapes, so that it cannot steer the terminal. */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** A spreadsheet takes text that begins with one of these for a formula and runs it; an apostrophe before it makes it text. */
const beginsFormula = /^[=+\-@]/;

function csvCell(text: string): string {
  const safe = printable(beginsFormula.test(text) ? `'${text}` : text);
  return /[",]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function markdownCell(text: string): string {
  return printable(text).replace(/[\\|<>&~`*_[\]]/g, (character) => `\\${character}`);
}
