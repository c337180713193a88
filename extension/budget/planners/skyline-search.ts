import type { Packing } from './packing';

/**
 * Branch and bound over arenas, depth first. Bodies are placed by ascending offset, each on the highest end of what lies below
 * it: every arena can be pushed down into that form, so when the search ends, no arena for these bodies is smaller than
 * `bestArena`. Above the skyline of what is placed, all that is still to be placed at a step must be stacked, which is the bound.
 * The idea of a canonical form and of dominated choices is that of MiniMalloc (Moffitt, ASPLOS 2023).
 */
export class SkylineSearch {
  bestArena: number;
  readonly bestOffsets: Float64Array;
  private readonly lowest: Float64Array;
  private readonly placed: Uint8Array;
  private readonly skyline: Float64Array;
  private readonly remaining: Float64Array;
  private readonly profiles: readonly (readonly { from: number; to: number; size: number }[])[];
  /** The body before this one with the same life and size: which of the two lies lower makes no difference. */
  private readonly twins: Int32Array;
  private readonly frames: Frame[] = [];
  private readonly undo: number[] = [];

  /** `priority`: of bodies that can start at the same offset, the larger value is tried first. `bestArena`: to be beaten, in bytes. */
  constructor(
    private readonly packing: Packing,
    private readonly priority: Float64Array,
    bestArena: number,
  ) {
    this.bestArena = bestArena;
    this.bestOffsets = new Float64Array(packing.count);
    this.lowest = new Float64Array(packing.count);
    this.placed = new Uint8Array(packing.count);
    const steps = Float64Array.from(new Set(packing.firsts)).sort();
    this.skyline = new Float64Array(steps.length);
    this.remaining = new Float64Array(steps.length);
    const indexOf = new Map([...steps].map((step, index) => [step, index]));
    this.profiles = packing.members.map((_, body) => profileOf(packing, body, steps, indexOf));
    for (const profile of this.profiles) this.addRemaining(profile, 1);
    this.twins = twinsOf(packing);
    this.push(-1, 0, 0);
  }

  /** Looks at up to `nodes` placements. True when the search has ended: nothing smaller than `bestArena` exists. */
  run(nodes: number): boolean {
    for (let left = nodes; left > 0; left--) {
      const frame = this.frames.at(-1);
      if (!frame) return true;
      const body = frame.candidates[frame.next++];
      if (body === undefined) {
        this.pop(frame);
        continue;
      }
      const offset = this.lowest[body] ?? 0;
      const arena = Math.max(frame.arena, offset + (this.packing.sizes[body] ?? 0));
      if (arena < this.bestArena) this.push(body, offset, arena);
    }
    return this.frames.length === 0;
  }

  private push(body: number, offset: number, arena: number): void {
    const frame: Frame = { body, undoFrom: this.undo.length, offset, arena, candidates: [], next: 0 };
    this.frames.push(frame);
    if (body !== -1) this.put(body, offset);
    if (this.frames.length === this.packing.count + 1) {
      this.bestArena = arena;
      this.bestOffsets.set(this.lowest);
    } else if (this.promising(offset)) {
      frame.candidates = this.candidates(offset);
    }
  }

  private put(body: number, offset: number): void {
    const { conflictsFrom, others, below } = this.packing;
    this.placed[body] = 1;
    for (let at = conflictsFrom[body] ?? 0; at < (conflictsFrom[body + 1] ?? 0); at++) {
      const other = others[at] ?? 0;
      const end = offset + (below[at] ?? 0);
      const before = this.lowest[other] ?? 0;
      if (this.placed[other] === 1 || before >= end) continue;
      this.undo.push(before, other);
      this.lowest[other] = end;
    }
    const profile = this.profiles[body] ?? [];
    for (const { from, to, size } of profile) {
      for (let step = from; step < to; step++) {
        this.undo.push(this.skyline[step] ?? 0);
        this.skyline[step] = offset + size;
      }
    }
    this.addRemaining(profile, -1);
  }

  private pop({ body, undoFrom }: Frame): void {
    this.frames.pop();
    if (body === -1) return;
    this.placed[body] = 0;
    const profile = this.profiles[body] ?? [];
    for (const { from, to } of profile.toReversed()) {
      for (let step = to - 1; step >= from; step--) this.skyline[step] = this.undo.pop() ?? 0;
    }
    while (this.undo.length > undoFrom) {
      const other = this.undo.pop() ?? 0;
      this.lowest[other] = this.undo.pop() ?? 0;
    }
    this.addRemaining(profile, 1);
  }

  private addRemaining(profile: readonly { from: number; to: number; size: number }[], sign: number): void {
    for (const { from, to, size } of profile) {
      for (let step = from; step < to; step++) this.remaining[step] = (this.remaining[step] ?? 0) + sign * size;
    }
  }

  /** Whether a smaller arena may still come of it: all that remains at a step lies above the skyline and not below `floor`. */
  private promising(floor: number): boolean {
    for (let step = 0; step < this.skyline.length; step++) {
      const rest = this.remaining[step] ?? 0;
      if (rest > 0 && Math.max(this.skyline[step] ?? 0, floor) + rest >= this.bestArena) return false;
    }
    return true;
  }

  /**
   * What may be placed next: nothing below `floor`, since offsets ascend, and nothing under which another body still fits
   * whole, since that one would then have come first.
   */
  private candidates(floor: number): readonly number[] {
    const { count, sizes } = this.packing;
    let ceiling = Number.POSITIVE_INFINITY;
    for (let body = 0; body < count; body++) {
      if (this.placed[body] === 0) ceiling = Math.min(ceiling, (this.lowest[body] ?? 0) + (sizes[body] ?? 0));
    }
    const found: number[] = [];
    for (let body = 0; body < count; body++) {
      const offset = this.lowest[body] ?? 0;
      if (this.placed[body] === 1 || offset < floor || offset >= ceiling) continue;
      const twin = this.twins[body] ?? -1;
      if (twin === -1 || this.placed[twin] === 1) found.push(body);
    }
    return found.sort(
      (a, b) =>
        (this.lowest[a] ?? 0) - (this.lowest[b] ?? 0) || (this.priority[b] ?? 0) - (this.priority[a] ?? 0) || a - b,
    );
  }
}

interface Frame {
  readonly body: number;
  readonly undoFrom: number;
  readonly offset: number;
  readonly arena: number;
  candidates: readonly number[];
  next: number;
}

/** Sizes of a body over the steps at which something is born, as ranges of their indices. */
function profileOf(packing: Packing, body: number, steps: Float64Array, indexOf: ReadonlyMap<number, number>) {
  const profile: { from: number; to: number; size: number }[] = [];
  const last = packing.lasts[body] ?? 0;
  for (let at = indexOf.get(packing.firsts[body] ?? 0) ?? 0; at < steps.length && (steps[at] ?? 0) <= last; at++) {
    const size = packing.sizeAt(body, steps[at] ?? 0);
    const range = profile.at(-1);
    if (range?.size === size) range.to = at + 1;
    else profile.push({ from: at, to: at + 1, size });
  }
  return profile;
}

function twinsOf({ members, firsts, lasts, sizes, count }: Packing): Int32Array {
  const latest = new Map<string, number>();
  const twins = new Int32Array(count).fill(-1);
  for (const [body, chain] of members.entries()) {
    if (chain.length > 1) continue;
    const key = `${firsts[body]} ${lasts[body]} ${sizes[body]}`;
    twins[body] = latest.get(key) ?? -1;
    latest.set(key, body);
  }
  return twins;
}
