import type { ComparedLayer } from '../../extension/worker/comparison';
import { bySaving, type CompareColumn, type CompareRow, compareColumns, compareRows } from '../compare/rows';
import { CompareTable } from '../compare/table';
import { chipsTable, totalsTable } from '../compare/totals';
import { leadSentence, matchedText } from '../compare/words';
import type { CompareState } from '../compare-protocol';
import { element } from '../dom';
import { icon } from '../icons';
import { choiceField } from '../quantize/field';
import { Part } from '../quantize/part';
import type { Sorting, Store } from '../store';
import type { View } from './view';

/** Names the entry of both pickers that asks for another model. */
const anotherModel = 'another';

/** Two models, or before and after: totals, verdicts, and the layers side by side. */
export class CompareView implements View {
  readonly root: HTMLElement;
  private readonly head = new Part(element('div', { class: 'compare-head' }));
  private readonly note = new Part(element('div', { attributes: { role: 'status' } }));
  private readonly lead = new Part(element('p', { class: 'lead compare-lead', attributes: { 'aria-live': 'polite' } }));
  private readonly summary = new Part(element('div', { class: 'compare-summary' }));
  private readonly layersHead: HTMLElement;
  private readonly sortedBy = element('span', { class: 'muted' });
  private readonly filter: HTMLInputElement;
  private readonly table: CompareTable;
  private readonly empty: HTMLElement;
  private shownVersion: number | undefined;
  private ordered:
    | {
        readonly layers: readonly ComparedLayer[];
        readonly sorting: Sorting | undefined;
        readonly filter: string;
        readonly rows: readonly CompareRow[];
      }
    | undefined;

  constructor(private readonly store: Store) {
    this.table = new CompareTable({
      sort: (column) => this.sort(column),
      select: (layer) => this.select(layer),
      open: (layer) => this.openInLayers(layer),
      leave: () => this.filter.focus(),
      copy: (text) => store.send({ type: 'copy', text }),
      scrolled: (top) => store.remember({ scroll: { ...store.memory.scroll, compare: top } }),
    });
    this.filter = element('input', {
      class: 'filter',
      attributes: { type: 'search', placeholder: 'Filter layers', 'aria-label': 'Filter layers' },
      on: {
        input: () => this.changeFilter(this.filter.value),
        keydown: (event) => this.onFilterKey(event),
      },
    });
    this.filter.value = store.memory.compareFilter;
    this.empty = element(
      'div',
      { class: 'empty' },
      element('span', {}, 'No layer matches'),
      element(
        'button',
        {
          class: 'link',
          attributes: { type: 'button' },
          on: {
            click: () => {
              this.changeFilter('');
              this.filter.focus();
            },
          },
        },
        'Clear filter',
      ),
    );
    this.layersHead = element(
      'div',
      { class: 'compare-tools' },
      element('h2', {}, 'Layers ', this.sortedBy),
      this.filter,
    );
    this.root = element(
      'div',
      { class: 'compare-view', attributes: { tabindex: -1 } },
      element('div', { class: 'compare-top' }, this.head.root, this.note.root, this.lead.root, this.summary.root),
      this.layersHead,
      element('div', { class: 'compare-box' }, this.table.root, this.empty),
    );
  }

  draw(): void {
    const { compare } = this.store;
    this.head.draw(compare && [compare.choices, compare.before, compare.after, compare.comparison?.facts], () =>
      compare?.after === undefined ? undefined : this.headContent(compare),
    );
    this.note.draw(
      compare && [compare.after, compare.committed, compare.problem, compare.busy, compare.comparison === undefined],
      () => (compare ? this.noteContent(compare) : element('p', { class: 'muted' }, 'Reading the models…')),
    );
    const comparison = compare?.comparison;
    this.lead.root.hidden = comparison === undefined;
    this.lead.draw(compare && [comparison, compare.outputs], () => compare && leadSentence(compare));
    this.summary.root.hidden = comparison === undefined;
    this.summary.draw(
      compare && [comparison, compare.chips],
      () => comparison && [totalsTable(comparison), chipsTable(compare.chips)],
    );
    this.drawLayers();
  }

  private drawLayers(): void {
    const { compare, compareLayers, memory, selectedLayer } = this.store;
    const isOfTotals = compare?.comparison !== undefined && compareLayers?.version === compare.version;
    const layers = isOfTotals ? compareLayers.layers : undefined;
    this.layersHead.hidden = layers === undefined;
    this.table.root.hidden = layers === undefined;
    const rows = layers === undefined ? [] : this.rowsOf(layers);
    this.sortedBy.textContent = sortedText(memory.compareSorting ?? bySaving);
    this.empty.hidden = rows.length > 0 || layers === undefined || layers.length === 0;
    this.table.show({ rows, sorting: memory.compareSorting, selected: selectedLayer?.name });
    if (layers !== undefined && this.shownVersion !== compare?.version) {
      this.shownVersion = compare?.version;
      this.table.root.scrollTop = memory.scroll.compare ?? 0;
    }
  }

