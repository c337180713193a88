import type { Analysis, PeakSummary } from '../../extension/worker/analysis';
import { Timeline } from '../charts/timeline';
import { type Child, element, layerName, redraw } from '../dom';
import { formatBytes, formatCount, formatExactBytes, formatLimit, formatQuantity, formatShape } from '../format';
import { tableHead } from '../memory/tables';
import type { PageState } from '../protocol';
import type { Store } from '../store';
import { isMeasured, PlannedMemory } from './planned-memory';
import type { View } from './view';

/** Rows of the step table drawn at once; beyond, the Layers view has them all. */
const mostRows = 2000;
const chartHeight = 260;
/** Tensors named in the hover of a step. */
const mostTensors = 6;

/** Bytes live over the run against the chip's RAM, and what makes the peak; with a runtime the arena as it plans it. */
export class MemoryView implements View {
  readonly root = element('div', { class: 'scroll', attributes: { tabindex: -1 } });
  private readonly timeline: Timeline;
  private readonly planned: PlannedMemory;

  constructor(private readonly store: Store) {
    this.timeline = new Timeline({
      describe: (step) => this.describe(step),
      select: (step) => store.select(step),
      open: (step) => this.open(step),
    });
    this.planned = new PlannedMemory(
      store,
      (step) => this.open(step),
      () => this.draw(),
    );
    this.root.addEventListener(
      'scroll',
      () => store.remember({ scroll: { ...store.memory.scroll, memory: this.root.scrollTop } }),
      {
        passive: true,
      },
    );
  }

  draw(): void {
    const { state } = this.store;
    if (state === undefined) return;
    const { analysis } = state;
    if (isMeasured(state) && analysis.layers.length > 0) {
      this.planned.draw(this.root, state);
      return;
    }
    if (analysis.layers.length === 0 || analysis.peak === undefined) {
      redraw(this.root, element('p', { class: 'muted' }, 'The graph has no nodes.'));
      return;
    }
    const asTable = this.store.memory.timelineAsTable;
    redraw(
      this.root,
      lead(state, analysis.peak, (step) => this.open(step)),
      element(
        'div',
        { class: 'memory' },
        element(
          'section',
          {},
          element(
            'h2',
            {},
            'Live bytes over the run',
            element('span', { class: 'muted' }, formatQuantity(analysis.layers.length, 'step')),
            element(
              'span',
              { class: 'legend right' },
              element('span', {}, element('i', { class: 'swatch fill-activations-soft' }), 'live activations'),
            ),
            element(
              'button',
              {
                class: 'link',
                key: 'as-table',
                attributes: { type: 'button', 'aria-pressed': asTable ? 'true' : 'false' },
                on: { click: () => this.toggleTable() },
              },
              asTable ? 'Show as chart' : 'Show as table',
            ),
          ),
          asTable ? stepTable(analysis, (step) => this.open(step)) : this.timeline.root,
        ),
        element('section', {}, peakTable(analysis.peak)),
      ),
    );
    this.drawTimeline();
  }

  shown(): void {
    this.root.scrollTop = this.store.memory.scroll.memory ?? 0;
    if (isMeasured(this.store.state)) this.planned.drawCharts();
    else this.drawTimeline();
  }

  selectionChanged(): void {
    if (isMeasured(this.store.state)) this.planned.selectionChanged();
    else this.timeline.follow(this.store.memory.selected?.step);
  }

  focus(): void {
    if (this.timeline.root.isConnected) this.timeline.root.focus();
    else if (!isMeasured(this.store.state) || !this.planned.focus()) this.root.focus();
  }

  private drawTimeline(): void {
    const { state } = this.store;
    if (!this.timeline.root.isConnected || state?.analysis.peak === undefined) return;
    const { analysis, target } = state;
    const { peak } = analysis;
    if (peak === undefined) return;
    this.timeline.show(
      {
        liveBytes: analysis.layers.map((layer) => layer.liveBytes),
        baseBytes: 0,
        peakStep: peak.step,
        limit: target?.ramLimit && { bytes: target.ramLimit.bytes, name: target.name, reserveBytes: 0 },
        lines: [],
        stepNumbers: true,
        height: chartHeight,
        sentence: `Timeline of live bytes over ${formatQuantity(analysis.layers.length, 'step')}. Peak ${formatBytes(peak.bytes)} at step ${formatCount(peak.step)}, ${peak.layer}.`,
      },
      this.store.memory.selected?.step,
    );
  }

  private describe(step: number): string {
    const { analysis } = this.store.state ?? {};
    const layer = analysis?.layers[step];
    if (analysis === undefined || layer === undefined) return '';
    const live = analysis.lifetimes
      .filter(({ first, last, bytes }) => bytes > 0 && first <= step && step <= last)
      .sort((a, b) => b.bytes - a.bytes);
    const lines = live.slice(0, mostTensors).map(({ name, bytes }) => `${name} ${formatBytes(bytes)}`);
    if (live.length > mostTensors) lines.push(`and ${formatCount(live.length - mostTensors)} more`);
    return [`Step ${formatCount(step)}, ${layer.name}`, `${formatExactBytes(layer.liveBytes)} live`, ...lines].join(
      '\n',
    );
  }

