import type { Improvement } from '../../extension/runtimes/improvement';
import type { FigureKind } from '../../extension/targets/verdict';
import { type Child, element } from '../dom';
import { formatBytes, formatExactBytes } from '../format';
import { icon } from '../icons';
import { estimatedMark, figureTip, markedBytes } from '../kinds';
import type { PageState } from '../protocol';
import type { Store } from '../store';

/** What would lower the RAM, each with its saving, whether it would then fit, and a button that shows it where the page can. */
export function improvementList(state: PageState, store: Store): Child {
  const { improvements } = state;
  // Savings are searched for what the file or a scheme needs; a plan changes with every press.
  if (state.precision === 'plan') return undefined;
  return [
    element('h2', {}, 'What would lower the peak'),
    improvements === undefined &&
      element('p', { class: 'muted', attributes: { role: 'status' } }, 'Searching for a better plan…'),
    improvements?.length === 0 && element('p', { class: 'muted' }, 'Nothing was found that would lower it.'),
    improvements !== undefined &&
      improvements.length > 0 &&
      element(
        'ul',
        { class: 'improvements' },
        improvements.map((improvement, position) => row(improvement, position, state, store)),
      ),
  ];
}

function row(improvement: Improvement, position: number, state: PageState, store: Store): HTMLElement {
  const { title, detail, savedBytes, ramBytes, figure } = improvement;
  const saves = savedBytes > 0;
  const switches = switchesOf(improvement, state);
  return element(
    'li',
    {},
    element(
      'div',
      { class: 'improvement-head' },
      element('span', { class: saves ? '' : 'muted' }, title),
      element(
        'span',
        {
          class: `saving ${saves ? '' : 'muted'}`,
          tip: saves
            ? `${formatExactBytes(savedBytes)} less.\n${figureTip(ramBytes, figure, 'RAM then needed.')}`
            : undefined,
        },
        saves ? savingText(savedBytes, figure) : '0',
      ),
    ),
    element('p', { class: 'muted' }, detail),
    (saves || switches.length > 0) &&
      element(
        'div',
        { class: 'improvement-foot' },
        saves && fitMark(improvement, state),
        switches.length > 0 &&
          element(
            'button',
            {
              class: 'link right',
              key: `improvement-${position}`,
              tip: 'Shows header and views so; nothing is written',
              attributes: { type: 'button', 'aria-label': `Show: ${title}` },
              on: {
                click: () => {
                  for (const message of switches) store.send(message);
                },
              },
            },
            'Show',
          ),
      ),
  );
}

/** The saving with its kind; how much is saved against a lower bound is no more than an estimate. */
function savingText(bytes: number, kind: FigureKind): Child {
  const rough = kind === 'estimated' || kind === 'lower bound';
  return [rough && estimatedMark(), '−', rough ? formatBytes(bytes) : markedBytes(bytes, kind)];
}

/** What to ask the host for, where the page can show the improvement. */
function switchesOf({ switchTo }: Improvement, state: PageState): Parameters<Store['send']>[0][] {
  const precision = state.schemes.find(({ id }) => id === switchTo?.precision)?.id;
  const runtime = switchTo?.runtime;
  return [
    ...(precision === undefined ? [] : [{ type: 'set-precision', precision } as const]),
    ...(runtime === undefined ? [] : [{ type: 'set-runtime', runtime } as const]),
  ];
}

function fitMark({ ramBytes, figure }: Improvement, { target, ramReserveBytes = 0 }: PageState): Child {
  if (!target?.ramLimit) return undefined;
  const left = target.ramLimit.bytes - ramReserveBytes - ramBytes;
  const tip = `${figureTip(ramBytes, figure)}\nOf ${formatExactBytes(target.ramLimit.bytes)}, ${target.ramLimit.label}${ramReserveBytes > 0 ? `, less ${formatExactBytes(ramReserveBytes)} reserve` : ''}.`;
  if (left < 0) {
    return element(
      'span',
      { class: 'mark-word error', tip },
      icon('short'),
      element('span', {}, `still ${formatBytes(-left)} short`),
    );
  }
  const spare = element(
    'span',
    { class: 'muted', tip },
    `${formatBytes(left)} ${figure === 'lower bound' ? 'left' : 'to spare'}`,
  );
  // A lower bound that fits proves nothing.
  if (figure === 'lower bound') return spare;
  return [element('span', { class: 'mark-word good', tip }, icon('fits'), element('span', {}, 'fits')), spare];
}
