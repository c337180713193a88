import type { LayerCost } from '../budget/footprint';
import type { RuntimeFootprint } from '../runtimes/measure';

/** Operators that only carry data to where the work is done. */
const carriers: ReadonlySet<string> = new Set([
  'QuantizeLinear',
  'DequantizeLinear',
  'DynamicQuantizeLinear',
  'Transpose',
  'Identity',
  'Cast',
  'Pad',
]);

/**
 * By index of an ONNX node, the bytes live on the runtime while the operator runs that it leads: of the nodes which became one, that
 * with most multiply-accumulates, else the first that computes. Nodes that run inside another one, and those the runtime drops, have
 * none. Sizes are aligned; buffers that share their place count once.
 */
export function liveBytesByNode(
  { memory, layers }: Pick<RuntimeFootprint, 'memory' | 'layers'>,
  costs: readonly LayerCost[],
): ReadonlyMap<number, number> {
  const byIndex = new Map(costs.map((cost) => [cost.index, cost]));
  const live = liveBytesByStep(memory, layers.length + 1);
  const byNode = new Map<number, number>();
  layers.forEach(({ from }, position) => {
    const lead = leadOf(from.flatMap((index) => byIndex.get(index) ?? []));
    if (lead) byNode.set(lead.index, Math.max(live[position + 1] ?? 0, byNode.get(lead.index) ?? 0));
  });
  return byNode;
}

function leadOf(nodes: readonly LayerCost[]): LayerCost | undefined {
  const most = nodes.reduce<LayerCost | undefined>(
    (best, node) => ((node.macs ?? 0) > (best?.macs ?? 0) ? node : best),
    undefined,
  );
  return most ?? nodes.find(({ opType }) => !carriers.has(opType)) ?? nodes[0];
}

function liveBytesByStep(
  { tensors, inPlace, alignment }: RuntimeFootprint['memory'],
  steps: number,
): readonly number[] {
  const change = new Array<number>(steps + 1).fill(0);
  const add = (step: number, bytes: number) => {
    if (step <= steps) change[step] = (change[step] ?? 0) + bytes;
  };
  const sizeOf = (bytes: number) => (alignment > 1 ? Math.ceil(bytes / alignment) * alignment : bytes);
  for (const { bytes, first, last } of tensors) {
    add(first, sizeOf(bytes));
    add(last + 1, -sizeOf(bytes));
  }
  const counted = new Set<number>();
  for (const pair of inPlace) {
    const [input, output] = [tensors[pair.input], tensors[pair.output]];
    if (!input || !output || input.last !== output.first || counted.has(pair.output)) continue;
    const start = Math.max(input.offset, output.offset);
    const shared = Math.min(input.offset + sizeOf(input.bytes), output.offset + sizeOf(output.bytes)) - start;
    if (shared <= 0) continue;
    counted.add(pair.output);
    add(output.first, -shared);
    add(output.first + 1, shared);
  }
  let sum = 0;
  return change.map((bytes) => {
    sum += bytes;
    return sum;
  });
}
