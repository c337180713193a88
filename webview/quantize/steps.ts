import { element } from '../dom';
import { formatBytes, formatLimit } from '../format';
import type { Budget, QuantizeState } from '../quantize-protocol';
import type { Store } from '../store';
import { dataStep } from './data-step';
import { fieldRow, textField } from './field';
import { Part } from './part';
import { schemeStep } from './scheme-step';
import { parseSize } from './size-text';

/** The three steps at the left: chip, scheme, data. */
export class Steps {
  readonly root: HTMLElement;
  private readonly chip = step(1);
  private readonly scheme = step(2);
  private readonly data = step(3);
  /** The schemes that few need are shown as well. */
  private all = false;
  private latest: QuantizeState | undefined;

  constructor(private readonly store: Store) {
    this.root = element(
      'section',
      { class: 'steps', attributes: { 'aria-label': 'Steps' } },
      this.chip.root,
      this.scheme.root,
      this.data.root,
    );
  }

  draw(state: QuantizeState): void {
    this.latest = state;
    const { target } = this.store.state ?? {};
    this.chip.part.draw([target?.name, state.flashBudget, state.ramBudget], () => [
      element('h2', {}, 'Chip'),
      element(
        'button',
        {
          class: 'dropdown full',
          key: 'quantize-chip',
          attributes: { type: 'button', 'aria-haspopup': 'dialog', 'aria-label': `Chip: ${target?.name ?? 'none'}` },
          on: { click: () => this.store.send({ type: 'choose-target' }) },
        },
        target?.name ?? 'Choose a chip…',
      ),
      element(
        'div',
        { class: 'fields' },
        this.budgetRow('Flash budget', 'flash', state.flashBudget),
        this.budgetRow('RAM budget', 'ram', state.ramBudget),
      ),
      element('p', { class: 'small muted step-note' }, roomInWords(state.flashBudget, state.ramBudget)),
    ]);
    const { rows, chosen, options, method, isStatic, recovery, recoveries } = state;
    this.scheme.part.draw([rows, chosen, options, recovery, recoveries, this.all], () =>
      schemeStep(state, this.store, this.all, () => {
        this.all = !this.all;
        if (this.latest) this.draw(this.latest);
      }),
    );
    this.data.part.draw([state.data, method, isStatic, state.measurement.kind === 'ready'], () =>
      dataStep(state, this.store),
    );
  }

  focus(): void {
    this.scheme.root.querySelector<HTMLElement>('[role=radio][tabindex="0"]')?.focus();
  }

  private budgetRow(label: string, memory: 'flash' | 'ram', { bytes, room }: Budget) {
    const send = (value: number | undefined): void =>
      this.store.send({ type: 'quantize-change', change: { kind: 'budget', memory, bytes: value } });
    const read = (text: string): boolean => {
      if (text.trim() === '') {
        send(undefined);
        return true;
      }
      const size = parseSize(text);
      if (size !== undefined) send(size);
      return size !== undefined;
    };
    const field = textField(`budget-${memory}`, bytes === undefined ? '' : formatLimit(bytes), read, {
      tip: `In KiB, or with a unit.${room === undefined ? '' : ` Empty: ${formatBytes(room)}, what the chip leaves.`}`,
      placeholder: 'no limit',
    });
    return fieldRow(label, `budget-${memory}`, field);
  }
}

function step(number: number) {
  const content = element('div');
  const root = element(
    'div',
    { class: 'step' },
    element('span', { class: 'step-number', attributes: { 'aria-hidden': 'true' } }, number),
    content,
  );
  return { root, part: new Part(content) };
}

function roomInWords(flash: Budget, ram: Budget): string {
  if (flash.room !== undefined) return `The chip leaves ${formatBytes(flash.room)} of flash.`;
  if (ram.room !== undefined) return `The chip leaves ${formatBytes(ram.room)} of RAM.`;
  return 'Without a chip a budget can be given all the same.';
}
