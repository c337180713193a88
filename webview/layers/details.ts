import type { Diagnostic } from '../../extension/model/diagnostic';
import type { Formula, LayerSummary } from '../../extension/worker/analysis';
import { histogram } from '../charts/histogram';
import { type Child, element, redraw } from '../dom';
import {
  formatBytes,
  formatCount,
  formatDataType,
  formatExactBytes,
  formatFormula,
  formatNumber,
  formatShape,
  notApplicable,
} from '../format';
import { icon } from '../icons';
import type { LayerDetailsReply } from '../protocol';
import type { Store } from '../store';
import { severityIcon } from './table';

/** A fast walk through the rows asks only for the layer it ends on. */
const pause = 80;

export interface Section {
  readonly title: string;
  readonly lines: readonly Line[];
}

/** The panel beside the table: costs at once, what must be read from the file when the host answers. */
export class DetailsPanel {
  readonly root = element('aside', { class: 'side', attributes: { tabindex: -1, 'aria-label': 'Details' } });
  private timer: ReturnType<typeof setTimeout> | undefined;
  private shown: LayerSummary | undefined;

  constructor(
    private readonly store: Store,
    private readonly close: () => void,
  ) {}

  /** `lowering`: what became of the layer on the chosen runtime; absent without one. `more`: what else is known of it there. */
  show(
    layer: LayerSummary | undefined,
    faults: readonly Diagnostic[],
    lowering?: Section,
    more: readonly Section[] = [],
  ): void {
    if (layer === this.shown && layer !== undefined) return;
    this.shown = layer;
    clearTimeout(this.timer);
    if (layer === undefined) {
      redraw(this.root, element('p', { class: 'muted' }, 'Select a layer to see its costs, inputs and weights.'));
      return;
    }
    this.root.setAttribute('aria-label', `Details of ${layer.name}`);
    this.root.scrollTop = 0;
    const known = [...(lowering ? [lowering] : []), ...more];
    const draw = (details: Child) => this.draw(layer, faults, lowering !== undefined, [sections(known), details]);
    draw(element('p', { class: 'muted' }, 'Reading…'));
    this.timer = setTimeout(() => {
      this.store.detailsOf(layer).then(
        (details) => this.shown === layer && draw(detailSections(details)),
        (error: unknown) => {
          const message = error instanceof Error ? error.message : String(error);
          if (this.shown === layer) draw(element('p', { class: 'error' }, message));
        },
      );
    }, pause);
  }

  private draw(layer: LayerSummary, faults: readonly Diagnostic[], lowered: boolean, details: Child): void {
    redraw(
      this.root,
      element(
        'div',
        { class: 'side-head' },
        element('h2', { class: 'ellipsis', tip: layer.name }, layer.name),
        element(
          'button',
          {
            class: 'close',
            tip: 'Close',
            key: 'close',
            attributes: { type: 'button', 'aria-label': 'Close details' },
            on: { click: this.close },
          },
          '×',
        ),
      ),
      element(
        'div',
        { class: 'muted small ellipsis', tip: layer.outputs.join('\n') },
        `${layer.opType} → ${layer.outputs.join(', ')}`,
      ),
      reasons(layer, faults),
      section(lowered ? 'Costs of the node' : 'Costs', [
        ['Parameters', layer.parameters === 0 ? notApplicable : formatCount(layer.parameters)],
        ['Weights', layer.weightBytes === 0 ? notApplicable : formatExactBytes(layer.weightBytes)],
        ...(layer.quantizationBytes > 0 ? [['Quantization', formatExactBytes(layer.quantizationBytes)] as const] : []),
        ['MACs', layer.macs ? formatCount(layer.macs) : notApplicable, formulaTip(layer.formulas?.macs, 'count')],
        [
          'Other operations',
          layer.elementOperations ? formatCount(layer.elementOperations) : notApplicable,
          'On elements: one for each element of the output of an element-wise operator, five for softmax, the kernel for a pool…',
        ],
        ['Bytes read', bytesOrDash(layer.bytesRead), 'Each operand once, weights included'],
        ['Bytes written', bytesOrDash(layer.bytesWritten), 'Each result once'],
        ['Activation', bytesOrDash(layer.activationBytes), formulaTip(layer.formulas?.activationBytes, 'bytes')],
        [
          `Live at step ${formatCount(layer.step)}`,
          formatExactBytes(layer.liveBytes),
          formulaTip(layer.formulas?.liveBytes, 'bytes'),
        ],
      ]),
      details,
    );
  }
}

function bytesOrDash(bytes: number | undefined): string {
  return bytes ? formatExactBytes(bytes) : notApplicable;
}

/** What a figure is for any size of the open dimensions. */
function formulaTip(formula: Formula | undefined, of: 'bytes' | 'count'): string | undefined {
  return formula && `${formatFormula(formula, of)}; the number counts each open dimension as 1`;
}

function reasons(layer: LayerSummary, faults: readonly Diagnostic[]): Child {
  const lines = faults.map(({ severity, message }) => ({ severity, message }));
  const said = new Set(faults.map(({ message }) => message));
  if (layer.unknown && !said.has(layer.unknown)) lines.push({ severity: 'warning', message: layer.unknown });
  if (layer.remark && !said.has(layer.remark)) lines.push({ severity: 'note', message: layer.remark });
  return lines.map(({ severity, message }) =>
    element('p', { class: `reason ${severity}` }, icon(severityIcon(severity)), element('span', {}, message)),
  );
}

function detailSections(details: LayerDetailsReply): Child {
  const { weights } = details;
  const sizes = (bytes: number | undefined): string => (bytes === undefined ? '' : ` · ${formatBytes(bytes)}`);
  return [
    section(
      'Inputs and outputs',
      [
        ...details.inputs.map((value) => ({ value, role: value.constant ? 'Constant' : 'Input' })),
        ...details.outputs.map((value) => ({ value, role: 'Output' })),
      ].map(({ value, role }) => [
        role,
        `${formatShape(value.shape)} ${formatDataType(value.dataType)}${sizes(value.bytes)}`,
        `${value.name}\nshape: ${value.origin}`,
      ]),
    ),
    details.attributes.length > 0 &&
      section(
        'Attributes',
        details.attributes.map(({ name, text }) => [name, text, text]),
      ),
    weights && [
      element('h3', {}, 'Weights'),
      histogram(weights),
      definitions([
        ['Range', `${formatNumber(weights.minimum)} … ${formatNumber(weights.maximum)}`],
        ['Mean, deviation', `${formatNumber(weights.mean)}, ${formatNumber(weights.deviation)}`],
        ['Elements', formatCount(weights.elements)],
      ]),
    ],
  ];
}

type Line = readonly [term: string, text: string, tip?: string | undefined];

function sections(list: readonly Section[]): Child {
  return list.map(({ title, lines }) => section(title, lines));
}

function section(title: string, lines: readonly Line[]): Child {
  return [element('h3', {}, title), definitions(lines)];
}

function definitions(lines: readonly Line[]): HTMLElement {
  return element(
    'dl',
    {},
    lines.map(([term, text, tip]) => [
      element('dt', { class: 'ellipsis', tip: term }, term),
      element('dd', { class: 'ellipsis', tip: tip ?? text }, text),
    ]),
  );
}
