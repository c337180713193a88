import type { AcceleratorCheck } from '../../extension/targets/accelerators';
import type { AcceleratorFit } from '../../extension/worker/accelerator-fit';
import type { Analysis } from '../../extension/worker/analysis';
import { meter } from '../charts/meter';
import { type Child, element } from '../dom';
import { formatCount, formatMacs, formatMilliseconds, formatQuantity, formatShare, formatTimeRange } from '../format';
import { type IconName, icon } from '../icons';
import { estimatedMark } from '../kinds';
import { spokenName } from '../modules';

/** Reasons, and layers of one reason, that are written out. */
const mostReasons = 6;
const mostLayers = 3;

const looks = {
  all: ['fits', 'good'],
  partly: ['tight', 'warning'],
  none: ['short', 'error'],
  unknown: ['unknown', 'muted'],
} as const satisfies Readonly<Record<AcceleratorCheck['outcome'], readonly [IconName, string]>>;

/** What the target's accelerator takes of the model: how many layers, what it refuses and why, its memory for weights, its time. */
export function acceleratorView(fit: AcceleratorFit, analysis: Analysis, open: (step: number) => void): HTMLElement {
  const { check, insteadOf } = fit;
  const [mark, colour] = looks[check.outcome];
  return element(
    'section',
    { class: 'accelerator', attributes: { 'aria-label': `Accelerator: ${check.runsOn}` } },
    element('h2', {}, 'Accelerator', element('span', { class: 'muted' }, check.runsOn)),
    element(
      'div',
      { class: 'accelerator-columns' },
      element(
        'div',
        {},
        element(
          'p',
          { class: 'with-icon' },
          element('span', { class: colour }, icon(mark)),
          element(
            'span',
            {},
            insteadOf !== undefined && `As ${check.precision} (the model is ${insteadOf}): `,
            summary(check),
          ),
        ),
        latencyLine(fit),
        refusals(check, analysis, open),
      ),
      element('div', {}, weightMeter(check), element('p', { class: 'muted small' }, provenance(check))),
    ),
  );
}

/** How many layers it takes, and what becomes of the others. */
function summary({ outcome, layers, problems, fallback, macs, refusedMacs }: AcceleratorCheck): string {
  const whole = problems.filter(({ layer }) => layer === '').map(({ reason }) => reason);
  const refused = problems.length - whole.length;
  const taken = `${formatCount(layers - refused)} of ${formatQuantity(layers, 'layer')}`;
  switch (outcome) {
    case 'unknown':
      return 'what it takes is not known, so nothing is said about it.';
    case 'all':
      return layers === 1 ? 'it takes the one layer.' : `it takes all ${formatCount(layers)} layers.`;
    case 'partly':
      return `it takes ${taken}; ${refused === 1 ? 'one runs' : `${formatCount(refused)} run`} on ${fallback ?? 'nothing'}: ${
        refusedMacs > 0 ? `${formatMacs(refusedMacs)} MACs, ${formatShare(refusedMacs, macs)}` : 'no MACs'
      }.`;
    case 'none':
      if (whole.length > 0) return `the model cannot run on it: ${whole.join('; ')}.`;
      return fallback === undefined
        ? `the model cannot be compiled for it: it takes ${taken}, and nothing else runs the rest.`
        : `it takes no layer; all run on ${fallback}.`;
  }
}

function latencyLine({ latency, check }: AcceleratorFit): Child {
  if (latency === undefined) return undefined;
  if ('missing' in latency) return element('p', { class: 'muted' }, `Latency there: no evidence, ${latency.missing}.`);
  return element(
    'p',
    { tip: `Estimated for ${check.precision}.\n${latency.basis}\n${latency.accuracy}` },
    'Latency there: ',
    estimatedMark(),
    `${formatMilliseconds(latency.middleMs)} (${formatTimeRange(latency)})`,
  );
}

/** Layers that it does not take, by reason. */
function refusals({ problems }: AcceleratorCheck, analysis: Analysis, open: (step: number) => void): Child {
  const byReason = new Map<string, { readonly layer: string; readonly index?: number }[]>();
  for (const problem of problems) {
    if (problem.layer === '') continue;
    const known = byReason.get(problem.reason);
    if (known) known.push(problem);
    else byReason.set(problem.reason, [problem]);
  }
  if (byReason.size === 0) return undefined;
  const stepOf = new Map(analysis.layers.map(({ index, step }) => [index, step]));
  const reasons = [...byReason].slice(0, mostReasons);
  const left = byReason.size - reasons.length;
  return element(
    'ul',
    { class: 'refusals' },
    reasons.map(([reason, layers]) =>
      element(
        'li',
        {},
        element('span', {}, `${reason}: `),
        layers.slice(0, mostLayers).map(({ layer, index }, position) => {
          const step = index === undefined ? undefined : stepOf.get(index);
          return [
            position > 0 && ', ',
            step === undefined
              ? layer
              : element(
                  'button',
                  {
                    class: 'link wraps',
                    key: `refused-${step}`,
                    tip: layer,
                    attributes: { type: 'button' },
                    on: { click: () => open(step) },
                  },
                  spokenName(layer),
                ),
          ];
        }),
        layers.length > mostLayers && ` and ${formatCount(layers.length - mostLayers)} more`,
      ),
    ),
    left > 0 &&
      element('li', { class: 'muted' }, `and ${formatQuantity(left, 'more reason')}; see each layer in Layers`),
  );
}

function weightMeter({ weightMemory, precision }: AcceleratorCheck): Child {
  if (!weightMemory) return undefined;
  const { bytes, limit, label, beyond, kind } = weightMemory;
  return meter({
    title: 'Weights there',
    parts: [
      {
        name: 'weights',
        bytes,
        fill: 'weights',
        kind,
        explanation: `Constant weights in ${precision}, without biases; how the compiler lays them out may take more.`,
      },
    ],
    limit: { bytes: limit, label },
    withoutLimit: '',
    free: 'left',
    rule:
      beyond === 'slower'
        ? 'What is over the limit is fetched from outside at every run.'
        : 'A model with more cannot run there.',
  });
}

function provenance({ notChecked, source }: AcceleratorCheck): string {
  const left = notChecked.length > 0 ? `Not checked: ${notChecked.join(' ')}` : '';
  return [left, source === '' ? '' : `Source: ${source}.`].filter((text) => text !== '').join(' ');
}
