import type { FigureKind } from '../../extension/targets/verdict';
import type { CompareState } from '../compare-protocol';
import { type Child, element } from '../dom';
import { formatQuantity } from '../format';
import { measuredMark } from '../kinds';

/** The last line of the view: what the marks mean that occur in it. */
export function compareLegend({ comparison, outputs }: CompareState): Child {
  const kinds = new Set<FigureKind>(
    comparison?.totals.flatMap(({ before, after, change }) => [before.kind, after.kind, change.kind]) ?? [],
  );
  return [
    element('span', {}, 'Unmarked: exact'),
    kinds.has('lower bound') &&
      element('span', {}, comparison?.runtime ? '≥: lower bound' : '≥: lower bound, the runtime is not counted'),
    outputs !== undefined &&
      element(
        'span',
        {},
        measuredMark(),
        ` measured on ${formatQuantity(outputs.samples, outputs.synthetic ? 'random input' : 'input')}`,
      ),
    kinds.has('estimated') && element('span', {}, '~ estimated'),
    kinds.has('published') && element('span', {}, '† published'),
    element('span', { class: 'wide-only' }, 'Hover a number for its rule'),
    element('span', { class: 'right' }, 'No accuracy is claimed: dB is signal to quantization noise'),
  ];
}
