import { type Child, element } from '../dom';

/** A label and its control on one line. */
export function fieldRow(label: string, id: string, control: HTMLElement): Child {
  control.setAttribute('id', id);
  return [element('label', { attributes: { for: id } }, label), control];
}

/** A list to choose from. `key` keeps the focus over a redraw. */
export function choiceField(
  key: string,
  choices: readonly { readonly id: string; readonly label: string; readonly disabled?: boolean }[],
  value: string,
  choose: (id: string) => void,
  options: { readonly tip?: string | undefined; readonly disabled?: boolean } = {},
): HTMLSelectElement {
  const field = element(
    'select',
    {
      key,
      tip: options.tip,
      attributes: { disabled: options.disabled },
      on: { change: () => choose(field.value) },
    },
    choices.map(({ id, label, disabled }) => element('option', { attributes: { value: id, disabled } }, label)),
  );
  field.value = value;
  return field;
}

/** A field for text. What `read` does not understand is marked, and not sent. */
export function textField(
  key: string,
  value: string,
  read: (text: string) => boolean,
  options: { readonly tip?: string; readonly placeholder?: string; readonly numeric?: boolean } = {},
): HTMLInputElement {
  const field = element('input', {
    key,
    tip: options.tip,
    attributes: {
      value,
      placeholder: options.placeholder,
      inputmode: options.numeric ? 'decimal' : undefined,
      autocomplete: 'off',
      spellcheck: 'false',
    },
    on: {
      change: () => field.setAttribute('aria-invalid', read(field.value) ? 'false' : 'true'),
    },
  });
  return field;
}
