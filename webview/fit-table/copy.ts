import type { FitFigure, FitRow } from '../fit-table-protocol';
import { bytesInWords } from '../kinds';
import { csvText, markdownTable } from '../text-table';
import { cellInWords } from '../what-if/verdict-mark';
import type { PageChip } from '../what-if-protocol';

function heads(chips: readonly PageChip[]): readonly string[] {
  return chips.map(({ key, target }) => target?.name ?? key);
}

/** Exact figures with their kind, for other programs: no units, no separators; empty where nothing is known. */
export function asCsv(rows: readonly FitRow[], chips: readonly PageChip[]): string {
  const head = ['Model', 'Parameters', 'Flash bytes', 'Flash kind', 'RAM bytes', 'RAM kind', ...heads(chips), 'Remark'];
  const bytes = ({ bytes: count, kind }: FitFigure) => [String(count), kind];
  return csvText([
    head,
    ...rows.map(({ path, state }) =>
      state.kind === 'ready'
        ? [
            path,
            String(state.parameters),
            ...bytes(state.flash),
            ...bytes(state.ram),
            ...state.cells.map(cellInWords),
            '',
          ]
        : [path, ...Array.from({ length: 5 + chips.length }, () => ''), remarkOf(state)],
    ),
  ]);
}

/** The table as Markdown, with units. */
export function asMarkdown(rows: readonly FitRow[], chips: readonly PageChip[]): string {
  const text = ({ bytes, kind }: FitFigure) => bytesInWords(bytes, kind);
  return markdownTable(
    ['Model', 'Parameters', 'Flash', 'RAM', ...heads(chips)],
    rows.map(({ path, state }) =>
      state.kind === 'ready'
        ? [path, String(state.parameters), text(state.flash), text(state.ram), ...state.cells.map(cellInWords)]
        : [path, remarkOf(state), '', '', ...chips.map(() => '')],
    ),
    (position) => position >= 1 && position <= 3,
  );
}

function remarkOf(state: FitRow['state']): string {
  return state.kind === 'unreadable' ? `cannot be read: ${state.reason}` : state.kind === 'ready' ? '' : 'not measured';
}
