import type { RuntimeFootprint } from '../../extension/runtimes/measure';
import { ArenaMap } from '../charts/arena-map';
import { Timeline, type TimelineData } from '../charts/timeline';
import { labelWidth } from '../charts/timeline-marks';
import { type Child, element, redraw } from '../dom';
import { formatBytes, formatCount, formatExactBytes, formatQuantity, formatShape } from '../format';
import { bytesInWords } from '../kinds';
import { improvementList } from '../memory/improvements';
import {
  kernelName,
  liveAt,
  type MappedTensor,
  type MemoryPlan,
  mainLayer,
  memoryPlan,
  stepOfLayer,
  stepsOfLayer,
} from '../memory/plan';
import { besideArena, ramParts } from '../memory/ram';
import { arenaTable, peakTensorTable, planStepTable } from '../memory/tables';
import { cannotRunInWords, type Names, planInWords } from '../memory/words';
import { namePath, spokenName } from '../modules';
import type { PageState } from '../protocol';
import type { Store } from '../store';

/** Tensors named in the hover of a step. */
const mostTensors = 6;
const timelineHeight = 180;

/** Ends of names that TensorFlow's exporters give to every layer of a kind. */
const operatorSuffix = /^(BiasAdd|ReadVariableOp|resource\d*|Conv2D\d*|FusedBatchNormV3|MatMul)$/;

/** Rectangles of the map are narrow; the hover has the whole name. */
const abbreviations = [
  [/depthwise(_conv2d)?/i, 'dw'],
  [/pointwise(_conv2d)?/i, 'pw'],
  [/conv2d/i, 'conv'],
  [/^input_\d+$/, 'input'],
] as const;

/** A state whose runtime has been measured. */
type MeasuredState = PageState & { readonly runtimeFootprint: RuntimeFootprint };

/** True when the chosen runtime's figures are there. */
export function isMeasured(state: PageState | undefined): state is MeasuredState {
  return state?.runtimeFootprint !== undefined;
}

/** The arena as a runtime plans it: over time, as a map, what makes its peak and what would lower it. */
export class PlannedMemory {
  private readonly timeline: Timeline;
  private readonly map: ArenaMap;
  private plan: MemoryPlan | undefined;
  private planned: MeasuredState | undefined;
  private layersByIndex: ReadonlyMap<number, PageState['analysis']['layers'][number]> = new Map();

  constructor(
    private readonly store: Store,
    private readonly open: (step: number) => void,
    private readonly redrawAll: () => void,
  ) {
    this.timeline = new Timeline({
      describe: (step) => this.describeStep(step),
      select: (step) => store.select(this.plan?.layerAt[step]?.step),
      open: (step) => this.openStep(step),
      point: (step) => this.map.markStep(step),
    });
    this.map = new ArenaMap({
      label: (tensor) => this.shortName(tensor),
      describe: (tensor) => this.describeTensor(tensor),
      select: (tensor) => this.selectTensor(tensor),
      open: (tensor) => {
        const layer = this.layerOf(tensor);
        if (layer) this.open(layer.step);
      },
    });
  }

