import { alignUp, type InPlacePair, mayShare, type PlannedBuffer } from './buffers';

/**
 * Which outputs to write over which inputs so that the most bytes are saved at every step at once: for each buffer the index of
 * the input it takes over, or -1. Each input is taken over once. A pair saves the output's bytes, at the one step at which input
 * and output meet, so the steps do not compete and taking outputs by descending size, each with an augmenting path, is optimal
 * (the sets of outputs that can be matched are the independent sets of a transversal matroid).
 */
export function bestSharing(
  buffers: readonly PlannedBuffer[],
  inPlace: readonly InPlacePair[],
  alignment: number,
): Int32Array {
  const candidates = new Map<number, Set<number>>();
  for (const { input, output } of inPlace) {
    const before = buffers[input];
    const after = buffers[output];
    if (!before || !after || !mayShare(before, after, alignment)) continue;
    candidates.set(output, (candidates.get(output) ?? new Set()).add(input));
  }
  const inputOf = new Int32Array(buffers.length).fill(-1);
  const outputOf = new Int32Array(buffers.length).fill(-1);
  const sizeOf = (index: number) => alignUp(buffers[index]?.bytes ?? 0, alignment);
  for (const output of [...candidates.keys()].sort((a, b) => sizeOf(b) - sizeOf(a) || a - b)) {
    augment(output, candidates, inputOf, outputOf);
  }
  return inputOf;
}

/** Breadth first from an unmatched output along (candidate input, the output that has it) to an input that nobody has. */
function augment(
  start: number,
  candidates: ReadonlyMap<number, ReadonlySet<number>>,
  inputOf: Int32Array,
  outputOf: Int32Array,
): void {
  const reachedFrom = new Map<number, number>();
  const queue = [start];
  for (const output of queue) {
    for (const input of candidates.get(output) ?? []) {
      if (reachedFrom.has(input)) continue;
      reachedFrom.set(input, output);
      const holder = outputOf[input] ?? -1;
      if (holder !== -1) {
        queue.push(holder);
        continue;
      }
      let taken = input;
      for (;;) {
        const taker = reachedFrom.get(taken) ?? start;
        const given = inputOf[taker] ?? -1;
        inputOf[taker] = taken;
        outputOf[taken] = taker;
        if (taker === start) return;
        taken = given;
      }
    }
  }
}
