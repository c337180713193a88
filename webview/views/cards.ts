import type { RuntimeFootprint } from '../../extension/runtimes/measure';
import type { Analysis } from '../../extension/worker/analysis';
import { type Child, element } from '../dom';
import { formatBytes, formatCount, formatDataType, formatExactBytes, formatMacs } from '../format';
import { estimatedMark, figureTip, publishedMark } from '../kinds';
import { memoryPlan } from '../memory/plan';
import { ramParts } from '../memory/ram';
import type { PageState } from '../protocol';
import { latencyCard } from './latency-card';

/** The headline figures of a model. */
export function cards(state: PageState): HTMLElement {
  const { analysis, runtimeFootprint } = state;
  const { totals, file } = analysis;
  const incomplete = totals.macsIncomplete;
  return element(
    'div',
    { class: 'cards' },
    card(
      'Parameters',
      [formatCount(totals.parameters)],
      byDataType(analysis),
      'Exact. Elements of constants used as data, each shared one once.',
    ),
    card(
      'MACs per inference',
      [
        incomplete && element('small', { class: 'lead-in' }, 'at least'),
        ...withUnit(totals.macs === 0 ? '0' : formatMacs(totals.macs)),
      ],
      formatCount(totals.macs),
      incomplete
        ? 'Lower bound: the MACs of some operators are not known; see the notes.'
        : 'Exact. Multiply-accumulates of convolutions, products and recurrent cells, no bias.',
    ),
    card(
      'Weights',
      withUnit(formatBytes(totals.weightBytes)),
      formatExactBytes(totals.weightBytes),
      'Exact. Parameters at the width they are stored with.',
    ),
    runtimeFootprint ? arenaCard(runtimeFootprint, analysis) : activationsCard(analysis),
    latencyCard(state),
    card(
      'File',
      withUnit(formatBytes(file.bytes + file.externalBytes)),
      file.externalBytes > 0
        ? `${formatBytes(file.bytes)} + ${formatBytes(file.externalBytes)} external`
        : formatExactBytes(file.bytes),
      `Exact. ${formatExactBytes(file.bytes)}${file.externalBytes > 0 ? ` and ${formatExactBytes(file.externalBytes)} of external data` : ''} on disk.`,
    ),
  );
}

function activationsCard({ totals, peak }: Analysis): HTMLElement {
  return card(
    'Peak activations',
    [
      totals.peakIncomplete && element('small', { class: 'lead-in' }, 'at least'),
      ...withUnit(formatBytes(totals.peakActivationBytes)),
    ],
    peak ? `step ${formatCount(peak.step)}, ${peak.layer}` : 'no layers',
    `${totals.peakIncomplete ? 'Lower bound: some sizes are not known. ' : 'Exact. '}Most bytes of activations live at once, nothing in place; what a runtime adds is not counted.`,
  );
}

function arenaCard(footprint: RuntimeFootprint, { layers }: Analysis): HTMLElement {
  const { memory } = footprint;
  const { bytes: arena = 0, kind = memory.kind } = ramParts(footprint)[0] ?? {};
  const plan = memoryPlan(footprint, layers);
  const at = plan.layerAt[plan.peakStep]?.name ?? `step ${formatCount(plan.peakStep)}`;
  return card(
    'Peak RAM, arena',
    [
      kind === 'lower bound' && element('small', { class: 'lead-in' }, 'at least'),
      kind === 'estimated' && estimatedMark(),
      ...withUnit(formatBytes(arena)),
      kind === 'published' && publishedMark(),
    ],
    `live ${formatBytes(plan.peakBytes)} at ${at}`,
    figureTip(arena, kind, `Planned by ${memory.planner}; what stays beside the arena is not in it.`),
  );
}

function card(title: string, figure: readonly Child[], below: string, tip: string): HTMLElement {
  return element(
    'div',
    { class: 'card' },
    element('div', { class: 'small muted' }, title),
    element('div', { class: 'figure', tip }, figure),
    element('div', { class: 'small muted ellipsis', tip: below }, below),
  );
}

/** `823.6 KiB` with its unit in smaller type. */
function withUnit(text: string): Child[] {
  const [figure = text, unit] = text.split(' ');
  return unit === undefined ? [figure] : [figure, element('small', {}, unit)];
}

function byDataType(analysis: Analysis): string {
  const types = Object.entries(analysis.totals.parametersByDataType).sort((a, b) => b[1] - a[1]);
  if (types.length === 0) return 'none';
  const [only] = types;
  if (types.length === 1 && only) return `all ${formatDataType(only[0])}`;
  return types.map(([name, elements]) => `${formatCount(elements)} ${formatDataType(name)}`).join(' · ');
}
