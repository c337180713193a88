import { alignUp, type InPlacePair, type PlannedBuffer, requirePlannable } from './buffers';
import { bestSharing } from './in-place';

export interface ArenaLowerBound {
  /** No plan for this execution order and alignment has a smaller arena, in bytes. */
  readonly bytes: number;
  /** The first step at which that many bytes are needed; undefined when nothing is. */
  readonly step: number | undefined;
}

/**
 * A proven lower bound of the arena: the most bytes live at one step, sizes rounded up to the alignment, since what lives at
 * the same time cannot overlap. Where outputs may be written over inputs, a pair counts once, and where several compete the
 * choice that saves most is taken (a maximum-weight matching). Throws RangeError for impossible buffers.
 */
export function arenaLowerBound(
  buffers: readonly PlannedBuffer[],
  options: { readonly alignment?: number; readonly inPlace?: readonly InPlacePair[] } = {},
): ArenaLowerBound {
  const { alignment = 16, inPlace = [] } = options;
  requirePlannable(buffers, alignment);
  const inputOf = bestSharing(buffers, inPlace, alignment);
  const sized = buffers.map((buffer, index) => ({
    ...buffer,
    size: alignUp(buffer.bytes, alignment),
    shared: (inputOf[index] ?? -1) !== -1,
  }));
  const births = sized.toSorted((a, b) => a.first - b.first);
  const deaths = sized.toSorted((a, b) => a.last - b.last);
  let best: ArenaLowerBound = { bytes: 0, step: undefined };
  let live = 0;
  let nextDeath = 0;
  // Only a birth can make the sum larger: what is saved by sharing is less than what dies right after.
  for (let next = 0; next < births.length; ) {
    const step = births[next]?.first ?? 0;
    for (let dead = deaths[nextDeath]; dead && dead.last < step; dead = deaths[++nextDeath]) live -= dead.size;
    let saved = 0;
    for (let born = births[next]; born && born.first === step; born = births[++next]) {
      live += born.size;
      if (born.shared) saved += born.size;
    }
    if (live - saved > best.bytes) best = { bytes: live - saved, step };
  }
  return best;
}
