import { type Child, element, redraw } from '../dom';
import type { FitFigure, FitRow, FromFitTable, ToFitTable } from '../fit-table-protocol';
import { formatCount, formatQuantity, notApplicable } from '../format';
import { icon } from '../icons';
import { figureTip, markedBytes } from '../kinds';
import { chipHead } from '../what-if/chip-head';
import { installGridKeys } from '../what-if/grid-keys';
import { cellInWords, cellTip, lookOf, markWord } from '../what-if/verdict-mark';
import { asCsv, asMarkdown } from './copy';
import { type FitColumn, type FitSorting, sortedRows } from './order';

type Send = (message: FromFitTable) => void;
type Shown = Extract<ToFitTable, { type: 'table' }>;

/** Before it stand name, parameters, flash and RAM. */
const firstChipColumn = 4;
/** A stable name for the rows' elements, from an untrusted path. */
const keyOf = (path: string, column: number): string => `row-${column}-${path}`;

/** The models of a folder on each chip: a row per model, which may come at any time. */
export class FitTableView {
  readonly root = element('main', { class: 'fit-table' });
  private readonly status = element('p', { class: 'fit-status muted', attributes: { role: 'status' } });
  private readonly actions = element('div', { class: 'fit-actions' });
  private readonly box = element('div', { class: 'table-box' });
  private shown: Shown | undefined;
  private readonly drawn = new Map<string, HTMLTableRowElement>();
  private frame = 0;

  constructor(
    private readonly send: Send,
    private sorting: FitSorting,
    private readonly sorted: (sorting: FitSorting) => void,
  ) {
    const marks =
      'Flash and RAM: ~ estimated, † published, ≥ at least (the model’s data alone). A press on a row opens the model.';
    this.root.append(this.status, this.actions, this.box, element('p', { class: 'muted kinds' }, marks));
  }

  receive(message: ToFitTable): void {
    switch (message.type) {
      case 'table':
        this.shown = message;
        this.drawTable();
        return;
      case 'row':
        this.takeRow(message.row);
        return;
      case 'progress':
        if (!this.shown) return;
        this.shown = { ...this.shown, progress: message.progress };
        this.drawStatus();
    }
  }

  private takeRow(row: FitRow): void {
    if (!this.shown) return;
    this.shown = { ...this.shown, rows: this.shown.rows.map((other) => (other.path === row.path ? row : other)) };
    const before = this.drawn.get(row.path);
    if (!before) return;
    const focused = before.contains(document.activeElement) ? document.activeElement?.getAttribute('data-key') : null;
    const stop = before.querySelector<HTMLElement>('[data-column][tabindex="0"]')?.dataset['column'];
    const after = this.drawRow(row);
    before.replaceWith(after);
    // The table keeps its one tab stop, and the focus its place.
    if (stop !== undefined)
      after.querySelector<HTMLElement>(`[data-column="${stop}"], [data-column]`)?.setAttribute('tabindex', '0');
    if (focused)
      after.querySelector<HTMLElement>(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.settleOrder());
  }

  /** Rows come one by one: the order and the count are looked at once for all that came together. */
  private settleOrder(): void {
    this.drawStatus();
    if (this.sorting.column === 'path') return;
    const rows = this.ordered.flatMap(({ path }) => this.drawn.get(path) ?? []);
    const [first] = rows;
    const isInOrder = rows.every((row, position) => row.parentElement?.children[position] === row);
    if (!first || isInOrder) return;
    const focused = document.activeElement;
    first.parentElement?.append(...rows);
    if (focused instanceof HTMLElement && document.activeElement !== focused) focused.focus({ preventScroll: true });
  }

  private get ordered(): readonly FitRow[] {
    const { shown } = this;
    return shown
      ? sortedRows(
          shown.rows,
          this.sorting,
          shown.chips.map(({ key }) => key),
        )
      : [];
  }

  private drawTable(): void {
    this.drawn.clear();
    const grid = element(
      'table',
      { class: 'what-if fit', attributes: { 'aria-label': 'Models on chips' } },
      element('thead', {}, this.headRow()),
      element(
        'tbody',
        {},
        this.ordered.map((row) => this.drawRow(row)),
      ),
    );
    installGridKeys(grid);
    redraw(this.box, grid);
    this.drawStatus();
  }

  private drawStatus(): void {
    const { shown } = this;
    if (!shown) return;
    const { rows, progress, folder } = shown;
    const done = rows.filter(({ state }) => state.kind === 'ready' || state.kind === 'unreadable').length;
    const unread = rows.filter(({ state }) => state.kind === 'unreadable').length;
    const parts = [
      progress.kind === 'done'
        ? `${formatQuantity(rows.length, 'model')} in ${folder}`
        : `${formatCount(done)} of ${formatQuantity(rows.length, 'model')} in ${folder} measured${progress.kind === 'stopped' ? ', stopped' : ''}`,
      unread > 0 && `${formatCount(unread)} cannot be read`,
      progress.leftOut > 0 && `${formatCount(progress.leftOut)} more are not shown`,
    ].filter((part) => part !== false);
    const text = parts.join(' · ');
    if (this.status.textContent !== text) this.status.textContent = text;
    redraw(
      this.actions,
      progress.kind === 'running'
        ? this.action('stop', 'Stop', () => this.send({ type: 'stop' }))
        : this.action('check', progress.kind === 'stopped' ? 'Go on' : 'Check again', () =>
            this.send({ type: 'check' }),
          ),
      this.action('copy-markdown', 'Copy as Markdown', () => this.copy(asMarkdown)),
      this.action('copy-csv', 'Copy as CSV', () => this.copy(asCsv)),
      this.action('pin-chip', 'Pin a chip…', () => this.send({ type: 'pin-chip' })),
    );
  }

