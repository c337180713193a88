import { type ArenaPlan, alignUp, type PlannedBuffer, planOf, requirePlannable } from './buffers';

/**
 * The plan of TVM's unified static memory planner, algorithm greedy_by_size (src/tir/usmp/algo/greedy.cc): by descending bytes,
 * then descending number of buffers that live at the same time, then descending name; each starts at the highest end, rounded up
 * to the alignment, of the placed buffers that live at the same time. Gaps are not filled. `alignment` is 16 where TVM is not
 * told otherwise. TVM states its pool without the last rounding up that arenaBytes has. Throws RangeError for impossible buffers.
 */
export function planTvmGreedy(
  buffers: readonly PlannedBuffer[],
  options: { readonly alignment?: number } = {},
): ArenaPlan {
  const { alignment = 16 } = options;
  requirePlannable(buffers, alignment);
  const conflicts = conflictCounts(buffers);
  const order = [...buffers.entries()]
    .filter(([, { bytes }]) => bytes > 0)
    .sort(
      ([a, left], [b, right]) =>
        right.bytes - left.bytes ||
        (conflicts[b] ?? 0) - (conflicts[a] ?? 0) ||
        (left.name === right.name ? a - b : left.name < right.name ? 1 : -1),
    );
  const offsets = new Array<number>(buffers.length).fill(0);
  const skyline = new Skyline(buffers);
  for (const [index, { bytes, first, last }] of order) {
    const offset = skyline.highest(first, last);
    offsets[index] = offset;
    skyline.raise(first, last, offset + alignUp(bytes, alignment));
  }
  return planOf('TVM USMP greedy by size', buffers, alignment, offsets);
}

/** How many other buffers live at a step of each buffer: all, less those dead before its birth, less those born after its death. */
function conflictCounts(buffers: readonly PlannedBuffer[]): readonly number[] {
  const present = buffers.filter(({ bytes }) => bytes > 0);
  const firsts = Float64Array.from(present, ({ first }) => first).sort();
  const lasts = Float64Array.from(present, ({ last }) => last).sort();
  return buffers.map(
    ({ first, last }) =>
      present.length - 1 - countBelow(lasts, first) - (present.length - countBelow(firsts, last + 1)),
  );
}

/** How many of the ascending values lie below the limit. */
function countBelow(sorted: Float64Array, limit: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * The highest end at each step: a segment tree over the steps at which something is born. `reached` is the maximum anywhere
 * below a node, `raised` what its whole span was raised to.
 */
class Skyline {
  private readonly births: Float64Array;
  private readonly reached: Float64Array;
  private readonly raised: Float64Array;

  constructor(buffers: readonly PlannedBuffer[]) {
    this.births = Float64Array.from(new Set(buffers.map(({ first }) => first))).sort();
    this.reached = new Float64Array(4 * this.births.length);
    this.raised = new Float64Array(4 * this.births.length);
  }

  highest(first: number, last: number): number {
    return this.query(1, 0, this.births.length, countBelow(this.births, first), countBelow(this.births, last + 1));
  }

  raise(first: number, last: number, end: number): void {
    this.update(1, 0, this.births.length, countBelow(this.births, first), countBelow(this.births, last + 1), end);
  }

  private query(node: number, low: number, high: number, from: number, to: number): number {
    if (to <= low || high <= from) return 0;
    if (from <= low && high <= to) return this.reached[node] ?? 0;
    const middle = (low + high) >> 1;
    return Math.max(
      this.raised[node] ?? 0,
      this.query(2 * node, low, middle, from, to),
      this.query(2 * node + 1, middle, high, from, to),
    );
  }

  private update(node: number, low: number, high: number, from: number, to: number, end: number): void {
    if (to <= low || high <= from) return;
    this.reached[node] = Math.max(this.reached[node] ?? 0, end);
    if (from <= low && high <= to) {
      this.raised[node] = Math.max(this.raised[node] ?? 0, end);
      return;
    }
    const middle = (low + high) >> 1;
    this.update(2 * node, low, middle, from, to, end);
    this.update(2 * node + 1, middle, high, from, to, end);
  }
}
