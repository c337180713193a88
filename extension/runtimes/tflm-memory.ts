import { alignUp } from '../budget/planners/buffers';
import { arenaLowerBound } from '../budget/planners/lower-bound';
import { planTflmGreedy } from '../budget/planners/tflm-greedy';
import { liveTensors, unknownSizeRemarks } from './lifetimes';
import type { LoweredGraph } from './lowered';
import type { PlacedTensor, RuntimeMemory } from './runtime';
import { estimatedKinds, type Kernels, tailBytes } from './tflm-rules';
import { scratchOf } from './tflm-scratch';

/**
 * The arena of TensorFlow Lite Micro: planned head, persistent tail, and the smallest arena with which the model loads. Exact where all
 * operators' structures were measured (`estimatedKinds` is empty) and all sizes are known.
 */
export function tflmMemory(graph: LoweredGraph, kernels: Kernels): RuntimeMemory {
  const activations = liveTensors(graph).map((tensor) => ({ ...tensor, role: 'activation' as const }));
  const scratch = graph.operators.flatMap((operator, index) =>
    scratchOf(graph, operator, kernels).map((bytes) => ({
      name: `scratch of ${operator.kind} ${index}`,
      bytes,
      first: index + 1,
      last: index + 1,
      from: operator.from,
      role: 'scratch' as const,
    })),
  );
  const buffers = [...activations, ...scratch];
  const plan = planTflmGreedy(buffers);
  const tail = tailBytes(graph, kernels, scratch.length);
  const head = plan.arenaBytes;
  const planning =
    alignUp(12 * (12 + scratch.length) + 4 + 24 * (graph.tensors.length + scratch.length), 16) +
    40 * buffers.length +
    alignUp(tail.beforeInputs, 16);
  const usedBytes = head + tail.total;
  const estimated = estimatedKinds(graph, kernels);
  const unknown = unknownSizeRemarks(graph);
  return {
    planner: plan.planner,
    arenaBytes: head,
    persistentBytes: tail.total,
    scratchBytes: scratch.reduce((largest, { bytes }) => Math.max(largest, bytes), 0),
    inputOutputBytes: 0,
    usedBytes,
    minimumArenaBytes: alignUp(Math.max(usedBytes, planning), 16),
    loadingBytes: alignUp(planning, 16),
    lowerBoundBytes: arenaLowerBound(buffers, { alignment: 16 }).bytes,
    kind: unknown.length > 0 ? 'lower bound' : estimated.length > 0 ? 'estimated' : 'exact',
    remarks: [
      ...unknown,
      ...(estimated.length > 0
        ? [`The persistent data of ${estimated.join(', ')} is estimated: at most some tens of bytes an operator.`]
        : []),
    ],
    tensors: buffers.map(
      ({ name, bytes, first, last, from, role }, index): PlacedTensor => ({
        name,
        bytes,
        offset: plan.offsets[index] ?? 0,
        first,
        last,
        from,
        role,
      }),
    ),
    alignment: 16,
    inPlace: [],
  };
}
