import type { Packing } from './packing';

/** Steps without a smaller arena after which the order is shaken. */
const patience = 300;

/**
 * Local search over the orders in which bodies are placed, after Vela's hill climbing: what stands at the top of the arena, or
 * supports what does, is moved before a body that it conflicts with; orders that are not worse are kept; when nothing gets
 * better for long, the best order is shaken. Deterministic for a seed.
 */
export class OrderImprovement {
  bestArena: number;
  readonly bestOffsets: Float64Array;
  private readonly bestOrder: Int32Array;
  private readonly order: Int32Array;
  private readonly trial: Int32Array;
  private readonly positions: Int32Array;
  private offsets: Float64Array;
  private trialOffsets: Float64Array;
  private arena: number;
  private idle = 0;

  constructor(
    private readonly packing: Packing,
    order: Int32Array,
    private readonly random: () => number,
  ) {
    this.order = order.slice();
    this.trial = order.slice();
    this.bestOrder = order.slice();
    this.positions = new Int32Array(packing.count);
    this.offsets = new Float64Array(packing.count);
    this.trialOffsets = new Float64Array(packing.count);
    this.arena = packing.place(this.order, this.offsets);
    this.bestArena = this.arena;
    this.bestOffsets = this.offsets.slice();
    this.index();
  }

  /** Tries one other order. */
  step(): void {
    if (this.packing.count < 2) return;
    if (this.idle++ > patience) this.shake();
    const body = this.bottleneck();
    const earlier = this.earlierConflict(body);
    if (earlier === -1) return;
    this.trial.set(this.order);
    const from = this.positions[body] ?? 0;
    const to = this.positions[earlier] ?? 0;
    if (this.random() < 0.5) {
      this.trial[from] = earlier;
    } else {
      this.trial.copyWithin(to + 1, to, from);
    }
    this.trial[to] = body;
    const arena = this.packing.place(this.trial, this.trialOffsets, this.arena);
    if (arena > this.arena) return;
    this.accept(arena);
  }

  private accept(arena: number): void {
    this.arena = arena;
    this.order.set(this.trial);
    const offsets = this.offsets;
    this.offsets = this.trialOffsets;
    this.trialOffsets = offsets;
    this.index();
    if (arena < this.bestArena) {
      this.bestArena = arena;
      this.bestOrder.set(this.order);
      this.bestOffsets.set(this.offsets);
      this.idle = 0;
    }
  }

  private shake(): void {
    this.idle = 0;
    this.trial.set(this.bestOrder);
    const swaps = 1 + Math.floor(this.random() * Math.max(2, this.packing.count / 8));
    for (let swap = 0; swap < swaps; swap++) {
      const a = this.anyBody();
      const b = this.anyBody();
      const kept = this.trial[a] ?? 0;
      this.trial[a] = this.trial[b] ?? 0;
      this.trial[b] = kept;
    }
    this.accept(this.packing.place(this.trial, this.trialOffsets));
  }

  private anyBody(): number {
    return Math.floor(this.random() * this.packing.count);
  }

  private index(): void {
    for (const [position, body] of this.order.entries()) this.positions[body] = position;
  }

  /** A body at the top of the arena, or, going down at random, one that it rests on. */
  private bottleneck(): number {
    const { sizes, count, conflictsFrom, others, above } = this.packing;
    const start = this.anyBody();
    let body = start;
    for (let tried = 0; tried < count; tried++) {
      body = (start + tried) % count;
      if ((this.offsets[body] ?? 0) + (sizes[body] ?? 0) === this.arena) break;
    }
    while (this.random() < 0.6) {
      const from = conflictsFrom[body] ?? 0;
      const conflicts = (conflictsFrom[body + 1] ?? 0) - from;
      const turn = Math.floor(this.random() * conflicts);
      let support = -1;
      for (let tried = 0; tried < conflicts && support === -1; tried++) {
        const at = from + ((turn + tried) % conflicts);
        const other = others[at] ?? 0;
        if ((this.offsets[other] ?? 0) + (above[at] ?? 0) === this.offsets[body]) support = other;
      }
      if (support === -1) break;
      body = support;
    }
    return body;
  }

  /** A body that conflicts with this one and is placed before it; -1 when there is none. */
  private earlierConflict(body: number): number {
    const { conflictsFrom, others } = this.packing;
    const from = conflictsFrom[body] ?? 0;
    const conflicts = (conflictsFrom[body + 1] ?? 0) - from;
    const turn = Math.floor(this.random() * conflicts);
    for (let tried = 0; tried < conflicts; tried++) {
      const other = others[from + ((turn + tried) % conflicts)] ?? 0;
      if ((this.positions[other] ?? 0) < (this.positions[body] ?? 0)) return other;
    }
    return -1;
  }
}
