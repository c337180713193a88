import { type Child, element, layerName, redraw, setAttributes, setStyle } from '../dom';
import { formatBytes, formatCount, formatDecibels, formatExactBytes, notApplicable } from '../format';
import { measuredMark } from '../kinds';
import type { QuantizeState } from '../quantize-protocol';
import type { Store } from '../store';
import { Part } from './part';
import { decibelsOf, harmShare, type SensitivityRow, sensitivityRows, shortLayerName } from './sensitivity-rows';
import { shortScheme } from './words';

const rowHeight = 15.5;
/** Rows drawn above and below what is seen. */
const margin = 12;

/** Layers by the harm of quantizing each alone, and the precision that the plan gives each: a list of which only what is seen is drawn. */
export class Sensitivity {
  readonly root: HTMLElement;
  private readonly head = new Part(element('div'));
  private readonly list: HTMLElement;
  private readonly body = element('div', { class: 'sensitivity-body', attributes: { role: 'rowgroup' } });
  private rows: readonly SensitivityRow[] = [];
  private range = { least: 0, most: 0 };
  private stepOf: ReadonlyMap<string, number> = new Map();
  private active = 0;
  /** What the rows were made from, to leave the list alone while it is the same. */
  private drawn: readonly unknown[] = [];

  constructor(private readonly store: Store) {
    this.list = element(
      'div',
      {
        class: 'sensitivity-list',
        key: 'sensitivity',
        attributes: { tabindex: 0, role: 'table' },
        on: { scroll: () => this.drawRows(), keydown: (event) => this.onKey(event) },
      },
      this.body,
    );
    this.root = element('section', { class: 'sensitivity' }, this.head.root, this.list);
    new ResizeObserver(() => this.drawRows()).observe(this.list);
  }

  draw(state: QuantizeState): void {
    const { sensitivity, edited, layers } = state;
    const scheme = sensitivity.kind === 'ready' ? commonScheme(state) : undefined;
    this.head.draw([sensitivity.kind, progressOf(state), scheme, edited.length, layers.length], () =>
      this.drawHead(state, scheme),
    );
    const from = [layers, edited, sensitivity, this.store.state?.analysis];
    const same = from.every((part, at) => part === this.drawn[at]);
    if (!same) {
      this.drawn = from;
      this.rows = sensitivityRows(state);
      this.range = decibelsOf(this.rows);
      this.stepOf = new Map(this.store.state?.analysis.layers.map(({ name, step }) => [name, step]));
      this.active = Math.min(this.active, Math.max(0, this.rows.length - 1));
    }
    setStyle(this.body, { height: `${this.rows.length * rowHeight}px` });
    setAttributes(this.list, {
      'aria-label': `Sensitivity of ${formatCount(this.rows.length)} layers`,
      'aria-rowcount': this.rows.length,
    });
    this.drawRows();
  }

  selectionChanged(): void {
    this.drawRows();
  }

  focus(): void {
    this.list.focus();
  }

  private drawHead(state: QuantizeState, scheme: string | undefined): Child {
    const { sensitivity, edited, layers } = state;
    return [
      element(
        'h2',
        {},
        'Sensitivity',
        element(
          'span',
          { class: 'muted' },
          sensitivity.kind === 'ready'
            ? [`output dB, alone${scheme === undefined ? '' : ` at ${scheme}`}`, measuredMark()]
            : progressOf(state),
        ),
        edited.length > 0 &&
          element(
            'button',
            {
              class: 'link right',
              key: 'reset-layers',
              tip: `Back to what the plan has, for ${formatCount(edited.length)} of ${formatCount(layers.length)} layers`,
              attributes: { type: 'button' },
              on: { click: () => this.store.send({ type: 'quantize-change', change: { kind: 'reset-layers' } }) },
            },
            `Reset ${formatCount(edited.length)}`,
          ),
      ),
      layers.length === 0
        ? element('p', { class: 'muted' }, 'No layer has weights that can be quantized.')
        : element(
            'div',
            { class: 'sensitivity-row muted', attributes: { 'aria-hidden': 'true' } },
            element(
              'span',
              { class: 'row-order' },
              sensitivity.kind === 'ready' ? 'most harmed first' : 'largest saving first',
            ),
            element('span', { class: 'number' }, 'saved'),
            element('span', { class: 'number' }, 'dB'),
            element('span', { class: 'number' }, 'plan'),
          ),
    ];
  }

  private drawRows(): void {
    const first = Math.max(0, Math.floor(this.list.scrollTop / rowHeight) - margin);
    const count = Math.ceil(Math.max(this.list.clientHeight, rowHeight) / rowHeight) + 2 * margin;
    redraw(
      this.body,
      this.rows.slice(first, first + count).map((row, at) => this.row(row, first + at)),
    );
  }

