import {
  Chart,
  type ChartConfiguration,
  Decimation,
  Filler,
  LinearScale,
  LineController,
  LineElement,
  PointElement,
} from 'chart.js';
import { element, setAttributes, setStyle } from '../dom';
import { formatCount, formatLimit } from '../format';
import { onThemeChange, pageFont, themeColours } from '../theme';
import { hideTip, showTip } from '../tooltip';
import { axisWidth, roundStep } from './scale';
import { inScale, labelWidth, type TimelineLine, timelineMarks } from './timeline-marks';

Chart.register(LineController, LineElement, PointElement, LinearScale, Filler, Decimation);

/** Above so many steps the line is thinned to the extremes of each pixel. */
const decimateFrom = 2000;

export interface TimelineData {
  readonly liveBytes: readonly number[];
  /** Bytes that are there at every step, drawn below; 0 for none. */
  readonly baseBytes: number;
  readonly peakStep: number;
  /** The chip's RAM and how much of it is kept for the application. */
  readonly limit: { readonly bytes: number; readonly name: string; readonly reserveBytes: number } | undefined;
  /** Further levels, the base included. */
  readonly lines: readonly TimelineLine[];
  /** False where a chart below numbers the steps. */
  readonly stepNumbers: boolean;
  /** Height of the whole chart in pixels. */
  readonly height: number;
  /** What the chart says in one sentence. */
  readonly sentence: string;
}

export interface TimelineActions {
  /** Text for a step: its layer, its live bytes, its tensors. */
  describe(step: number): string;
  select(step: number): void;
  open(step: number): void;
  /** The step pointed at, so that other charts mark it too; undefined when none is. */
  point?(step: number | undefined): void;
}

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Live bytes over the steps, the chip's RAM as a line, the peak outlined. Arrow keys walk through the steps. */
export class Timeline {
  readonly root: HTMLElement;
  private readonly canvas = element('canvas', { attributes: { 'aria-hidden': 'true' } });
  private readonly band = element('div', { class: 'timeline-band', attributes: { hidden: true } });
  private readonly selected = element('div', { class: 'timeline-selected', attributes: { hidden: true } });
  private readonly box: HTMLElement;
  private chart: Chart<'line', Point[]> | undefined;
  private data: TimelineData | undefined;
  private step = 0;
  private selectedStep: number | undefined;

  constructor(private readonly actions: TimelineActions) {
    this.box = element(
      'div',
      {
        class: 'timeline',
        key: 'timeline',
        attributes: { role: 'slider', tabindex: 0, 'aria-orientation': 'horizontal' },
        on: {
          keydown: (event) => this.onKey(event),
          pointermove: (event) => this.onHover(event),
          pointerleave: () => this.mark(undefined),
          click: (event) => this.onPress(event),
          dblclick: () => actions.open(this.step),
          blur: () => this.mark(undefined),
        },
      },
      this.canvas,
      this.band,
      this.selected,
    );
    this.root = this.box;
    onThemeChange(() => {
      if (this.root.isConnected) this.draw();
    });
  }

  show(data: TimelineData, selectedStep: number | undefined): void {
    this.data = data;
    setStyle(this.box, { height: `${data.height}px` });
    this.step = selectedStep ?? data.peakStep;
    this.selectedStep = selectedStep;
    setAttributes(this.box, {
      'aria-label': data.sentence,
      'aria-valuemin': 0,
      'aria-valuemax': Math.max(0, data.liveBytes.length - 1),
    });
    this.announce();
    this.draw();
  }

  /** The step the keys are on. */
  get current(): number {
    return this.step;
  }

  /** Marks the step of a layer selected elsewhere. */
  follow(step: number | undefined): void {
    this.selectedStep = step;
    if (step !== undefined) this.step = step;
    this.announce();
    this.markSelected();
  }

  dispose(): void {
    this.chart?.destroy();
    this.chart = undefined;
  }

  private draw(): void {
    const { data } = this;
    if (data === undefined || !this.root.isConnected) return;
    this.dispose();
    this.chart = new Chart(
      this.canvas,
      configuration(data, () => this.markSelected()),
    );
    this.markSelected();
  }

  private markSelected(): void {
    this.selected.hidden = !this.lay(this.selected, this.selectedStep);
  }

  /** Puts a strip over a step of the plot; false where there is none. It is no part of the canvas, so hovering redraws nothing. */
  private lay(strip: HTMLElement, step: number | undefined): boolean {
    const scale = this.chart?.scales['x'];
    const area = this.chart?.chartArea;
    if (step === undefined || scale === undefined || area === undefined) return false;
    const left = scale.getPixelForValue(step);
    const width = Math.max(2, scale.getPixelForValue(step + 1) - left);
    setStyle(strip, {
      left: `${left}px`,
      width: `${width}px`,
      top: `${area.top}px`,
      height: `${area.bottom - area.top}px`,
    });
    return true;
  }

  private announce(): void {
    setAttributes(this.box, {
      'aria-valuenow': this.step,
      'aria-valuetext': this.actions.describe(this.step).replaceAll('\n', ', '),
    });
  }