  private toggleTable(): void {
    this.store.remember({ timelineAsTable: !this.store.memory.timelineAsTable });
    this.draw();
  }

  private open(step: number): void {
    this.store.remember({ filter: '', closedGroups: [] });
    this.store.select(step);
    this.store.openTab('layers');
  }
}

/** The peak in words: how much, where, made of what, and against which limit. */
function lead(state: PageState, peak: PeakSummary, open: (step: number) => void): HTMLElement {
  const { analysis, target, runtime } = state;
  const strong = (text: string): HTMLElement => element('span', { class: 'strong' }, text);
  const incomplete = analysis.totals.peakIncomplete;
  return element(
    'p',
    { class: 'lead' },
    incomplete ? 'The peak of activations is at least ' : 'The peak of activations is ',
    strong(formatBytes(peak.bytes)),
    incomplete ? ', as some sizes are not known: at step ' : ', at step ',
    `${formatCount(peak.step)}, `,
    element(
      'button',
      { class: 'link', key: 'peak', attributes: { type: 'button' }, on: { click: () => open(peak.step) } },
      peak.layer,
    ),
    peak.tensors.length > 0 && `: ${tensorsInWords(peak)}`,
    '.',
    target?.ramLimit && limitInWords(peak.bytes, target.ramLimit.bytes, target.name),
    runtime && element('span', { class: 'muted' }, ` Measuring on ${runtime.label}…`),
  );
}

function limitInWords(bytes: number, limit: number, name: string): Child {
  const left = limit - bytes;
  const has = ` ${name} has ${formatLimit(limit)}: `;
  return left < 0
    ? [has, element('span', { class: 'error' }, `${formatBytes(-left)} short`), ', before the runtime is counted.']
    : `${has}${formatBytes(left)} are left for the runtime, which is not counted.`;
}

function tensorsInWords(peak: PeakSummary): string {
  const roles = [
    { role: 'input', one: 'its input', many: 'its inputs' },
    { role: 'output', one: 'its output', many: 'its outputs' },
    { role: 'held', one: 'held for later', many: 'held for later' },
  ] as const;
  const parts = roles.flatMap(({ role, one, many }) => {
    const tensors = peak.tensors.filter((tensor) => tensor.role === role);
    if (tensors.length === 0) return [];
    const bytes = formatBytes(tensors.reduce((sum, tensor) => sum + tensor.bytes, 0));
    if (role === 'held') return [`${bytes} ${one}`];
    return [`${tensors.length === 1 ? one : many} ${bytes}`];
  });
  return parts.length < 2 ? parts.join('') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
}

function peakTable(peak: PeakSummary): Child {
  return [
    element('h2', {}, `At the peak, step ${formatCount(peak.step)}`),
    element(
      'table',
      { class: 'dense' },
      tableHead([{ title: 'Tensor' }, { title: 'Shape' }, { title: 'Role' }, { title: 'Bytes', numeric: true }]),
      element(
        'tbody',
        {},
        peak.tensors.map((tensor) =>
          element(
            'tr',
            {},
            element('td', { class: 'tensor', tip: tensor.name }, layerName(tensor.name)),
            element('td', { class: 'shape muted ellipsis', tip: formatShape(tensor.shape) }, formatShape(tensor.shape)),
            element('td', { class: 'muted' }, tensor.role === 'held' ? 'held for later' : tensor.role),
            element('td', { class: 'number' }, formatCount(tensor.bytes)),
          ),
        ),
        element(
          'tr',
          { class: 'sum-row' },
          element('td', { class: 'muted' }, 'Sum'),
          element('td'),
          element('td'),
          element('td', { class: 'number' }, formatCount(peak.bytes)),
        ),
      ),
    ),
  ];
}

function stepTable(analysis: Analysis, open: (step: number) => void): HTMLElement {
  const { layers } = analysis;
  return element(
    'div',
    {
      class: 'step-table',
      key: 'step-table',
      attributes: { tabindex: 0, role: 'group', 'aria-label': 'Live bytes by step' },
    },
    element(
      'table',
      { class: 'dense' },
      tableHead([{ title: 'Step' }, { title: 'Layer' }, { title: 'Operator' }, { title: 'Live bytes', numeric: true }]),
      element(
        'tbody',
        {},
        layers
          .slice(0, mostRows)
          .map((layer) =>
            element(
              'tr',
              { class: layer.step === analysis.peak?.step ? 'peak-row' : '' },
              element('td', {}, formatCount(layer.step)),
              element(
                'td',
                {},
                element(
                  'button',
                  { class: 'link plain', attributes: { type: 'button' }, on: { click: () => open(layer.step) } },
                  layer.name,
                ),
              ),
              element('td', { class: 'muted' }, layer.operator),
              element('td', { class: 'number' }, formatCount(layer.liveBytes)),
            ),
          ),
      ),
    ),
    layers.length > mostRows &&
      element(
        'p',
        { class: 'muted' },
        `The first ${formatCount(mostRows)} of ${formatCount(layers.length)} steps; Layers has them all, and copies them.`,
      ),
  );
}
