import type { PlannedBuffer } from '../budget/planners/buffers';
import type { LoweredGraph } from './lowered';

/** An activation with the steps at which it is live. */
export interface LiveTensor extends PlannedBuffer {
  /** Position in `LoweredGraph.tensors`. */
  readonly tensor: number;
  readonly from: readonly number[];
}

/**
 * When the activations of a lowered graph are live, by order of tensors: graph inputs from step 0, what operator i makes from step
 * i + 1, to the last use; graph outputs to the end, what an operator with bodies reads and makes to the end of its last body, and the
 * outputs of a body to its end. Source of the steps: TFLM micro_allocation_info.cc. Sizes that are not known count 0.
 */
export function liveTensors(graph: LoweredGraph): readonly LiveTensor[] {
  const first = new Map<number, number>();
  const last = new Map<number, number>();
  for (const tensor of graph.inputs) {
    first.set(tensor, 0);
    last.set(tensor, 0);
  }
  graph.operators.forEach(({ inputs, outputs }, index) => {
    const step = index + 1;
    for (const tensor of outputs) {
      if (!first.has(tensor)) first.set(tensor, step);
      last.set(tensor, step);
    }
    for (const tensor of inputs) if (first.has(tensor)) last.set(tensor, step);
  });
  const keep = (tensor: number, end: number) => {
    if (first.has(tensor)) last.set(tensor, Math.max(last.get(tensor) ?? end, end));
  };
  for (const { operator, end, outputs } of graph.bodies) {
    for (const tensor of outputs) keep(tensor, end);
    const owner = operator === undefined ? undefined : graph.operators[operator];
    for (const tensor of owner ? [...owner.inputs, ...owner.outputs] : []) keep(tensor, end);
  }
  for (const tensor of graph.outputs) keep(tensor, graph.operators.length);
  return graph.tensors.flatMap(({ name, bytes = 0, from }, tensor) => {
    const start = first.get(tensor);
    if (start === undefined || bytes === 0) return [];
    return [{ name, bytes, first: start, last: last.get(tensor) ?? start, tensor, from }];
  });
}

/** Sentences about activations whose size is not known, and so counts 0. */
export function unknownSizeRemarks(graph: LoweredGraph): readonly string[] {
  const unknown = graph.tensors.filter(({ role, bytes }) => role === 'activation' && bytes === undefined);
  const [one] = unknown;
  if (!one) return [];
  const subject =
    unknown.length === 1
      ? `The size of ${one.name} is`
      : `The sizes of ${unknown.length} tensors (${one.name} first) are`;
  return [`${subject} not known and count 0 bytes.`];
}
