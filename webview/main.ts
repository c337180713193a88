import { compareLegend } from './compare/legend';
import { element, redraw } from './dom';
import { formatQuantity, useLocale } from './format';
import { Header } from './header';
import { kindsLegend } from './kinds';
import { installPopovers } from './popover';
import { type Change, type Host, isToPage, Store, type TabName, tabNames } from './store';
import { installTooltips } from './tooltip';
import { CompareView } from './views/compare';
import { failedView } from './views/failed';
import { LayersView } from './views/layers';
import { MemoryView } from './views/memory';
import { QuantizeView } from './views/quantize';
import { SummaryView } from './views/summary';
import type { View } from './views/view';

declare function acquireVsCodeApi(): Host;

/** Ties header, views and keys together. */
class Page {
  private readonly header: Header;
  private readonly views: Readonly<Record<TabName, View>>;
  private readonly main = element('main', { class: 'view', attributes: { id: 'view', role: 'tabpanel' } });
  private readonly kinds = element('footer', { class: 'kinds' });
  private marked = false;

  constructor(
    root: HTMLElement,
    private readonly store: Store,
  ) {
    this.header = new Header(store);
    this.views = {
      summary: new SummaryView(store),
      layers: new LayersView(store),
      memory: new MemoryView(store),
      quantize: new QuantizeView(store),
      compare: new CompareView(store),
    };
    root.append(this.header.root, this.main, this.kinds);
    store.listen((change) => this.onChange(change));
    document.addEventListener('keydown', (event) => this.onKey(event));
    this.header.draw();
    this.showView();
  }

  private get view(): View {
    return this.views[this.store.memory.tab];
  }

  private onChange(change: Change): void {
    switch (change) {
      case 'state':
        this.header.draw();
        this.showView();
        return;
      case 'status':
        this.header.drawStatus();
        return;
      case 'tab':
        this.header.drawTabs();
        this.showView();
        return;
      case 'quantize':
      case 'compare':
        if (this.store.memory.tab === change) this.showView();
        return;
      case 'selection':
        this.header.drawSelection();
        if (this.view.root.isConnected) this.view.selectionChanged();
    }
  }

  /** What the errors of this view are measured on. */
  private get measuredOn(): string | undefined {
    const { memory, quantize } = this.store;
    if (memory.tab !== 'quantize' || quantize?.measurement.kind !== 'ready') return undefined;
    return `on ${formatQuantity(quantize.measurement.value.samples, 'input')}`;
  }

  private showView(): void {
    const { failure, state } = this.store;
    this.main.setAttribute('aria-labelledby', `tab-${this.store.memory.tab}`);
    this.kinds.hidden = failure !== undefined || state === undefined;
    if (failure !== undefined) redraw(this.main, failedView(failure, this.store));
    else if (state === undefined) redraw(this.main, element('p', { class: 'loading muted' }, 'Reading the model…'));
    else {
      const { memory, compare } = this.store;
      redraw(
        this.kinds,
        memory.tab === 'compare' && compare ? compareLegend(compare) : kindsLegend(state, this.measuredOn),
      );
      this.view.draw();
      this.markFirstNumbers();
      if (this.view.root.isConnected) return;
      this.main.replaceChildren(this.view.root);
      this.view.shown();
    }
  }

  /** For whoever measures how long opening takes: the moment before the first numbers are painted. */
  private markFirstNumbers(): void {
    if (this.marked) return;
    this.marked = true;
    requestAnimationFrame(() => performance.mark('first numbers'));
  }

  private onKey(event: KeyboardEvent): void {
    const control = event.ctrlKey || event.metaKey;
    const tab = control && !event.shiftKey && !event.altKey ? tabNames[Number(event.key) - 1] : undefined;
    if (tab !== undefined) {
      this.store.openTab(tab);
      this.header.focus();
    } else if (event.key === 'F6') this.nextRegion(event.shiftKey);
    else if (control && event.key.toLowerCase() === 'f' && this.view.find && this.store.state !== undefined)
      this.view.find();
    else return;
    // The editor listens on the window, and would act on the same keys.
    event.preventDefault();
    event.stopPropagation();
  }

  /** From header to view to side panel and round again. */
  private nextRegion(backwards: boolean): void {
    const regions = [
      { holds: (focused: Element) => this.header.root.contains(focused), enter: () => this.header.focus() },
      {
        holds: (focused: Element) => this.main.contains(focused) && !focused.closest('.side'),
        enter: () => this.view.focus(),
      },
      {
        holds: (focused: Element) => focused.closest('.side') !== null,
        enter: () => this.view.focusSide?.() || this.header.focus(),
      },
    ];
    const count = this.view.focusSide ? 3 : 2;
    const focused = document.activeElement;
    const now = focused === null ? -1 : regions.findIndex((region) => region.holds(focused));
    const next = now < 0 ? 0 : (now + (backwards ? count - 1 : 1)) % count;
    regions[next]?.enter();
  }
}

useLocale(document.documentElement.lang || undefined);
installTooltips();
installPopovers();
const root = document.getElementById('page');
if (root !== null) {
  const store = new Store(acquireVsCodeApi());
  new Page(root, store);
  window.addEventListener('message', (event: MessageEvent<unknown>) => {
    if (isToPage(event.data)) store.receive(event.data);
  });
  // A hidden page gets no messages, so the state is asked for whenever it is shown again.
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') store.send({ type: 'ready' });
  });
  store.send({ type: 'ready' });
  store.sayWhatIsShown();
}
