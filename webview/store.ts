import type { LayerSummary } from '../extension/worker/analysis';
import type { CompareLayers, CompareState } from './compare-protocol';
import type { FromPage, LayerDetailsReply, PageState, ToPage } from './protocol';
import type { QuantizeState } from './quantize-protocol';

export const tabNames = ['summary', 'layers', 'memory', 'quantize', 'compare'] as const;
export type TabName = (typeof tabNames)[number];

/** The sentence a failed read comes with. */
export type Failure = Extract<ToPage, { type: 'failed' }>;

export interface Sorting {
  readonly column: string;
  readonly descending: boolean;
}

/** What the page keeps of its own between reloads. A layer is remembered by name and step, since either may change with the file. */
export interface ViewMemory {
  readonly tab: TabName;
  readonly selected: { readonly step: number; readonly name: string } | undefined;
  readonly sorting: Sorting | undefined;
  readonly filter: string;
  readonly grouped: boolean;
  readonly closedGroups: readonly string[];
  readonly scroll: Readonly<Partial<Record<TabName, number>>>;
  readonly timelineAsTable: boolean;
  readonly arenaAsTable: boolean;
  readonly frontierAsTable: boolean;
  /** Layers shows what runs, not the nodes of the file. */
  readonly lowered: boolean;
  /** Operators of the lowered view whose nodes are shown, by first output. */
  readonly openOperators: readonly string[];
  readonly treemapPath: string;
  readonly compareSorting: Sorting | undefined;
  readonly compareFilter: string;
}

const initialMemory: ViewMemory = {
  tab: 'summary',
  selected: undefined,
  sorting: undefined,
  filter: '',
  grouped: false,
  closedGroups: [],
  scroll: {},
  timelineAsTable: false,
  arenaAsTable: false,
  frontierAsTable: false,
  lowered: true,
  openOperators: [],
  treemapPath: '',
  compareSorting: undefined,
  compareFilter: '',
};

/** What VS Code gives a page to talk to its host and to remember things while it is hidden. */
export interface Host {
  postMessage(message: FromPage): void;
  getState(): unknown;
  setState(state: ViewMemory): void;
}

/** `selection` also fires for a change of which rows are selected together. */
export type Change = 'state' | 'status' | 'tab' | 'selection' | 'quantize' | 'compare';

/** The page's one source of truth: the host's state, the page's own memory, one selection for all views. */
export class Store {
  state: PageState | undefined;
  /** Of the Quantize view; it comes on its own, often. */
  quantize: QuantizeState | undefined;
  /** Of the Compare view; the layers of a comparison follow its totals. */
  compare: CompareState | undefined;
  compareLayers: CompareLayers | undefined;
  failure: Failure | undefined;
  fileName = '';
  busy = true;
  memory: ViewMemory;
  /** Steps selected together (with Shift); holds the selected layer alone otherwise. */
  selectedSteps: readonly number[] = [];
  private readonly listeners: ((change: Change) => void)[] = [];
  private readonly details = new Map<number, Promise<LayerDetailsReply>>();
  private readonly pending = new Map<number, { resolve(value: LayerDetailsReply): void; reject(error: Error): void }>();
  private nextRequest = 1;
  private saving = false;

  constructor(private readonly host: Host) {
    this.memory = readMemory(host.getState());
  }

  listen(listener: (change: Change) => void): void {
    this.listeners.push(listener);
  }

  send(message: FromPage): void {
    this.host.postMessage(message);
  }

  /** Takes a message from the host. */
  receive(message: ToPage): void {
    switch (message.type) {
      case 'loading':
        this.fileName = message.fileName;
        this.emit('status');
        return;
      case 'busy':
        this.busy = message.busy;
        this.emit('status');
        return;
      case 'failed':
        this.failure = message;
        this.fileName = message.title;
        this.busy = false;
        this.emit('state');
        return;
      case 'state':
        this.takeState(message.state);
        return;
      case 'quantize':
        this.quantize = message.state;
        this.emit('quantize');
        return;
      case 'compare':
        this.compare = message.state;
        this.emit('compare');
        return;
      case 'compare-layers':
        this.compareLayers = message;
        this.emit('compare');
        return;
      case 'select-tab': {
        const tab = tabNames.find((name) => name === message.tab);
        if (tab !== undefined) this.openTab(tab);
        return;
      }
      case 'reply': {
        const waiting = this.pending.get(message.id);
        this.pending.delete(message.id);
        if (waiting === undefined) return;
        if (!message.ok) waiting.reject(new Error(message.error));
        else if (isLayerDetails(message.value)) waiting.resolve(message.value);
        else waiting.reject(new Error('The answer holds no layer details.'));
      }
    }
  }

  private takeState(state: PageState): void {
    if (this.state !== undefined && state.revision < this.state.revision) return;
    this.state = state;
    this.failure = undefined;
    this.busy = false;
    this.fileName = state.analysis.file.name;
    this.details.clear();
    const kept = this.findLayer(state.analysis.layers);
    this.selectedSteps = kept === undefined ? [] : [kept.step];
    this.memory = { ...this.memory, selected: kept === undefined ? undefined : { step: kept.step, name: kept.name } };
    this.save();
    this.emit('state');
  }

