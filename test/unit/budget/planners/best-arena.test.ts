import assert from 'node:assert/strict';
import { planBest, searchArena } from '../../../../extension/budget/planners/best-arena';
import { alignUp, type InPlacePair, type PlannedBuffer } from '../../../../extension/budget/planners/buffers';
import { checkPlan } from '../../../../extension/budget/planners/check-plan';
import { arenaLowerBound } from '../../../../extension/budget/planners/lower-bound';
import { planTflmGreedy } from '../../../../extension/budget/planners/tflm-greedy';
import { randomBuffers, randomGraph, seeded } from './random-graphs';
import { survivesMemory } from './reference';

const buffer = (bytes: number, first: number, last: number, name = '') => ({ name, bytes, first, last });

/** The smallest arena by trying every order, each buffer on top of the placed ones that it meets. */
function smallestArena(buffers: readonly PlannedBuffer[]): number {
  let best = Number.POSITIVE_INFINITY;
  const place = (
    placed: readonly (PlannedBuffer & { end: number })[],
    rest: readonly PlannedBuffer[],
    arena: number,
  ) => {
    if (arena >= best) return;
    if (rest.length === 0) best = arena;
    for (const [position, next] of rest.entries()) {
      const under = placed.filter(({ first, last }) => first <= next.last && next.first <= last);
      const end = Math.max(0, ...under.map((other) => other.end)) + alignUp(next.bytes, 16);
      place([...placed, { ...next, end }], rest.toSpliced(position, 1), Math.max(arena, end));
    }
  };
  place([], buffers, 0);
  return best;
}

/** The most that sharing saves at the step at which all these meet, by trying every choice. */
function mostSaved(
  buffers: readonly PlannedBuffer[],
  pairs: readonly InPlacePair[],
  used: ReadonlySet<string>,
): number {
  const [pair, ...rest] = pairs;
  if (!pair) return 0;
  const without = mostSaved(buffers, rest, used);
  const keys = [`i${pair.input}`, `o${pair.output}`];
  const size = (index: number) => alignUp(buffers[index]?.bytes ?? 0, 16);
  if (keys.some((key) => used.has(key)) || size(pair.output) > size(pair.input)) return without;
  return Math.max(without, size(pair.output) + mostSaved(buffers, rest, new Set([...used, ...keys])));
}

describe('the lower bound', () => {
  it('is the most live bytes at a step, with the best choice of in-place pairs', () => {
    for (let seed = 0; seed < 2000; seed++) {
      const { buffers, inPlace, operators } = randomGraph(seed, 10);
      const sums = operators.map((_, step) => {
        const live = buffers.filter(({ first, last }) => first <= step && step <= last);
        const pairs = inPlace.filter(
          ({ input, output }) => buffers[input]?.last === step && buffers[output]?.first === step,
        );
        return live.reduce((sum, { bytes }) => sum + alignUp(bytes, 16), 0) - mostSaved(buffers, pairs, new Set());
      });
      assert.equal(arenaLowerBound(buffers, { inPlace }).bytes, Math.max(0, ...sums), `seed ${seed}`);
    }
  });

  it('names the first step that needs it', () => {
    const buffers = [buffer(16, 0, 3), buffer(32, 1, 2), buffer(32, 3, 3)];
    assert.deepEqual(arenaLowerBound(buffers), { bytes: 48, step: 1 });
    assert.deepEqual(arenaLowerBound([]), { bytes: 0, step: undefined });
  });

  it('gives an input to the output that saves more when two want it, and finds the other another', () => {
    const buffers = [buffer(64, 0, 1), buffer(32, 0, 1), buffer(64, 1, 2), buffer(32, 1, 2)];
    const wanted = [
      { input: 0, output: 3 },
      { input: 0, output: 2 },
      { input: 1, output: 3 },
    ];
    assert.equal(arenaLowerBound(buffers, { inPlace: wanted }).bytes, 96);
    assert.equal(arenaLowerBound(buffers, { inPlace: wanted.slice(0, 2) }).bytes, 128);
  });
});

