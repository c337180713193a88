import { element, svg } from '../dom';
import { formatBytes, formatDecibels, formatLimit } from '../format';
import { bytesInWords } from '../kinds';
import type { FrontierPoint } from '../quantize-protocol';
import { hideTip, showTip } from '../tooltip';
import { decibelRange, flashRange, frontOf, measuredPoints, type Range, walkOf } from './frontier-scale';

const height = 272;
const left = 34;
const right = 14;
const top = 18;
const bottom = 36;

export interface FrontierData {
  readonly points: readonly FrontierPoint[];
  readonly shown: number | undefined;
  readonly budget: number | undefined;
}

interface Actions {
  choose(index: number): void;
  setBudget(bytes: number): void;
}

/** What is being dragged, and where it is before the host has answered. */
type Drag = { readonly kind: 'ring'; readonly index: number } | { readonly kind: 'budget'; readonly bytes: number };

/** Output error over flash of all plans: a ring that goes along them, and the budget as a line that can be moved. */
export class FrontierChart {
  readonly root = element('div', { class: 'frontier-chart' });
  private data: FrontierData = { points: [], shown: undefined, budget: undefined };
  private drag: Drag | undefined;
  private width = 0;
  private flash: Range = { from: 0, to: 1, ticks: [] };
  private decibels: Range = { from: 0, to: 1, ticks: [] };

  constructor(private readonly actions: Actions) {
    new ResizeObserver(() => {
      const { clientWidth } = this.root;
      if (clientWidth === this.width || clientWidth === 0) return;
      this.width = clientWidth;
      this.paint();
    }).observe(this.root);
    this.root.addEventListener('pointerdown', (event) => this.grab(event));
    this.root.addEventListener('pointermove', (event) => this.move(event));
    this.root.addEventListener('pointerup', () => this.drop());
    this.root.addEventListener('pointercancel', () => this.drop());
    this.root.addEventListener('pointerleave', hideTip);
    this.root.addEventListener('keydown', (event) => this.onKey(event));
  }

  draw(data: FrontierData): void {
    this.data = data;
    if (this.width > 0) this.paint();
  }

  private get shown(): number | undefined {
    return this.drag?.kind === 'ring' ? this.drag.index : this.data.shown;
  }

  private get budget(): number | undefined {
    return this.drag?.kind === 'budget' ? this.drag.bytes : this.data.budget;
  }

  private x(bytes: number): number {
    const { from, to } = this.flash;
    return left + ((bytes - from) / (to - from)) * (this.width - left - right);
  }

  private y(decibels: number): number {
    const { from, to } = this.decibels;
    return top + ((to - decibels) / (to - from)) * (height - top - bottom);
  }

  private paint(): void {
    const { points } = this.data;
    const measured = measuredPoints(points);
    // The axes stay while something is dragged along them.
    if (!this.drag) {
      this.flash = flashRange(points, this.data.budget);
      this.decibels = decibelRange(measured);
    }
    const hadFocus = this.root.contains(document.activeElement);
    const { shown } = this;
    const front = frontOf(measured);
    const picture = svg(
      'svg',
      {
        width: this.width,
        height,
        viewBox: `0 0 ${this.width} ${height}`,
        role: 'slider',
        tabindex: 0,
        'data-key': 'frontier-chart',
        'aria-label': this.name(front.length),
        'aria-valuemin': 0,
        'aria-valuemax': Math.max(0, walkOf(points, shown).length - 1),
        'aria-valuenow': Math.max(0, walkOf(points, shown).indexOf(shown ?? -1)),
        'aria-valuetext': this.valueText(),
      },
      ...this.axes(),
      ...this.budgetMarks(),
      svg('path', {
        d: front
          .map(({ flashBytes, decibels }, at) => `${at === 0 ? 'M' : 'L'}${this.x(flashBytes)} ${this.y(decibels)}`)
          .join(''),
        class: 'frontier-line',
      }),
      ...measured.map(({ index, flashBytes, decibels }) => {
        const isFront = front.some((point) => point.index === index);
        return svg('circle', {
          cx: this.x(flashBytes),
          cy: this.y(decibels),
          r: isFront ? 3 : 2.2,
          class: isFront ? 'frontier-point' : 'frontier-point beaten',
        });
      }),
      ...this.ends(),
      ...this.ring(),
    );
    this.root.replaceChildren(picture);
    if (hadFocus) picture.focus({ preventScroll: true });
  }

