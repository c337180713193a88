import type { FigureKind } from '../../extension/targets/verdict';
import { type Child, element } from '../dom';
import { formatBytes, formatExactBytes, formatLimit } from '../format';
import { icon } from '../icons';
import { bytesInWords, figureTip, kindWord, markedBytes, weakestKind } from '../kinds';
import { togglePopover } from '../popover';

/** From this share of a limit on, what fits is called tight. */
const tightFrom = 0.85;

export type MeterFill =
  | 'weights'
  | 'biases'
  | 'quantization'
  | 'constants'
  | 'code'
  | 'activations'
  | 'persistent'
  | 'buffers'
  | 'loading'
  | 'reserve';

export interface MeterPart {
  readonly name: string;
  readonly bytes: number;
  /** Class that gives colour and pattern. */
  readonly fill: MeterFill;
  readonly kind: FigureKind;
  /** What is counted, by which rule or source. */
  readonly explanation: string;
}

/** A part that the legend names without a share of the bar of its own, such as scratch inside the arena. */
export interface MeterRemark {
  readonly name: string;
  readonly text: string;
  readonly tip: string;
}

export interface MeterLimit {
  readonly bytes: number;
  /** What the limit is, such as "internal flash". */
  readonly label: string;
}

export interface MeterFigures {
  readonly title: string;
  readonly parts: readonly MeterPart[];
  /** Kind of the sum, where it is weaker than that of the parts. */
  readonly kind?: FigureKind;
  readonly remark?: MeterRemark | undefined;
  /** undefined with a target: it has no such memory, said by `withoutLimit`. */
  readonly limit: MeterLimit | undefined;
  readonly withoutLimit: string;
  /** What the room below the limit is for: "left for the runtime" where that is not counted. */
  readonly free: string;
  /** What the sum leaves out. */
  readonly rule: string;
}

/** A stacked bar of one memory against its limit. Each part is a button that explains itself; the legend repeats the figures as text. */
export function meter(figures: MeterFigures): HTMLElement {
  const { title, limit } = figures;
  const parts = figures.parts.filter((part) => part.bytes > 0);
  const total = parts.reduce((sum, part) => sum + part.bytes, 0);
  const kind = weakestKind([figures.kind ?? 'exact', ...parts.map((part) => part.kind)]);
  const scale = Math.max(limit?.bytes ?? 0, total, 1);
  const share = (bytes: number): string => `${(bytes / scale) * 100}%`;
  const bar = element(
    'div',
    {
      class: 'bar',
      attributes: {
        role: 'group',
        'aria-label': `${title}: ${bytesInWords(total, kind)}${limit ? ` of ${formatLimit(limit.bytes)}` : ''}`,
      },
    },
    parts.map((part) => partButton(part, share(part.bytes), title)),
    limit && element('span', { class: 'limit', style: { left: `calc(${share(limit.bytes)} - 2px)` } }),
    limit && total > limit.bytes && element('span', { class: 'over', style: { left: share(limit.bytes) } }),
  );
  return element(
    'div',
    { class: 'meter' },
    element(
      'div',
      { class: 'meter-top' },
      element('span', { class: 'strong' }, title),
      element('span', { class: 'strong', tip: figureTip(total, kind, figures.rule) }, markedBytes(total, kind)),
      limit &&
        element(
          'span',
          { class: 'muted', tip: `${formatExactBytes(limit.bytes)}, ${limit.label}` },
          `of ${formatLimit(limit.bytes)}`,
          /external/i.test(limit.label) && ` ${limit.label}`,
        ),
      state(total, kind, figures),
    ),
    bar,
    element('div', { class: 'legend' }, legend(figures, parts, total)),
  );
}

function state(total: number, kind: FigureKind, { limit, withoutLimit, free }: MeterFigures): HTMLElement {
  if (limit === undefined) return element('span', { class: 'meter-state muted' }, withoutLimit);
  const left = limit.bytes - total;
  if (left < 0) return element('span', { class: 'meter-state error' }, icon('short'), ` ${formatBytes(-left)} short`);
  const counted = free === 'free';
  if (counted && kind !== 'lower bound' && total > limit.bytes * tightFrom)
    return element(
      'span',
      { class: 'meter-state warning' },
      icon('tight'),
      element('span', { class: 'wide-only' }, ' tight,'),
      ` ${formatBytes(left)} free`,
    );
  return element('span', { class: 'meter-state muted' }, `${formatBytes(left)} ${counted ? 'free' : 'left'}`);
}

function partButton(part: MeterPart, width: string, title: string): HTMLElement {
  const words = `${part.name} ${bytesInWords(part.bytes, part.kind)}`;
  const button = element('button', {
    class: `fill-${part.fill}`,
    style: { width },
    tip: `${part.name}: ${figureTip(part.bytes, part.kind)}`,
    key: `${title}:${part.name}`,
    attributes: { type: 'button', 'aria-label': `${title}, ${words}: explain` },
    on: {
      click: () =>
        togglePopover(
          button,
          words,
          element('p', {}, `${kindWord(part.kind)} ${formatExactBytes(part.bytes)}.`),
          element('p', {}, part.explanation),
        ),
    },
  });
  return button;
}

function legend({ limit, remark, free }: MeterFigures, parts: readonly MeterPart[], total: number): HTMLElement[] {
  const entries = parts.map((part) => entry(`fill-${part.fill}`, part.name, markedBytes(part.bytes, part.kind, true)));
  if (remark) {
    const place = parts.findIndex(({ fill }) => fill === 'buffers' || fill === 'loading' || fill === 'reserve');
    const named = entry('fill-scratch', remark.name, remark.text);
    named.setAttribute('data-tip', remark.tip);
    entries.splice(place < 0 ? entries.length : place, 0, named);
  }
  if (limit && total < limit.bytes) entries.push(entry('fill-free', free, formatBytes(limit.bytes - total)));
  if (parts.length === 0) entries.unshift(element('span', {}, 'nothing counted'));
  return entries;
}

function entry(swatch: string, name: string, figure: Child): HTMLElement {
  return element(
    'span',
    {},
    element('i', { class: `swatch ${swatch}` }),
    element('span', {}, `${name} `, element('span', { class: 'plain' }, figure)),
  );
}
