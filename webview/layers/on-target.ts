import { acceleratorSection } from '../accelerator/layer-lines';
import { element } from '../dom';
import { formatMilliseconds } from '../format';
import { estimatedMark } from '../kinds';
import type { PageState } from '../protocol';
import type { Section } from './details';
import type { Sums } from './rows';
import { latencyLines, latencyTip, type TimedLayer } from './timed';

/** What the chosen target makes of a layer, for the side panel: how long it takes, and whether the accelerator takes it. */
export function targetSections({ target, accelerator }: PageState, layer: TimedLayer): readonly Section[] {
  return [
    ...(target && layer.latency ? [{ title: `Latency on ${target.name}`, lines: latencyLines(layer.latency) }] : []),
    ...(accelerator ? [acceleratorSection(accelerator, layer)] : []),
  ];
}

/** The latency in the foot line: of all layers the estimate of the whole, whose range is narrower than the sum of theirs. */
export function latencyTotal(
  { latency }: PageState,
  sums: Pick<Sums, 'latency'>,
  ofAll: boolean,
): HTMLElement | undefined {
  const whole = ofAll ? latency?.figure : undefined;
  const range = whole && !('missing' in whole) ? whole : sums.latency;
  if (range === undefined) return undefined;
  return element('span', { tip: latencyTip(range) }, estimatedMark(), `${formatMilliseconds(range.middleMs)} latency`);
}
