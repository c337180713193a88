import { type ArenaPlan, type InPlacePair, mayShare } from '../budget/planners/buffers';
import type { LiveTensor } from './lifetimes';
import type { LoweredGraph, OperatorKind } from './lowered';
import type { PlacedTensor } from './runtime';

/** The buffers of a plan with their places. */
export function placed(tensors: readonly LiveTensor[], plan: ArenaPlan): readonly PlacedTensor[] {
  return tensors.map(({ name, bytes, first, last, from }, index) => ({
    name,
    bytes,
    offset: plan.offsets[index] ?? 0,
    first,
    last,
    from,
    role: 'activation',
  }));
}

/** Which activations an operator may write over one of its inputs: those of elementwise operators, where the sizes allow it. */
export function inPlacePairs(
  graph: LoweredGraph,
  tensors: readonly LiveTensor[],
  kinds: ReadonlySet<OperatorKind>,
  alignment: number,
): readonly InPlacePair[] {
  const positions = new Map(tensors.map(({ tensor }, position) => [tensor, position]));
  // What the graph gives back is there to the end, and so stays as it is.
  const kept = new Set(graph.outputs);
  const pairs: InPlacePair[] = [];
  for (const { kind, inputs, outputs } of graph.operators) {
    const output = positions.get(outputs[0] ?? -1);
    if (!kinds.has(kind) || output === undefined) continue;
    for (const tensor of inputs) {
      const input = kept.has(tensor) ? undefined : positions.get(tensor);
      const before = input === undefined ? undefined : tensors[input];
      const after = tensors[output];
      if (input !== undefined && before && after && mayShare(before, after, alignment)) pairs.push({ input, output });
    }
  }
  return pairs;
}

/** Bytes of the graph's inputs and outputs, each once. */
export function inputOutputBytes(graph: LoweredGraph): number {
  const ends = new Set([...graph.inputs, ...graph.outputs]);
  return [...ends].reduce((sum, tensor) => sum + (graph.tensors[tensor]?.bytes ?? 0), 0);
}

/** Bytes of all constants of a lowered graph. */
export function constantBytes(graph: LoweredGraph): number {
  return graph.tensors.reduce((sum, { role, bytes = 0 }) => (role === 'activation' ? sum : sum + bytes), 0);
}
