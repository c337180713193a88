import type { Preprocessing } from '../../extension/quantize/calibration-data/preprocessing';
import { type Child, element } from '../dom';
import { icon } from '../icons';
import type { QuantizeAction, QuantizeState } from '../quantize-protocol';
import type { Store } from '../store';
import { choiceField, fieldRow, textField } from './field';
import { dataInWords } from './words';

const rangeMethods = [
  { id: 'minmax', label: 'min-max' },
  { id: 'percentile', label: 'percentile' },
  { id: 'entropy', label: 'entropy' },
  { id: 'mse', label: 'MSE' },
] as const;

/** Where inputs come from, how ranges follow from them, and what was found. */
export function dataStep(state: QuantizeState, store: Store): Child {
  const { data, method, isStatic, measurement } = state;
  const button = (action: QuantizeAction, text: string, pressed?: boolean): HTMLElement =>
    element(
      'button',
      {
        class: 'button secondary compact',
        key: action,
        attributes: { type: 'button', 'aria-pressed': pressed === undefined ? undefined : pressed ? 'true' : 'false' },
        on: { click: () => store.send({ type: 'quantize-do', action }) },
      },
      text,
    );
  const name = data.source === 'files' ? data.label : data.source === 'random' ? 'random inputs' : 'none';
  return [
    element('h2', {}, 'Data'),
    element(
      'div',
      { class: 'fields' },
      element('span', { class: 'muted' }, 'Calibration'),
      element('span', { class: 'ellipsis data-name', tip: data.source === 'files' ? name : undefined }, name),
    ),
    element(
      'div',
      { class: 'data-buttons' },
      button('choose-data-file', 'File…'),
      button('choose-data-folder', 'Folder…'),
      button(data.source === 'random' ? 'no-data' : 'use-random', 'Random', data.source === 'random'),
      data.source === 'files' && button('no-data', 'Clear'),
    ),
    element(
      'div',
      { class: 'fields' },
      isStatic &&
        fieldRow(
          'Ranges',
          'range-method',
          choiceField('range-method', rangeMethods, method, (id) => {
            const chosen = rangeMethods.find((one) => one.id === id);
            if (chosen) store.send({ type: 'quantize-change', change: { kind: 'method', method: chosen.id } });
          }),
        ),
      data.media !== undefined && preprocessingRows(data.media, data.preprocessing, store),
    ),
    element(
      'div',
      { class: 'small data-found', attributes: { role: 'status' } },
      data.source === 'none' &&
        element(
          'p',
          { class: 'muted' },
          'Without data only schemes that change weights alone can be written; nothing is measured.',
        ),
      data.reading && element('p', { class: 'muted' }, 'Reading the data…'),
      data.found && element('p', { class: 'muted' }, dataInWords(data.found)),
      data.problem !== undefined && element('p', { class: 'error with-icon' }, icon('error'), data.problem),
      data.found &&
        measurement.kind === 'ready' &&
        element('p', { class: 'muted calibrated' }, icon('fits'), ' calibrated and measured'),
    ),
  ];
}

function preprocessingRows(media: 'images' | 'audio', preprocessing: Preprocessing, store: Store): Child {
  const send = (change: Partial<Preprocessing>): void =>
    store.send({
      type: 'quantize-change',
      change: { kind: 'preprocessing', preprocessing: { ...preprocessing, ...change } },
    });
  const pick = <Choice extends string>(
    label: string,
    id: string,
    choices: readonly { readonly id: Choice; readonly label: string }[],
    value: Choice,
    take: (choice: Choice) => void,
  ): Child =>
    fieldRow(
      label,
      id,
      choiceField(id, choices, value, (chosen) => {
        const choice = choices.find((one) => one.id === chosen);
        if (choice) take(choice.id);
      }),
    );
  const numbers = (label: string, id: 'mean' | 'std' | 'scale', tip: string): Child => {
    const present = preprocessing[id];
    const list = typeof present === 'number' ? [present] : present;
    const read = (text: string): boolean => {
      const values = text
        .split(/[\s,;]+/)
        .filter(Boolean)
        .map(Number);
      const [first] = values;
      const wrong =
        first === undefined || values.some((value) => !Number.isFinite(value) || (id !== 'mean' && value === 0));
      if (wrong || (id === 'scale' && values.length !== 1)) return false;
      send(id === 'scale' ? { scale: first } : id === 'mean' ? { mean: values } : { std: values });
      return true;
    };
    return fieldRow(label, `preprocessing-${id}`, textField(`preprocessing-${id}`, list.join(' '), read, { tip }));
  };
  return [
    media === 'images' && [
      pick(
        'Layout',
        'preprocessing-layout',
        [
          { id: 'auto', label: 'as the input has it' },
          { id: 'NCHW', label: 'NCHW' },
          { id: 'NHWC', label: 'NHWC' },
        ],
        preprocessing.layout,
        (layout) => send({ layout }),
      ),
      pick(
        'Resize',
        'preprocessing-resize',
        [
          { id: 'none', label: 'none' },
          { id: 'bilinear', label: 'bilinear' },
          { id: 'nearest', label: 'nearest' },
        ],
        preprocessing.resize,
        (resize) => send({ resize }),
      ),
      pick(
        'Colours',
        'preprocessing-colours',
        [
          { id: 'RGB', label: 'RGB' },
          { id: 'BGR', label: 'BGR' },
        ],
        preprocessing.colourOrder,
        (colourOrder) => send({ colourOrder }),
      ),
    ],
    media === 'audio' &&
      pick(
        'Length',
        'preprocessing-length',
        [
          { id: 'exact', label: 'as recorded' },
          { id: 'fit', label: 'cut or fill with zeros' },
        ],
        preprocessing.audioLength,
        (audioLength) => send({ audioLength }),
      ),
    numbers('Scale', 'scale', 'Numbers become (value × scale − mean) / deviation. Images are 0 to 255.'),
    numbers('Mean', 'mean', 'One number, or one a channel, with blanks between.'),
    numbers('Deviation', 'std', 'One number, or one a channel, with blanks between.'),
  ];
}
