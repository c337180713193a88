import type { Verdict } from '../../extension/targets/verdict';
import type { FitRow } from '../fit-table-protocol';

/** What the rows are sorted by: a figure of the model, or its verdict on the chip of this key. */
export type FitColumn = 'path' | 'parameters' | 'flash' | 'ram' | `chip:${string}`;

export interface FitSorting {
  readonly column: FitColumn;
  readonly descending: boolean;
}

/** From what can be used to what cannot. */
const byOutcome = [
  'fits',
  'model-data-fits',
  'tight',
  'does-not-fit',
  'cannot-run',
  'unknown',
] as const satisfies readonly Verdict['outcome'][];

/** The rows in order. Rows without the figure come last either way; equal ones stand by path. `keys`: of the chips, in their order. */
export function sortedRows(rows: readonly FitRow[], sorting: FitSorting, keys: readonly string[]): readonly FitRow[] {
  const sign = sorting.descending ? -1 : 1;
  const valued = rows.map((row) => ({ row, value: figureOf(row, sorting.column, keys) }));
  return valued
    .sort((a, b) => {
      const byPath = a.row.path < b.row.path ? -1 : a.row.path > b.row.path ? 1 : 0;
      if (sorting.column === 'path') return sign * byPath;
      if (a.value === undefined || b.value === undefined)
        return Number(a.value === undefined) - Number(b.value === undefined) || byPath;
      return sign * (a.value - b.value) || byPath;
    })
    .map(({ row }) => row);
}

function figureOf({ state }: FitRow, column: FitColumn, keys: readonly string[]): number | undefined {
  if (state.kind !== 'ready' || column === 'path') return undefined;
  if (column === 'parameters') return state.parameters;
  if (column === 'flash' || column === 'ram') return state[column].bytes;
  const cell = state.cells[keys.indexOf(column.slice('chip:'.length))];
  return cell?.kind === 'judged' ? byOutcome.indexOf(cell.verdict.outcome) : undefined;
}