  private row(row: SensitivityRow, position: number): HTMLElement {
    const { layer, decibels, isHarmless, savedBytes, isEdited } = row;
    const isLow = /int4|int2|ternary|binary|codebook/.test(layer.scheme);
    const step = this.stepOf.get(layer.name);
    const isSelected = step !== undefined && this.store.selectedLayer?.step === step;
    const choice = element('select', {
      class: `layer-scheme${isLow ? ' low' : ''}`,
      key: `layer-${layer.name}`,
      attributes: { tabindex: -1, 'aria-label': `Precision of ${layer.name}${isEdited ? ', edited' : ''}` },
      on: { change: () => this.choose(layer.name, choice.value) },
    });
    for (const scheme of new Set([layer.scheme, ...layer.choices]))
      choice.append(element('option', { attributes: { value: scheme } }, shortScheme(scheme)));
    if (isEdited) choice.append(element('option', { attributes: { value: '' } }, 'as the plan has it'));
    choice.value = layer.scheme;
    return element(
      'div',
      {
        class: `sensitivity-row${isEdited ? ' edited' : ''}${position === this.active ? ' active' : ''}`,
        style: { transform: `translateY(${position * rowHeight}px)` },
        attributes: {
          role: 'row',
          id: `sensitivity-${position}`,
          'aria-rowindex': position + 1,
          'aria-selected': isSelected ? 'true' : 'false',
        },
        on: {
          click: (event) => {
            this.active = position;
            if (event.target instanceof HTMLSelectElement) return;
            if (step !== undefined) this.store.select(step);
          },
          dblclick: () => {
            if (step !== undefined) this.store.openTab('layers');
          },
        },
      },
      element(
        'span',
        { class: 'ellipsis', attributes: { role: 'rowheader' }, tip: layer.name },
        layerName(shortLayerName(layer)),
      ),
      element(
        'span',
        { class: 'inline-bar', attributes: { 'aria-hidden': 'true' } },
        element('i', {
          class: isLow ? 'fill-low' : 'fill-weights',
          style: { width: `${harmShare(decibels, this.range) * 100}%` },
        }),
      ),
      element(
        'span',
        {
          class: `number${savedBytes > 0 ? '' : ' muted'}`,
          tip: `${formatExactBytes(layer.weightBytesBefore)} in the file, ${formatExactBytes(layer.weightBytes)} in the plan`,
          attributes: { role: 'cell' },
        },
        savedBytes === 0 ? '0 B' : formatBytes(savedBytes),
      ),
      element(
        'span',
        {
          class: 'number',
          attributes: { role: 'cell' },
          tip: isHarmless ? 'Nothing differs at the outputs' : undefined,
        },
        decibels === undefined ? (isHarmless ? '∞' : notApplicable) : formatDecibels(decibels),
      ),
      element('span', { class: 'number', attributes: { role: 'cell' } }, choice),
    );
  }

  private choose(name: string, value: string): void {
    const layer = this.rows.find((row) => row.layer.name === name)?.layer;
    const scheme = layer?.choices.find((one) => one === value);
    this.store.send({ type: 'quantize-change', change: { kind: 'layer', name, scheme } });
  }

  private onKey(event: KeyboardEvent): void {
    if (event.target instanceof HTMLSelectElement) {
      if (event.key === 'Escape') this.list.focus();
      return;
    }
    const page = Math.max(1, Math.floor(this.list.clientHeight / rowHeight) - 1);
    const moves: Readonly<Record<string, number>> = {
      ArrowDown: this.active + 1,
      ArrowUp: this.active - 1,
      PageDown: this.active + page,
      PageUp: this.active - page,
      Home: 0,
      End: this.rows.length - 1,
    };
    const to = moves[event.key];
    if (to !== undefined) {
      event.preventDefault();
      this.goTo(Math.min(this.rows.length - 1, Math.max(0, to)));
    } else if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      this.body.querySelector<HTMLElement>(`#sensitivity-${this.active} select`)?.focus();
    }
  }

  private goTo(position: number): void {
    this.active = position;
    const top = position * rowHeight;
    const { clientHeight, scrollTop } = this.list;
    if (top < scrollTop) this.list.scrollTop = top;
    else if (top + rowHeight > scrollTop + clientHeight) this.list.scrollTop = top + rowHeight - clientHeight;
    setAttributes(this.list, { 'aria-activedescendant': `sensitivity-${position}` });
    const step = this.stepOf.get(this.rows[position]?.layer.name ?? '');
    if (step !== undefined) this.store.select(step);
    this.drawRows();
  }
}

/** What all layers were quantized to alone; undefined where they differ. */
function commonScheme({ sensitivity }: QuantizeState): string | undefined {
  if (sensitivity.kind !== 'ready') return undefined;
  const schemes = new Set(sensitivity.value.layers.map(({ scheme }) => scheme));
  const [only] = schemes;
  return schemes.size === 1 && only !== undefined ? shortScheme(only) : undefined;
}

function progressOf({ sensitivity, paused }: QuantizeState): string {
  if (sensitivity.kind === 'running') {
    return sensitivity.total > 0
      ? `${formatCount(sensitivity.done)} of ${formatCount(sensitivity.total)} measured`
      : 'measuring…';
  }
  if (sensitivity.kind === 'failed') return 'could not be measured';
  return sensitivity.kind === 'none' ? (paused ? 'stopped' : 'not measured') : '';
}