  private findLayer(layers: readonly LayerSummary[]): LayerSummary | undefined {
    const { selected } = this.memory;
    if (selected === undefined) return undefined;
    const same = layers[selected.step];
    return same?.name === selected.name ? same : layers.find((layer) => layer.name === selected.name);
  }

  /** The selected layer of the present state. */
  get selectedLayer(): LayerSummary | undefined {
    const { selected } = this.memory;
    return selected === undefined ? undefined : this.state?.analysis.layers[selected.step];
  }

  /** Selects the layer at a step; `together` is the whole selection, where it is more than this layer. */
  select(step: number | undefined, together?: readonly number[]): void {
    const layer = step === undefined ? undefined : this.state?.analysis.layers[step];
    this.selectedSteps = layer === undefined ? [] : (together ?? [layer.step]);
    this.remember({ selected: layer === undefined ? undefined : { step: layer.step, name: layer.name } });
    this.emit('selection');
  }

  openTab(tab: TabName): void {
    if (tab === this.memory.tab) return;
    if (this.memory.tab === 'compare') this.send({ type: 'compare-shown', shown: false });
    this.remember({ tab });
    this.emit('tab');
    this.sayWhatIsShown();
  }

  /** The host works out what only Summary shows while it is in front. */
  sayWhatIsShown(): void {
    this.send({ type: 'summary-shown', shown: this.memory.tab === 'summary' });
  }

  remember(change: Partial<ViewMemory>): void {
    this.memory = { ...this.memory, ...change };
    this.save();
  }

  private save(): void {
    if (this.saving) return;
    this.saving = true;
    // One write for a burst of changes (scrolling).
    setTimeout(() => {
      this.saving = false;
      this.host.setState(this.memory);
    }, 50);
  }

  /** Details of a layer from the host, asked for once per state. Rejects with the host's sentence. */
  detailsOf(layer: LayerSummary): Promise<LayerDetailsReply> {
    const known = this.details.get(layer.index);
    if (known !== undefined) return known;
    const id = this.nextRequest++;
    const answer = new Promise<LayerDetailsReply>((resolve, reject) => this.pending.set(id, { resolve, reject }));
    this.details.set(layer.index, answer);
    this.send({ type: 'layer-details', id, index: layer.index });
    return answer;
  }

  private emit(change: Change): void {
    for (const listener of this.listeners) listener(change);
  }
}

const messageTypes: ReadonlySet<unknown> = new Set([
  'loading',
  'state',
  'failed',
  'busy',
  'select-tab',
  'quantize',
  'compare',
  'compare-layers',
  'reply',
]);

/** True for a message of the host; other windows of the editor may post to this one as well. */
export function isToPage(value: unknown): value is ToPage {
  return isRecord(value) && messageTypes.has(value['type']);
}

function isLayerDetails(value: unknown): value is LayerDetailsReply {
  return (
    isRecord(value) &&
    typeof value['index'] === 'number' &&
    Array.isArray(value['inputs']) &&
    Array.isArray(value['outputs']) &&
    Array.isArray(value['attributes'])
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** What an earlier page left behind, field by field: a newer version must not stumble over an older one's memory. */
function readMemory(saved: unknown): ViewMemory {
  if (!isRecord(saved)) return initialMemory;
  const { selected, sorting, filter, grouped, closedGroups, scroll, timelineAsTable, treemapPath } = saved;
  return {
    tab: tabNames.find((name) => name === saved['tab']) ?? initialMemory.tab,
    selected:
      isRecord(selected) && typeof selected['step'] === 'number' && typeof selected['name'] === 'string'
        ? { step: selected['step'], name: selected['name'] }
        : undefined,
    sorting: readSorting(sorting),
    filter: typeof filter === 'string' ? filter : '',
    grouped: grouped === true,
    closedGroups: readWords(closedGroups),
    scroll: isRecord(scroll) ? readScroll(scroll) : {},
    timelineAsTable: timelineAsTable === true,
    arenaAsTable: saved['arenaAsTable'] === true,
    frontierAsTable: saved['frontierAsTable'] === true,
    lowered: saved['lowered'] !== false,
    openOperators: readWords(saved['openOperators']),
    treemapPath: typeof treemapPath === 'string' ? treemapPath : '',
    compareSorting: readSorting(saved['compareSorting']),
    compareFilter: typeof saved['compareFilter'] === 'string' ? saved['compareFilter'] : '',
  };
}

function readSorting(saved: unknown): Sorting | undefined {
  return isRecord(saved) && typeof saved['column'] === 'string'
    ? { column: saved['column'], descending: saved['descending'] === true }
    : undefined;
}

function readWords(saved: unknown): string[] {
  return Array.isArray(saved) ? saved.filter((word): word is string => typeof word === 'string') : [];
}

function readScroll(saved: Readonly<Record<string, unknown>>): Partial<Record<TabName, number>> {
  const scroll: Partial<Record<TabName, number>> = {};
  for (const tab of tabNames) {
    const top = saved[tab];
    if (typeof top === 'number') scroll[tab] = top;
  }
  return scroll;
}
