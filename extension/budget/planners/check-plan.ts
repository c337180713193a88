import { type ArenaPlan, type InPlacePair, mayShare, type PlannedBuffer } from './buffers';

/**
 * Replays a plan step by step: what is born takes its bytes of the arena and keeps them to the end of its last step. Returns the
 * first fault in words (two live buffers in the same bytes, a buffer outside the arena, an offset off the alignment), undefined
 * when the plan holds. An output of a pair in `inPlace` may start exactly where its input starts, at the step they share, and
 * takes over its bytes when the input has died. Buffers of 0 bytes take no room. O(n log n) but for the moves in the list of live buffers.
 */
export function checkPlan(
  buffers: readonly PlannedBuffer[],
  plan: ArenaPlan,
  inPlace: readonly InPlacePair[] = [],
): string | undefined {
  if (plan.offsets.length !== buffers.length) {
    return `${buffers.length} buffers, but ${plan.offsets.length} offsets`;
  }
  return placesFault(buffers, plan) ?? overlapFault(buffers, plan, inPlace);
}

function placesFault(buffers: readonly PlannedBuffer[], plan: ArenaPlan): string | undefined {
  for (const [index, { name, bytes }] of buffers.entries()) {
    const offset = plan.offsets[index] ?? Number.NaN;
    if (bytes === 0) continue;
    if (!Number.isSafeInteger(offset) || offset < 0) return `${name} has no place: offset ${offset}`;
    if (offset % plan.alignment !== 0) return `${name} at offset ${offset} is not aligned to ${plan.alignment} bytes`;
    if (offset + bytes > plan.arenaBytes) {
      return `${name} ends at ${offset + bytes}, outside the arena of ${plan.arenaBytes} bytes`;
    }
  }
  return undefined;
}

function overlapFault(
  buffers: readonly PlannedBuffer[],
  plan: ArenaPlan,
  inPlace: readonly InPlacePair[],
): string | undefined {
  const planned = buffers.flatMap((buffer, index) =>
    buffer.bytes > 0 ? [{ ...buffer, index, offset: plan.offsets[index] ?? 0 }] : [],
  );
  const births = planned.toSorted((a, b) => a.first - b.first);
  const deaths = planned.toSorted((a, b) => a.last - b.last);
  const inputsOf = new Map<number, Set<number>>();
  for (const { input, output } of inPlace) {
    const before = buffers[input];
    const after = buffers[output];
    if (!before || !after || !mayShare(before, after, plan.alignment)) continue;
    const inputs = inputsOf.get(output) ?? new Set();
    inputsOf.set(output, inputs.add(input));
  }

  type Live = (typeof planned)[number];
  /** Who holds bytes now, by ascending offset; nobody overlaps. */
  const live: Live[] = [];
  const successors = new Map<Live, Live>();
  const waiting = new Set<Live>();
  const positionFrom = (offset: number) => {
    let low = 0;
    let high = live.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((live[middle]?.offset ?? 0) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  };

  let nextDeath = 0;
  const bury = (step: number) => {
    for (let dead = deaths[nextDeath]; dead && dead.last < step; dead = deaths[++nextDeath]) {
      if (waiting.delete(dead)) continue;
      const successor = successors.get(dead);
      const heir = successor && waiting.delete(successor) ? [successor] : [];
      live.splice(positionFrom(dead.offset), 1, ...heir);
    }
  };

  for (const born of births) {
    bury(born.first);
    const position = positionFrom(born.offset);
    const above = live[position];
    if (above && above.offset === born.offset && inputsOf.get(born.index)?.has(above.index) && !successors.has(above)) {
      successors.set(above, born);
      waiting.add(born);
      continue;
    }
    const below = live[position - 1];
    const met =
      below && below.offset + below.bytes > born.offset
        ? below
        : above && born.offset + born.bytes > above.offset
          ? above
          : undefined;
    if (met) {
      return (
        `at step ${born.first}, ${born.name} (${born.offset} to ${born.offset + born.bytes}) would overwrite ` +
        `${met.name} (${met.offset} to ${met.offset + met.bytes}), which lives to step ${met.last}`
      );
    }
    live.splice(position, 0, born);
  }
  return undefined;
}
