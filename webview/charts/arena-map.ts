import { element, setAttributes, setStyle } from '../dom';
import { formatBytes, formatCount, formatLimit } from '../format';
import { type MappedTensor, type MemoryPlan, roleAt } from '../memory/plan';
import { type Colours, onThemeChange, pageFont, themeColours } from '../theme';
import { hideTip, showTip } from '../tooltip';
import { hatch } from './hatch';
import { cutText, drawLineLabels } from './line-labels';
import { axisWidth, roundCount, roundStep } from './scale';

const height = 250;
const top = 8;
const bottom = 22;
/** Pixels between the numbers of two steps. */
const leastBetween = 36;
/** A tensor thinner than this is still found by the pointer, in pixels. */
const reach = 3;

export interface ArenaMapData {
  readonly plan: MemoryPlan;
  /** The highest end of a buffer, the top of the map. */
  readonly arenaBytes: number;
  readonly lowerBoundBytes: number;
  /** Room beside the plot, as the chart above has it. */
  readonly labelWidth: number;
  /** What the map says in one sentence. */
  readonly sentence: string;
  /** Positions in the plan of what the selected layer makes. */
  readonly chosen: ReadonlySet<number>;
}

export interface ArenaMapActions {
  /** The short name written into a rectangle. */
  label(tensor: MappedTensor): string;
  describe(tensor: MappedTensor): string;
  select(tensor: MappedTensor): void;
  open(tensor: MappedTensor): void;
}

interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/**
 * The arena as a plane: steps across, offsets up, a rectangle a buffer. One tab stop; left and right go through the buffers by time,
 * up and down through those that live together by offset, Enter selects the layer that makes one.
 */
export class ArenaMap {
  readonly root: HTMLElement;
  private readonly canvas = element('canvas', { attributes: { 'aria-hidden': 'true' } });
  private readonly band = element('div', { class: 'timeline-band', attributes: { hidden: true } });
  private readonly ring = element('div', { class: 'arena-ring', attributes: { hidden: true } });
  private data: ArenaMapData | undefined;
  /** The buffers in the order of the keys: by first step, then by offset. */
  private order: readonly MappedTensor[] = [];
  private active = 0;
  private width = 0;
  private frame = 0;

  constructor(private readonly actions: ArenaMapActions) {
    this.root = element(
      'div',
      {
        class: 'arena-map',
        key: 'arena-map',
        style: { height: `${height}px` },
        attributes: { role: 'slider', tabindex: 0, 'aria-roledescription': 'map' },
        on: {
          keydown: (event) => this.onKey(event),
          pointermove: (event) => this.onHover(event),
          pointerleave: () => this.leave(),
          click: (event) => this.onPress(event, (tensor) => actions.select(tensor)),
          dblclick: (event) => this.onPress(event, (tensor) => actions.open(tensor)),
          focus: () => this.markActive(),
          blur: () => this.leave(),
        },
      },
      this.canvas,
      this.band,
      this.ring,
    );
    new ResizeObserver(() => {
      if (this.root.clientWidth !== this.width) this.scheduleDraw();
    }).observe(this.root);
    onThemeChange(() => this.scheduleDraw());
  }

  show(data: ArenaMapData): void {
    if (data.plan !== this.data?.plan) {
      this.order = data.plan.tensors.toSorted((a, b) => a.first - b.first || a.offset - b.offset);
      const { peakStep } = data.plan;
      this.active = Math.max(
        0,
        this.order.findIndex((tensor) => data.chosen.has(tensor.index) || roleAt(tensor, peakStep) === 'output'),
      );
    }
    this.data = data;
    setAttributes(this.root, { 'aria-label': data.sentence, 'aria-valuemin': 1, 'aria-valuemax': this.order.length });
    this.announce();
    this.draw();
  }

  /** Marks what the selected layer makes; the keys go on from there. */
  follow(chosen: ReadonlySet<number>): void {
    if (this.data === undefined) return;
    this.data = { ...this.data, chosen };
    const now = this.order[this.active];
    const first = this.order.findIndex((tensor) => chosen.has(tensor.index));
    if (first >= 0 && now !== undefined && !chosen.has(now.index)) this.active = first;
    this.announce();
    this.draw();
  }

  /** Marks a step that is pointed at in another chart. */
  markStep(step: number | undefined): void {
    this.band.hidden = step === undefined;
    if (step === undefined) return;
    const { x } = this.scale;
    setStyle(this.band, {
      left: `${axisWidth + step * x}px`,
      width: `${Math.max(2, x)}px`,
      top: `${top}px`,
      height: `${height - top - bottom}px`,
    });
  }

