import type { Diagnostic } from '../../extension/model/diagnostic';
import type { LayerSummary } from '../../extension/worker/analysis';
import { element, layerName, setAttributes, setStyle } from '../dom';
import {
  formatBytes,
  formatCount,
  formatExactBytes,
  formatMacs,
  formatMilliseconds,
  formatQuantity,
  notApplicable,
} from '../format';
import { icon } from '../icons';
import type { Sorting } from '../store';
import { type Column, type ColumnId, columns } from './columns';
import type { GroupRow, LayerRow, Row } from './rows';
import { latencyTip, type TimedLayer } from './timed';

const rowHeight = 22;
/** Rows drawn above and below the visible ones, so that a small scroll shows no gap. */
const margin = 8;

export interface TableContent {
  readonly rows: readonly Row[];
  readonly sorting: Sorting | undefined;
  readonly selected: ReadonlySet<number>;
  /** Largest values, the full width of the bars. */
  readonly scale: { readonly weights: number; readonly macs: number; readonly activations: number };
  readonly diagnostics: ReadonlyMap<number, Diagnostic>;
  readonly grouped: boolean;
  /** The rows are operators that run, some with the nodes they became from below. */
  readonly lowered: boolean;
  /** The column of latencies is shown. */
  readonly timed: boolean;
}

export interface TableActions {
  sort(column: Column): void;
  /** `extend`: from the last plain selection to this row (Shift). `toggle`: this row alone joins or leaves. */
  select(step: number, how: 'only' | 'extend' | 'toggle'): void;
  toggleGroup(name: string, open: boolean): void;
  toggleNodes(key: string, open: boolean): void;
  open(): void;
  leave(): void;
  copy(): void;
  scrolled(top: number): void;
}

/** A grid that draws only the rows in sight. Rows are 22 px each, so their places follow from the scroll position alone. */
export class LayersTable {
  readonly root: HTMLElement;
  private readonly head: HTMLElement;
  private readonly body = element('div', { class: 'grid-body', attributes: { role: 'rowgroup' } });
  private content: TableContent = {
    rows: [],
    sorting: undefined,
    selected: new Set(),
    scale: { weights: 0, macs: 0, activations: 0 },
    diagnostics: new Map(),
    grouped: false,
    lowered: false,
    timed: false,
  };
  /** Position of the row the keys act on. */
  private active = 0;
  private frame = 0;

  constructor(private readonly actions: TableActions) {
    this.head = element('div', { class: 'grid-row grid-head', attributes: { role: 'row', 'aria-rowindex': 1 } });
    this.root = element(
      'div',
      {
        class: 'grid',
        key: 'layers-grid',
        attributes: { role: 'treegrid', 'aria-label': 'Layers', 'aria-multiselectable': 'true', tabindex: 0 },
        on: {
          scroll: () => this.scheduleDraw(),
          keydown: (event) => this.onKey(event),
          click: (event) => this.onPress(event),
        },
      },
      element('div', { attributes: { role: 'rowgroup' }, class: 'grid-head-group' }, this.head),
      this.body,
    );
    new ResizeObserver(() => this.scheduleDraw()).observe(this.root);
  }

  show(content: TableContent): void {
    this.content = content;
    this.active = Math.min(this.active, Math.max(0, content.rows.length - 1));
    setAttributes(this.root, {
      role: content.grouped || content.lowered ? 'treegrid' : 'grid',
      'aria-rowcount': content.rows.length + 1,
      'aria-colcount': columns.length - (content.timed ? 0 : 1),
    });
    this.root.classList.toggle('timed', content.timed);
    setStyle(this.body, { height: `${content.rows.length * rowHeight}px` });
    this.drawHead();
    this.drawRows();
  }

  /** Makes a layer the active row and scrolls it into sight. */
  reveal(step: number): void {
    const position = this.content.rows.findIndex((row) => row.kind === 'layer' && row.layer.step === step);
    if (position < 0) return;
    this.active = position;
    this.scrollToActive();
    this.drawRows();
  }

  private drawHead(): void {
    const { sorting } = this.content;
    if (this.head.childElementCount === 0) {
      for (const column of columns) {
        this.head.append(
          element(
            'div',
            { class: cellClass(column), attributes: { role: 'columnheader' } },
            element(
              'button',
              {
                class: 'head-button',
                tip: `${column.rule}. Press to sort.`,
                attributes: { type: 'button' },
                on: { click: () => this.actions.sort(column) },
              },
              column.title,
            ),
          ),
        );
      }
    }
    columns.forEach((column, position) => {
      const cell = this.head.children[position];
      const order = sorting?.column === column.id ? (sorting.descending ? 'descending' : 'ascending') : 'none';
      if (cell) setAttributes(cell, { 'aria-sort': order });
    });
  }

