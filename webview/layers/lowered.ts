import type { LoweredLayer, RuntimeFootprint } from '../../extension/runtimes/measure';
import type { LayerSummary } from '../../extension/worker/analysis';
import { formatBytes, formatCount, formatShape } from '../format';
import { kernelName, loweredFrom, type MemoryPlan, mainLayer, stepsOfLayer } from '../memory/plan';
import { latencySum, type TimedLayer } from './timed';

/** An operator as the runtime executes it, in the words of the table. Selecting it selects its main node. */
export interface LoweredSummary extends TimedLayer {
  /** The nodes of the file that became it. */
  readonly nodes: readonly TimedLayer[];
}

/**
 * The operators that run, in order. Weights, outputs and live bytes are those of the lowered graph; MACs and parameters are those of
 * the nodes, each counted once, at the operator that holds its weights.
 */
export function loweredLayers(
  footprint: RuntimeFootprint,
  plan: MemoryPlan,
  layers: readonly TimedLayer[],
): readonly LoweredSummary[] {
  const byIndex = new Map(layers.map((layer) => [layer.index, layer]));
  const owners = ownersOf(footprint.layers);
  return footprint.layers.map((operator, position) => {
    const nodes = operator.from.flatMap((index) => byIndex.get(index) ?? []);
    const main = mainLayer(operator.from, byIndex);
    const owned = nodes.filter(({ index }) => owners.get(index) === position);
    const latency = latencySum(owned);
    return {
      index: main?.index ?? -1,
      step: main?.step ?? -1,
      name: main?.name ?? operator.name,
      opType: operator.kind,
      domain: '',
      outputs: [operator.name],
      parameters: sum(owned, ({ parameters }) => parameters) ?? 0,
      weightBytes: operator.weightBytes + operator.biasBytes,
      quantizationBytes: sum(owned, ({ quantizationBytes }) => quantizationBytes) ?? 0,
      macs: sum(owned, ({ macs }) => macs),
      elementOperations: sum(owned, ({ elementOperations }) => elementOperations),
      bytesRead: undefined,
      bytesWritten: operator.outputBytes,
      activationBytes: operator.outputBytes,
      liveBytes: plan.liveBytes[position + 1] ?? 0,
      outputShape: operator.outputShape,
      operator: operator.activation === undefined ? operator.kind : `${operator.kind} + ${operator.activation}`,
      precision: footprint.precision === 'as-in-file' ? (main?.precision ?? '') : footprint.precision,
      ...(main?.unknown === undefined ? {} : { unknown: main.unknown }),
      ...(latency && { latency }),
      nodes,
    };
  });
}

/** undefined where one of the values is not known. */
function sum(layers: readonly LayerSummary[], value: (layer: LayerSummary) => number | undefined): number | undefined {
  return layers.reduce<number | undefined>((total, layer) => {
    const own = value(layer);
    return total === undefined || own === undefined ? undefined : total + own;
  }, 0);
}

/** For each node the position of the operator its costs count at. */
function ownersOf(operators: readonly LoweredLayer[]): ReadonlyMap<number, number> {
  const owners = new Map<number, number>();
  const constants = (position: number): number => {
    const operator = operators[position];
    return operator === undefined ? -1 : operator.weightBytes + operator.biasBytes;
  };
  operators.forEach(({ from }, position) => {
    for (const node of from) {
      if (constants(position) > constants(owners.get(node) ?? -1)) owners.set(node, position);
    }
  });
  return owners;
}

/** What became of a layer on the runtime, for the side panel: term, text and explanation. */
export function loweringLines(
  footprint: RuntimeFootprint,
  plan: MemoryPlan,
  layer: LayerSummary,
  layers: readonly LayerSummary[],
): readonly (readonly [term: string, text: string, tip?: string])[] {
  const steps = stepsOfLayer(plan, layer);
  if (steps.length === 0)
    return [['Runs as', 'nothing', `Folded away before ${footprint.runtime.label} runs the model`]];
  const byIndex = new Map(layers.map((one) => [one.index, one]));
  return steps.flatMap((step) => {
    const operator = plan.operatorAt[step];
    if (operator === undefined) return [];
    const names = operator.from.flatMap((index) => byIndex.get(index)?.name ?? []);
    const output = `${formatShape(operator.outputShape)} · ${formatBytes(operator.outputBytes)}`;
    const from = loweredFrom(operator.from, byIndex);
    return [
      ['Kernel', kernelName(operator)],
      ...(from === '' ? [] : [['Lowered from', from, names.join('\n')] as const]),
      ['Runs at step', `${formatCount(step)}, ${formatBytes(plan.liveBytes[step] ?? 0)} live`],
      ['Writes', output],
    ] as const;
  });
}
