/** Rows as comma-separated values (RFC 4180 quoting). */
export function csvText(rows: readonly (readonly string[])[]): string {
  return rows.map((row) => `${row.map(quoted).join(',')}\r\n`).join('');
}

function quoted(cell: string): string {
  // A spreadsheet would run a name that begins like a formula.
  const safe = /^[=+@\t\r]|^-(?!\d)/.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** A Markdown table; columns of numbers stand to the right. */
export function markdownTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  isNumber: (position: number) => boolean,
): string {
  const line = (row: readonly string[]): string => `| ${row.map(escapeMarkdown).join(' | ')} |\n`;
  const rule = head.map((_title, position) => (isNumber(position) ? '---:' : '---'));
  return `${line(head)}| ${rule.join(' | ')} |\n${rows.map(line).join('')}`;
}

function escapeMarkdown(cell: string): string {
  return cell.replace(/[\\|`*_<>[\]]/g, '\\$&').replace(/\s+/g, ' ');
}
