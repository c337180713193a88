import { type Child, element } from '../dom';
import { formatBytes, formatCount } from '../format';
import { figureTip, markedBytes } from '../kinds';
import type { QuantizeState, SchemeOptions, SchemeRow } from '../quantize-protocol';
import type { Store } from '../store';
import { choiceField, fieldRow } from './field';

const methodNames: Readonly<Record<string, string>> = {
  cle: 'Cross-layer equalization',
  'bias-absorption': 'Bias absorption',
  smoothquant: 'SmoothQuant',
  hqq: 'HQQ',
  gptq: 'GPTQ',
  adaround: 'AdaRound',
  'bias-correction': 'Bias correction',
};
const weightClipping = 'mse-clip';

/** The list of schemes with what each would take, and the options of the chosen one. */
export function schemeStep(state: QuantizeState, store: Store, all: boolean, toggleAll: () => void): Child {
  const { rows, chosen } = state;
  const rare = rows.filter((row) => row.rare && row.id !== chosen);
  const shown = rows.filter((row) => all || !rare.includes(row));
  const choose = (id: string): void => store.send({ type: 'quantize-change', change: { kind: 'scheme', id } });
  return [
    element('h2', {}, 'Scheme'),
    element(
      'div',
      { class: 'schemes', attributes: { role: 'radiogroup', 'aria-label': 'Scheme' } },
      shown.map((row) => schemeRadio(row, row.id === chosen, shown, choose)),
    ),
    rare.length > 0 &&
      element(
        'button',
        {
          class: 'link small',
          key: 'more-schemes',
          attributes: { type: 'button', 'aria-expanded': all ? 'true' : 'false' },
          on: { click: toggleAll },
        },
        all ? 'Fewer schemes' : `${formatCount(rare.length)} more schemes`,
      ),
    rows.some(({ needsData }) => needsData) &&
      element('p', { class: 'small muted step-note' }, 'data: needs calibration data, step 3'),
    element('div', { class: 'fields' }, optionRows(state.options, store), recoveryRows(state, store)),
    chosenMethods(state, store),
  ];
}

function schemeRadio(
  row: SchemeRow,
  isChosen: boolean,
  rows: readonly SchemeRow[],
  choose: (id: string) => void,
): HTMLElement {
  const { size } = row;
  const dull = size.kind === 'refused' || (size.kind === 'ready' && size.cannotRun !== undefined);
  const tip =
    size.kind === 'refused'
      ? size.reason
      : size.kind === 'ready'
        ? [
            figureTip(size.bytes, size.figure, 'Flash without the reserve.'),
            size.packedBytes !== undefined &&
              `Packed by a runtime, the weights would take ${formatBytes(size.packedBytes)}.`,
            size.cannotRun,
          ]
            .filter(Boolean)
            .join('\n')
        : undefined;
  return element(
    'button',
    {
      class: `scheme${dull ? ' dull' : ''}`,
      key: `scheme-row-${row.id}`,
      tip,
      attributes: {
        type: 'button',
        role: 'radio',
        'aria-checked': isChosen ? 'true' : 'false',
        tabindex: isChosen ? 0 : -1,
      },
      on: {
        click: () => choose(row.id),
        keydown: (event) => {
          const by = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
          const next = rows[(rows.indexOf(row) + by + rows.length) % rows.length];
          if (by === 0 || next === undefined) return;
          event.preventDefault();
          const list = event.currentTarget instanceof Element ? event.currentTarget.parentElement : null;
          list?.querySelector<HTMLElement>(`[data-key="scheme-row-${CSS.escape(next.id)}"]`)?.focus();
          choose(next.id);
        },
      },
    },
    element('i', { class: 'radio', attributes: { 'aria-hidden': 'true' } }),
    element('span', { class: 'ellipsis' }, row.label),
    row.needsData &&
      size.kind !== 'open' &&
      element('span', { class: 'small muted', attributes: { 'aria-label': 'needs calibration data' } }, 'data'),
    element('span', { class: 'muted scheme-size' }, sizeOf(size)),
  );
}

function sizeOf(size: SchemeRow['size']): Child {
  switch (size.kind) {
    case 'pending':
      return element('span', { attributes: { 'aria-label': 'being computed' } }, '…');
    case 'open':
      return size.note;
    case 'refused':
      return 'not possible';
    case 'ready':
      return size.cannotRun === undefined ? markedBytes(size.bytes, size.figure, true) : 'no kernel';
  }
}

