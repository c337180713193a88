import type { LayerSummary } from '../../extension/worker/analysis';
import { formatShape } from '../format';

const heads = [
  'Step',
  'Layer',
  'Operator',
  'Output',
  'Parameters',
  'Weight bytes',
  'MACs',
  'Activation bytes',
  'Live bytes',
  'Precision',
];

/** Exact figures, for other programs: no units, no separators; empty where a figure is not known. */
function cells(layer: LayerSummary): string[] {
  return [
    String(layer.step),
    layer.name,
    layer.operator,
    layer.outputShape === undefined ? '' : formatShape(layer.outputShape),
    String(layer.parameters),
    String(layer.weightBytes),
    layer.macs === undefined ? '' : String(layer.macs),
    layer.activationBytes === undefined ? '' : String(layer.activationBytes),
    String(layer.liveBytes),
    layer.precision,
  ];
}

/** The layers as comma-separated values with a head line (RFC 4180 quoting). */
export function asCsv(layers: readonly LayerSummary[]): string {
  const quote = (cell: string): string => {
    // A spreadsheet would run a name that begins like a formula.
    const safe = /^[=+@\t\r]|^-(?!\d)/.test(cell) ? `'${cell}` : cell;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return [heads, ...layers.map(cells)].map((row) => `${row.map(quote).join(',')}\r\n`).join('');
}

/** The layers as a Markdown table. */
export function asMarkdown(layers: readonly LayerSummary[]): string {
  const line = (row: readonly string[]): string => `| ${row.map(escapeMarkdown).join(' | ')} |\n`;
  const rule = heads.map((_head, position) => (position === 0 || (position >= 4 && position <= 8) ? '---:' : '---'));
  return `${line(heads)}| ${rule.join(' | ')} |\n${layers.map((layer) => line(cells(layer))).join('')}`;
}

function escapeMarkdown(cell: string): string {
  return cell.replace(/[\\|`*_<>[\]]/g, '\\$&').replace(/\s+/g, ' ');
}

/** The layers as tab-separated text without a head, as spreadsheets paste it. */
export function asTabSeparated(layers: readonly LayerSummary[]): string {
  return layers
    .map((layer) =>
      cells(layer)
        .map((cell) => cell.replace(/[\t\r\n]+/g, ' '))
        .join('\t'),
    )
    .join('\n');
}
