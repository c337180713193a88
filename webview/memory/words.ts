import type { RuntimeFootprint } from '../../extension/runtimes/measure';
import { type Child, element } from '../dom';
import { formatBytes, formatCount, formatQuantity } from '../format';
import { icon } from '../icons';
import { figureTip, markedBytes } from '../kinds';
import { arenaTop, liveAt, type MappedTensor, type MemoryPlan, roleAt } from './plan';
import { ramParts } from './ram';

/** What the sentences call a buffer and a step. */
export interface Names {
  tensor(tensor: MappedTensor): string;
  step(step: number): string;
}

/** The peak in words: what the arena needs, what is alive at once and where, and what the placement loses. */
export function planInWords(
  footprint: RuntimeFootprint,
  plan: MemoryPlan,
  names: Names,
  open: (step: number) => void,
): HTMLElement {
  const { memory } = footprint;
  const { bytes: arena = 0, kind = memory.kind } = ramParts(footprint)[0] ?? {};
  const lost = arena - plan.peakBytes;
  const { peakStep } = plan;
  return element(
    'p',
    { class: 'lead' },
    'The arena needs ',
    element(
      'span',
      { class: 'strong', tip: figureTip(arena, kind, `Planner: ${memory.planner}.`) },
      markedBytes(arena, kind),
    ),
    lost > 0
      ? [
          ', though at most ',
          element('span', { class: 'strong' }, formatBytes(plan.peakBytes)),
          ' are ever alive at once, ',
        ]
      : arena > 0 && ', all of it alive at once, ',
    arena > 0 && [
      `at step ${formatCount(peakStep)}`,
      peakStep > 0 && [
        ', ',
        element(
          'button',
          {
            class: 'link wraps',
            key: 'peak',
            tip: plan.layerAt[peakStep]?.name,
            attributes: { type: 'button', disabled: plan.layerAt[peakStep] === undefined },
            on: { click: () => open(peakStep) },
          },
          names.step(peakStep),
        ),
      ],
      `: ${liveInWords(liveAt(plan, peakStep), peakStep)}`,
    ],
    '.',
    lost > 0 &&
      ` The other ${formatBytes(lost)} are lost to placement: ${placementInWords(plan, memory.planner, names)}.`,
    boundInWords(arena, plan.peakBytes, memory.lowerBoundBytes),
  );
}

function boundInWords(arena: number, peak: number, bound: number): Child {
  if (arena === 0) return undefined;
  if (arena === bound) return ' No plan of this order of execution can be smaller.';
  return bound < peak && ` Written over one another where the runtime can, they need ${formatBytes(bound)} at least.`;
}

function placementInWords(plan: MemoryPlan, planner: string, names: Names): string {
  const top = arenaTop(plan);
  if (top === undefined) return 'the plan is unknown';
  const { tensor, holeBytes, below, above } = top;
  const onTop = `the planner (${planner}) puts ${names.tensor(tensor)}, ${formatBytes(tensor.size)}, on top`;
  if (holeBytes === 0 || above === undefined) return `nothing below is free as long as it lives, so ${onTop}`;
  const hole = below ? `between ${names.tensor(below)} and ${names.tensor(above)}` : `below ${names.tensor(above)}`;
  return holeBytes < tensor.size
    ? `${hole} only ${formatBytes(holeBytes)} stay free, so ${onTop}`
    : `${onTop}, while ${hole} ${formatBytes(holeBytes)} stay free`;
}

function liveInWords(live: readonly MappedTensor[], step: number): string {
  const roles = [
    { role: 'input', one: step === 0 ? 'the input' : 'its input', many: step === 0 ? 'the inputs' : 'its inputs' },
    { role: 'output', one: 'its output', many: 'its outputs' },
    { role: 'scratch', one: 'its scratch', many: 'its scratch' },
    { role: 'held', one: 'held for later', many: 'held for later' },
  ] as const;
  const parts = roles.flatMap(({ role, one, many }) => {
    const tensors = live.filter((tensor) => roleAt(tensor, step) === role);
    if (tensors.length === 0) return [];
    const bytes = formatBytes(tensors.reduce((sum, { size }) => sum + size, 0));
    return [role === 'held' ? `${bytes} ${one}` : `${tensors.length === 1 ? one : many} ${bytes}`];
  });
  return parts.length < 2 ? parts.join('') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
}

/** What the runtime has no kernel for, each operator once with how often it occurs; nothing where it runs all. */
export function cannotRunInWords({ cannotRun, runtime }: RuntimeFootprint): Child {
  if (cannotRun.length === 0) return undefined;
  const reasons = new Map<string, { readonly reason: string; readonly count: number }>();
  for (const { opType, reason } of cannotRun) {
    reasons.set(opType, {
      reason: reasons.get(opType)?.reason ?? reason,
      count: (reasons.get(opType)?.count ?? 0) + 1,
    });
  }
  return element(
    'p',
    { class: 'lead with-icon' },
    icon('unknown'),
    element(
      'span',
      {},
      element(
        'span',
        { class: 'strong' },
        `${runtime.label} cannot run ${formatQuantity(cannotRun.length, 'operator')}: `,
      ),
      [...reasons].map(([opType, { reason, count }], position) => [
        position > 0 && ', ',
        element('span', { tip: reason }, count > 1 ? `${opType} (${formatCount(count)})` : opType),
      ]),
      '. The figures are what its planner would need if it could.',
    ),
  );
}