  private action(key: string, label: string, click: () => void): Child {
    return element('button', { class: 'link', key, attributes: { type: 'button' }, on: { click } }, label);
  }

  private copy(as: typeof asCsv): void {
    if (this.shown) this.send({ type: 'copy', text: as(this.ordered, this.shown.chips) });
  }

  private headRow(): HTMLElement {
    const chips = this.shown?.chips ?? [];
    const families = new Set(chips.map(({ runtime }) => runtime?.id));
    return element(
      'tr',
      {},
      this.head('path', 'Model', 0, ''),
      this.head('parameters', 'Parameters', 1, 'Exact: elements of the weights'),
      this.head('flash', 'Flash', 2, 'What the model needs in flash on the runtime of its own chip, without reserve'),
      this.head('ram', 'RAM', 3, 'What must be reserved in RAM on the runtime of its own chip, without reserve'),
      chips.map((chip, position) => {
        const column = firstChipColumn + position;
        const head = chipHead(chip, column, chips, this.send, families.size > 1);
        head.append(this.sortButton(`chip:${chip.key}`, 'sort', column, `Sort by ${chip.target?.name ?? chip.key}`));
        head.setAttribute('aria-sort', this.sortOf(`chip:${chip.key}`));
        return head;
      }),
    );
  }

  private head(column: FitColumn, title: string, position: number, tip: string): HTMLElement {
    return element(
      'th',
      {
        class: position === 0 ? '' : 'number',
        ...(tip !== '' && { tip }),
        attributes: { scope: 'col', 'aria-sort': this.sortOf(column) },
      },
      this.sortButton(column, title, position, title),
    );
  }

  /** The label stands for the arrow of the order too, which `aria-sort` says. */
  private sortButton(column: FitColumn, title: string, position: number, label: string): HTMLElement {
    return element(
      'button',
      {
        class: 'head-button',
        key: `sort-${column}`,
        attributes: { type: 'button', 'data-column': position, tabindex: -1, 'aria-label': label },
        on: { click: () => this.sortBy(column) },
      },
      title,
    );
  }

  private sortOf(column: FitColumn): 'ascending' | 'descending' | 'none' {
    if (this.sorting.column !== column) return 'none';
    return this.sorting.descending ? 'descending' : 'ascending';
  }

  private sortBy(column: FitColumn): void {
    const again = this.sorting.column === column;
    this.sorting = { column, descending: again && !this.sorting.descending };
    this.sorted(this.sorting);
    this.drawTable();
  }

  private drawRow(row: FitRow): HTMLTableRowElement {
    const { path, state } = row;
    const chips = this.shown?.chips ?? [];
    const name = element(
      'td',
      {},
      this.openButton(
        path,
        0,
        `${path}: open`,
        element('span', { class: 'ellipsis from-start' }, element('bdi', {}, path)),
      ),
    );
    const made = element(
      'tr',
      { class: state.kind === 'unreadable' ? 'refused' : '' },
      name,
      this.rest(row, chips.length),
    );
    this.drawn.set(path, made);
    return made;
  }

  private rest(row: FitRow, chipCount: number): Child {
    const { state } = row;
    if (state.kind === 'ready') {
      return [
        element('td', { class: 'number' }, formatCount(state.parameters)),
        figureCell(state.flash),
        figureCell(state.ram),
        state.cells.map((_cell, position) => this.chipCell(row, position)),
      ];
    }
    const attributes = { colspan: firstChipColumn - 1 + chipCount };
    if (state.kind === 'unreadable') {
      const text = `Cannot be read: ${state.reason}`;
      return element(
        'td',
        { class: 'muted reason-cell', tip: text, attributes },
        element('span', { class: 'mark-word' }, icon('unknown'), element('span', {}, text)),
      );
    }
    return element(
      'td',
      { class: 'muted', attributes },
      state.kind === 'measuring' ? 'being measured…' : notApplicable,
    );
  }

  private chipCell({ path, own, state }: FitRow, position: number): HTMLElement {
    const chip = this.shown?.chips[position];
    const cell = state.kind === 'ready' ? state.cells[position] : undefined;
    if (!chip || !cell) return element('td');
    const isOwn = own === position;
    const name = `${chip.target?.name ?? chip.key}${isOwn ? ', its own chip' : ''}`;
    const label = `${path} on ${name}: ${cellInWords(cell)}`;
    const button = this.openButton(path, firstChipColumn + position, label, markWord(lookOf(cell)));
    button.setAttribute('data-tip', cellTip(cell));
    return element('td', { class: isOwn ? 'chip chosen' : 'chip' }, button);
  }

  private openButton(path: string, column: number, label: string, content: Child): HTMLElement {
    return element(
      'button',
      {
        class: 'cell',
        key: keyOf(path, column),
        ...(column === 0 && { tip: path }),
        attributes: { type: 'button', 'aria-label': label, 'data-column': column, tabindex: -1 },
        on: { click: () => this.send({ type: 'open', path }) },
      },
      content,
    );
  }
}

function figureCell({ bytes, kind }: FitFigure): HTMLElement {
  return element('td', { class: 'number', tip: figureTip(bytes, kind) }, markedBytes(bytes, kind, true));
}