  private scheduleDraw(): void {
    if (this.frame !== 0) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.drawRows();
      this.actions.scrolled(this.root.scrollTop);
    });
  }

  private drawRows(): void {
    const { rows } = this.content;
    const first = Math.max(0, Math.floor(this.root.scrollTop / rowHeight) - margin);
    const count = Math.ceil(this.root.clientHeight / rowHeight) + 2 * margin;
    const drawn: HTMLElement[] = [];
    for (let position = first; position < Math.min(rows.length, first + count); position++) {
      const row = rows[position];
      if (row) drawn.push(this.drawRow(row, position));
    }
    this.body.replaceChildren(...drawn);
    const current = drawn.some((row) => row.id === rowId(this.active));
    setAttributes(this.root, { 'aria-activedescendant': current ? rowId(this.active) : undefined });
  }

  private drawRow(row: Row, position: number): HTMLElement {
    const selected = row.kind === 'layer' && this.content.selected.has(row.layer.step);
    const open = row.kind === 'group' ? row.open : row.expansion?.open;
    const classes = [
      'grid-row',
      row.kind === 'group' ? 'group' : row.node ? 'node' : '',
      selected ? 'selected' : '',
      position === this.active ? 'active' : '',
    ];
    return element(
      'div',
      {
        class: classes.filter(Boolean).join(' '),
        style: { transform: `translateY(${position * rowHeight}px)` },
        attributes: {
          role: 'row',
          id: rowId(position),
          'aria-rowindex': position + 2,
          'aria-selected': row.kind === 'layer' ? (selected ? 'true' : 'false') : undefined,
          'aria-level': this.levelOf(row),
          'aria-expanded': open === undefined ? undefined : open ? 'true' : 'false',
          'data-position': position,
        },
      },
      row.kind === 'group' ? this.groupCells(row) : this.layerCells(row),
    );
  }

  private levelOf(row: Row): number | undefined {
    const { grouped, lowered } = this.content;
    if (!grouped && !lowered) return undefined;
    if (row.kind === 'group') return 1;
    return (grouped ? 2 : 1) + (row.node ? 1 : 0);
  }

  private layerCells({ layer, label, expansion }: LayerRow): HTMLElement[] {
    const timed: TimedLayer = layer;
    return columns.map((column) => {
      const text = column.text(layer);
      const unknown = layer.unknown !== undefined && column.value(layer) === undefined;
      const value = column.value(layer);
      const formula = column.formula?.(layer) !== undefined;
      const exact =
        column.id === 'latency'
          ? timed.latency && latencyTip(timed.latency)
          : typeof value === 'number' && value > 0
            ? exactText(column.id, value, formula)
            : undefined;
      const tip = unknown ? layer.unknown : (exact ?? (column.numeric ? undefined : text));
      if (column.id === 'name') return this.nameCell(layer, label, expansion?.open);
      if (column.bar && typeof value === 'number' && value > 0)
        return barCell(column, value / this.content.scale[column.bar], text, tip);
      return element(
        'div',
        { class: cellClass(column, text === notApplicable), attributes: { role: 'gridcell' }, tip },
        text,
      );
    });
  }

  private nameCell(layer: LayerSummary, label: string, open: boolean | undefined): HTMLElement {
    const fault = this.content.diagnostics.get(layer.index);
    const reason = fault?.message ?? layer.unknown ?? layer.remark;
    const severity = fault?.severity ?? (layer.unknown ? 'warning' : 'note');
    return element(
      'div',
      {
        class: 'cell column-name',
        attributes: { role: 'gridcell' },
        tip: reason ? `${layer.name}\n${reason}` : layer.name,
      },
      open === undefined
        ? element('span', { class: 'twist' })
        : element('span', { class: 'twist opens', attributes: { 'aria-hidden': 'true' } }, open ? '⌄' : '›'),
      layerName(label),
      reason &&
        element(
          'span',
          { class: `mark ${severity}`, attributes: { role: 'img', 'aria-label': reason } },
          icon(severityIcon(severity)),
        ),
    );
  }

  private groupCells(row: GroupRow): HTMLElement[] {
    const { sums } = row;
    const macs = `${sums.macsIncomplete ? '≥ ' : ''}${formatMacs(sums.macs)}`;
    const texts: Readonly<Record<ColumnId, string>> = {
      name: row.name || 'no module',
      operator: formatQuantity(sums.layers, 'op'),
      output: '',
      parameters: sums.parameters === 0 ? notApplicable : formatCount(sums.parameters),
      weights: sums.weightBytes === 0 ? notApplicable : formatBytes(sums.weightBytes),
      macs,
      activation: '',
      live: formatBytes(sums.peakLiveBytes),
      latency: sums.latency ? formatMilliseconds(sums.latency.middleMs) : notApplicable,
      precision: sums.precisions.join(', '),
    };
    const values: Partial<Record<ColumnId, number>> = {
      weights: sums.weightBytes,
      macs: sums.macs,
      live: sums.peakLiveBytes,
    };
    return columns.map((column) => {
      const text = texts[column.id];
      const value = values[column.id] ?? 0;
      if (column.id === 'name') {
        return element(
          'div',
          { class: 'cell column-name', attributes: { role: 'gridcell' }, tip: text },
          element('span', { class: 'twist', attributes: { 'aria-hidden': 'true' } }, row.open ? '⌄' : '›'),
          layerName(text),
        );
      }
      if (column.bar && value > 0) return barCell(column, value / this.content.scale[column.bar], text, undefined);
      const quiet = text === notApplicable || !column.numeric;
      return element('div', { class: cellClass(column, quiet), attributes: { role: 'gridcell' } }, text);
    });
  }

  private onPress(event: MouseEvent): void {
    const target = event.target instanceof Element ? event.target.closest('[data-position]') : null;
    const position = Number(target?.getAttribute('data-position') ?? Number.NaN);
    const row = this.content.rows[position];
    if (row === undefined) return;
    this.active = position;
    const onTwist = event.target instanceof Element && event.target.closest('.opens') !== null;
    if (row.kind === 'group') this.actions.toggleGroup(row.name, !row.open);
    else if (onTwist && row.expansion) this.actions.toggleNodes(row.expansion.key, !row.expansion.open);
    // Rows are redrawn between two presses, so no dblclick event comes.
    else if (event.detail === 2) this.actions.open();
    else
      this.actions.select(
        row.layer.step,
        event.shiftKey ? 'extend' : event.ctrlKey || event.metaKey ? 'toggle' : 'only',
      );
  }

  private onKey(event: KeyboardEvent): void {
    if (event.target !== this.root) return;
    const page = Math.max(1, Math.floor(this.root.clientHeight / rowHeight) - 2);
    const last = this.content.rows.length - 1;
    const row = this.content.rows[this.active];
    const moves: Readonly<Record<string, number>> = {
      ArrowDown: this.active + 1,
      ArrowUp: this.active - 1,
      PageDown: this.active + page,
      PageUp: this.active - page,
      Home: 0,
      End: last,
    };
    const move = moves[event.key];
    if (move !== undefined) this.moveTo(Math.max(0, Math.min(last, move)), event.shiftKey);
    else if (event.key === 'Enter' || event.key === ' ') {
      if (row?.kind === 'group') this.actions.toggleGroup(row.name, !row.open);
      else this.actions.open();
    } else if (event.key === 'ArrowLeft' || event.key === 'ArrowRight') this.closeOrOpen(event.key === 'ArrowRight');
    else if (event.key === 'Escape') this.actions.leave();
    else if (event.key.toLowerCase() === 'c' && (event.ctrlKey || event.metaKey)) this.actions.copy();
    else return;
    event.preventDefault();
  }

  private closeOrOpen(open: boolean): void {
    const row = this.content.rows[this.active];
    if (row?.kind === 'group') {
      if (row.open !== open) this.actions.toggleGroup(row.name, open);
    } else if (row?.expansion && row.expansion.open !== open) this.actions.toggleNodes(row.expansion.key, open);
    else if (!open) {
      const isHead = (one: Row): boolean => one.kind === 'group' || (row?.node === true && one.expansion !== undefined);
      const head = this.content.rows.findLastIndex((one, position) => position < this.active && isHead(one));
      if (head >= 0) this.moveTo(head, false);
    }
  }

  private moveTo(position: number, extend: boolean): void {
    const row = this.content.rows[position];
    if (row === undefined) return;
    this.active = position;
    this.scrollToActive();
    if (row.kind === 'layer') this.actions.select(row.layer.step, extend ? 'extend' : 'only');
    else this.drawRows();
  }

  private scrollToActive(): void {
    const top = this.active * rowHeight;
    const headHeight = this.head.offsetHeight;
    const visible = this.root.clientHeight - headHeight;
    if (top < this.root.scrollTop) this.root.scrollTop = top;
    else if (top + rowHeight > this.root.scrollTop + visible) this.root.scrollTop = top + rowHeight - visible;
  }
}

