import { alignUp, type PlannedBuffer } from './buffers';

/** Above this many pairs of buffers that live at the same time, searching takes too much memory to be worth it. */
const mostConflicts = 2_000_000;

/**
 * The packing problem behind an arena: bodies, each a buffer or a chain of buffers written one over the other, which start at one
 * offset and get smaller, never larger, with time. Bodies that live at the same step must not overlap. Built once, then placed
 * in many orders.
 */
export class Packing {
  /** Buffers of each body by descending size, which is the order of their lives. */
  readonly members: readonly (readonly number[])[];
  readonly count: number;
  /** Bytes of each body when it is born, its most. */
  readonly sizes: Float64Array;
  readonly firsts: Float64Array;
  readonly lasts: Float64Array;
  /** Conflicts of body b: positions conflictsFrom[b] up to conflictsFrom[b + 1] in the three lists that follow. */
  readonly conflictsFrom: Int32Array;
  readonly others: Int32Array;
  /** How far the other must start above this body, and this body above the other, in bytes, should it lie above. */
  readonly below: Float64Array;
  readonly above: Float64Array;
  /** About how many elementary operations one call of `place` takes. */
  readonly effort: number;
  private readonly sizeOf: (buffer: number) => number;
  private readonly lastOf: (buffer: number) => number;
  private readonly placed: Uint8Array;
  private readonly lows: Float64Array;
  private readonly highs: Float64Array;

  private constructor(
    buffers: readonly PlannedBuffer[],
    alignment: number,
    members: readonly (readonly number[])[],
    conflicts: readonly (readonly number[])[],
  ) {
    this.members = members;
    this.count = members.length;
    this.sizeOf = (buffer) => alignUp(buffers[buffer]?.bytes ?? 0, alignment);
    this.lastOf = (buffer) => buffers[buffer]?.last ?? 0;
    this.sizes = Float64Array.from(members, (chain) => this.sizeOf(chain[0] ?? 0));
    this.firsts = Float64Array.from(members, (chain) => buffers[chain[0] ?? 0]?.first ?? 0);
    this.lasts = Float64Array.from(members, (chain) => this.lastOf(chain.at(-1) ?? 0));
    this.conflictsFrom = new Int32Array(this.count + 1);
    for (const [body, list] of conflicts.entries()) {
      this.conflictsFrom[body + 1] = (this.conflictsFrom[body] ?? 0) + list.length;
    }
    this.others = Int32Array.from(conflicts.flat());
    this.below = new Float64Array(this.others.length);
    this.above = new Float64Array(this.others.length);
    for (let body = 0; body < this.count; body++) {
      for (let at = this.conflictsFrom[body] ?? 0; at < (this.conflictsFrom[body + 1] ?? 0); at++) {
        const other = this.others[at] ?? 0;
        const meeting = Math.max(this.firsts[body] ?? 0, this.firsts[other] ?? 0);
        this.below[at] = this.sizeAt(body, meeting);
        this.above[at] = this.sizeAt(other, meeting);
      }
    }
    this.effort = conflicts.reduce((sum, { length }) => sum + 1 + length * (1 + length / 16), 0);
    this.placed = new Uint8Array(this.count);
    this.lows = new Float64Array(this.count);
    this.highs = new Float64Array(this.count);
  }

  /**
   * The problem for these buffers; `inputOf` says over which buffer each is written (-1: over none). undefined when more
   * than `limit` pairs of buffers live at the same time.
   */
  static of(
    buffers: readonly PlannedBuffer[],
    alignment: number,
    inputOf: Int32Array,
    limit = mostConflicts,
  ): Packing | undefined {
    const members = chainsOf(buffers, inputOf);
    const spans = members.map((chain) => ({
      first: buffers[chain[0] ?? 0]?.first ?? 0,
      last: buffers[chain.at(-1) ?? 0]?.last ?? 0,
    }));
    const conflicts: number[][] = members.map(() => []);
    const births = [...spans.keys()].sort((a, b) => (spans[a]?.first ?? 0) - (spans[b]?.first ?? 0));
    let live: number[] = [];
    let total = 0;
    for (const body of births) {
      const first = spans[body]?.first ?? 0;
      live = live.filter((other) => (spans[other]?.last ?? 0) >= first);
      total += live.length;
      if (total > limit) return undefined;
      for (const other of live) {
        conflicts[body]?.push(other);
        conflicts[other]?.push(body);
      }
      live.push(body);
    }
    return new Packing(buffers, alignment, members, conflicts);
  }