  draw(root: HTMLElement, state: MeasuredState): void {
    if (state.runtimeFootprint !== this.planned?.runtimeFootprint || state.analysis !== this.planned?.analysis) {
      this.layersByIndex = new Map(state.analysis.layers.map((layer) => [layer.index, layer]));
      this.plan = memoryPlan(state.runtimeFootprint, state.analysis.layers);
    }
    this.planned = state;
    const { plan } = this;
    if (plan === undefined) return;
    const { runtimeFootprint: footprint } = state;
    const { timelineAsTable, arenaAsTable } = this.store.memory;
    const base = besideArena(footprint);
    redraw(
      root,
      cannotRunInWords(footprint),
      planInWords(footprint, plan, this.names, (step) => this.openStep(step)),
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
            base > 0 &&
              element(
                'span',
                { class: 'muted' },
                `on top of ${bytesInWords(base, footprint.memory.kinds?.persistent ?? footprint.memory.kind)} ${besideWord(footprint)}`,
              ),
            element(
              'span',
              { class: 'legend right' },
              swatch('fill-activations-soft', 'live tensors'),
              base > 0 && swatch('fill-persistent-soft', besideWord(footprint).replace('of ', '')),
            ),
            this.toggle('Live bytes', 'as-table', timelineAsTable, () =>
              this.store.remember({ timelineAsTable: !timelineAsTable }),
            ),
          ),
          timelineAsTable
            ? planStepTable(plan, footprint, this.names.step, (step) => this.openStep(step))
            : this.timeline.root,
          element(
            'h2',
            { class: 'second' },
            'Arena map',
            element(
              'span',
              { class: 'muted' },
              `${formatQuantity(plan.tensors.length, 'buffer')}, time across, offset up`,
            ),
            element(
              'span',
              { class: 'legend right' },
              footprint.memory.scratchBytes > 0 && swatch('fill-scratch', 'scratch'),
            ),
            this.toggle('Arena map', 'map-as-table', arenaAsTable, () =>
              this.store.remember({ arenaAsTable: !arenaAsTable }),
            ),
          ),
          plan.tensors.length === 0
            ? element('p', { class: 'muted' }, 'The arena holds no buffers.')
            : arenaAsTable
              ? arenaTable(plan.tensors, (tensor) => this.selectTensor(tensor))
              : this.map.root,
        ),
        element(
          'section',
          {},
          improvementList(state, this.store),
          element(
            'div',
            { class: 'peak-tensors' },
            peakTensorTable(
              plan,
              (tensor) => this.shapeOf(tensor),
              (tensor) => this.selectTensor(tensor),
            ),
          ),
          restsOn(footprint),
        ),
      ),
    );
    this.drawCharts();
  }

  /** The charts need a width, so they are drawn once they stand in the page. */
  drawCharts(): void {
    const { plan, planned: state } = this;
    if (plan === undefined || state === undefined) return;
    const { runtimeFootprint: footprint } = state;
    const data = timelineData(state, plan, this.names, !this.map.root.isConnected);
    if (this.timeline.root.isConnected) this.timeline.show(data, this.shownStep());
    if (!this.map.root.isConnected) return;
    this.map.show({
      plan,
      arenaBytes: plan.tensors.reduce((top, { offset, size }) => Math.max(top, offset + size), 0),
      lowerBoundBytes: footprint.memory.lowerBoundBytes,
      labelWidth: labelWidth(data),
      sentence: `Arena map: ${formatQuantity(plan.tensors.length, 'buffer')} by step and offset. ${formatBytes(footprint.memory.arenaBytes)} planned by ${footprint.memory.planner}, lower bound ${formatBytes(footprint.memory.lowerBoundBytes)}.`,
      chosen: this.chosen(),
    });
  }

  selectionChanged(): void {
    if (this.timeline.root.isConnected) this.timeline.follow(this.shownStep());
    if (this.map.root.isConnected) this.map.follow(this.chosen());
  }

  /** Puts the focus on the first chart; false when both are tables. */
  focus(): boolean {
    const chart = [this.timeline.root, this.map.root].find((root) => root.isConnected);
    chart?.focus();
    return chart !== undefined;
  }

  private readonly names: Names = {
    tensor: (tensor) => spokenName(this.layerOf(tensor)?.name ?? tensor.name),
    step: (step) =>
      step === 0
        ? 'before the first operator'
        : spokenName(
            this.plan?.layerAt[step]?.name ?? this.plan?.operatorAt[step]?.name ?? `step ${formatCount(step)}`,
          ),
  };

  /** A layer may run in several steps: the one the keys are on stays. */
  private shownStep(): number | undefined {
    const layer = this.store.selectedLayer;
    if (this.plan === undefined || layer === undefined) return undefined;
    const { current } = this.timeline;
    return stepsOfLayer(this.plan, layer).includes(current) && this.plan.layerAt[current] === layer
      ? current
      : stepOfLayer(this.plan, layer);
  }

  private chosen(): ReadonlySet<number> {
    const layer = this.store.selectedLayer;
    const tensors = layer === undefined ? [] : (this.plan?.tensors ?? []);
    return new Set(
      tensors.flatMap((tensor) =>
        tensor.role === 'activation' && this.layerOf(tensor) === layer ? [tensor.index] : [],
      ),
    );
  }

  private layerOf(tensor: MappedTensor) {
    return mainLayer(tensor.from, this.layersByIndex);
  }

  /** The last part of the layer's name that says more than its operator. */
  private shortName(tensor: MappedTensor): string {
    const layer = this.layerOf(tensor);
    const parts = [...namePath(layer?.name ?? tensor.name)];
    const saysNothing = (part: string): boolean =>
      part.replace(/_\d+$/, '') === layer?.opType || operatorSuffix.test(part);
    while (parts.length > 1 && saysNothing(parts.at(-1) ?? '')) parts.pop();
    return abbreviations.reduce((name, [long, short]) => name.replace(long, short), parts.at(-1) ?? tensor.name);
  }

  private shapeOf(tensor: MappedTensor) {
    const { runtimeFootprint, analysis } = this.planned ?? {};
    return (
      runtimeFootprint?.layers.find(({ name }) => name === tensor.name)?.outputShape ??
      analysis?.model.inputs.find(({ name }) => name === tensor.name)?.shape
    );
  }

  private describeTensor(tensor: MappedTensor): string {
    const layer = this.layerOf(tensor);
    const shape = tensor.role === 'scratch' ? undefined : this.shapeOf(tensor);
    const steps =
      tensor.first === tensor.last
        ? `step ${formatCount(tensor.first)}`
        : `steps ${formatCount(tensor.first)} to ${formatCount(tensor.last)}`;
    return [
      shape ? `${tensor.name} ${formatShape(shape)}` : tensor.name,
      layer && tensor.role === 'activation' && !tensor.name.startsWith(layer.name) ? `made by ${layer.name}` : '',
      `${formatExactBytes(tensor.bytes)} at offset ${formatCount(tensor.offset)}`,
      `${tensor.role === 'scratch' ? 'scratch, ' : ''}${steps}`,
    ]
      .filter((line) => line !== '')
      .join('\n');
  }

  private describeStep(step: number): string {
    const { plan } = this;
    if (plan === undefined) return '';
    const operator = plan.operatorAt[step];
    const live = liveAt(plan, step);
    const lines = live.slice(0, mostTensors).map((tensor) => `${tensor.name} ${formatBytes(tensor.bytes)}`);
    if (live.length > mostTensors) lines.push(`and ${formatCount(live.length - mostTensors)} more`);
    return [
      `Step ${formatCount(step)}, ${this.names.step(step)}`,
      ...(operator ? [kernelName(operator)] : []),
      `${formatExactBytes(plan.liveBytes[step] ?? 0)} live`,
      ...lines,
    ].join('\n');
  }

  private selectTensor(tensor: MappedTensor): void {
    this.store.select(this.layerOf(tensor)?.step);
  }

  private openStep(step: number): void {
    const layer = this.plan?.layerAt[step];
    if (layer) this.open(layer.step);
  }

  private toggle(subject: string, key: string, asTable: boolean, change: () => void): HTMLElement {
    const title = asTable ? 'Show as chart' : 'Show as table';
    return element(
      'button',
      {
        class: 'link',
        key,
        attributes: {
          type: 'button',
          'aria-pressed': asTable ? 'true' : 'false',
          'aria-label': `${title}: ${subject}`,
        },
        on: {
          click: () => {
            change();
            this.redrawAll();
          },
        },
      },
      title,
    );
  }
}

