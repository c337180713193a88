import type { RuntimeFootprint } from '../../extension/runtimes/measure';
import { type Child, element, layerName } from '../dom';
import { formatBytes, formatCount, formatExactBytes, formatShape, notApplicable } from '../format';
import { kernelName, liveAt, type MappedTensor, type MemoryPlan, roleAt } from './plan';

/** Rows of a table drawn at once. */
const mostRows = 2000;

export interface Head {
  readonly title: string;
  readonly numeric?: boolean;
}

/** The head row of a table. */
export function tableHead(heads: readonly Head[]): HTMLElement {
  return element(
    'thead',
    {},
    element(
      'tr',
      {},
      heads.map(({ title, numeric }) =>
        element('th', { class: numeric ? 'number' : '', attributes: { scope: 'col' } }, title),
      ),
    ),
  );
}

/** What a tensor is to the layer that runs; `held`: needed later. */
const roleWords = { input: 'input', output: 'output', scratch: 'scratch', held: 'held' } as const;

/** The buffers live at the peak, each with its place. */
export function peakTensorTable(
  plan: MemoryPlan,
  shapeOf: (tensor: MappedTensor) => readonly (number | string | null)[] | undefined,
  select: (tensor: MappedTensor) => void,
): Child {
  const { peakStep, peakBytes } = plan;
  const live = liveAt(plan, peakStep);
  return [
    element('h2', {}, `At the peak, step ${formatCount(peakStep)}`),
    element(
      'table',
      { class: 'dense' },
      tableHead([
        { title: 'Tensor' },
        { title: 'Shape' },
        { title: 'Role' },
        { title: 'Bytes', numeric: true },
        { title: 'Offset', numeric: true },
      ]),
      element(
        'tbody',
        {},
        live.map((tensor) => {
          const shape = tensor.role === 'scratch' ? notApplicable : formatShape(shapeOf(tensor));
          return element(
            'tr',
            {},
            element(
              'td',
              { class: 'tensor', tip: tensor.name },
              nameButton(tensor.name, tensor.from.length > 0, () => select(tensor)),
            ),
            element('td', { class: 'shape muted ellipsis', tip: shape }, shape),
            element(
              'td',
              { class: 'muted', tip: roleAt(tensor, peakStep) === 'held' ? 'Held for later' : undefined },
              roleWords[roleAt(tensor, peakStep)],
            ),
            element('td', { class: 'number', tip: alignedTip(tensor) }, formatCount(tensor.size)),
            element('td', { class: 'number' }, formatCount(tensor.offset)),
          );
        }),
        element(
          'tr',
          { class: 'sum-row' },
          element('td', { class: 'muted' }, 'Sum'),
          element('td'),
          element('td'),
          element('td', { class: 'number' }, formatCount(peakBytes)),
          element('td'),
        ),
      ),
    ),
  ];
}

function alignedTip({ bytes, size }: MappedTensor): string {
  return size === bytes ? formatExactBytes(bytes) : `${formatExactBytes(bytes)}, ${formatCount(size)} as aligned`;
}

/** The arena map as a table: every buffer with its bytes, place and steps. A press on a name selects its layer. */
export function arenaTable(tensors: readonly MappedTensor[], select: (tensor: MappedTensor) => void): HTMLElement {
  const sorted = tensors.toSorted((a, b) => a.first - b.first || a.offset - b.offset);
  return scrollTable(
    'Buffers of the arena',
    'arena-table',
    tableHead([
      { title: 'Buffer' },
      { title: 'Bytes', numeric: true },
      { title: 'Offset', numeric: true },
      { title: 'First step', numeric: true },
      { title: 'Last step', numeric: true },
    ]),
    sorted.length,
    sorted.slice(0, mostRows).map((tensor) =>
      element(
        'tr',
        {},
        element(
          'td',
          { class: 'tensor', tip: tensor.name },
          nameButton(tensor.name, tensor.from.length > 0, () => select(tensor)),
        ),
        element('td', { class: 'number', tip: alignedTip(tensor) }, formatCount(tensor.size)),
        element('td', { class: 'number' }, formatCount(tensor.offset)),
        element('td', { class: 'number' }, formatCount(tensor.first)),
        element('td', { class: 'number' }, formatCount(tensor.last)),
      ),
    ),
  );
}

/** The timeline as a table: every step with its operator and live bytes. */
export function planStepTable(
  plan: MemoryPlan,
  { layers }: RuntimeFootprint,
  nameOf: (step: number) => string,
  open: (step: number) => void,
): HTMLElement {
  return scrollTable(
    'Live bytes by step',
    'step-table',
    tableHead([{ title: 'Step' }, { title: 'Layer' }, { title: 'Operator' }, { title: 'Live bytes', numeric: true }]),
    plan.liveBytes.length,
    plan.liveBytes.slice(0, mostRows).map((bytes, step) => {
      const operator = layers[step - 1];
      return element(
        'tr',
        { class: step === plan.peakStep ? 'peak-row' : '' },
        element('td', {}, formatCount(step)),
        element(
          'td',
          { class: 'tensor' },
          nameButton(nameOf(step), plan.layerAt[step] !== undefined, () => open(step)),
        ),
        element('td', { class: 'muted' }, operator ? kernelName(operator) : notApplicable),
        element('td', { class: 'number', tip: formatBytes(bytes) }, formatCount(bytes)),
      );
    }),
  );
}

function nameButton(name: string, leads: boolean, press: () => void): Child {
  return leads
    ? element(
        'button',
        { class: 'link plain table-name', attributes: { type: 'button' }, on: { click: press } },
        layerName(name),
      )
    : layerName(name);
}

function scrollTable(label: string, key: string, head: HTMLElement, all: number, rows: readonly Child[]): HTMLElement {
  return element(
    'div',
    { class: 'step-table', key, attributes: { tabindex: 0, role: 'group', 'aria-label': label } },
    element('table', { class: 'dense' }, head, element('tbody', {}, rows)),
    all > rows.length &&
      element('p', { class: 'muted' }, `The first ${formatCount(rows.length)} of ${formatCount(all)}.`),
  );
}
