import type { FigureKind } from '../../extension/targets/verdict';
import type { SchemeSummary, WhatIfCell } from '../../extension/worker/analysis';
import { type Child, element } from '../dom';
import { formatBytes, formatCount, formatQuantity } from '../format';
import { icon } from '../icons';
import { measuredMark } from '../kinds';
import { togglePopover } from '../popover';
import type { FromPage, PageState } from '../protocol';
import { chipHead } from '../what-if/chip-head';
import { explanation } from '../what-if/explanation';
import { installGridKeys } from '../what-if/grid-keys';
import { figureCells, nameCell } from '../what-if/scheme-cells';
import { cellInWords, cellTip, lookOf, markWord } from '../what-if/verdict-mark';
import type { PageChip } from '../what-if-protocol';

type Send = (message: FromPage) => void;

/**
 * The whole decision at one look: a row per scheme with what it needs and what it costs in accuracy of the weights, a column per chip
 * with whether it fits. A press on a scheme's name shows it everywhere; a press on a cell shows its numbers.
 */
export function whatIf(state: PageState, send: Send): HTMLElement {
  const { schemes, whatIf: table } = state;
  const chips = table?.chips ?? [];
  const runtimes = [...new Set(chips.flatMap(({ runtime }) => (runtime ? familyOf(runtime.label) : [])))];
  const waiting = schemes.filter((row) => row.state.kind === 'on request');
  const refusals = sharedRefusals(schemes);
  const together = new Set(refusals.flatMap(({ rows }) => rows));
  const shown = schemes.filter((row) => row.state.kind !== 'on request' && !together.has(row));
  const columns: Columns = {
    chips,
    // With more chips its room is theirs; it stands in the explanation of every cell.
    withFile: chips.length <= 1,
    withRuntimes: runtimes.length > 1,
    bounds: allBounds(schemes),
  };
  const grid = element(
    'table',
    { class: 'what-if' },
    element('thead', {}, headRow(state, columns, send)),
    element(
      'tbody',
      {},
      shown.map((row) => schemeRow(row, state, columns, send)),
      refusals.map((refusal) => refusalRow(refusal, columns)),
      waiting.length > 0 && waitingRow(state, waiting.length, columns, send),
    ),
  );
  installGridKeys(grid);
  return element(
    'section',
    {},
    element(
      'h2',
      {},
      'What if',
      element('span', { class: 'muted' }, subtitle(state, chips, runtimes)),
      table &&
        element(
          'button',
          {
            class: 'link right',
            key: 'pin-chip',
            attributes: { type: 'button' },
            on: { click: () => send({ type: 'pin-chip' }) },
          },
          'Pin a chip…',
        ),
    ),
    element('div', { class: 'table-box' }, grid),
    element(
      'div',
      { class: 'what-if-foot' },
      table?.asked && stillPlanning(schemes, send),
      table && moreSchemes(table, send),
      codesNote(schemes),
    ),
  );
}

interface Columns {
  readonly chips: readonly PageChip[];
  readonly withFile: boolean;
  readonly withRuntimes: boolean;
  readonly bounds: { readonly flash: boolean; readonly ram: boolean };
}

function subtitle({ runtimeFootprint }: PageState, chips: readonly PageChip[], runtimes: readonly string[]): string {
  if (chips.length > 1) {
    if (runtimes.length === 0) return 'each scheme on each chip; lower bounds, the runtime is not counted';
    return runtimes.length <= 2
      ? `each scheme on each chip, with ${runtimes.join(' or ')}`
      : 'each scheme on each chip, with the chip’s own runtime';
  }
  return runtimeFootprint
    ? `each scheme on ${runtimeFootprint.runtime.label}`
    : 'each scheme; flash and RAM are lower bounds, the runtime is not counted';
}