  private scheduleDraw(): void {
    if (this.frame !== 0) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  /** Pixels a step and a byte take. */
  private get scale(): { readonly x: number; readonly y: number } {
    const steps = this.data?.plan.liveBytes.length ?? 1;
    const room = this.width - axisWidth - (this.data?.labelWidth ?? 0);
    return { x: room / Math.max(1, steps), y: (height - top - bottom) / Math.max(1, this.data?.arenaBytes ?? 1) };
  }

  private boxOf({ first, last, offset, size }: MappedTensor): Box {
    const { x, y } = this.scale;
    const tall = Math.max(1.5, size * y);
    return {
      left: axisWidth + first * x,
      top: height - bottom - offset * y - tall,
      width: Math.max(1.5, (last + 1 - first) * x),
      height: tall,
    };
  }

  private draw(): void {
    const { data, canvas } = this;
    this.width = this.root.clientWidth;
    const pen = canvas.getContext('2d');
    if (data === undefined || this.width === 0 || pen === null) return;
    const density = window.devicePixelRatio || 1;
    canvas.width = Math.round(this.width * density);
    canvas.height = Math.round(height * density);
    setStyle(canvas, { width: `${this.width}px`, height: `${height}px` });
    pen.setTransform(density, 0, 0, density, 0, 0);
    const colours = themeColours();
    pen.font = `11px ${pageFont()}`;
    this.drawAxes(pen, data, colours);
    this.drawTensors(pen, data, colours);
    this.drawLevels(pen, data, colours);
    if (!this.ring.hidden) this.markActive();
  }

  private drawAxes(pen: CanvasRenderingContext2D, data: ArenaMapData, colours: Colours): void {
    const { x, y } = this.scale;
    const right = this.width - data.labelWidth;
    const floor = height - bottom;
    pen.fillStyle = colours['--muted'];
    pen.strokeStyle = colours['--grid'];
    pen.lineWidth = 1;
    pen.textBaseline = 'middle';
    pen.textAlign = 'right';
    const step = roundStep(data.arenaBytes, 5);
    for (let bytes = 0; bytes <= data.arenaBytes; bytes += step) {
      const at = Math.round(floor - bytes * y) + 0.5;
      pen.beginPath();
      pen.moveTo(axisWidth, at);
      pen.lineTo(right, at);
      pen.stroke();
      pen.fillText(bytes === 0 ? '0' : formatLimit(bytes), axisWidth - 8, at);
    }
    pen.textAlign = 'center';
    const steps = data.plan.liveBytes.length;
    const every = roundCount(leastBetween / x);
    for (let one = 0; one < steps; one += every) {
      const at = axisWidth + (one + 0.5) * x;
      if (at + leastBetween / 2 <= right + 4 || steps < 2) pen.fillText(formatCount(one), at, floor + 12);
    }
    pen.textAlign = 'left';
    pen.fillText('step', right + 9, floor + 12);
  }

  private drawTensors(pen: CanvasRenderingContext2D, data: ArenaMapData, colours: Colours): void {
    const { peakStep } = data.plan;
    const quiet = hatch(pen, 'transparent', colours['--activations']);
    const strong: MappedTensor[] = [];
    for (const tensor of data.plan.tensors) {
      const atPeak = tensor.first <= peakStep && peakStep <= tensor.last;
      const chosen = data.chosen.has(tensor.index);
      const box = this.boxOf(tensor);
      const fill = chosen ? '--arena-chosen' : atPeak ? '--arena-peak' : '--arena-quiet';
      pen.fillStyle = tensor.role === 'scratch' ? quiet : colours[fill];
      pen.fillRect(box.left + 0.5, box.top + 0.5, Math.max(1, box.width - 1), Math.max(1, box.height - 1));
      if (atPeak || chosen) strong.push(tensor);
      // Outlines closer together than this would fill the map.
      else if (box.width >= 4) this.outline(pen, box, colours['--activations'], 0.7);
    }
    for (const tensor of strong) {
      this.outline(pen, this.boxOf(tensor), colours['--foreground'], data.chosen.has(tensor.index) ? 2 : 1.2);
    }
    pen.fillStyle = colours['--foreground'];
    pen.textAlign = 'left';
    pen.textBaseline = 'alphabetic';
    for (const tensor of data.plan.tensors) this.drawLabel(pen, tensor);
  }

  private outline(pen: CanvasRenderingContext2D, box: Box, colour: string, width: number): void {
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.strokeRect(box.left + 0.75, box.top + 0.5, Math.max(1, box.width - 1.5), Math.max(1, box.height - 1));
  }

  private drawLabel(pen: CanvasRenderingContext2D, tensor: MappedTensor): void {
    const box = this.boxOf(tensor);
    if (box.height <= 17 || box.width <= 26 || tensor.role === 'scratch') return;
    pen.fillText(cutText(pen, this.actions.label(tensor), box.width - 6), box.left + 4, box.top + 13);
    if (box.height <= 32) return;
    const figure = formatBytes(tensor.bytes);
    const fitting = [figure, figure.replace(/[.,]0 KiB$| KiB$/, '')].find(
      (text) => pen.measureText(text).width <= box.width - 6,
    );
    if (fitting !== undefined) pen.fillText(fitting, box.left + 4, box.top + 26);
  }

  private drawLevels(pen: CanvasRenderingContext2D, data: ArenaMapData, colours: Colours): void {
    const { y } = this.scale;
    const right = this.width - data.labelWidth;
    const level = (bytes: number, colour: string, width: number, dashes: readonly number[]): number => {
      const at = height - bottom - bytes * y;
      pen.strokeStyle = colour;
      pen.lineWidth = width;
      pen.setLineDash([...dashes]);
      pen.beginPath();
      pen.moveTo(axisWidth, at);
      pen.lineTo(right, at);
      pen.stroke();
      pen.setLineDash([]);
      return at;
    };
    const { arenaBytes, lowerBoundBytes } = data;
    const labels = [
      {
        at: level(arenaBytes, colours['--activations'], 1.5, [5, 3]),
        name: arenaBytes === lowerBoundBytes ? 'planned = bound' : 'planned',
        figure: formatBytes(arenaBytes),
      },
    ];
    if (lowerBoundBytes < arenaBytes) {
      labels.push({
        at: level(lowerBoundBytes, colours['--foreground'], 1, [1, 3]),
        name: 'lower bound',
        figure: formatBytes(lowerBoundBytes),
      });
    }
    drawLineLabels(pen, labels, right, this.width, colours);
  }

  private tensorAt(event: MouseEvent): MappedTensor | undefined {
    const frame = this.root.getBoundingClientRect();
    const x = event.clientX - frame.left;
    const y = event.clientY - frame.top;
    let best: MappedTensor | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const tensor of this.order) {
      const box = this.boxOf(tensor);
      const slack = box.height < 2 * reach ? reach : 0;
      if (x < box.left || x >= box.left + box.width || y < box.top - slack || y >= box.top + box.height + slack)
        continue;
      // Where buffers overlap or touch, the nearer and smaller one is meant.
      const distance = Math.max(0, box.top - y, y - box.top - box.height) * 1e6 + box.width * box.height;
      if (distance < least) {
        least = distance;
        best = tensor;
      }
    }
    return best;
  }

