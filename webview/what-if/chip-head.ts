import { type Child, element } from '../dom';
import { formatBytes, formatLimit, notApplicable } from '../format';
import { closePopover, togglePopover } from '../popover';
import type { PageChip, WhatIfFromPage } from '../what-if-protocol';

type ChipMessage = Extract<WhatIfFromPage, { readonly type: 'unpin-chip' | 'move-chip' | 'set-target' }>;
type Send = (message: ChipMessage) => void;

/** The chip that is being dragged; one page has one table. */
let dragged: string | undefined;

/** The head of a chip's column: name, memories and runtime; a press opens its menu, Delete unpins it, Alt with an arrow moves it. */
export function chipHead(
  chip: PageChip,
  column: number,
  chips: readonly PageChip[],
  send: Send,
  withRuntime: boolean,
): HTMLElement {
  const { key, target, runtime, chosen, pinned } = chip;
  const name = target?.name ?? key;
  const moves = pinned && !chosen;
  const button = element(
    'button',
    {
      class: 'chip-name',
      key: `chip-${key}`,
      tip: headTip(chip),
      attributes: {
        type: 'button',
        'aria-haspopup': 'dialog',
        'aria-label': `${name}${chosen ? ', the target' : ''}`,
        'data-column': column,
      },
      on: {
        click: () => togglePopover(button, name, menu(chip, chips, send)),
        keydown: (event) => onKey(event, chip, chips, send),
      },
    },
    element('span', { class: 'ellipsis' }, shortName(name)),
  );
  const head = element(
    'th',
    {
      class: chosen ? 'chip chosen' : 'chip',
      attributes: { scope: 'col', draggable: moves ? 'true' : undefined },
    },
    button,
    element('span', { class: 'small' }, target ? limits(chip) : 'not known'),
    withRuntime && element('span', { class: 'small ellipsis' }, runtime ? shortRuntime(runtime.label) : 'data only'),
  );
  if (moves) installDragging(head, chip, chips, send);
  return head;
}

/** The name as engineers say it among others of its family. */
function shortName(name: string): string {
  return name.replace(/^STM32(?=[A-Z]\d)/, '');
}

/** The runtime without the cores it is for: "CMSIS-NN". */
function shortRuntime(label: string): string {
  return label
    .replace(/ \(.*$/, '')
    .replace(/,.*$/, '')
    .replace(/^TFLM \+ /, '');
}

function limits({ target }: PageChip): string {
  const flash = target?.flashLimit ? formatLimit(target.flashLimit.bytes).replace(' ', '\u202f') : notApplicable;
  const ram = target?.ramLimit ? formatLimit(target.ramLimit.bytes).replace(/ ([KM])iB$/, '$1') : notApplicable;
  return `${flash} / ${ram}`;
}

function headTip({ key, target, runtime, reserves, chosen }: PageChip): string {
  if (!target) return `No chip is known by the name "${key}" of the setting thimble.pinnedTargets.`;
  const memory = (name: string, limit: { readonly bytes: number; readonly label: string } | undefined): string =>
    limit ? `${name} ${formatLimit(limit.bytes)}, ${limit.label}` : `no ${name} for a model`;
  const kept = [
    reserves.flash > 0 && `${formatBytes(reserves.flash)} of flash`,
    reserves.ram + reserves.stack > 0 && `${formatBytes(reserves.ram + reserves.stack)} of RAM`,
  ].filter((text) => text !== false);
  return [
    `${target.name}, ${target.core}${chosen ? ' (the target)' : ''}`,
    `${memory('flash', target.flashLimit)}; ${memory('RAM', target.ramLimit)}`,
    runtime ? `with ${runtime.label}` : 'the model’s data alone',
    ...(kept.length > 0 ? [`kept for the application: ${kept.join(' and ')}`] : []),
  ].join('\n');
}

function menu(chip: PageChip, chips: readonly PageChip[], send: Send): Child {
  const { key, target, chosen, pinned } = chip;
  const place = placeOf(chip, chips);
  const choice = (label: string, message: ChipMessage | false | undefined, keys = ''): Child =>
    message &&
    element(
      'button',
      {
        class: 'menu-choice',
        attributes: { type: 'button' },
        on: {
          click: () => {
            closePopover(true);
            send(message);
          },
        },
      },
      label,
      keys !== '' && element('span', { class: 'muted' }, keys),
    );
  return element(
    'div',
    { class: 'menu-choices' },
    element('p', { class: 'muted' }, headTip(chip)),
    choice('Make it the target', !chosen && target && { type: 'set-target', id: target.id }),
    choice('Move left', place.left, 'Alt+←'),
    choice('Move right', place.right, 'Alt+→'),
    choice('Remove', pinned && { type: 'unpin-chip', key }, 'Delete'),
    chosen && !pinned && element('p', { class: 'muted' }, 'The target of the header always stands first.'),
  );
}

/** What moves a chip one place; undefined where it cannot go. */
function placeOf({ key, chosen }: PageChip, chips: readonly PageChip[]) {
  const movable = chips.filter((chip) => !chip.chosen).map((chip) => chip.key);
  const at = movable.indexOf(key);
  const left = chosen || at <= 0 ? undefined : movable[at - 1];
  const hasRight = !chosen && at >= 0 && at < movable.length - 1;
  return {
    left: left === undefined ? undefined : ({ type: 'move-chip', key, before: left } as const),
    right: hasRight ? ({ type: 'move-chip', key, before: movable[at + 2] } as const) : undefined,
  };
}

function onKey(event: KeyboardEvent, chip: PageChip, chips: readonly PageChip[], send: Send): void {
  const { left, right } = placeOf(chip, chips);
  const message: ChipMessage | undefined =
    event.key === 'Delete' && chip.pinned
      ? { type: 'unpin-chip', key: chip.key }
      : event.altKey && event.key === 'ArrowLeft'
        ? left
        : event.altKey && event.key === 'ArrowRight'
          ? right
          : undefined;
  if (!message) return;
  event.preventDefault();
  event.stopPropagation();
  send(message);
}

function installDragging(head: HTMLElement, { key }: PageChip, chips: readonly PageChip[], send: Send): void {
  const isAfter = (event: DragEvent): boolean => {
    const box = head.getBoundingClientRect();
    return event.clientX > box.left + box.width / 2;
  };
  const clear = (): void => head.classList.remove('drop-before', 'drop-after', 'dragged');
  head.addEventListener('dragstart', (event) => {
    dragged = key;
    event.dataTransfer?.setData('text/plain', key);
    head.classList.add('dragged');
  });
  head.addEventListener('dragend', () => {
    dragged = undefined;
    clear();
  });
  head.addEventListener('dragover', (event) => {
    if (dragged === undefined || dragged === key) return;
    event.preventDefault();
    head.classList.toggle('drop-after', isAfter(event));
    head.classList.toggle('drop-before', !isAfter(event));
  });
  head.addEventListener('dragleave', clear);
  head.addEventListener('drop', (event) => {
    clear();
    if (dragged === undefined || dragged === key) return;
    event.preventDefault();
    const others = chips.filter((chip) => !chip.chosen && chip.key !== dragged).map((chip) => chip.key);
    const before = isAfter(event) ? others[others.indexOf(key) + 1] : key;
    send({ type: 'move-chip', key: dragged, before });
  });
}
