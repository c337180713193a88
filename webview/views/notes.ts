import type { Diagnostic } from '../../extension/model/diagnostic';
import type { Analysis } from '../../extension/worker/analysis';
import { element } from '../dom';
import { formatQuantity } from '../format';
import { icon } from '../icons';
import { severityIcon } from '../layers/table';

/** Notes drawn at once; the rest is counted. */
const most = 200;
const rank = { error: 0, warning: 1, note: 2 } as const;

/** What is wrong with the model and what the figures leave out, errors first. A note about a node opens its layer. */
export function notes(analysis: Analysis, open: (step: number) => void): HTMLElement {
  const sorted = [...analysis.diagnostics].sort((a, b) => rank[a.severity] - rank[b.severity]);
  const stepOf = new Map(analysis.layers.map((layer) => [layer.index, layer.step]));
  return element(
    'section',
    {},
    element('h2', {}, 'Notes', sorted.length > 0 && element('span', { class: 'muted' }, counts(sorted))),
    sorted.length === 0 && element('p', { class: 'muted' }, 'Nothing to remark.'),
    element(
      'ul',
      { class: 'notes' },
      sorted.slice(0, most).map((diagnostic, position) => {
        const node = diagnostic.place?.scope?.length ? undefined : diagnostic.place?.nodeIndex;
        const step = node === undefined ? undefined : stepOf.get(node);
        const text = [
          element(
            'span',
            {
              class: `note-icon ${diagnostic.severity}`,
              attributes: { role: 'img', 'aria-label': diagnostic.severity },
            },
            icon(severityIcon(diagnostic.severity)),
          ),
          element('span', {}, diagnostic.message),
        ];
        return element(
          'li',
          {},
          step === undefined
            ? element('span', { class: 'note-line' }, ...text)
            : element(
                'button',
                {
                  class: 'note-line',
                  key: `note-${position}`,
                  attributes: { type: 'button' },
                  on: { click: () => open(step) },
                },
                ...text,
              ),
        );
      }),
    ),
    sorted.length > most &&
      element('p', { class: 'muted' }, `and ${formatQuantity(sorted.length - most, 'more note')}`),
  );
}

function counts(diagnostics: readonly Diagnostic[]): string {
  const words = [
    ['error', 'error'],
    ['warning', 'warning'],
    ['note', 'note'],
  ] as const;
  return words
    .map(([severity, word]) => ({ word, count: diagnostics.filter((one) => one.severity === severity).length }))
    .filter(({ count }) => count > 0)
    .map(({ word, count }) => formatQuantity(count, word))
    .join(', ');
}
