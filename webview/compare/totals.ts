import type { ComparedTotal, Figure, TotalId } from '../../extension/worker/comparison';
import type { ComparedChip, CompareState } from '../compare-protocol';
import { type Child, element } from '../dom';
import { formatShare } from '../format';
import { estimatedMark, measuredMark, publishedMark } from '../kinds';
import { cellInWords, cellTip, lookOf, markWord } from '../what-if/verdict-mark';
import { signed, totalText, totalTip, totalWords } from './words';

/** Totals before, after and the change; the bar shows after against before. */
export function totalsTable({ totals, runtime }: NonNullable<CompareState['comparison']>): HTMLElement {
  return element(
    'table',
    { class: 'compare-totals' },
    element(
      'thead',
      {},
      element(
        'tr',
        {},
        element('th', { attributes: { scope: 'col' } }, 'Total'),
        element('th', { class: 'number', attributes: { scope: 'col' } }, 'Before'),
        element('th', { class: 'number', attributes: { scope: 'col' } }, 'After'),
        element('th', { class: 'number', attributes: { scope: 'col' } }, 'Change'),
        element('th', { attributes: { scope: 'col', 'aria-label': 'Change in percent' } }),
        element('th', { class: 'total-bar', attributes: { scope: 'col' } }, 'After against before'),
      ),
    ),
    element(
      'tbody',
      {},
      totals.map((total) => totalRow(total, runtime?.label)),
    ),
  );
}

function totalRow(total: ComparedTotal, runtime: string | undefined): HTMLElement {
  const { id, before, after, change, share } = total;
  const { label, rule } = totalWords(id, runtime);
  return element(
    'tr',
    {},
    element('th', { attributes: { scope: 'row' }, tip: rule }, label),
    element('td', { class: 'number', tip: totalTip(total, before, rule) }, marked(id, before)),
    element('td', { class: 'number strong', tip: totalTip(total, after, rule) }, marked(id, after)),
    element('td', { class: 'number', tip: changeTip(total) }, changeText(id, change)),
    element('td', { class: 'number muted' }, share === null || change.value === 0 ? '' : shareText(share)),
    element('td', { class: 'total-bar' }, againstBar(before.value, after.value)),
  );
}

function shareText(share: number): string {
  return signed(share, (value) => formatShare(value, 1));
}

function changeText(id: TotalId, { value, kind }: Figure): Child {
  if (value === 0) return element('span', { class: 'muted' }, 'same');
  return [kind === 'estimated' && [estimatedMark(), ' '], signed(value, (bytes) => totalText(id, bytes))];
}

function changeTip(total: ComparedTotal): string {
  const { before, after, change } = total;
  const rule =
    before.kind === 'lower bound' || after.kind === 'lower bound'
      ? 'After minus before, both lower bounds.'
      : 'After minus before.';
  return totalTip(total, change, rule);
}

function marked(id: TotalId, { value, kind }: Figure): Child {
  const text = totalText(id, value);
  switch (kind) {
    case 'exact':
      return text;
    case 'lower bound':
      return [
        element('span', { class: 'kind', attributes: { role: 'img', 'aria-label': 'at least' } }, '≥\u202f'),
        text,
      ];
    case 'estimated':
      return [estimatedMark(), text];
    case 'published':
      return [text, publishedMark()];
    case 'measured':
      return [text, measuredMark()];
  }
}

/** The longer of the two is the full width; where after is longer, a line shows where before ends. */
function againstBar(before: number, after: number): HTMLElement {
  const longest = Math.max(before, after);
  const width = (value: number): string => `${longest === 0 ? 0 : (value / longest) * 100}%`;
  return element(
    'span',
    { class: 'inline-bar', attributes: { 'aria-hidden': 'true' } },
    element('i', { class: 'fill-macs', style: { width: width(after) } }),
    after > before && before > 0 && element('b', { style: { left: width(before) } }),
  );
}

/** The verdicts on both sides for each chip; undefined where there is no chip. */
export function chipsTable(chips: readonly ComparedChip[]): HTMLElement | undefined {
  const [first] = chips;
  if (!first) return undefined;
  const isOne = chips.length === 1 && first.chosen;
  return element(
    'table',
    { class: 'compare-chips' },
    element(
      'thead',
      {},
      element(
        'tr',
        {},
        element('th', { attributes: { scope: 'col' } }, isOne ? 'Chosen chip' : 'Pinned chip'),
        element('th', { attributes: { scope: 'col' } }, 'Before'),
        element('th', { attributes: { 'aria-hidden': 'true' } }),
        element('th', { attributes: { scope: 'col' } }, 'After'),
      ),
    ),
    element(
      'tbody',
      {},
      chips.map(({ name, before, after }) =>
        element(
          'tr',
          {},
          element('th', { class: 'ellipsis', attributes: { scope: 'row' }, tip: name }, name),
          verdictCell(before),
          element('td', { class: 'muted arrow', attributes: { 'aria-hidden': 'true' } }, '→'),
          verdictCell(after),
        ),
      ),
    ),
  );
}

function verdictCell(cell: ComparedChip['before']): HTMLElement {
  return element('td', { tip: cellTip(cell), attributes: { 'aria-label': cellInWords(cell) } }, markWord(lookOf(cell)));
}
