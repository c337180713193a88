import type { ComparedLayer, ComparedLayerSide } from '../../extension/worker/comparison';
import { type Child, element, layerName, setAttributes, setStyle } from '../dom';
import { formatExactBytes, notApplicable } from '../format';
import { measuredMark } from '../kinds';
import type { Sorting } from '../store';
import { type CompareColumn, type CompareRow, change, compareColumns, precisionText } from './rows';

const rowHeight = 22;
/** Rows drawn above and below the visible ones, so that a small scroll shows no gap. */
const margin = 8;

export interface CompareTableContent {
  readonly rows: readonly CompareRow[];
  readonly sorting: Sorting | undefined;
  /** Name of the selected layer. */
  readonly selected: string | undefined;
}

export interface CompareTableActions {
  sort(column: CompareColumn): void;
  select(layer: ComparedLayer): void;
  /** Shows a layer in Layers. */
  open(layer: ComparedLayer): void;
  leave(): void;
  copy(text: string): void;
  scrolled(top: number): void;
}

/** The layers of both models: a grid that draws only the rows in sight, 22 px each. */
export class CompareTable {
  readonly root: HTMLElement;
  private readonly head: HTMLElement;
  private readonly body = element('div', { class: 'compare-body', attributes: { role: 'rowgroup' } });
  private content: CompareTableContent = { rows: [], sorting: undefined, selected: undefined };
  /** Largest changes, the full width of the bars. */
  private scale = { weights: 0, activations: 0 };
  /** Position of the row the keys act on. */
  private active = 0;
  private frame = 0;

  constructor(private readonly actions: CompareTableActions) {
    this.head = element(
      'div',
      { class: 'compare-row compare-heads', attributes: { role: 'row', 'aria-rowindex': 1 } },
      compareColumns.map((column) => headCell(column, () => actions.sort(column))),
    );
    this.root = element(
      'div',
      {
        class: 'compare-grid',
        key: 'compare-grid',
        attributes: { role: 'grid', 'aria-label': 'Layers before and after', tabindex: 0 },
        on: {
          scroll: () => this.scheduleDraw(),
          keydown: (event) => this.onKey(event),
          click: (event) => this.onPress(event),
        },
      },
      element('div', { class: 'compare-head-group', attributes: { role: 'rowgroup' } }, this.head),
      this.body,
    );
    new ResizeObserver(() => this.scheduleDraw()).observe(this.root);
  }

  show(content: CompareTableContent): void {
    this.content = content;
    this.active = Math.min(this.active, Math.max(0, content.rows.length - 1));
    const most = (of: (side: ComparedLayerSide) => number | undefined): number =>
      content.rows.reduce(
        (best, row) => (row.kind === 'layer' ? Math.max(best, Math.abs(change(row.layer, of) ?? 0)) : best),
        0,
      );
    this.scale = { weights: most((side) => side.weightBytes), activations: most((side) => side.liveBytes) };
    setAttributes(this.root, { 'aria-rowcount': content.rows.length + 1, 'aria-colcount': compareColumns.length });
    setStyle(this.body, { height: `${content.rows.length * rowHeight}px` });
    const { sorting } = content;
    compareColumns.forEach((column, position) => {
      const cell = this.head.children[position];
      const order = sorting?.column === column.id ? (sorting.descending ? 'descending' : 'ascending') : 'none';
      if (cell) setAttributes(cell, { 'aria-sort': order });
    });
    this.drawRows();
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

  private drawRow(row: CompareRow, position: number): HTMLElement {
    const selected = row.kind === 'layer' && row.layer.name === this.content.selected;
    const classes = [
      'compare-row',
      row.kind === 'group' ? 'group' : '',
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
          'aria-selected': row.kind === 'group' ? undefined : selected ? 'true' : 'false',
          'data-position': position,
        },
      },
      row.kind === 'group'
        ? element(
            'div',
            { class: 'compare-group', attributes: { role: 'gridcell', 'aria-colspan': compareColumns.length } },
            row.title,
          )
        : compareColumns.map((column) => this.cell(column, row.layer)),
    );
  }

  private cell(column: CompareColumn, layer: ComparedLayer): HTMLElement {
    const attributes = { role: 'gridcell' };
    const text = column.text(layer);
    if (column.id === 'layer') {
      return element('div', { class: 'cell compare-layer', attributes, tip: layerTip(layer) }, layerName(layer.name));
    }
    if (column.id === 'precision') {
      return element('div', { class: 'cell ellipsis', attributes, tip: text }, precisionCell(layer));
    }
    const value = column.value(layer);
    const tip = typeof value === 'number' && value !== 0 ? tipOf(column, layer, value) : undefined;
    const quiet = text === notApplicable || column.id === 'weights-before' || column.id === 'live-before';
    if (!column.bar) {
      return element('div', { class: `cell number${quiet ? ' muted' : ''} at-${column.id}`, attributes, tip }, text);
    }
    const share = typeof value === 'number' && value !== 0 ? Math.abs(value) / this.scale[column.bar] : 0;
    const grew = typeof value === 'number' && value > 0;
    return element(
      'div',
      { class: `cell compare-saved${quiet ? ' muted' : ''} at-${column.id}`, attributes, tip },
      element(
        'span',
        { class: value === undefined ? '' : 'inline-bar', attributes: { 'aria-hidden': 'true' } },
        element('i', { class: grew ? 'fill-grew' : `fill-${column.bar}`, style: { width: `${share * 100}%` } }),
      ),
      element('span', { class: 'number' }, text),
    );
  }

  private onPress(event: MouseEvent): void {
    const target = event.target instanceof Element ? event.target.closest('[data-position]') : null;
    const position = Number(target?.getAttribute('data-position') ?? Number.NaN);
    const row = this.content.rows[position];
    if (row?.kind !== 'layer') return;
    this.active = position;
    // Rows are redrawn between two presses, so no dblclick event comes.
    if (event.detail === 2) this.actions.open(row.layer);
    else this.actions.select(row.layer);
    this.drawRows();
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
    if (move !== undefined) this.moveTo(Math.max(0, Math.min(last, move)));
    else if (event.key === 'Escape') this.actions.leave();
    else if ((event.key === 'Enter' || event.key === ' ') && row?.kind === 'layer') this.actions.open(row.layer);
    else if (event.key.toLowerCase() === 'c' && (event.ctrlKey || event.metaKey) && row?.kind === 'layer')
      this.actions.copy(asTabs(row.layer));
    else return;
    event.preventDefault();
  }

  private moveTo(position: number): void {
    const row = this.content.rows[position];
    if (row === undefined) return;
    this.active = position;
    const top = position * rowHeight;
    const visible = this.root.clientHeight - this.head.offsetHeight;
    if (top < this.root.scrollTop) this.root.scrollTop = top;
    else if (top + rowHeight > this.root.scrollTop + visible) this.root.scrollTop = top + rowHeight - visible;
    if (row.kind === 'layer') this.actions.select(row.layer);
    this.drawRows();
  }
}