  private onKey(event: KeyboardEvent): void {
    const last = (this.data?.liveBytes.length ?? 1) - 1;
    const page = Math.max(1, Math.round(last / 10));
    const moves: Readonly<Record<string, number>> = {
      ArrowRight: this.step + 1,
      ArrowLeft: this.step - 1,
      ArrowDown: this.step + 1,
      ArrowUp: this.step - 1,
      PageDown: this.step + page,
      PageUp: this.step - page,
      Home: 0,
      End: last,
    };
    const move = moves[event.key];
    if (move !== undefined) {
      this.step = Math.max(0, Math.min(last, move));
      this.announce();
      this.mark(this.step, this.box.getBoundingClientRect());
      this.actions.select(this.step);
    } else if (event.key === 'Enter') this.actions.open(this.step);
    else return;
    event.preventDefault();
  }

  private onHover(event: PointerEvent): void {
    const step = this.stepAt(event);
    this.mark(step, undefined, event);
  }

  private onPress(event: MouseEvent): void {
    const step = this.stepAt(event);
    if (step === undefined) return;
    this.step = step;
    this.announce();
    this.actions.select(step);
  }

  private stepAt(event: MouseEvent): number | undefined {
    const scale = this.chart?.scales['x'];
    const count = this.data?.liveBytes.length ?? 0;
    if (scale === undefined || count === 0) return undefined;
    const step = Math.floor(
      scale.getValueForPixel(event.clientX - this.box.getBoundingClientRect().left) ?? Number.NaN,
    );
    return step >= 0 && step < count ? step : undefined;
  }

  /** Marks a step and says what is live there. */
  private mark(step: number | undefined, box?: DOMRect, pointer?: PointerEvent): void {
    this.band.hidden = !this.lay(this.band, step);
    this.actions.point?.(this.band.hidden ? undefined : step);
    if (step === undefined || this.band.hidden) {
      hideTip();
      return;
    }
    const text = this.actions.describe(step);
    if (pointer) showTip(text, pointer.clientX, pointer.clientY);
    else if (box) showTip(text, box.left + this.band.offsetLeft + this.band.offsetWidth, box.top + this.band.offsetTop);
  }
}

function configuration(data: TimelineData, resized: () => void): ChartConfiguration<'line', Point[]> {
  const colours = themeColours();
  const family = pageFont();
  const count = data.liveBytes.length;
  const { baseBytes } = data;
  const points = data.liveBytes.map((bytes, x) => ({ x, y: baseBytes + bytes }));
  const end = points.at(-1);
  // The last step has a width too.
  if (end !== undefined) points.push({ x: count, y: end.y });
  const levels = [baseBytes + (data.liveBytes[data.peakStep] ?? 0), ...data.lines.map(({ bytes }) => bytes)];
  const top = niceTop(Math.max(...levels, inScale(data) ? (data.limit?.bytes ?? 0) : 0, 1));
  const font = { family, size: 11 };
  return {
    type: 'line',
    data: {
      datasets: [
        {
          data: points,
          stepped: true,
          fill: { value: baseBytes },
          backgroundColor: colours['--activations-fill'],
          borderColor: colours['--activations'],
          borderWidth: 1.2,
          pointRadius: 0,
          pointHoverRadius: 0,
        },
        {
          data:
            baseBytes > 0
              ? [
                  { x: 0, y: baseBytes },
                  { x: Math.max(1, count), y: baseBytes },
                ]
              : [],
          fill: 'origin',
          backgroundColor: colours['--persistent-fill'],
          borderWidth: 0,
          pointRadius: 0,
          pointHoverRadius: 0,
        },
      ],
    },
    options: {
      animation: false,
      parsing: false,
      normalized: true,
      responsive: true,
      maintainAspectRatio: false,
      // Chart.js lays itself out after this call.
      onResize: () => requestAnimationFrame(resized),
      events: [],
      layout: { padding: { top: 8, right: labelWidth(data) } },
      plugins: { decimation: { enabled: count > decimateFrom, algorithm: 'min-max', threshold: decimateFrom } },
      scales: {
        x: {
          type: 'linear',
          min: 0,
          max: Math.max(1, count),
          grid: { display: false },
          border: { color: colours['--grid'] },
          ticks: {
            display: data.stepNumbers,
            color: colours['--muted'],
            font,
            maxRotation: 0,
            maxTicksLimit: 16,
            precision: 0,
            callback: (value) => (Number(value) < count ? formatCount(Number(value)) : ''),
          },
        },
        y: {
          type: 'linear',
          min: 0,
          max: top.max,
          afterFit: (axis) => {
            axis.width = axisWidth;
          },
          grid: { color: colours['--grid'], drawTicks: false },
          border: { display: false },
          ticks: {
            color: colours['--muted'],
            font,
            stepSize: top.step,
            padding: 8,
            callback: (value) => (Number(value) === 0 ? '0' : formatLimit(Number(value))),
          },
        },
      },
    },
    plugins: [timelineMarks(data)],
  };
}

/** The step of the grid, about five lines, and the top of the scale. */
function niceTop(largest: number): { readonly max: number; readonly step: number } {
  const step = roundStep(largest, 6);
  return { step, max: Math.ceil((largest * 1.04) / step) * step };
}
