import { element } from '../dom';
import { formatCount } from '../format';
import { icon } from '../icons';
import type { Failure, Store } from '../store';

/** A model that cannot be read: what is wrong and where, and what can be done about it. */
export function failedView(failure: Failure, store: Store): HTMLElement {
  const place = failure.offset === undefined ? '' : `At byte ${formatCount(failure.offset)}.`;
  const details = [failure.title, failure.message, place].filter(Boolean).join('\n');
  const button = (title: string, kind: string, press: () => void): HTMLElement =>
    element('button', { class: `button ${kind}`, attributes: { type: 'button' }, on: { click: press } }, title);
  return element(
    'div',
    { class: 'failed', attributes: { role: 'alert', tabindex: -1 } },
    element(
      'p',
      { class: 'lead' },
      element('span', { class: 'error' }, icon('error')),
      element('span', { class: 'strong' }, 'This model cannot be read.'),
    ),
    element('p', {}, failure.message, place && !failure.message.includes('byte') && ` ${place}`),
    element(
      'div',
      { class: 'actions' },
      button('Read again', 'secondary', () => store.send({ type: 'reload' })),
      button('Copy details', 'secondary', () => store.send({ type: 'copy', text: details })),
      button('Open as text', 'secondary', () => store.send({ type: 'open-as-text' })),
    ),
  );
}
