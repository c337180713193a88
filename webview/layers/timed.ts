import type { LatencyRange } from '../../extension/targets/latency';
import type { LayerSummary } from '../../extension/worker/analysis';
import { formatMilliseconds, formatTimeRange } from '../format';
import type { PageState } from '../protocol';

/** A layer with how long it takes on the chosen target and runtime, where that is estimated. */
export interface TimedLayer extends LayerSummary {
  readonly latency?: LatencyRange;
}

/** The layers of the file, each with its latency where there is an estimate. */
export function timedLayers({ analysis, latency }: PageState): readonly TimedLayer[] {
  if (latency === undefined || 'missing' in latency.figure) return analysis.layers;
  const ranges = new Map(latency.figure.perLayer.map((range) => [range.index, range]));
  return analysis.layers.map((layer) => {
    const range = ranges.get(layer.index);
    if (range === undefined) return layer;
    const { lowerMs, middleMs, upperMs } = range;
    return { ...layer, latency: { lowerMs, middleMs, upperMs } };
  });
}

/** The latency of several layers together. Their errors have one cause mostly, the rate of the core, so the ends are added too. */
export function latencySum(layers: readonly TimedLayer[]): LatencyRange | undefined {
  const ranges = layers.flatMap(({ latency }) => latency ?? []);
  if (ranges.length === 0) return undefined;
  const sum = (end: keyof LatencyRange) => ranges.reduce((total, range) => total + range[end], 0);
  return { lowerMs: sum('lowerMs'), middleMs: sum('middleMs'), upperMs: sum('upperMs') };
}

/** What hovering a latency says: kind and range. */
export function latencyTip(range: LatencyRange): string {
  return `Estimated. ${formatMilliseconds(range.middleMs)}, range ${formatTimeRange(range)}`;
}

/** The side panel's lines about a layer's latency. */
export function latencyLines(range: LatencyRange): readonly (readonly [term: string, text: string, tip: string])[] {
  return [['Estimated', `~${formatMilliseconds(range.middleMs)} (${formatTimeRange(range)})`, latencyTip(range)]];
}
