import { type ArenaPlan, type InPlacePair, type PlannedBuffer, planOf } from './buffers';
import { bestSharing } from './in-place';
import { arenaLowerBound } from './lower-bound';
import { OrderImprovement } from './order-improvement';
import { Packing } from './packing';
import { SkylineSearch } from './skyline-search';
import { planTflmGreedy } from './tflm-greedy';

export interface ArenaSearchOptions {
  /** Bytes; 16 when absent. */
  readonly alignment?: number;
  /** Outputs that may be written over their inputs. */
  readonly inPlace?: readonly InPlacePair[];
  /** Placements to look at before the search gives up; 40,000 when absent. */
  readonly maxIterations?: number;
  /** The same seed gives the same search; 1 when absent. */
  readonly seed?: number;
}

export interface ArenaSearchState {
  /** The best plan so far. */
  readonly plan: ArenaPlan;
  /** Proven: no plan for this execution order and alignment, in-place pairs used, is smaller. Bytes. */
  readonly lowerBound: number;
  /** True when it is proven that no plan for this execution order is smaller than `plan`: it meets the bound, or all were tried. */
  readonly optimal: boolean;
  readonly iterations: number;
}

/** Elementary operations between two states: some milliseconds. */
const operationsPerPiece = 1_000_000;

/**
 * Searches for the smallest arena for an execution order. Yields what it has after every short piece of work (a few
 * milliseconds), so that a caller can show it, give way or stop, and returns the last state. The first state is the plan of
 * TFLM's greedy planner, and no later one is worse. Ends when the plan is proven optimal or the iterations are used up.
 * Throws RangeError for impossible buffers.
 */
export function* searchArena(
  buffers: readonly PlannedBuffer[],
  options: ArenaSearchOptions = {},
): Generator<ArenaSearchState, ArenaSearchState, void> {
  const { alignment = 16, inPlace = [], maxIterations = 40_000, seed = 1 } = options;
  const lowerBound = arenaLowerBound(buffers, { alignment, inPlace }).bytes;
  const planner = 'best found';
  let plan: ArenaPlan = { ...planTflmGreedy(buffers, { alignment }), planner };
  let exhausted = false;
  let iterations = 1;
  const state = (): ArenaSearchState => {
    return { plan, lowerBound, optimal: exhausted || plan.arenaBytes <= lowerBound, iterations };
  };
  const done = () => exhausted || plan.arenaBytes <= lowerBound || iterations >= maxIterations;
  const offer = (packing: Packing, arena: number, offsets: Float64Array) => {
    if (arena >= plan.arenaBytes) return;
    plan = planOf(planner, buffers, alignment, packing.bufferOffsets(offsets, buffers.length));
  };
  yield state();
  if (done()) return state();

  const packings = sharingChoices(buffers, inPlace, alignment, lowerBound)
    .map((inputOf) => Packing.of(buffers, alignment, inputOf))
    .filter((packing) => packing !== undefined);
  const searches: Search[] = [];
  for (const packing of packings) {
    const random = randomNumbers(seed);
    const priorities = prioritiesOf(packing);
    let start: OrderImprovement | undefined;
    for (const priority of priorities) {
      const improvement = new OrderImprovement(packing, orderBy(priority), random);
      iterations++;
      offer(packing, improvement.bestArena, improvement.bestOffsets);
      if (!start || improvement.bestArena < start.bestArena) start = improvement;
      yield state();
      if (done()) return state();
    }
    if (start) searches.push({ packing, priorities, improvement: start });
  }

  /** With the same bodies in every plan, an exhausted search is a proof; with a choice of in-place pairs it is not. */
  const exhaustionProves = packings.length === 1 && inPlace.length === 0;
  for (let round = 0; searches.length > 0; round++) {
    for (const { packing, priorities, improvement } of searches) {
      const piece = Math.ceil(operationsPerPiece / (8 * packing.count));
      const priority = priorities[round % priorities.length];
      if (priority) {
        const skyline = new SkylineSearch(packing, priority, plan.arenaBytes);
        const nodes = 1000 * 2 ** Math.floor(round / priorities.length);
        for (let spent = 0; spent < nodes; spent += piece) {
          const ended = skyline.run(piece);
          iterations += piece;
          offer(packing, skyline.bestArena, skyline.bestOffsets);
          if (ended && exhaustionProves) exhausted = true;
          yield state();
          if (done()) return state();
          if (ended) break;
        }
      }
      const steps = Math.ceil(operationsPerPiece / packing.effort);
      for (let spent = 0; spent < 1000; spent += steps) {
        for (let step = 0; step < steps; step++) improvement.step();
        iterations += steps;
        offer(packing, improvement.bestArena, improvement.bestOffsets);
        yield state();
        if (done()) return state();
      }
    }
  }
  return state();
}

