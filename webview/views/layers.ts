import type { Diagnostic } from '../../extension/model/diagnostic';
import type { Analysis, LayerSummary } from '../../extension/worker/analysis';
import { element, redraw, setAttributes } from '../dom';
import { formatBytes, formatCount, formatMacs, formatQuantity } from '../format';
import type { Column } from '../layers/columns';
import { asCsv, asMarkdown, asTabSeparated } from '../layers/copy';
import { DetailsPanel, type Section } from '../layers/details';
import { type LoweredSummary, loweredLayers, loweringLines } from '../layers/lowered';
import { latencyTotal, targetSections } from '../layers/on-target';
import { type Lowering, nextSorting, type Row, sumsOf, tableRows } from '../layers/rows';
import { LayersTable } from '../layers/table';
import { timedLayers } from '../layers/timed';
import { type MemoryPlan, memoryPlan } from '../memory/plan';
import { groupingDepth } from '../modules';
import type { Store } from '../store';
import type { View } from './view';

/** Every layer with its costs: sorted, filtered, grouped by module, copied; details of the selected one beside it. */
export class LayersView implements View {
  readonly root: HTMLElement;
  private readonly table: LayersTable;
  private readonly side: DetailsPanel;
  private readonly filter: HTMLInputElement;
  private readonly group: HTMLButtonElement;
  private readonly lowered: HTMLButtonElement;
  private readonly count = element('span', { class: 'count muted', attributes: { role: 'status' } });
  private readonly foot = element('div', { class: 'foot' });
  private readonly empty = element('div', { class: 'empty', attributes: { hidden: true } });
  private rows: readonly Row[] = [];
  private analysis: Analysis | undefined;
  private timed = false;
  /** Of the chosen runtime. */
  private plan: MemoryPlan | undefined;
  private operators: readonly LoweredSummary[] = [];
  private diagnostics: ReadonlyMap<number, Diagnostic> = new Map();
  private anchor: number | undefined;
  private filterTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly store: Store) {
    this.table = new LayersTable({
      sort: (column) => this.sort(column),
      select: (step, how) => this.select(step, how),
      toggleGroup: (name, open) => this.toggleGroup(name, open),
      toggleNodes: (key, open) => this.toggleNodes(key, open),
      open: () => this.openDetails(),
      leave: () => this.closeDetails(),
      copy: () => store.send({ type: 'copy', text: asTabSeparated(this.selectedLayers()) }),
      scrolled: (top) => {
        if (this.root.isConnected) store.remember({ scroll: { ...store.memory.scroll, layers: top } });
      },
    });
    this.side = new DetailsPanel(store, () => this.closeDetails());
    this.filter = element('input', {
      class: 'filter',
      attributes: {
        type: 'text',
        placeholder: 'Filter: name, op:conv, >10 KiB',
        'aria-label': 'Filter layers',
        spellcheck: 'false',
      },
      on: {
        input: () => {
          clearTimeout(this.filterTimer);
          this.filterTimer = setTimeout(() => this.applyFilter(), 60);
        },
        keydown: (event) => this.onFilterKey(event),
      },
    });
    this.filter.value = store.memory.filter;
    this.group = element(
      'button',
      { class: 'button secondary compact', attributes: { type: 'button' }, on: { click: () => this.toggleGrouping() } },
      'Group by module',
    );
    this.lowered = element(
      'button',
      { class: 'button secondary compact', attributes: { type: 'button' }, on: { click: () => this.toggleLowered() } },
      'Lowered',
    );
    const copy = (title: string, write: (layers: readonly LayerSummary[]) => string): HTMLElement =>
      element(
        'button',
        {
          class: 'button secondary compact',
          attributes: { type: 'button' },
          tip: `${title} of the rows shown, exact figures`,
          on: { click: () => store.send({ type: 'copy', text: write(this.shownLayers()) }) },
        },
        title,
      );
    this.root = element(
      'div',
      { class: 'layers' },
      element(
        'div',
        { class: 'layers-column' },
        element(
          'div',
          { class: 'tools' },
          this.filter,
          this.group,
          this.lowered,
          this.count,
          copy('Copy CSV', asCsv),
          copy('Copy Markdown', asMarkdown),
        ),
        element('div', { class: 'grid-box' }, this.table.root, this.empty),
        this.foot,
      ),
      this.side.root,
    );
  }

  draw(): void {
    const { state } = this.store;
    if (state === undefined) return;
    const { runtimeFootprint: footprint } = state;
    this.analysis = { ...state.analysis, layers: timedLayers(state) };
    this.timed = state.latency !== undefined && 'perLayer' in state.latency.figure;
    this.plan = footprint && memoryPlan(footprint, state.analysis.layers);
    this.operators = footprint && this.plan ? loweredLayers(footprint, this.plan, this.analysis.layers) : [];
    this.lowered.hidden = footprint === undefined;
    setAttributes(this.lowered, {
      'data-tip': footprint && `The operators that ${footprint.runtime.label} runs, with the nodes they became from`,
    });
    // Other views set the filter too; what is being typed stays.
    if (document.activeElement !== this.filter) this.filter.value = this.store.memory.filter;
    this.diagnostics = worstByNode(state.analysis.diagnostics);
    const modular = groupingDepth(state.analysis.layers.map((layer) => layer.name)) > 0;
    this.group.disabled = !modular;
    this.group.setAttribute(
      'data-tip',
      modular ? 'Layers under the modules their names tell' : 'The names of this model tell no modules',
    );
    this.anchor = this.store.memory.selected?.step;
    this.drawTable();
    this.drawSelection();
  }

  shown(): void {
    const top = this.store.memory.scroll.layers;
    if (top !== undefined) this.table.root.scrollTop = top;
    const selected = this.store.memory.selected;
    if (selected) this.table.reveal(selected.step);
  }

  selectionChanged(): void {
    this.drawTable();
    this.drawSelection();
  }

  focus(): void {
    this.table.root.focus();
  }

  focusSide(): boolean {
    if (this.side.root.offsetParent === null) return false;
    this.side.root.focus();
    return true;
  }

  find(): void {
    this.filter.focus();
    this.filter.select();
  }

  private drawTable(): void {
    if (this.analysis === undefined) return;
    const { layers, lowering } = this;
    const { filter, sorting, closedGroups } = this.store.memory;
    const grouped = this.store.memory.grouped && !this.group.disabled;
    this.rows = tableRows(layers, { filter, sorting, grouped, closedGroups: new Set(closedGroups), lowered: lowering });
    const scale = { weights: 0, macs: 0, activations: 0 };
    for (const row of this.rows) {
      const [weights, macs, live] =
        row.kind === 'group'
          ? [row.sums.weightBytes, row.sums.macs, row.sums.peakLiveBytes]
          : [row.layer.weightBytes, row.layer.macs ?? 0, row.layer.liveBytes];
      scale.weights = Math.max(scale.weights, weights);
      scale.macs = Math.max(scale.macs, macs);
      scale.activations = Math.max(scale.activations, live);
    }
    const selected = new Set(this.store.selectedSteps);
    this.table.show({
      rows: this.rows,
      sorting,
      selected,
      scale,
      diagnostics: this.diagnostics,
      grouped,
      lowered: lowering !== undefined,
      timed: this.timed,
    });
    this.group.setAttribute('aria-pressed', grouped ? 'true' : 'false');
    this.lowered.setAttribute('aria-pressed', lowering ? 'true' : 'false');
    const all = formatQuantity(layers.length, lowering ? 'operator' : 'layer');
    const shown =
      filter.trim() === ''
        ? layers.length
        : tableRows(layers, { ...bare, filter, lowered: lowering && { ...lowering, open: new Set() } }).length;
    this.count.textContent =
      shown === layers.length
        ? lowering
          ? `${all} from ${formatQuantity(this.analysis.model.nodeCount, 'node')}`
          : all
        : `${formatCount(shown)} of ${all}`;
    this.drawEmpty(layers.length === 0, shown === 0);
  }

  private drawEmpty(noNodes: boolean, noHit: boolean): void {
    this.empty.hidden = !noNodes && !noHit;
    if (noNodes) redraw(this.empty, element('p', {}, 'The graph has no nodes.'));
    else if (noHit)
      redraw(
        this.empty,
        element('p', {}, 'No layer matches.'),
        element(
          'button',
          { class: 'link', key: 'clear', attributes: { type: 'button' }, on: { click: () => this.clearFilter() } },
          'Clear filter',
        ),
      );
  }

  private drawSelection(): void {
    const layer = this.store.selectedLayer;
    const faults = this.analysis?.diagnostics.filter(
      ({ place }) => layer !== undefined && place?.nodeIndex === layer.index && !place.scope?.length,
    );
    this.side.show(layer, faults ?? [], layer && this.loweringOf(layer), this.sectionsOf(layer));
    this.drawFoot();
  }

  private sectionsOf(layer: LayerSummary | undefined): readonly Section[] {
    const timed = layer && this.analysis?.layers[layer.step];
    return timed && this.store.state ? targetSections(this.store.state, timed) : [];
  }

  private loweringOf(layer: LayerSummary) {
    const { runtimeFootprint: footprint, analysis } = this.store.state ?? {};
    if (footprint === undefined || analysis === undefined || this.plan === undefined) return undefined;
    return {
      title: `On ${footprint.runtime.label}`,
      lines: loweringLines(footprint, this.plan, layer, analysis.layers),
    };
  }

  /** A node that only dequantizes weights is no part of an operator, so its parameters count nowhere among them. */
  private get countsParameters(): boolean {
    if (this.lowering === undefined) return true;
    return this.operators.reduce((sum, one) => sum + one.parameters, 0) === this.analysis?.totals.parameters;
  }

  /** The layers of the file, or the operators that run. */
  private get layers(): readonly LayerSummary[] {
    return this.lowering === undefined ? (this.analysis?.layers ?? []) : this.operators;
  }

  private get lowering(): Lowering | undefined {
    if (!this.store.memory.lowered || this.plan === undefined) return undefined;
    const nodes = new Map<LayerSummary, readonly LayerSummary[]>(this.operators.map((one) => [one, one.nodes]));
    return { nodesOf: (layer) => nodes.get(layer) ?? [], open: new Set(this.store.memory.openOperators) };
  }

  private drawFoot(): void {
    if (this.analysis === undefined) return;
    const several = this.store.selectedSteps.length > 1;
    const filtered = this.store.memory.filter.trim() !== '';
    const counted = several ? this.selectedLayers() : filtered ? this.shownLayers() : this.layers;
    const sums = sumsOf(counted);
    const macs = `${sums.macsIncomplete ? 'at least ' : ''}${sums.macs === 0 ? '0' : formatMacs(sums.macs)} MACs`;
    redraw(
      this.foot,
      element(
        'span',
        { class: 'muted' },
        several
          ? `Sum of ${formatQuantity(counted.length, 'selected layer')}`
          : filtered
            ? 'Sum of rows shown'
            : 'Total',
      ),
      this.countsParameters && element('span', {}, `${formatCount(sums.parameters)} params`),
      element('span', {}, `${formatBytes(sums.weightBytes)} weights`),
      element('span', {}, macs),
      element('span', {}, `live peak ${formatBytes(sums.peakLiveBytes)}`),
      this.store.state && latencyTotal(this.store.state, sums, !several && !filtered),
    );
  }

  private sort(column: Column): void {
    this.store.remember({ sorting: nextSorting(this.store.memory.sorting, column.id, column.numeric) });
    this.drawTable();
  }

  private select(step: number, how: 'only' | 'extend' | 'toggle'): void {
    const now = this.store.selectedSteps;
    if (how === 'extend' && this.anchor !== undefined) this.store.select(step, this.between(this.anchor, step));
    else if (how === 'toggle' && now.includes(step) && now.length > 1) {
      const left = now.filter((other) => other !== step);
      this.store.select(left.at(-1), left);
    } else if (how === 'toggle') this.store.select(step, [...now, step]);
    else {
      this.anchor = step;
      this.store.select(step);
    }
  }

  /** Steps of the rows from one layer to another, as they are shown. */
  private between(from: number, to: number): number[] {
    const steps = this.rows.flatMap((row) => (row.kind === 'layer' ? [row.layer.step] : []));
    const ends = [steps.indexOf(from), steps.indexOf(to)].sort((a, b) => a - b);
    const [first = 0, last = 0] = ends;
    return first < 0 ? [to] : steps.slice(first, last + 1);
  }

  private selectedLayers(): LayerSummary[] {
    const chosen = new Set(this.store.selectedSteps);
    const found = this.layers.filter((layer) => chosen.has(layer.step));
    // A node below its operator is no row of the lowered list.
    return found.length > 0 ? found : (this.analysis?.layers.filter((layer) => chosen.has(layer.step)) ?? []);
  }

  /** Layers in the order of the table, those in closed modules included. */
  private shownLayers(): LayerSummary[] {
    const { filter, sorting, grouped } = this.store.memory;
    const { lowering } = this;
    const lowered = lowering && { ...lowering, open: new Set<string>() };
    const rows = tableRows(this.layers, { ...bare, filter, sorting, grouped, lowered });
    return rows.flatMap((row) => (row.kind === 'layer' ? [row.layer] : []));
  }

  private toggleGroup(name: string, open: boolean): void {
    const others = this.store.memory.closedGroups.filter((closed) => closed !== name);
    this.store.remember({ closedGroups: open ? others : [...others, name] });
    this.drawTable();
  }

  private toggleNodes(key: string, open: boolean): void {
    const others = this.store.memory.openOperators.filter((one) => one !== key);
    this.store.remember({ openOperators: open ? [...others, key] : others });
    this.drawTable();
  }

  private toggleLowered(): void {
    this.store.remember({ lowered: !this.store.memory.lowered });
    this.table.root.scrollTop = 0;
    this.drawTable();
    this.drawFoot();
  }

  private toggleGrouping(): void {
    this.store.remember({ grouped: !this.store.memory.grouped });
    this.drawTable();
  }

  private applyFilter(): void {
    clearTimeout(this.filterTimer);
    this.store.remember({ filter: this.filter.value });
    this.table.root.scrollTop = 0;
    this.drawTable();
    this.drawFoot();
  }

  private clearFilter(): void {
    this.filter.value = '';
    this.applyFilter();
    this.filter.focus();
  }

  private onFilterKey(event: KeyboardEvent): void {
    if (event.key !== 'Escape' && event.key !== 'ArrowDown' && event.key !== 'Enter') return;
    event.preventDefault();
    event.stopPropagation();
    this.applyFilter();
    this.table.root.focus();
  }

  private openDetails(): void {
    this.root.classList.add('details-open');
    this.table.reveal(this.store.memory.selected?.step ?? 0);
  }

  private closeDetails(): void {
    this.root.classList.remove('details-open');
    this.table.root.focus();
  }
}

/** Rows as they are without anything chosen. */
const bare = { filter: '', sorting: undefined, grouped: false, closedGroups: new Set<string>() } as const;

/** The gravest diagnostic of each node of the main graph, by its index in the file. */
function worstByNode(diagnostics: readonly Diagnostic[]): ReadonlyMap<number, Diagnostic> {
  const rank = { error: 0, warning: 1, note: 2 } as const;
  const worst = new Map<number, Diagnostic>();
  for (const diagnostic of diagnostics) {
    const node = diagnostic.place?.nodeIndex;
    if (node === undefined || diagnostic.place?.scope?.length) continue;
    const before = worst.get(node);
    if (before === undefined || rank[diagnostic.severity] < rank[before.severity]) worst.set(node, diagnostic);
  }
  return worst;
}