  /** Bytes of a body at a step of its life: those of the first buffer of the chain that is not dead by then. */
  sizeAt(body: number, step: number): number {
    const chain = this.members[body] ?? [];
    let low = 0;
    let high = chain.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.lastOf(chain[middle] ?? 0) < step) low = middle + 1;
      else high = middle;
    }
    return this.sizeOf(chain[low] ?? 0);
  }

  /**
   * Places the bodies in this order, each in the lowest gap between the placed ones it conflicts with. Writes `offsets` and
   * returns the arena in bytes; gives up (Infinity, offsets incomplete) as soon as it exceeds `limit`.
   */
  place(order: Int32Array, offsets: Float64Array, limit = Number.POSITIVE_INFINITY): number {
    const { placed, lows, highs, others, below, above, conflictsFrom } = this;
    placed.fill(0);
    let arena = 0;
    for (const body of order) {
      let count = 0;
      const until = conflictsFrom[body + 1] ?? 0;
      for (let at = conflictsFrom[body] ?? 0; at < until; at++) {
        const other = others[at] ?? 0;
        if (placed[other] === 0) continue;
        const start = offsets[other] ?? 0;
        // This body cannot start strictly between these two.
        const low = start - (below[at] ?? 0);
        let position = count++;
        while (position > 0 && (lows[position - 1] ?? 0) > low) {
          lows[position] = lows[position - 1] ?? 0;
          highs[position] = highs[position - 1] ?? 0;
          position--;
        }
        lows[position] = low;
        highs[position] = start + (above[at] ?? 0);
      }
      let offset = 0;
      for (let position = 0; position < count && offset > (lows[position] ?? 0); position++) {
        offset = Math.max(offset, highs[position] ?? 0);
      }
      offsets[body] = offset;
      placed[body] = 1;
      arena = Math.max(arena, offset + (this.sizes[body] ?? 0));
      if (arena > limit) return Number.POSITIVE_INFINITY;
    }
    return arena;
  }

  /** Offsets by index of the buffer from those by body. */
  bufferOffsets(offsets: Float64Array, buffers: number): readonly number[] {
    const result = new Array<number>(buffers).fill(0);
    for (const [body, chain] of this.members.entries()) {
      for (const buffer of chain) result[buffer] = offsets[body] ?? 0;
    }
    return result;
  }
}

/** Chains of buffers written one over the other, in order of time; buffers of 0 bytes are left out. */
function chainsOf(buffers: readonly PlannedBuffer[], inputOf: Int32Array): readonly (readonly number[])[] {
  const outputOf = new Map<number, number>();
  const follows = new Set<number>();
  for (const [output, { first }] of buffers.entries()) {
    const input = inputOf[output] ?? -1;
    const before = buffers[input];
    // A buffer born and dead at this very step that is itself written over another has nothing to hand on.
    if (!before || (before.first === first && ((inputOf[input] ?? -1) !== -1 || input === output))) continue;
    outputOf.set(input, output);
    follows.add(output);
  }
  const chains: number[][] = [];
  for (const [head, { bytes }] of buffers.entries()) {
    if (bytes === 0 || follows.has(head)) continue;
    const chain: number[] = [];
    for (let buffer: number | undefined = head; buffer !== undefined; buffer = outputOf.get(buffer)) chain.push(buffer);
    chains.push(chain);
  }
  return chains;
}
