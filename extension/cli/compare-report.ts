import { formatBytes, formatWhole } from '../model/format';
import type { Verdict } from '../targets/verdict';
import type { ComparedLayer, ComparedLayerSide, ComparedTotal, Comparison, TotalId } from '../worker/comparison';
import { schemaVersion } from './document';
import { figureText } from './runtime-report';
import type { Style } from './style';
import { type Column, markdownTable, printable, shortName, textTable } from './table';

/** What stands where a notion does not apply or nothing is known. */
const absent = '–';

/** Two models side by side, and the verdicts where there is a target. */
export interface ComparedFiles {
  readonly before: string;
  readonly after: string;
  readonly comparison: Comparison;
  readonly verdicts: { readonly before: Verdict; readonly after: Verdict } | undefined;
}

/** The whole report for a person. */
export function compareText({ before, after, comparison, verdicts }: ComparedFiles, style: Style): string {
  const { totals, layers, runtime } = comparison;
  const types = `${comparison.before.precision} → ${comparison.after.precision}`;
  const facts = [types, runtime ? `on ${runtime.label}` : 'model data alone; the runtime is not counted'];
  const parts = [
    `${style.bold(`${printable(before)} → ${printable(after)}`)}  ${style.muted(printable(facts.join(' · ')))}\n`,
    textTable(totalColumns, totals.map(totalCells)),
    matchedLine(comparison),
    textTable(
      layerColumns,
      bySaving(layers).map((layer) => layerCells({ ...layer, name: shortName(layer.name) })),
    ),
  ];
  if (verdicts) {
    parts.push(
      [verdicts.before, verdicts.after]
        .map((verdict, side) => {
          const lead = style.outcome(verdict.lead, verdict.outcome);
          return `${side === 0 ? 'Before' : 'After '}  ${lead} ${printable(verdict.detail)}\n`;
        })
        .join(''),
    );
  }
  return parts.join('\n');
}

/** Totals and layers as two Markdown tables. */
export function compareMarkdown({ comparison: { totals, layers } }: ComparedFiles): string {
  return `${markdownTable(totalColumns, totals.map(totalCells))}\n${markdownTable(layerColumns, bySaving(layers).map(layerCells))}`;
}

/** The JSON document of `compare`: bytes and counts; null stands for what is not known or does not apply. */
export function compareDocument({ before, after, comparison, verdicts }: ComparedFiles) {
  const side = (file: string, { precision }: Comparison['before']) => ({ file, precision });
  const layerSide = (one: ComparedLayerSide | undefined) =>
    one ? { ...one, liveBytes: one.liveBytes ?? null, servedBy: one.servedBy ?? null } : null;
  return {
    schemaVersion,
    before: side(before, comparison.before),
    after: side(after, comparison.after),
    runtime: comparison.runtime ?? null,
    totals: comparison.totals,
    facts: comparison.facts,
    layers: comparison.layers.map((layer) => ({
      name: layer.name,
      before: layerSide(layer.before),
      after: layerSide(layer.after),
    })),
    verdicts: verdicts ?? null,
  };
}

const totalColumns: readonly Column[] = [
  { head: 'Total' },
  { head: 'Before', align: 'right' },
  { head: 'After', align: 'right' },
  { head: 'Change', align: 'right' },
  { head: 'Share', align: 'right' },
];

const totalNames: Readonly<Record<TotalId, string>> = {
  file: 'File',
  flash: 'Flash',
  weights: 'Weights and biases',
  quantization: 'Quantization data',
  ram: 'RAM',
  live: 'Live peak',
  macs: 'MACs',
  parameters: 'Parameters',
};

function totalCells({ id, unit, before, after, change, share }: ComparedTotal): readonly string[] {
  const text = ({ value, kind }: ComparedTotal['before']): string => {
    if (unit === 'bytes' && id !== 'file') return figureText(value, kind);
    const exact = `${formatWhole(value)}${id === 'file' ? ' bytes' : ''}`;
    return kind === 'lower bound' ? `at least ${exact}` : exact;
  };
  const difference =
    change.value === 0 ? 'same' : `${change.kind === 'estimated' ? '~' : ''}${signed(change.value, id, unit)}`;
  return [
    totalNames[id],
    text(before),
    text(after),
    difference,
    share === null || change.value === 0 ? '' : `${share > 0 ? '+' : ''}${(share * 100).toFixed(1)} %`,
  ];
}

function signed(value: number, id: TotalId, unit: ComparedTotal['unit']): string {
  const text =
    id === 'file' ? `${formatWhole(value)} bytes` : unit === 'bytes' ? formatBytes(value) : formatWhole(value);
  return value > 0 ? `+${text}` : text;
}

function matchedLine({ facts: { matched, onlyBefore, onlyAfter } }: Comparison): string {
  const lone = [onlyBefore > 0 && `${onlyBefore} only before`, onlyAfter > 0 && `${onlyAfter} only after`].filter(
    Boolean,
  );
  const all = matched + onlyBefore + onlyAfter;
  const rest = lone.length > 0 ? `; ${lone.join(', ')}` : '';
  return `${matched} of ${all} layer${all === 1 ? '' : 's'} matched by name${rest}\n`;
}

const layerColumns: readonly Column[] = [
  { head: 'Layer' },
  { head: 'Precision' },
  { head: 'Weights before', align: 'right' },
  { head: 'after', align: 'right' },
  { head: 'saved', align: 'right' },
  { head: 'Live before', align: 'right' },
  { head: 'after', align: 'right' },
  { head: 'saved', align: 'right' },
];

/** Matched layers with most weights saved first, then those of one model alone. */
function bySaving(layers: readonly ComparedLayer[]): readonly ComparedLayer[] {
  const group = ({ before, after }: ComparedLayer): number => (before && after ? 0 : before ? 1 : 2);
  const saved = ({ before, after }: ComparedLayer): number => (after?.weightBytes ?? 0) - (before?.weightBytes ?? 0);
  return [...layers].sort((a, b) => group(a) - group(b) || (group(a) === 0 ? saved(a) - saved(b) : 0));
}

function layerCells({ name, before, after }: ComparedLayer): readonly string[] {
  const bytes = (value: number | undefined): string => (value ? formatBytes(value) : absent);
  const change = (of: (side: ComparedLayerSide) => number | undefined): string => {
    const [one, other] = [before && of(before), after && of(after)];
    if (one === undefined || other === undefined || one === other) return absent;
    return `${other > one ? '+' : ''}${formatBytes(other - one)}`;
  };
  const where = before && after ? '' : before ? ' (only before)' : ' (only after)';
  return [
    `${name}${where}`,
    precisionText(before?.precision, after?.precision),
    bytes(before?.weightBytes),
    bytes(after?.weightBytes),
    change((side) => side.weightBytes),
    bytes(before?.liveBytes),
    bytes(after?.liveBytes),
    change((side) => side.liveBytes),
  ];
}

function precisionText(before: string | undefined, after: string | undefined): string {
  if (before === undefined || after === undefined || before === after) return (before ?? after) || absent;
  return `${before || 'unknown'} → ${after || 'unknown'}`;
}