describe('the arena search', () => {
  it('is never worse than the greedy planner, holds, and stays above the lower bound', () => {
    for (let seed = 0; seed < 600; seed++) {
      const buffers = seed % 2 === 0 ? randomGraph(seed, 30).buffers : randomBuffers(seed, 30);
      const { plan, lowerBound, optimal } = planBest(buffers, { maxIterations: 2000 });
      assert.equal(checkPlan(buffers, plan), undefined, `seed ${seed}`);
      assert.ok(plan.arenaBytes <= planTflmGreedy(buffers).arenaBytes, `seed ${seed}`);
      assert.ok(plan.arenaBytes >= lowerBound, `seed ${seed}`);
      if (plan.arenaBytes === lowerBound) assert.ok(optimal);
    }
  });

  it('finds the smallest arena of small cases and says that it is', () => {
    for (let seed = 0; seed < 400; seed++) {
      const buffers = randomBuffers(seed, 8)
        .filter(({ bytes }) => bytes > 0)
        .slice(0, 7);
      const { plan, optimal } = planBest(buffers);
      assert.deepEqual(
        [plan.arenaBytes, optimal],
        [buffers.length > 0 ? smallestArena(buffers) : 0, true],
        `seed ${seed}`,
      );
    }
  });

  it('writes outputs over inputs where that makes the arena smaller, and only where it may', () => {
    let smaller = 0;
    for (let seed = 0; seed < 500; seed++) {
      const { buffers, inPlace } = randomGraph(seed, 16);
      const { plan, lowerBound } = planBest(buffers, { inPlace, maxIterations: 1500 });
      assert.equal(checkPlan(buffers, plan, inPlace), undefined, `seed ${seed}`);
      assert.ok(survivesMemory(buffers, plan.offsets, plan.arenaBytes, inPlace), `seed ${seed}`);
      assert.ok(plan.arenaBytes >= lowerBound, `seed ${seed}`);
      if (plan.arenaBytes < arenaLowerBound(buffers).bytes) smaller++;
    }
    assert.ok(smaller > 50, `only ${smaller} arenas got smaller`);
  });

  it('runs a chain of in-place operators in one buffer', () => {
    const chain = Array.from({ length: 3000 }, (_, step) => buffer(1000, step, step + 1));
    const inPlace = chain.slice(1).map((_, input) => ({ input, output: input + 1 }));
    const { plan, optimal } = planBest(chain, { inPlace });
    assert.deepEqual([plan.arenaBytes, optimal], [1008, true]);
    assert.equal(checkPlan(chain, plan, inPlace), undefined);
  });

  it('gives the same plan for the same seed, and yields improving states that it can be stopped between', () => {
    const buffers = Array.from({ length: 80 }, (_, index) => {
      const random = seeded(index);
      const first = Math.floor(random() * 40);
      return buffer(1 + Math.floor(random() * 900), first, first + Math.floor(random() * 15));
    });
    const arenas = [...searchArena(buffers, { maxIterations: 3000 })].map(({ plan }) => plan.arenaBytes);
    assert.deepEqual(
      arenas,
      arenas.toSorted((a, b) => b - a),
    );
    assert.equal(arenas[0], planTflmGreedy(buffers).arenaBytes);
    assert.deepEqual(planBest(buffers, { maxIterations: 3000 }), planBest(buffers, { maxIterations: 3000 }));
    const stop = new AbortController();
    const seen: number[] = [];
    const state = planBest(buffers, {
      signal: stop.signal,
      onImprovement: ({ plan }) => {
        seen.push(plan.arenaBytes);
        stop.abort();
      },
    });
    assert.deepEqual(seen, [arenas[0]]);
    assert.equal(state.plan.arenaBytes, arenas[0]);
  });
});

describe('the check of a plan', () => {
  const buffers = [buffer(32, 0, 1, 'a'), buffer(32, 1, 2, 'b'), buffer(16, 2, 2, 'c')];
  const plan = { planner: 'by hand', alignment: 16, arenaBytes: 64, offsets: [0, 32, 0] };

  it('names two live buffers in the same bytes, also where one lies inside the other', () => {
    assert.equal(checkPlan(buffers, plan), undefined);
    assert.match(
      checkPlan(buffers, { ...plan, offsets: [0, 16, 0] }) ?? '',
      /step 1, b \(16 to 48\) would overwrite a/,
    );
    assert.match(
      checkPlan(buffers, { ...plan, offsets: [0, 32, 48] }) ?? '',
      /step 2, c \(48 to 64\) would overwrite b/,
    );
  });

  it('names a buffer outside the arena, off the alignment or without a place', () => {
    assert.match(checkPlan(buffers, { ...plan, arenaBytes: 48 }) ?? '', /b ends at 64, outside/);
    assert.match(checkPlan(buffers, { ...plan, offsets: [0, 32, 8] }) ?? '', /c at offset 8 is not aligned/);
    assert.match(checkPlan(buffers, { ...plan, offsets: [0, 32, Number.NaN] }) ?? '', /c has no place/);
    assert.match(checkPlan(buffers, { ...plan, offsets: [0] }) ?? '', /3 buffers, but 1 offsets/);
  });

  it('lets an output start where its input does, but not elsewhere in it, and no third buffer use the rest', () => {
    const shared = { ...plan, offsets: [0, 0, 32] };
    assert.match(checkPlan(buffers, shared) ?? '', /would overwrite a/);
    assert.equal(checkPlan(buffers, shared, [{ input: 0, output: 1 }]), undefined);
    const grown = [buffer(16, 0, 1, 'a'), buffer(32, 1, 2, 'b')];
    assert.match(checkPlan(grown, { ...plan, offsets: [0, 0] }, [{ input: 0, output: 1 }]) ?? '', /overwrite/);
    const third = [buffer(48, 0, 1, 'a'), buffer(16, 1, 2, 'b'), buffer(16, 1, 2, 'c'), buffer(32, 2, 2, 'd')];
    const pairs = [{ input: 0, output: 1 }];
    assert.match(
      checkPlan(third, { ...plan, offsets: [0, 0, 16, 32] }, pairs) ?? '',
      /c \(16 to 32\) would overwrite a/,
    );
    assert.equal(checkPlan(third, { ...plan, arenaBytes: 80, offsets: [0, 0, 48, 16] }, pairs), undefined);
  });

  it('says the same as memory that is filled and read back, for right and for spoilt plans', () => {
    let faults = 0;
    for (let seed = 0; seed < 2000; seed++) {
      const random = seeded(seed);
      const graph = randomGraph(seed, 6);
      const small = graph.buffers.map((entry) => ({ ...entry, bytes: Math.ceil(entry.bytes / 40) }));
      const inPlace = graph.inPlace;
      const { offsets, arenaBytes } = planBest(small, { inPlace, maxIterations: 50 }).plan;
      const spoilt = offsets.map((offset) => (random() < 0.1 ? 16 * Math.floor((random() * arenaBytes) / 16) : offset));
      const fault = checkPlan(small, { planner: '', alignment: 16, arenaBytes, offsets: spoilt }, inPlace);
      assert.equal(fault === undefined, survivesMemory(small, spoilt, arenaBytes, inPlace), `seed ${seed}: ${fault}`);
      if (fault !== undefined) faults++;
    }
    assert.ok(faults > 100 && faults < 1900, `${faults} faults`);
  });
});
