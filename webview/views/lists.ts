import type { Analysis, LayerSummary } from '../../extension/worker/analysis';
import { type Child, element, layerName } from '../dom';
import {
  formatBytes,
  formatCount,
  formatDataType,
  formatExactBytes,
  formatMacs,
  formatQuantity,
  formatShare,
} from '../format';
import { loweredLayers } from '../layers/lowered';
import { memoryPlan } from '../memory/plan';
import type { PageState } from '../protocol';

const most = 5;

interface Ranking {
  readonly title: string;
  readonly hint: string;
  readonly fill: 'weights' | 'activations' | 'macs';
  readonly value: (layer: LayerSummary) => number;
  readonly text: (value: number) => string;
  readonly exact: (value: number) => string;
  readonly aside: (layer: LayerSummary, value: number) => string;
  readonly nothing: string;
  /** What is ranked, where it is not the layers of the file. */
  readonly layers?: readonly LayerSummary[];
}

/** The layers that cost most flash, RAM and compute; each opens its layer. */
export function topLists({ analysis, runtimeFootprint }: PageState, open: (step: number) => void): HTMLElement {
  const { totals } = analysis;
  const lowered =
    runtimeFootprint && loweredLayers(runtimeFootprint, memoryPlan(runtimeFootprint, analysis.layers), analysis.layers);
  const running: readonly LayerSummary[] = lowered ?? analysis.layers;
  const rankings: readonly Ranking[] = [
    {
      title: 'Flash',
      hint: 'weights and biases',
      fill: 'weights',
      value: (layer) => layer.weightBytes,
      text: formatBytes,
      exact: formatExactBytes,
      aside: (_layer, value) => formatShare(value, totals.weightBytes),
      nothing: 'This model holds no weights.',
    },
    {
      title: 'RAM',
      hint: 'live bytes at the step',
      fill: 'activations',
      value: (layer) => layer.liveBytes,
      text: formatBytes,
      exact: formatExactBytes,
      aside: (layer) => `step ${formatCount(lowered ? running.indexOf(layer) + 1 : layer.step)}`,
      layers: running,
      nothing: 'No activations.',
    },
    {
      title: 'Compute',
      hint: 'multiply-accumulates',
      fill: 'macs',
      value: (layer) => layer.macs ?? 0,
      text: formatMacs,
      exact: (value) => `${formatCount(value)} MACs`,
      aside: (_layer, value) => formatShare(value, totals.macs),
      nothing: 'No multiply-accumulates.',
    },
  ];
  return element(
    'div',
    { class: 'thirds' },
    rankings.map((ranking) => topList(ranking, ranking.layers ?? analysis.layers, open)),
  );
}

function topList(ranking: Ranking, layers: readonly LayerSummary[], open: (step: number) => void): HTMLElement {
  const best = largest(layers, ranking.value);
  const first = best[0] ? ranking.value(best[0]) : 0;
  return element(
    'section',
    {},
    element('h2', {}, ranking.title, element('span', { class: 'muted' }, ranking.hint)),
    best.length === 0 && element('p', { class: 'muted' }, ranking.nothing),
    best.map((layer) => {
      const value = ranking.value(layer);
      return element(
        'button',
        {
          class: 'list-row',
          key: `${ranking.title}-${layer.outputs[0] ?? layer.step}`,
          tip: `${layer.name}\nExact. ${ranking.exact(value)}`,
          attributes: { type: 'button' },
          on: { click: () => open(layer.step) },
        },
        layerName(layer.name),
        bar(value / first, ranking.fill),
        element('span', { class: 'number' }, ranking.text(value)),
        element('span', { class: 'number muted aside' }, ranking.aside(layer, value)),
      );
    }),
  );
}

/** The few layers with the largest values above 0, in one pass; ties stay in execution order. */
function largest(layers: readonly LayerSummary[], value: (layer: LayerSummary) => number): LayerSummary[] {
  const best: LayerSummary[] = [];
  for (const layer of layers) {
    const own = value(layer);
    if (own <= 0) continue;
    const place = best.findIndex((other) => value(other) < own);
    if (place >= 0) best.splice(place, 0, layer);
    else best.push(layer);
    if (best.length > most) best.pop();
  }
  return best;
}

function bar(share: number, fill: string): HTMLElement {
  return element(
    'span',
    { class: 'inline-bar', attributes: { 'aria-hidden': 'true' } },
    element('i', { class: `fill-${fill}`, style: { width: `${Math.min(100, share * 100)}%` } }),
  );
}

/** How often each operator occurs. */
export function operatorList(analysis: Analysis, show: (operator: string) => void): HTMLElement {
  const sorted = [...analysis.operators].sort((a, b) => b.count - a.count);
  const first = sorted[0]?.count ?? 1;
  return element(
    'section',
    {},
    element(
      'h2',
      {},
      'Operators',
      element('span', { class: 'muted' }, formatQuantity(analysis.model.nodeCount, 'node')),
    ),
    sorted.length === 0 && element('p', { class: 'muted' }, 'The graph has no nodes.'),
    sorted.map(({ name, count }) =>
      element(
        'button',
        {
          class: 'list-row',
          key: `operator-${name}`,
          tip: `Show the layers of ${name}`,
          attributes: { type: 'button' },
          on: { click: () => show(name) },
        },
        element('span', { class: 'ellipsis' }, name),
        bar(count / first, 'macs'),
        element('span', { class: 'number' }, formatCount(count)),
        element('span', { class: 'aside' }),
      ),
    ),
  );
}

/** Which types the constants are stored as. */
export function dataTypeList(analysis: Analysis): HTMLElement {
  const sorted = [...analysis.constants].sort((a, b) => b.bytes - a.bytes);
  const total = sorted.reduce((sum, { bytes }) => sum + bytes, 0);
  const first = sorted[0]?.bytes || 1;
  return element(
    'section',
    {},
    element('h2', {}, 'Data types', element('span', { class: 'muted' }, 'of all constants')),
    sorted.length === 0 && element('p', { class: 'muted' }, 'This model holds no constants.'),
    sorted.map(({ dataType, elements, bytes }): Child => {
      const name = formatDataType(dataType);
      return element(
        'div',
        { class: 'list-row still', tip: `${name}: ${formatQuantity(elements, 'element')}, ${formatExactBytes(bytes)}` },
        element('span', { class: 'ellipsis' }, name),
        bar(bytes / first, 'weights'),
        element('span', { class: 'number' }, formatBytes(bytes)),
        element('span', { class: 'number muted aside' }, formatShare(bytes, total)),
      );
    }),
  );
}