  /** Sorted and filtered again only when layers, order or filter have changed: a selection alone is drawn with every key. */
  private rowsOf(layers: readonly ComparedLayer[]): readonly CompareRow[] {
    const { compareSorting: sorting, compareFilter: filter } = this.store.memory;
    const { ordered } = this;
    if (ordered?.layers === layers && ordered.sorting === sorting && ordered.filter === filter) return ordered.rows;
    const rows = compareRows(layers, sorting ?? bySaving, filter);
    this.ordered = { layers, sorting, filter, rows };
    return rows;
  }

  shown(): void {
    this.store.send({ type: 'compare-shown', shown: true });
    this.table.root.scrollTop = this.store.memory.scroll.compare ?? 0;
  }

  selectionChanged(): void {
    this.drawLayers();
  }

  focus(): void {
    const control = this.root.querySelector<HTMLElement>('.compare-top select, .compare-top button');
    (control ?? this.root).focus();
  }

  find(): void {
    this.filter.focus();
    this.filter.select();
  }

  private headContent({ choices, before, after, comparison }: CompareState) {
    const picker = (side: 'before' | 'after', value: string | undefined) => {
      const field = choiceField(
        `compare-${side}`,
        [...choices, { id: anotherModel, label: 'Another model…' }],
        value ?? '',
        (id) => {
          // The list shows what stands there until another model was chosen.
          field.value = value ?? '';
          if (id === anotherModel) this.store.send({ type: 'compare-ask', side });
          else this.store.send({ type: 'compare-choose', side, id });
        },
      );
      field.setAttribute('id', `compare-${side}`);
      return element(
        'span',
        { class: 'picker' },
        element('label', { attributes: { for: `compare-${side}` } }, side === 'before' ? 'Before' : 'After'),
        field,
      );
    };
    return [
      picker('before', before),
      picker('after', after),
      element(
        'button',
        {
          class: 'button secondary compact',
          key: 'compare-swap',
          attributes: { type: 'button' },
          on: { click: () => this.store.send({ type: 'compare-swap' }) },
        },
        'Swap',
      ),
      comparison && element('span', { class: 'right muted small' }, matchedText(comparison.facts)),
    ];
  }

  private noteContent({ after, committed, problem, busy, comparison }: CompareState) {
    if (after === undefined) return this.nothingChosen(committed);
    if (problem !== undefined) {
      return element(
        'p',
        { class: 'compare-problem' },
        element('span', { class: 'error' }, icon('error')),
        element('span', {}, problem),
        element(
          'button',
          {
            class: 'button secondary compact',
            key: 'compare-retry',
            attributes: { type: 'button' },
            on: { click: () => this.store.send({ type: 'compare-reload' }) },
          },
          'Try again',
        ),
      );
    }
    return busy && comparison === undefined && element('p', { class: 'muted' }, 'Measuring both models…');
  }

  private nothingChosen(committed: string | undefined) {
    return element(
      'div',
      { class: 'compare-nothing' },
      element(
        'p',
        { class: 'lead' },
        'Compare this model with another, with a plan of its own, or with an earlier version of it.',
      ),
      element(
        'div',
        { class: 'compare-start' },
        element(
          'button',
          {
            class: 'button secondary',
            key: 'compare-with',
            attributes: { type: 'button' },
            on: { click: () => this.store.send({ type: 'compare-ask', side: 'after' }) },
          },
          'Compare with…',
        ),
        committed !== undefined &&
          element(
            'button',
            {
              class: 'button secondary',
              key: 'compare-committed',
              attributes: { type: 'button' },
              on: { click: () => this.store.send({ type: 'compare-choose', side: 'before', id: committed }) },
            },
            'Compare with the last commit',
          ),
      ),
    );
  }

  private sort(column: CompareColumn): void {
    const { compareSorting } = this.store.memory;
    const present = compareSorting ?? bySaving;
    // The third press returns to what saves most.
    const first = column.numeric && column.bar === undefined;
    const next =
      present.column !== column.id
        ? { column: column.id, descending: first }
        : present.descending === first
          ? { column: column.id, descending: !first }
          : undefined;
    this.store.remember({ compareSorting: next });
    this.drawLayers();
  }

  private changeFilter(filter: string): void {
    this.filter.value = filter;
    this.store.remember({ compareFilter: filter });
    this.drawLayers();
  }

  private onFilterKey(event: KeyboardEvent): void {
    if (event.key === 'Escape') this.changeFilter('');
    else if (event.key !== 'ArrowDown' && event.key !== 'Enter') return;
    event.preventDefault();
    this.table.root.focus();
  }

  /** One selection for all views, where the model that they show has the layer. */
  private select({ before, after }: ComparedLayer): void {
    const names = new Set([before?.name, after?.name]);
    const found = this.store.state?.analysis.layers.find(({ name }) => names.has(name));
    this.store.select(found?.step);
  }

  private openInLayers(layer: ComparedLayer): void {
    this.select(layer);
    if (this.store.selectedLayer) this.store.openTab('layers');
  }
}

function sortedText({ column: id }: Sorting): string {
  const title = compareColumns.find((column) => column.id === id)?.fullTitle ?? '';
  return title === '' ? '' : `sorted by ${title.slice(0, 1).toLowerCase()}${title.slice(1)}`;
}
