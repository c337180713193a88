import { acceleratorView } from '../accelerator/section';
import { Treemap } from '../charts/treemap';
import { element, redraw } from '../dom';
import { moduleTree } from '../modules';
import type { Store } from '../store';
import { cards } from './cards';
import { dataTypeList, operatorList, topLists } from './lists';
import { notes } from './notes';
import type { View } from './view';
import { whatIf } from './what-if';

/** The whole decision at one look: totals, what dominates, what each scheme would change, where the weights are. */
export class SummaryView implements View {
  readonly root = element('div', { class: 'scroll', attributes: { tabindex: -1 } });
  private readonly treemap: Treemap;

  constructor(private readonly store: Store) {
    this.treemap = new Treemap({
      select: (step) => store.select(step),
      open: (step) => this.open(step),
      descend: (path) => {
        store.remember({ treemapPath: path });
        this.drawTreemap();
      },
    });
    this.root.addEventListener(
      'scroll',
      () => store.remember({ scroll: { ...store.memory.scroll, summary: this.root.scrollTop } }),
      {
        passive: true,
      },
    );
  }

  draw(): void {
    const { state } = this.store;
    if (state === undefined) return;
    const { analysis } = state;
    const open = (step: number): void => this.open(step);
    const hasWeights = analysis.totals.weightBytes > 0;
    redraw(
      this.root,
      cards(state),
      state.accelerator && acceleratorView(state.accelerator, analysis, open),
      topLists(state, open),
      element(
        'div',
        { class: 'what-if-and-map' },
        whatIf(state, (message) => this.store.send(message)),
        element(
          'section',
          {},
          element(
            'h2',
            {},
            'Where the weights are',
            element('span', { class: 'muted' }, 'module, layer'),
            hasWeights &&
              element(
                'button',
                {
                  class: 'link right',
                  key: 'weights-table',
                  attributes: { type: 'button' },
                  on: { click: () => this.showWeightsTable() },
                },
                'Show as table',
              ),
          ),
          hasWeights ? this.treemap.root : element('p', { class: 'muted' }, 'This model holds no weights.'),
        ),
      ),
      element(
        'div',
        { class: 'thirds last' },
        operatorList(analysis, (operator) => {
          this.store.remember({ filter: `op:${operator}` });
          this.store.openTab('layers');
        }),
        dataTypeList(analysis),
        notes(analysis, open),
      ),
    );
    this.drawTreemap();
  }

  shown(): void {
    this.root.scrollTop = this.store.memory.scroll.summary ?? 0;
    this.drawTreemap();
  }

  selectionChanged(): void {
    this.treemap.markSelected(this.store.memory.selected?.step);
  }

  focus(): void {
    this.root.focus();
  }

  private drawTreemap(): void {
    const layers = this.store.state?.analysis.layers ?? [];
    const tree = moduleTree(layers.map(({ name, step, weightBytes }) => ({ name, step, value: weightBytes })));
    this.treemap.show(tree, this.store.memory.treemapPath, this.store.memory.selected?.step);
  }

  private showWeightsTable(): void {
    this.store.remember({ sorting: { column: 'weights', descending: true }, filter: '' });
    this.store.openTab('layers');
  }

  /** Selects a layer and shows it in Layers, where no filter may hide it. */
  private open(step: number): void {
    this.store.remember({ filter: '', closedGroups: [] });
    this.store.select(step);
    this.store.openTab('layers');
  }
}
