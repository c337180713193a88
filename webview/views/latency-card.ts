import type { LatencyEstimate } from '../../extension/targets/latency';
import { type Child, element } from '../dom';
import { formatMilliseconds, formatTimeRange, notApplicable } from '../format';
import { estimatedMark } from '../kinds';
import { togglePopover } from '../popover';
import type { PageState } from '../protocol';

/** How long an inference takes on the chosen target and runtime; a press says where the estimate comes from. */
export function latencyCard(state: PageState): HTMLElement {
  const { latency, target, runtime, precision: shown, runtimeFootprint } = state;
  if (latency === undefined) {
    const wait =
      target === undefined
        ? 'choose a chip'
        : runtime === undefined
          ? 'choose a runtime'
          : shown === 'plan'
            ? 'not estimated for a plan'
            : 'estimating…';
    return card(element('div', { class: 'figure muted' }, notApplicable), wait, wait);
  }
  const { figure, asInt8, precision } = latency;
  if (!('missing' in figure)) {
    const value = [
      estimatedMark(),
      ...withUnit(figure),
      element('small', { class: 'muted' }, `(${formatTimeRange(figure)})`),
    ];
    return card(
      explained(value, figure, precision),
      `${precision}, ${runtimeFootprint?.cannotRun.length ? 'if it could run there' : 'one inference'}`,
      'Press the number for its derivation.',
    );
  }
  const sentence = `${figure.missing[0]?.toUpperCase() ?? ''}${figure.missing.slice(1)}.`;
  const none = element('div', { class: 'figure muted', tip: sentence }, 'no evidence');
  if (asInt8 === undefined) return card(none, figure.missing, sentence);
  const below: Child = [
    'as int8 ',
    estimatedMark(),
    `${formatMilliseconds(asInt8.middleMs)} (${formatTimeRange(asInt8)})`,
  ];
  return card(none, explained(below, asInt8, 'int8', 'link plain'), `${sentence}\nAs int8 there is an estimate.`);
}

function card(figure: Child, below: Child, tip: string): HTMLElement {
  return element(
    'div',
    { class: 'card' },
    element('div', { class: 'small muted' }, 'Latency'),
    figure,
    element('div', { class: 'small muted ellipsis', tip }, below),
  );
}

/** A figure that opens its derivation. */
function explained(
  content: Child,
  estimate: LatencyEstimate,
  precision: string,
  look: 'figure plain' | 'link plain' = 'figure plain',
): HTMLElement {
  const words = `${formatMilliseconds(estimate.middleMs)}, ${formatTimeRange(estimate)}`;
  const button = element(
    'button',
    {
      class: look,
      key: 'latency',
      tip: `Estimated. ${words}. Press for its derivation.`,
      attributes: { type: 'button', 'aria-label': `Latency, estimated ${words}: explain` },
      on: {
        click: () =>
          togglePopover(
            button,
            `Latency in ${precision}, estimated`,
            element('p', {}, `${words}. The true time is meant to be in such a range in 8 of 10 cases.`),
            element('p', {}, estimate.basis),
            element('p', {}, estimate.accuracy),
          ),
      },
    },
    content,
  );
  return button;
}

function withUnit({ middleMs }: LatencyEstimate): Child[] {
  const [figure = '', unit = ''] = formatMilliseconds(middleMs).split(' ');
  return [figure, element('small', {}, unit)];
}