  private onHover(event: PointerEvent): void {
    const tensor = this.tensorAt(event);
    if (tensor === undefined) {
      this.leave();
      return;
    }
    this.lay(tensor);
    showTip(this.actions.describe(tensor), event.clientX, event.clientY);
  }

  private onPress(event: MouseEvent, act: (tensor: MappedTensor) => void): void {
    const tensor = this.tensorAt(event);
    if (tensor === undefined) return;
    this.active = this.order.indexOf(tensor);
    this.announce();
    act(tensor);
  }

  private onKey(event: KeyboardEvent): void {
    const last = this.order.length - 1;
    const page = Math.max(1, Math.round(last / 10));
    const moves: Readonly<Record<string, () => number>> = {
      ArrowRight: () => this.active + 1,
      ArrowLeft: () => this.active - 1,
      ArrowUp: () => this.beside(1),
      ArrowDown: () => this.beside(-1),
      PageDown: () => this.active + page,
      PageUp: () => this.active - page,
      Home: () => 0,
      End: () => last,
    };
    const move = moves[event.key];
    const tensor = this.order[this.active];
    if (move) {
      this.active = Math.max(0, Math.min(last, move()));
      this.announce();
      this.markActive(true);
    } else if ((event.key === 'Enter' || event.key === ' ') && tensor) this.actions.select(tensor);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** The position of the next buffer above or below among those that live together with the active one. */
  private beside(direction: 1 | -1): number {
    const from = this.order[this.active];
    if (from === undefined) return this.active;
    let best = this.active;
    let least = Number.POSITIVE_INFINITY;
    this.order.forEach((tensor, position) => {
      if (tensor === from || tensor.first > from.last || tensor.last < from.first) return;
      const distance = (tensor.offset - from.offset) * direction;
      if (distance <= 0 || distance >= least) return;
      least = distance;
      best = position;
    });
    return best;
  }

  private announce(): void {
    const tensor = this.order[this.active];
    setAttributes(this.root, {
      'aria-valuenow': this.order.length === 0 ? 0 : this.active + 1,
      'aria-valuetext': tensor && this.actions.describe(tensor).replaceAll('\n', ', '),
    });
  }

  /** Rings the active buffer while the map has the focus, and says what it is when the keys have moved. */
  private markActive(tell = false): void {
    const tensor = this.order[this.active];
    if (tensor === undefined || document.activeElement !== this.root) return;
    this.lay(tensor);
    if (!tell) return;
    const frame = this.root.getBoundingClientRect();
    const box = this.boxOf(tensor);
    showTip(this.actions.describe(tensor), frame.left + box.left + box.width, frame.top + box.top);
  }

  private leave(): void {
    this.ring.hidden = true;
    hideTip();
    this.markActive();
  }

  /** The ring is no part of the canvas, so hovering redraws nothing. */
  private lay(tensor: MappedTensor): void {
    const box = this.boxOf(tensor);
    setStyle(this.ring, {
      left: `${box.left - 1}px`,
      top: `${box.top - 1}px`,
      width: `${box.width + 2}px`,
      height: `${box.height + 2}px`,
    });
    this.ring.hidden = false;
  }
}