function rowId(position: number): string {
  return `layer-row-${position}`;
}

function cellClass(column: Column, quiet = false): string {
  return `cell column-${column.id}${column.numeric ? ' number' : ''}${quiet || column.id === 'operator' || column.id === 'output' ? ' muted' : ''}`;
}

function barCell(column: Column, share: number, text: string, tip: string | undefined): HTMLElement {
  return element(
    'div',
    { class: `${cellClass(column)} with-bar`, attributes: { role: 'gridcell' }, tip },
    element(
      'span',
      { class: 'inline-bar', attributes: { 'aria-hidden': 'true' } },
      element('i', { class: `fill-${column.bar ?? 'macs'}`, style: { width: `${Math.min(100, share * 100)}%` } }),
    ),
    element('span', { class: 'bar-text' }, text),
  );
}

function exactText(column: ColumnId, value: number, isFormula: boolean): string {
  const number =
    column === 'macs'
      ? `${formatCount(value)} MACs`
      : column === 'parameters'
        ? `${formatCount(value)} elements`
        : formatExactBytes(value);
  return isFormula ? `${number} with each open dimension counted as 1` : `Exact. ${number}`;
}

/** The icon that stands for a diagnostic's severity. */
export function severityIcon(severity: Diagnostic['severity']): 'error' | 'tight' | 'note' {
  return severity === 'error' ? 'error' : severity === 'warning' ? 'tight' : 'note';
}