function optionRows(options: SchemeOptions, store: Store): Child {
  const send = (option: SchemeOptions): void =>
    store.send({ type: 'quantize-change', change: { kind: 'option', option } });
  const { granularity, activations, blockSize, blockOperator, codebookBits, requantize } = options;
  return [
    requantize !== undefined &&
      fieldRow(
        'Quantized file',
        'option-requantize',
        choiceField(
          'option-requantize',
          [
            { id: 'leave', label: 'leave alone' },
            { id: 'requantize', label: 'quantize again' },
          ],
          requantize ? 'requantize' : 'leave',
          (id) => send({ requantize: id === 'requantize' }),
          { tip: 'Quantizing again turns it back into float first, as far as that is possible.' },
        ),
      ),
    granularity !== undefined &&
      fieldRow(
        'Scales',
        'option-granularity',
        choiceField(
          'option-granularity',
          [
            { id: 'per-channel', label: 'per channel' },
            { id: 'per-tensor', label: 'per tensor' },
          ],
          granularity,
          (id) => send({ granularity: id === 'per-tensor' ? 'per-tensor' : 'per-channel' }),
        ),
      ),
    activations !== undefined &&
      fieldRow(
        'Activations',
        'option-activations',
        choiceField(
          'option-activations',
          [
            { id: 'asymmetric', label: 'asymmetric' },
            { id: 'symmetric', label: 'symmetric' },
          ],
          activations,
          (id) => send({ activations: id === 'symmetric' ? 'symmetric' : 'asymmetric' }),
        ),
      ),
    blockSize !== undefined &&
      fieldRow(
        'Block size',
        'option-block',
        choiceField(
          'option-block',
          [0, 16, 32, 64, 128, 256].map((size) => ({
            id: String(size),
            label: size === 0 ? 'no blocks' : String(size),
          })),
          String(blockSize),
          (id) => send({ blockSize: Number(id) }),
        ),
      ),
    blockOperator !== undefined &&
      fieldRow(
        'Stored for',
        'option-operator',
        choiceField(
          'option-operator',
          [
            { id: 'DequantizeLinear', label: 'DequantizeLinear' },
            { id: 'MatMulNBits', label: 'MatMulNBits' },
          ],
          blockOperator,
          (id) => send({ blockOperator: id === 'MatMulNBits' ? 'MatMulNBits' : 'DequantizeLinear' }),
        ),
      ),
    codebookBits !== undefined &&
      fieldRow(
        'Codebook',
        'option-bits',
        choiceField(
          'option-bits',
          [2, 3, 4, 5, 6, 7, 8].map((bits) => ({ id: String(bits), label: `${bits} bits, ${2 ** bits} values` })),
          String(codebookBits),
          (id) => send({ codebookBits: Number(id) }),
        ),
      ),
  ];
}

function methodsIn(recovery: string): readonly string[] {
  return recovery === 'none' || recovery === 'auto' ? [] : recovery.split(',');
}

function sendMethods(store: Store, methods: readonly string[]): void {
  const recovery = methods.length === 0 ? 'none' : methods.join(',');
  store.send({ type: 'quantize-change', change: { kind: 'recovery', recovery } });
}

/** Weight clipping is one of the ways to recover accuracy; it stands apart, as the ranges of weights. */
function recoveryRows({ recovery, recoveries }: QuantizeState, store: Store): Child {
  const methods = methodsIn(recovery);
  const others = methods.filter((id) => id !== weightClipping);
  const clips = methods.includes(weightClipping);
  const canClip = recoveries.some(({ id, reason }) => id === weightClipping && reason === undefined);
  const [first] = recoveries.filter(({ id, reason }) => id !== weightClipping && reason === undefined);
  return [
    canClip &&
      fieldRow(
        'Weight ranges',
        'weight-ranges',
        choiceField(
          'weight-ranges',
          [
            ...(recovery === 'auto' ? [{ id: 'auto', label: 'what helps' }] : []),
            { id: 'minmax', label: 'min-max' },
            { id: 'mse', label: 'MSE clip' },
          ],
          recovery === 'auto' ? 'auto' : clips ? 'mse' : 'minmax',
          (id) => sendMethods(store, id === 'mse' ? [...others, weightClipping] : others),
        ),
      ),
    first &&
      fieldRow(
        'Recovery',
        'recovery',
        choiceField(
          'recovery',
          [
            { id: 'auto', label: 'what helps' },
            { id: 'none', label: 'none' },
            { id: 'chosen', label: 'chosen methods' },
          ],
          recovery === 'auto' ? 'auto' : others.length > 0 ? 'chosen' : 'none',
          (id) => {
            const kept = clips ? [weightClipping] : [];
            if (id === 'auto') store.send({ type: 'quantize-change', change: { kind: 'recovery', recovery: 'auto' } });
            else sendMethods(store, id === 'none' ? kept : [...kept, first.id]);
          },
        ),
      ),
  ];
}

/** One box for each method, where methods are chosen one by one. */
function chosenMethods({ recovery, recoveries }: QuantizeState, store: Store): Child {
  const methods = methodsIn(recovery);
  if (!methods.some((id) => id !== weightClipping)) return undefined;
  return element(
    'div',
    { class: 'methods', attributes: { role: 'group', 'aria-label': 'Recovery methods' } },
    recoveries
      .filter(({ id }) => id !== weightClipping)
      .map(({ id, reason }) => {
        const box = element('input', {
          key: `method-${id}`,
          attributes: { type: 'checkbox', disabled: reason !== undefined },
          on: {
            change: () => sendMethods(store, box.checked ? [...methods, id] : methods.filter((other) => other !== id)),
          },
        });
        box.checked = methods.includes(id);
        return element(
          'label',
          { class: reason === undefined ? '' : 'muted', tip: reason },
          box,
          methodNames[id] ?? id,
        );
      }),
  );
}
