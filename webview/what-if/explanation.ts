import type { FitFigures } from '../../extension/targets/fit-figures';
import type { MemoryVerdict } from '../../extension/targets/verdict';
import type { SchemeSummary, WhatIfCell } from '../../extension/worker/analysis';
import { type Child, element } from '../dom';
import { formatBytes, formatExactBytes, formatLimit, formatQuantity } from '../format';
import { figureTip, markedBytes } from '../kinds';
import type { PageChip } from '../what-if-protocol';
import { lookOf, markWord } from './verdict-mark';

/** Operators that are named one by one. */
const mostOperators = 6;

/** The numbers of a scheme on a chip: both memories with limit and parts, what cannot run, and what was assumed. */
export function explanation(
  row: SchemeSummary,
  chip: PageChip,
  cell: WhatIfCell,
  figures: FitFigures | undefined,
): readonly Child[] {
  const look = lookOf(cell);
  if (cell.kind !== 'judged') {
    return [
      element('p', {}, markWord(look)),
      element('p', {}, cell.kind === 'refused' ? cell.reason : 'Being worked out.'),
    ];
  }
  const { verdict } = cell;
  return [
    element('p', { class: 'cell-verdict' }, markWord(look), ` ${verdict.detail}`),
    element(
      'table',
      { class: 'cell-numbers' },
      element(
        'tbody',
        {},
        memoryRow('Flash', verdict.flash),
        figures && flashParts(figures, chip),
        memoryRow('RAM', verdict.ram, verdict.ram.region),
        figures && ramParts(figures, chip),
        fileRows(row),
      ),
    ),
    figures && cannotRun(figures),
    element(
      'p',
      { class: 'muted' },
      [
        figures
          ? `With ${figures.runtime.label}.`
          : 'The model’s data alone: lower bounds, the runtime is not counted.',
        ...(figures?.notes ?? []),
      ].join(' '),
    ),
  ];
}

function memoryRow(name: string, { bytes, kind, limit, limitLabel }: MemoryVerdict, region?: string): Child {
  const room = limit === undefined ? undefined : limit - bytes;
  return element(
    'tr',
    { class: 'total' },
    element('th', { class: 'total-name', attributes: { scope: 'row' } }, name),
    element('td', { class: 'number', tip: figureTip(bytes, kind) }, markedBytes(bytes, kind)),
    element(
      'td',
      { class: 'muted' },
      limit === undefined ? 'no limit known' : `of ${formatLimit(limit)}${limitLabel ? `, ${limitLabel}` : ''}`,
      region && `, in ${region}`,
    ),
    element(
      'td',
      { class: `number ${room !== undefined && room < 0 ? 'error' : ''}` },
      room !== undefined && (room < 0 ? `${formatBytes(-room)} short` : `${formatBytes(room)} free`),
    ),
  );
}

function partRow(name: string, bytes: number, kind: MemoryVerdict['kind'], rule: string): Child {
  return element(
    'tr',
    {},
    element('td', { class: 'muted part' }, name),
    element('td', { class: 'number', tip: figureTip(bytes, kind, rule) }, markedBytes(bytes, kind)),
    element('td', { attributes: { colspan: 2 } }),
  );
}

function flashParts({ flash }: FitFigures, { reserves }: PageChip): Child {
  return [
    flash.parts
      .filter(({ bytes }) => bytes > 0)
      .map(({ part, bytes, kind, source }) => partRow(part, bytes, kind, source)),
    reserves.flash > 0 && partRow('reserve', reserves.flash, 'exact', 'Kept for the application, as set.'),
  ];
}

function ramParts({ memory }: FitFigures, { reserves }: PageChip): Child {
  const { arenaBytes, persistentBytes, minimumArenaBytes, kind, planner } = memory;
  const kept = reserves.ram + reserves.stack;
  return [
    partRow(
      'smallest arena',
      minimumArenaBytes,
      kind,
      `Buffers ${formatExactBytes(arenaBytes)}, placed by ${planner}; kept while loaded ${formatExactBytes(persistentBytes)}.`,
    ),
    kept > 0 && partRow('reserve', kept, 'exact', 'Kept for stack and application, as set.'),
  ];
}

function fileRows({ state }: SchemeSummary): Child {
  if (state.kind !== 'ready' || state.fileBytes === undefined) return undefined;
  const { codes, fileBytes, externalBytes = 0 } = state;
  return [
    element(
      'tr',
      { class: 'total' },
      element('th', { class: 'total-name', attributes: { scope: 'row' } }, 'File'),
      element('td', { class: 'number' }, markedBytes(fileBytes + externalBytes, 'exact')),
      element(
        'td',
        { class: 'muted', attributes: { colspan: 2 } },
        `as ONNX, ${formatExactBytes(fileBytes + externalBytes)}`,
      ),
    ),
    codes && [
      partRow('codes in the file', codes.inFile, 'exact', 'Bytes of the converted weights as ONNX stores them.'),
      partRow(
        'codes packed',
        codes.packed,
        'exact',
        'As a runtime would hold them that packs codes; not counted in flash.',
      ),
    ],
  ];
}

function cannotRun({ cannotRun: operators, layers, counts }: FitFigures): Child {
  if (operators.length === 0) return undefined;
  const more = counts.cannotRun - Math.min(operators.length, mostOperators);
  return [
    element('p', { class: 'strong' }, `${formatQuantity(counts.cannotRun, 'operator')} cannot run`),
    element(
      'ul',
      { class: 'cell-operators' },
      operators.slice(0, mostOperators).map(({ node, opType, reason }) => {
        const layer = layers.find(({ from }) => from.includes(node));
        return element('li', {}, layer ? `${opType} at ${layer.name}: ` : `${opType}: `, reason);
      }),
      more > 0 && element('li', { class: 'muted' }, `and ${more} more`),
    ),
  ];
}
