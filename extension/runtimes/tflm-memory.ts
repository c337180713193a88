import { alignUp } from '../budget/planners/buffers';
import { arenaLowerBound } from '../budget/planners/lower-bound';
import { planTflmGreedy } from '../budget/planners/tflm-greedy';
import { liveTensors, unknownSizeRemarks } from './lifetimes';
import type { LoweredGraph, OperatorKind } from './lowered';
import type { PlacedTensor, RuntimeMemory } from './runtime';
import type { Steps } from './steps';
import { estimatedKinds, hasOneAxis, isOneRow, type Kernels, tailBytes } from './tflm-rules';
import { scratchOf } from './tflm-scratch';

/**
 * The arena of TensorFlow Lite Micro: planned head, persistent tail, and the smallest arena with which the model loads. Exact where all
 * operators' structures were measured (`estimatedKinds` has none) and all sizes are known.
 */
export function* tflmMemory(graph: LoweredGraph, kernels: Kernels): Steps<RuntimeMemory> {
  const activations = liveTensors(graph).map((tensor) => ({ ...tensor, role: 'activation' as const }));
  yield;
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
  yield;
  const plan = planTflmGreedy(buffers);
  yield;
  const tail = tailBytes(graph, kernels, scratch.length);
  const head = plan.arenaBytes;
  const subgraphs = 1 + graph.operators.filter(({ kind }) => kind === 'Body').length;
  const planning =
    alignUp(12 * (12 + scratch.length) + 4 * subgraphs + 24 * (graph.tensors.length + scratch.length), 16) +
    40 * buffers.length +
    alignUp(tail.beforeInputs, 16);
  const usedBytes = head + tail.total;
  const estimated = estimatedKinds(graph, kernels);
  const unknown = unknownSizeRemarks(graph);
  const kindOf = (estimates: number) => (unknown.length > 0 ? 'lower bound' : estimates > 0 ? 'estimated' : 'exact');
  yield;
  const lowerBoundBytes = arenaLowerBound(buffers, { alignment: 16 }).bytes;
  yield;
  return {
    planner: plan.planner,
    arenaBytes: head,
    persistentBytes: tail.total,
    scratchBytes: scratch.reduce((largest, { bytes }) => Math.max(largest, bytes), 0),
    inputOutputBytes: 0,
    usedBytes,
    minimumArenaBytes: alignUp(Math.max(usedBytes, planning), 16),
    loadingBytes: alignUp(planning, 16),
    lowerBoundBytes,
    kind: kindOf(estimated.arena.size + estimated.persistent.size),
    kinds: {
      arena: kindOf(estimated.arena.size),
      scratch: kindOf(estimated.arena.size),
      persistent: kindOf(estimated.persistent.size),
    },
    remarks: [
      ...unknown,
      ...(estimated.persistent.size > 0
        ? [
            `The persistent data of ${[...estimated.persistent].join(', ')} is estimated: at most some tens of bytes an operator.`,
          ]
        : []),
      ...arenaRemarks(graph, kernels, estimated.arena),
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

/** Why the arena is estimated, where it is. */
function arenaRemarks(graph: LoweredGraph, kernels: Kernels, estimated: ReadonlySet<OperatorKind>): readonly string[] {
  const remarks: string[] = [];
  if (graph.operators.some((operator) => hasOneAxis(graph, operator))) {
    remarks.push(
      'Windows over one axis are planned without the reshapes to two axes that a converter puts around them.',
    );
  }
  if (kernels === 'cmsis-nn-mve' && graph.operators.some((operator) => isOneRow(graph, operator))) {
    remarks.push(
      'Scratch of convolutions of one row is that of CMSIS-NN 2.3; other versions may ask for another size.',
    );
  }
  if (estimated.has('If') || estimated.has('While')) {
    remarks.push('Which values a converter hands into the subgraphs of If and While is assumed: those that they read.');
  }
  const scratch = [...estimated].filter((kind) => kind !== 'If' && kind !== 'While' && kind !== 'Other');
  const unknown = scratch.filter((kind) => !graph.operators.some((each) => each.kind === kind && each.window));
  if (unknown.length > 0) remarks.push(`Scratch of ${unknown.join(', ')} is not counted.`);
  return remarks;
}
