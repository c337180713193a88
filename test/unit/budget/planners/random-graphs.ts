import type { InPlacePair, PlannedBuffer } from '../../../../extension/budget/planners/buffers';

/** Numbers in [0, 1), the same for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed * 2654435761 + 1;
  return () => {
    state = (Math.imul(state ^ (state >>> 16), 0x45d9f3b) + 0x9e3779b9) >>> 0;
    return ((state ^ (state >>> 15)) >>> 0) / 2 ** 32;
  };
}

export interface RandomOperator {
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
}

export interface RandomGraph {
  readonly operators: readonly RandomOperator[];
  readonly tensors: readonly { readonly bytes: number; readonly keep: boolean }[];
  readonly buffers: readonly PlannedBuffer[];
  readonly inPlace: readonly InPlacePair[];
}

/** A graph of up to `mostOperators` operators with branches, skips, unread outputs, equal sizes and sizes of 0. */
export function randomGraph(seed: number, mostOperators: number): RandomGraph {
  const random = seeded(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const sizes = Array.from({ length: 1 + below(6) }, () =>
    random() < 0.1 ? 0 : 1 + below(random() < 0.5 ? 64 : 2000),
  );
  const size = () => (random() < 0.5 ? (sizes[below(sizes.length)] ?? 1) : 1 + below(1500));
  const bytes: number[] = Array.from({ length: 1 + below(2) }, size);
  const operators: RandomOperator[] = [];
  const count = 1 + below(mostOperators);
  for (let operator = 0; operator < count; operator++) {
    const near = Math.max(0, bytes.length - 1 - below(random() < 0.7 ? 2 : bytes.length));
    const inputs = [...new Set([near, ...(random() < 0.4 ? [below(bytes.length)] : [])])];
    const outputs = Array.from({ length: random() < 0.15 ? 2 : 1 }, () => bytes.push(size()) - 1);
    operators.push({ inputs, outputs });
  }
  const readers = bytes.map((_, tensor) => operators.filter(({ inputs }) => inputs.includes(tensor)).length);
  const tensors = bytes.map((value, tensor) => ({ bytes: value, keep: readers[tensor] === 0 && random() < 0.7 }));
  const buffers = lifetimes(operators, tensors, [...operators.keys()]);
  const inPlace = operators.flatMap(({ inputs, outputs }) =>
    inputs.flatMap((input) => outputs.filter(() => random() < 0.6).map((output) => ({ input, output }))),
  );
  return { operators, tensors, buffers, inPlace };
}

/** Lifetimes of tensors when operators run in this order: graph inputs from step 0, kept ones to the end. */
export function lifetimes(
  operators: readonly RandomOperator[],
  tensors: readonly { readonly bytes: number; readonly keep?: boolean }[],
  order: readonly number[],
): PlannedBuffer[] {
  return tensors.map(({ bytes, keep }, tensor) => {
    const first = Math.max(
      0,
      order.findIndex((operator) => operators[operator]?.outputs.includes(tensor)),
    );
    const lastUse = order.findLastIndex((operator) => operators[operator]?.inputs.includes(tensor));
    return { name: `t${tensor}`, bytes, first, last: keep ? order.length - 1 : Math.max(first, lastUse) };
  });
}

/** Buffers with any lifetimes, as no graph would give them. */
export function randomBuffers(seed: number, most: number): PlannedBuffer[] {
  const random = seeded(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const steps = 1 + below(20);
  const few = random() < 0.3;
  return Array.from({ length: below(most + 1) }, (_, index) => {
    const first = below(steps);
    const bytes = few ? 16 * below(4) : below(random() < 0.5 ? 100 : 5000);
    return { name: `b${below(most)}x${index}`, bytes, first, last: first + below(random() < 0.5 ? 3 : steps) };
  });
}