  private name(onFront: number): string {
    const { points } = this.data;
    const measured = measuredPoints(points).length;
    return `Frontier: output error over flash, ${measured} of ${points.length} plans measured, ${onFront} that no other beats`;
  }

  private valueText(): string {
    const point = this.shown === undefined ? undefined : this.data.points[this.shown];
    if (!point) return 'no plan is chosen';
    return `${point.words}, ${bytesInWords(point.flashBytes, point.flashKind)}, ${errorText(point)}`;
  }

  private axes(): SVGElement[] {
    const end = this.width - right;
    const floor = height - bottom;
    return [
      ...this.decibels.ticks.flatMap((tick) => [
        svg('path', { d: `M${left} ${Math.round(this.y(tick)) + 0.5}H${end}`, class: 'frontier-grid' }),
        svg('text', { x: left - 7, y: this.y(tick) + 4, 'text-anchor': 'end', class: 'frontier-text' }, tick),
      ]),
      ...this.flash.ticks.flatMap((tick) => [
        svg('path', { d: `M${Math.round(this.x(tick)) + 0.5} ${floor}v4`, class: 'frontier-tick' }),
        svg(
          'text',
          { x: this.x(tick), y: floor + 16, 'text-anchor': 'middle', class: 'frontier-text' },
          String(tick / 1024),
        ),
      ]),
      svg('text', { x: left, y: 10, class: 'frontier-text' }, 'output dB, higher is better'),
      svg(
        'text',
        { x: end, y: height - 3, 'text-anchor': 'end', class: 'frontier-text' },
        'flash, KiB: model and runtime code',
      ),
    ];
  }