/** The runtime without the cores it is built for: "TFLM + CMSIS-NN". */
function familyOf(label: string): string {
  return label.replace(/ \(.*$/, '').replace(/,.*$/, '');
}

/** Which columns hold lower bounds alone. */
function allBounds(schemes: readonly SchemeSummary[]): Columns['bounds'] {
  const kinds = (read: 'flashKind' | 'ramKind'): FigureKind[] =>
    schemes.flatMap(({ state }) => (state.kind === 'ready' ? [state[read] ?? 'lower bound'] : []));
  return {
    flash: kinds('flashKind').every((kind) => kind === 'lower bound'),
    ram: kinds('ramKind').every((kind) => kind === 'lower bound'),
  };
}

function headRow(
  { runtimeFootprint }: PageState,
  { chips, withFile, withRuntimes, bounds }: Columns,
  send: Send,
): HTMLElement {
  const label = runtimeFootprint?.runtime.label;
  const flash = label
    ? `What ${label} needs in flash: data, graph and code, without reserve`
    : 'At least: bytes of all constants';
  const ram = label
    ? `What must be reserved in RAM for ${label}, without reserve`
    : 'At least: most bytes of activations live at once';
  return element(
    'tr',
    {},
    element('th', { attributes: { scope: 'col' } }, 'Scheme'),
    numberHead('Flash', flash, bounds.flash),
    numberHead('RAM', ram, bounds.ram),
    withFile && numberHead('File', 'Exact: bytes of the file that would be written', false),
    element(
      'th',
      {
        class: 'number',
        attributes: { scope: 'col' },
        tip: 'Signal to quantization noise of the converted weights, measured over all of them. No accuracy is claimed.',
      },
      'Weights',
      element('br'),
      'dB',
      measuredMark(),
    ),
    chips.map((chip, position) => chipHead(chip, firstChipColumn + position, chips, send, withRuntimes)),
  );
}

/** Before it stand the name and the figures that can be pressed. */
const firstChipColumn = 2;

function numberHead(title: string, tip: string, atLeast: boolean): HTMLElement {
  return element(
    'th',
    { class: 'number', tip, attributes: { scope: 'col' } },
    atLeast && [element('span', { class: 'small' }, 'at least'), element('br')],
    title,
  );
}

function schemeRow(row: SchemeSummary, state: PageState, columns: Columns, send: Send): HTMLElement {
  const current = row.id === state.precision;
  const name = nameCell(row, current, (precision) => send({ type: 'set-precision', precision }));
  if (row.state.kind === 'refused') {
    const { reason } = row.state;
    return element(
      'tr',
      { class: 'refused' },
      name,
      element(
        'td',
        { class: 'muted reason-cell', tip: reason, attributes: { colspan: columnCount(columns) - 1 } },
        element('span', { class: 'mark-word' }, icon('unknown'), element('span', {}, reason)),
      ),
    );
  }
  return element(
    'tr',
    { class: current ? 'current' : '' },
    name,
    figureCells(row, columns, send),
    columns.chips.map((chip, position) =>
      chipCell(row, chip, row.cells?.[position] ?? { kind: 'planning' }, firstChipColumn + position, state),
    ),
  );
}

function columnCount({ chips, withFile }: Columns): number {
  return 4 + (withFile ? 1 : 0) + chips.length;
}

function chipCell(
  row: SchemeSummary,
  chip: PageChip,
  cell: WhatIfCell,
  column: number,
  { whatIf: table }: PageState,
): HTMLElement {
  const chipName = chip.target?.name ?? chip.key;
  const figures = chip.runtime && table?.figures[row.id]?.[chip.runtime.id];
  const button = element(
    'button',
    {
      class: 'cell',
      key: `cell-${row.id}-${chip.key}`,
      tip: cellTip(cell),
      attributes: {
        type: 'button',
        'aria-haspopup': 'dialog',
        'aria-label': `${row.label} on ${chipName}: ${cellInWords(cell)}`,
        'data-column': column,
      },
      on: {
        click: () => togglePopover(button, `${row.label} on ${chipName}`, explanation(row, chip, cell, figures)),
      },
    },
    markWord(lookOf(cell)),
  );
  return element('td', { class: chip.chosen ? 'chip chosen' : 'chip' }, button);
}

interface Refusal {
  readonly reason: string;
  readonly rows: readonly SchemeSummary[];
}

/** Reasons that several schemes share: a quantized model would have the same line nine times. */
function sharedRefusals(schemes: readonly SchemeSummary[]): readonly Refusal[] {
  const byReason = new Map<string, SchemeSummary[]>();
  for (const row of schemes) {
    if (row.state.kind !== 'refused') continue;
    const others = byReason.get(row.state.reason);
    if (others) others.push(row);
    else byReason.set(row.state.reason, [row]);
  }
  return [...byReason].flatMap(([reason, rows]) => (rows.length > 1 ? [{ reason, rows }] : []));
}

function refusalRow({ reason, rows }: Refusal, columns: Columns): HTMLElement {
  const labels = rows.map(({ label }) => label).join(', ');
  return element(
    'tr',
    { class: 'refused' },
    element(
      'td',
      { class: 'muted shared-reason', attributes: { colspan: columnCount(columns) } },
      element('span', { class: 'reason' }, icon('unknown'), `${labels}: ${reason}`),
    ),
  );
}

/** Large models: what can be had, and what it takes. */
function waitingRow({ analysis }: PageState, count: number, columns: Columns, send: Send): HTMLElement {
  return element(
    'tr',
    {},
    element(
      'td',
      { class: 'muted', attributes: { colspan: columnCount(columns) } },
      `With ${formatCount(analysis.model.nodeCount)} nodes the schemes take a while. `,
      element(
        'button',
        {
          class: 'link',
          key: 'work-out',
          attributes: { type: 'button' },
          on: { click: () => send({ type: 'work-out-schemes' }) },
        },
        `Work out ${formatQuantity(count, 'scheme')}`,
      ),
    ),
  );
}

/** How far the schemes of a large model are, and what ends the work; nothing once all are there. */
function stillPlanning(schemes: readonly SchemeSummary[], send: Send): Child {
  const left = schemes.filter(({ state }) => state.kind === 'planning').length;
  if (left === 0) return undefined;
  // The file itself is no scheme.
  const all = schemes.length - 1;
  return element(
    'span',
    { class: 'muted', attributes: { role: 'status' } },
    `${formatCount(all - left)} of ${formatQuantity(all, 'scheme')} worked out `,
    element(
      'button',
      {
        class: 'link',
        key: 'stop-schemes',
        attributes: { type: 'button' },
        on: { click: () => send({ type: 'stop-schemes' }) },
      },
      'Stop',
    ),
  );
}

/** Flash counts codes as the file holds them; what packing would leave is said, not counted. */
function codesNote(schemes: readonly SchemeSummary[]): Child {
  const wide = schemes.flatMap(({ label, state }) =>
    state.kind === 'ready' && state.codes
      ? [`${label} ${formatBytes(state.codes.inFile)}, packed ${formatBytes(state.codes.packed)}`]
      : [],
  );
  if (wide.length === 0) return undefined;
  return element('span', { class: 'muted' }, `Flash counts codes as the file holds them: ${wide.join('; ')}.`);
}

function moreSchemes({ allSchemes, rareSchemes }: NonNullable<PageState['whatIf']>, send: Send): Child {
  return element(
    'button',
    {
      class: 'link',
      key: 'all-schemes',
      attributes: { type: 'button', 'aria-expanded': allSchemes ? 'true' : 'false' },
      on: { click: () => send({ type: 'show-all-schemes', all: !allSchemes }) },
    },
    allSchemes ? 'Fewer schemes' : `${rareSchemes} more schemes`,
  );
}