export interface PlanBestOptions extends ArenaSearchOptions {
  /** Milliseconds after which the best plan so far is taken; no limit when absent. With a limit, the result depends on the machine. */
  readonly budgetMilliseconds?: number;
  readonly signal?: AbortSignal;
  /** Called with every smaller plan, the first included. */
  readonly onImprovement?: (state: ArenaSearchState) => void;
}

/** The state that `searchArena` ends with, or has reached when the time is over or the signal aborts. Blocks until then. */
export function planBest(buffers: readonly PlannedBuffer[], options: PlanBestOptions = {}): ArenaSearchState {
  const { budgetMilliseconds = Number.POSITIVE_INFINITY, signal, onImprovement } = options;
  const end = performance.now() + budgetMilliseconds;
  const search = searchArena(buffers, options);
  let shown = Number.POSITIVE_INFINITY;
  for (;;) {
    const { value, done } = search.next();
    if (value.plan.arenaBytes < shown) {
      shown = value.plan.arenaBytes;
      onImprovement?.(value);
    }
    if (done || signal?.aborted || performance.now() >= end) return value;
  }
}

interface Search {
  readonly packing: Packing;
  readonly priorities: readonly Float64Array[];
  readonly improvement: OrderImprovement;
}

/**
 * Which pairs to write in place: all of the best matching; only those at steps where the live bytes would exceed the bound
 * (a body of several buffers is harder to place than its parts); none.
 */
function sharingChoices(
  buffers: readonly PlannedBuffer[],
  inPlace: readonly InPlacePair[],
  alignment: number,
  lowerBound: number,
): readonly Int32Array[] {
  const all = bestSharing(buffers, inPlace, alignment);
  const none = new Int32Array(buffers.length).fill(-1);
  if (all.every((input) => input === -1)) return [none];
  const tight = tightSteps(buffers, alignment, lowerBound);
  const needed = all.map((input, output) => (tight.has(buffers[output]?.first ?? 0) ? input : -1));
  return [all, needed, none].filter(
    (choice, position, list) =>
      list.findIndex((other) => other.every((input, at) => input === choice[at])) === position,
  );
}

/** The steps at which what is live, each buffer on its own, exceeds the bound. */
function tightSteps(buffers: readonly PlannedBuffer[], alignment: number, lowerBound: number): ReadonlySet<number> {
  const steps = new Set<number>();
  const births = buffers.toSorted((a, b) => a.first - b.first);
  const deaths = buffers.toSorted((a, b) => a.last - b.last);
  const size = ({ bytes }: PlannedBuffer) => Math.ceil(bytes / alignment) * alignment;
  let live = 0;
  let nextDeath = 0;
  for (const born of births) {
    for (let dead = deaths[nextDeath]; dead && dead.last < born.first; dead = deaths[++nextDeath]) live -= size(dead);
    live += size(born);
    if (live > lowerBound) steps.add(born.first);
  }
  return steps;
}

/** What to place first, by several opinions: size, area over time, length of life, crowdedness, conflicts, birth. */
function prioritiesOf(packing: Packing): readonly Float64Array[] {
  const { count, sizes, firsts, lasts, conflictsFrom, others } = packing;
  const make = (value: (body: number) => number) => Float64Array.from({ length: count }, (_, body) => value(body));
  const size = (body: number) => sizes[body] ?? 0;
  const life = (body: number) => (lasts[body] ?? 0) - (firsts[body] ?? 0) + 1;
  const crowd = make((body) => {
    let sum = size(body);
    for (let at = conflictsFrom[body] ?? 0; at < (conflictsFrom[body + 1] ?? 0); at++) sum += size(others[at] ?? 0);
    return sum;
  });
  const most = crowd.reduce((a, b) => Math.max(a, b), 1);
  return [
    make(size),
    make((body) => size(body) * life(body)),
    make((body) => life(body) + size(body) / (1 + most)),
    crowd,
    make((body) => (conflictsFrom[body + 1] ?? 0) - (conflictsFrom[body] ?? 0)),
    make((body) => -(firsts[body] ?? 0)),
  ];
}

/** Bodies by descending priority. */
function orderBy(priority: Float64Array): Int32Array {
  return Int32Array.from([...priority.keys()].sort((a, b) => (priority[b] ?? 0) - (priority[a] ?? 0) || a - b));
}

/** A generator of numbers in [0, 1): mulberry32. */
function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