  private budgetMarks(): SVGElement[] {
    const { budget } = this;
    if (budget === undefined) return [];
    const end = this.width - right;
    const at = Math.min(end, Math.max(left, this.x(budget)));
    const beyond = this.x(budget) > end + 1;
    const label = `budget ${formatLimit(budget)}${beyond ? ' →' : ''}`;
    const onLeft = at > left + 110;
    return [
      svg(
        'defs',
        {},
        svg(
          'pattern',
          { id: 'frontier-hatch', width: 6, height: 6, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' },
          svg('path', { d: 'M0 0V6', class: 'frontier-hatch' }),
        ),
      ),
      svg('rect', {
        x: at,
        y: top,
        width: Math.max(0, end - at),
        height: height - top - bottom,
        fill: 'url(#frontier-hatch)',
      }),
      svg('path', { d: `M${at} ${top}V${height - bottom}`, class: 'frontier-budget' }),
      // Wider than the line, so that it can be caught.
      svg('rect', { x: at - 6, y: top, width: 12, height: height - top - bottom, class: 'frontier-handle' }),
      svg(
        'text',
        {
          x: onLeft ? at - 5 : at + 5,
          y: height - bottom - 8,
          'text-anchor': onLeft ? 'end' : 'start',
          class: 'frontier-text plain',
        },
        label,
      ),
    ];
  }

  /** The pure plans are named where they stand. */
  private ends(): SVGElement[] {
    return this.data.points.flatMap((point, index) => {
      const { end, measurement, flashBytes } = point;
      if (end === undefined || measurement.kind !== 'ready' || index === this.shown) return [];
      const x = this.x(flashBytes);
      const y = this.y(measurement.value.sqnrDb ?? this.decibels.to);
      const isRight = x > this.width - 80;
      return [
        svg(
          'text',
          {
            x: isRight ? x - 4 : x + 8,
            y: isRight ? y + 18 : y + 4,
            'text-anchor': isRight ? 'end' : 'start',
            class: 'frontier-text plain',
          },
          end,
        ),
      ];
    });
  }

  private ring(): SVGElement[] {
    const point = this.shown === undefined ? undefined : this.data.points[this.shown];
    if (!point) return [];
    const { measurement } = point;
    const x = this.x(point.flashBytes);
    const y = measurement.kind === 'ready' ? this.y(measurement.value.sqnrDb ?? this.decibels.to) : height - bottom;
    const isLeft = x > left + 132;
    return [
      svg('circle', { cx: x, cy: y, r: 7, class: 'frontier-ring' }),
      svg('circle', { cx: x, cy: y, r: 3, class: 'frontier-ring-centre' }),
      svg(
        'text',
        {
          x: isLeft ? x - 12 : x + 12,
          y: Math.max(top + 10, y - 12),
          'text-anchor': isLeft ? 'end' : 'start',
          class: 'frontier-label',
        },
        `${bytesInWords(point.flashBytes, point.flashKind)}, ${errorText(point)}`,
      ),
    ];
  }

  private bytesAt(event: PointerEvent): number {
    const x = event.clientX - this.root.getBoundingClientRect().left;
    const { from, to } = this.flash;
    return from + ((x - left) / (this.width - left - right)) * (to - from);
  }

  private nearest(event: PointerEvent): number | undefined {
    const bytes = this.bytesAt(event);
    const distance = (index: number): number => Math.abs((this.data.points[index]?.flashBytes ?? 0) - bytes);
    const way = walkOf(this.data.points, this.shown);
    const [first] = way;
    return first === undefined
      ? undefined
      : way.reduce((best, index) => (distance(index) < distance(best) ? index : best), first);
  }

  private grab(event: PointerEvent): void {
    const isBudget = event.target instanceof Element && event.target.classList.contains('frontier-handle');
    const index = this.nearest(event);
    if (!isBudget && index === undefined) return;
    this.root.setPointerCapture(event.pointerId);
    this.root.querySelector('svg')?.focus({ preventScroll: true });
    event.preventDefault();
    if (isBudget) this.drag = { kind: 'budget', bytes: this.budget ?? 0 };
    else if (index !== undefined) this.dragRing(index);
  }

  private move(event: PointerEvent): void {
    if (this.drag === undefined) this.hover(event);
    else if (this.drag.kind === 'budget') {
      // Whole KiB, as the field shows them.
      const kib = Math.round(Math.min(this.flash.to, Math.max(this.flash.from, this.bytesAt(event))) / 1024);
      if (kib * 1024 === this.drag.bytes) return;
      this.drag = { kind: 'budget', bytes: kib * 1024 };
      this.actions.setBudget(kib * 1024);
      this.paint();
    } else {
      const index = this.nearest(event);
      if (index !== undefined && index !== this.drag.index) this.dragRing(index);
    }
  }

  private dragRing(index: number): void {
    this.drag = { kind: 'ring', index };
    this.actions.choose(index);
    this.paint();
  }

  private drop(): void {
    if (!this.drag) return;
    // Until the host has answered, what was dragged stays where it was let go.
    const { data, drag } = this;
    this.data = drag.kind === 'ring' ? { ...data, shown: drag.index } : { ...data, budget: drag.bytes };
    this.drag = undefined;
    this.paint();
  }

  private hover(event: PointerEvent): void {
    const box = this.root.getBoundingClientRect();
    const at = { x: event.clientX - box.left, y: event.clientY - box.top };
    const near = measuredPoints(this.data.points).find(
      ({ flashBytes, decibels }) => Math.hypot(this.x(flashBytes) - at.x, this.y(decibels) - at.y) < 8,
    );
    const point = near && this.data.points[near.index];
    if (!point) hideTip();
    else
      showTip(
        `${point.words}\n${bytesInWords(point.flashBytes, point.flashKind)} of flash, ${formatBytes(point.ramBytes)} of RAM\n${errorText(point)}, measured`,
        event.clientX,
        event.clientY,
      );
  }

  private onKey(event: KeyboardEvent): void {
    const way = walkOf(this.data.points, this.shown);
    const now = way.indexOf(this.shown ?? -1);
    const to =
      event.key === 'ArrowRight' || event.key === 'ArrowUp'
        ? Math.min(way.length - 1, now + 1)
        : event.key === 'ArrowLeft' || event.key === 'ArrowDown'
          ? Math.max(0, now - 1)
          : event.key === 'Home'
            ? 0
            : event.key === 'End'
              ? way.length - 1
              : undefined;
    const index = to === undefined ? undefined : way[to];
    if (index === undefined) return;
    event.preventDefault();
    this.data = { ...this.data, shown: index };
    this.actions.choose(index);
    this.paint();
  }
}

function errorText({ measurement }: FrontierPoint): string {
  switch (measurement.kind) {
    case 'ready':
      return measurement.value.sqnrDb === undefined ? 'no error' : `${formatDecibels(measurement.value.sqnrDb)} dB`;
    case 'running':
      return 'being measured';
    case 'failed':
      return 'could not be measured';
    case 'none':
      return 'not measured';
  }
}