function rowId(position: number): string {
  return `compare-row-${position}`;
}

function headCell(column: CompareColumn, press: () => void): HTMLElement {
  return element(
    'div',
    {
      class: `cell${column.numeric ? ' number' : ''} at-${column.id}`,
      attributes: { role: 'columnheader', 'aria-label': column.fullTitle },
    },
    element(
      'button',
      {
        class: 'head-button',
        tip: `${column.rule}. Press to sort.`,
        attributes: { type: 'button' },
        on: { click: press },
      },
      column.narrowTitle === undefined
        ? column.title
        : [
            element('span', { class: 'compare-wide' }, column.title),
            element('span', { class: 'compare-narrow' }, column.narrowTitle),
          ],
      column.measured && measuredMark(),
    ),
  );
}

/** The type that is new stands out. */
function precisionCell(layer: ComparedLayer): Child {
  const { before, after } = layer;
  if (!before || !after || before.precision === after.precision) {
    return element('span', { class: 'muted' }, precisionText(layer));
  }
  return [
    before.precision || 'unknown',
    element('span', { class: 'muted' }, ' → '),
    element('b', { class: 'strong' }, after.precision || 'unknown'),
  ];
}

function layerTip({ name, before, after }: ComparedLayer): string {
  const lines = [name];
  if (before && after && after.name !== before.name) lines.push(`After: ${after.name}`);
  const operators = [before?.operator, after?.operator].filter((operator) => operator !== undefined);
  lines.push([...new Set(operators)].join(' → '));
  if (before?.servedBy) lines.push(`Before with ${before.servedBy}`);
  if (after?.servedBy) lines.push(`After with ${after.servedBy}`);
  return lines.join('\n');
}

function tipOf(column: CompareColumn, layer: ComparedLayer, value: number): string {
  if (column.id === 'weights-db' || column.id === 'output-db') return column.rule;
  const side = column.id === 'weights-before' ? layer.before : column.id === 'weights-after' ? layer.after : undefined;
  const scales = side?.quantizationBytes ?? 0;
  const parts = scales > 0 ? `\nOf them ${formatExactBytes(scales)} of scales and zero points.` : '';
  return `Exact. ${formatExactBytes(value)}.${parts}`;
}

/** A row as tab-separated text, with heads. */
function asTabs(layer: ComparedLayer): string {
  const heads = compareColumns.map(({ fullTitle }) => fullTitle).join('\t');
  return `${heads}\n${compareColumns.map((column) => column.text(layer)).join('\t')}\n`;
}
