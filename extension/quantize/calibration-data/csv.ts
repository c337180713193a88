import type { EngineTensor } from '../../inference/engine';
import type { PieceSource } from './byte-pieces';
import { CalibrationDataRefused } from './calibration-files';

export interface CsvRow {
  /** Counted from 1, as editors do. */
  readonly line: number;
  /** DOUBLE, [columns without the label]. */
  readonly values: EngineTensor;
  /** What stands in the column `label` or `y`, where there is one. */
  readonly label: number | undefined;
}

const longestLine = 2 ** 26;

/**
 * The rows of a CSV file, one sample each; fields are separated by commas, semicolons or tabs. A first line that is not all numbers is a header, and its
 * column `label` or `y` is the class. Throws CalibrationDataRefused, with line and column, for what is no number.
 */
export async function* readCsv(name: string, source: PieceSource): AsyncGenerator<CsvRow, void> {
  let separator: string | undefined;
  let labelColumn = -1;
  let columns: number | undefined;
  for await (const { line, text } of linesOf(name, source)) {
    separator ??= [';', '\t'].find((candidate) => text.includes(candidate)) ?? ',';
    const fields = text.split(separator).map(unquoted);
    if (columns === undefined) {
      columns = fields.length;
      if (fields.some((field) => !isNumber(field))) {
        labelColumn = fields.findIndex((field) => ['label', 'y'].includes(field.toLowerCase()));
        continue;
      }
    }
    if (fields.length !== columns) {
      throw new CalibrationDataRefused(
        `${name}, line ${line}: ${fields.length} fields, but the first line has ${columns}.`,
      );
    }
    const wrong = fields.findIndex((field) => !isNumber(field));
    if (wrong >= 0) {
      const text = JSON.stringify(fields[wrong]?.slice(0, 40));
      throw new CalibrationDataRefused(`${name}, line ${line}, column ${wrong + 1}: ${text} is no number.`);
    }
    const numbers = fields.map(Number);
    const values = Float64Array.from(numbers.filter((_, column) => column !== labelColumn));
    yield {
      line,
      values: { dataType: 'DOUBLE', dims: [values.length], data: new Uint8Array(values.buffer) },
      label: labelColumn < 0 ? undefined : numbers[labelColumn],
    };
  }
}

/** The lines that are not empty. */
async function* linesOf(
  name: string,
  source: PieceSource,
): AsyncGenerator<{ readonly line: number; readonly text: string }, void> {
  // The decoder also drops a byte order mark.
  const decoder = new TextDecoder();
  let held = '';
  let line = 0;
  for await (const piece of source.pieces()) {
    const lines = (held + decoder.decode(piece, { stream: true })).split(/\r?\n/);
    held = lines.pop() ?? '';
    if (held.length > longestLine) throw new CalibrationDataRefused(`${name} has a line of more than 64 MiB.`);
    for (const text of lines) {
      line++;
      if (text.trim() !== '') yield { line, text };
    }
  }
  held += decoder.decode();
  if (held.trim() !== '') yield { line: line + 1, text: held };
}

function unquoted(field: string): string {
  return field.trim().replace(/^"(.*)"$/, '$1');
}

function isNumber(field: string): boolean {
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(field) || /^[+-]?(nan|inf(inity)?)$/i.test(field);
}
