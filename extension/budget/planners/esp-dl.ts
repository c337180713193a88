import {
  type ArenaPlan,
  alignUp,
  type InPlacePair,
  mayShare,
  type PlannedBuffer,
  planOf,
  requirePlannable,
} from './buffers';

interface Chunk {
  offset: number;
  size: number;
  free: boolean;
}

/**
 * The plan of ESP-DL's MemoryManagerGreedy (esp-dl/dl/model/src/dl_memory_manager_greedy.cpp): step by step, what died is freed
 * and merged with its free neighbours, then what is born takes the smallest free chunk that holds it and splits off the rest;
 * where none does, the arena's last chunk is stretched if it is free, or the arena grows. An output of a pair in `inPlace`
 * lives in its input's chunk. Sizes are rounded up to `alignment` bytes (16). Exact by these rules for one memory region.
 * Throws RangeError for impossible buffers.
 */
export function planEspDl(
  buffers: readonly PlannedBuffer[],
  options: { readonly alignment?: number; readonly inPlace?: readonly InPlacePair[] } = {},
): ArenaPlan {
  const { alignment = 16, inPlace = [] } = options;
  requirePlannable(buffers, alignment);
  const { leaderOf, lastOf } = leaders(buffers, inPlace, alignment);
  const placed = [...buffers.keys()].filter((index) => leaderOf[index] === index && (buffers[index]?.bytes ?? 0) > 0);
  const births = placed.toSorted((a, b) => (buffers[a]?.first ?? 0) - (buffers[b]?.first ?? 0));
  const deaths = placed.toSorted((a, b) => (lastOf[a] ?? 0) - (lastOf[b] ?? 0));
  const memory = new ChunkList();
  const chunks = new Map<number, Chunk>();
  const offsets = new Array<number>(buffers.length).fill(0);
  let nextDeath = 0;
  for (const index of births) {
    const buffer = buffers[index];
    if (!buffer) continue;
    for (
      let dead = deaths[nextDeath];
      dead !== undefined && (lastOf[dead] ?? 0) < buffer.first;
      dead = deaths[++nextDeath]
    ) {
      const chunk = chunks.get(dead);
      if (chunk) memory.release(chunk);
    }
    const chunk = memory.take(alignUp(buffer.bytes, alignment));
    chunks.set(index, chunk);
    offsets[index] = chunk.offset;
  }
  for (const [index, { bytes }] of buffers.entries()) {
    offsets[index] = bytes > 0 ? (offsets[leaderOf[index] ?? index] ?? 0) : 0;
  }
  return planOf('ESP-DL greedy', buffers, alignment, offsets);
}

/** For each buffer the one whose chunk it lives in (itself, where it shares none), and the last step at which that chunk is in use. */
function leaders(buffers: readonly PlannedBuffer[], inPlace: readonly InPlacePair[], alignment: number) {
  const leaderOf = [...buffers.keys()];
  const lastOf = buffers.map(({ last }) => last);
  const taken = new Set<number>();
  const following = new Set<number>();
  const inOrder = inPlace.toSorted((a, b) => (buffers[a.output]?.first ?? 0) - (buffers[b.output]?.first ?? 0));
  for (const { input, output } of inOrder) {
    const before = buffers[input];
    const after = buffers[output];
    if (!before || !after || taken.has(input) || following.has(output) || !mayShare(before, after, alignment)) continue;
    // What is itself born in place at this very step has no content to hand on.
    if (before.first === after.first && (following.has(input) || taken.has(output))) continue;
    taken.add(input);
    following.add(output);
    const leader = leaderOf[input] ?? input;
    leaderOf[output] = leader;
    lastOf[leader] = Math.max(lastOf[leader] ?? 0, after.last);
  }
  return { leaderOf, lastOf };
}

/** The arena as a list of chunks by address, and the free ones by size, of equal sizes the longer free first. */
class ChunkList {
  private readonly byAddress: Chunk[] = [];
  private readonly freeBySize: Chunk[] = [];

  take(size: number): Chunk {
    const fitting = this.freeBySize.findIndex((chunk) => chunk.size >= size);
    const chunk = this.freeBySize[fitting];
    if (!chunk) return this.grow(size);
    this.freeBySize.splice(fitting, 1);
    chunk.free = false;
    if (chunk.size > size) {
      const rest: Chunk = { offset: chunk.offset + size, size: chunk.size - size, free: true };
      chunk.size = size;
      this.byAddress.splice(this.positionOf(chunk) + 1, 0, rest);
      this.addFree(rest);
    }
    return chunk;
  }

  release(chunk: Chunk): void {
    const position = this.positionOf(chunk);
    chunk.free = true;
    const next = this.byAddress[position + 1];
    if (next?.free) {
      chunk.size += next.size;
      this.byAddress.splice(position + 1, 1);
      this.freeBySize.splice(this.freeBySize.indexOf(next), 1);
    }
    const previous = this.byAddress[position - 1];
    if (previous?.free) {
      chunk.offset = previous.offset;
      chunk.size += previous.size;
      this.byAddress.splice(position - 1, 1);
      this.freeBySize.splice(this.freeBySize.indexOf(previous), 1);
    }
    this.addFree(chunk);
  }

  private grow(size: number): Chunk {
    const last = this.byAddress.at(-1);
    if (last?.free) {
      this.freeBySize.splice(this.freeBySize.indexOf(last), 1);
      last.size = size;
      last.free = false;
      return last;
    }
    const chunk: Chunk = { offset: last ? last.offset + last.size : 0, size, free: false };
    this.byAddress.push(chunk);
    return chunk;
  }

  private addFree(chunk: Chunk): void {
    let position = this.freeBySize.length;
    while (position > 0 && (this.freeBySize[position - 1]?.size ?? 0) > chunk.size) position--;
    this.freeBySize.splice(position, 0, chunk);
  }

  private positionOf(chunk: Chunk): number {
    let low = 0;
    let high = this.byAddress.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.byAddress[middle]?.offset ?? 0) < chunk.offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