function timelineData(state: MeasuredState, plan: MemoryPlan, names: Names, stepNumbers: boolean): TimelineData {
  const { runtimeFootprint: footprint, target, ramReserveBytes = 0 } = state;
  const { memory } = footprint;
  // The arena may be exact; what it stands on may not.
  const { kind } = memory;
  const baseBytes = besideArena(footprint);
  const parts = ramParts(footprint);
  const sizeOf = (name: string): number => parts.find((part) => part.name === name)?.bytes ?? 0;
  const planned = baseBytes + sizeOf('arena');
  const bound = baseBytes + memory.lowerBoundBytes;
  return {
    liveBytes: plan.liveBytes,
    baseBytes,
    peakStep: plan.peakStep,
    limit: target?.ramLimit && { bytes: target.ramLimit.bytes, name: target.name, reserveBytes: ramReserveBytes },
    lines: [
      ...(sizeOf('while loading') > 0
        ? [{ bytes: memory.minimumArenaBytes, name: 'while loading', style: 'planned', kind } as const]
        : []),
      { bytes: planned, name: bound === planned ? 'planned = bound' : 'planned', style: 'planned', kind },
      ...(bound < planned ? [{ bytes: bound, name: 'lower bound', style: 'bound', kind } as const] : []),
    ],
    stepNumbers,
    height: timelineHeight,
    sentence: `Timeline of live bytes over ${formatQuantity(plan.liveBytes.length, 'step')}. Peak ${formatBytes(plan.peakBytes)} at step ${formatCount(plan.peakStep)}, ${names.step(plan.peakStep)}; ${formatBytes(memory.arenaBytes)} planned.`,
  };
}

/** What stands below the live bytes. */
function besideWord({ memory }: RuntimeFootprint): string {
  if (memory.persistentBytes === 0) return 'of inputs and outputs';
  return memory.inputOutputBytes === 0 ? 'persistent' : 'persistent, inputs and outputs';
}

function swatch(fill: string, name: string): HTMLElement {
  return element('span', {}, element('i', { class: `swatch ${fill}` }), name);
}

/** What was assumed, and what the figures leave out. */
function restsOn({ notes }: RuntimeFootprint): Child {
  if (notes.length === 0) return undefined;
  return [
    element('h2', { class: 'second' }, 'What the figures rest on'),
    element(
      'ul',
      { class: 'rests-on muted' },
      [...new Set(notes)].map((note) => element('li', {}, note)),
    ),
  ];
}
