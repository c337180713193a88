import assert from 'node:assert/strict';
import { arenaLowerBound } from '../../../../extension/budget/planners/lower-bound';
import { findBestOrder, type OrderOperator, searchOrder } from '../../../../extension/budget/planners/order-search';
import { lifetimes, type RandomOperator, randomGraph } from './random-graphs';

type Tensors = readonly { readonly bytes: number; readonly keep?: boolean }[];

function peakOf(operators: readonly OrderOperator[], tensors: Tensors, order: readonly number[]): number {
  const inPlace = operators.flatMap(({ overwrites = [], outputs: [output = -1] }) =>
    overwrites.filter((input) => !tensors[input]?.keep).map((input) => ({ input, output })),
  );
  return arenaLowerBound(lifetimes(operators, tensors, order), { alignment: 1, inPlace }).bytes;
}

/** The smallest peak over all orders that can run, each tried. */
function smallestPeak(operators: readonly OrderOperator[], tensors: Tensors): number {
  let best = Number.POSITIVE_INFINITY;
  const made = new Set(operators.flatMap(({ outputs }) => outputs));
  const run = (order: readonly number[], there: ReadonlySet<number>) => {
    if (order.length === operators.length) best = Math.min(best, peakOf(operators, tensors, order));
    for (const [index, { inputs, outputs }] of operators.entries()) {
      if (order.includes(index) || inputs.some((tensor) => made.has(tensor) && !there.has(tensor))) continue;
      run([...order, index], new Set([...there, ...outputs]));
    }
  };
  run([], new Set());
  return best;
}

function assertRuns(operators: readonly RandomOperator[], order: readonly number[]): void {
  const positions = new Map(order.map((operator, step) => [operator, step]));
  assert.equal(positions.size, operators.length);
  for (const [index, { inputs }] of operators.entries()) {
    for (const tensor of inputs) {
      const producer = operators.findIndex(({ outputs }) => outputs.includes(tensor));
      if (producer !== -1) assert.ok((positions.get(producer) ?? 0) < (positions.get(index) ?? 0));
    }
  }
}

/** Branches of two operators each: a large tensor that a second operator makes small. */
function branches(count: number) {
  const operators: RandomOperator[] = [];
  const tensors = [{ bytes: 10 }];
  const smalls: number[] = [];
  for (let branch = 0; branch < count; branch++) {
    const large = tensors.push({ bytes: 100 + branch }) - 1;
    operators.push({ inputs: [0], outputs: [large] });
    smalls.push(large);
  }
  const ends = smalls.map((large) => {
    const small = tensors.push({ bytes: 1 }) - 1;
    operators.push({ inputs: [large], outputs: [small] });
    return small;
  });
  operators.push({ inputs: ends, outputs: [tensors.push({ bytes: 1 }) - 1] });
  return { operators, tensors };
}

describe('the search for an execution order', () => {
  it('finds the smallest peak over all orders of small graphs and proves it', () => {
    let saved = 0;
    for (let seed = 0; seed < 500; seed++) {
      const { operators, tensors } = randomGraph(seed, 6);
      const { order, peakBytes, optimal, savedBytes, lowerBound } = findBestOrder(operators, tensors);
      assertRuns(operators, order);
      assert.equal(peakOf(operators, tensors, order), peakBytes, `seed ${seed}`);
      assert.deepEqual([peakBytes, optimal], [smallestPeak(operators, tensors), true], `seed ${seed}`);
      assert.equal(savedBytes, peakOf(operators, tensors, [...operators.keys()]) - peakBytes);
      assert.ok(lowerBound <= peakBytes);
      if (savedBytes > 0) saved++;
    }
    assert.ok(saved > 20, `only ${saved} orders got better`);
  });

  it('counts an output that is written over an input once, in the peak of every order', () => {
    let differs = 0;
    for (let seed = 0; seed < 500; seed++) {
      const { operators: plain, tensors } = randomGraph(seed, 6);
      const operators = plain.map((operator, index) =>
        (seed >> index) & 1 ? operator : { ...operator, overwrites: operator.inputs },
      );
      const { order, peakBytes, optimal, lowerBound } = findBestOrder(operators, tensors);
      assertRuns(plain, order);
      assert.equal(peakOf(operators, tensors, order), peakBytes, `seed ${seed}`);
      assert.deepEqual([peakBytes, optimal], [smallestPeak(operators, tensors), true], `seed ${seed}`);
      assert.ok(lowerBound <= peakBytes);
      if (peakOf(operators, tensors, findBestOrder(plain, tensors).order) > peakBytes) differs++;
    }
    assert.ok(differs > 0, 'the search without in-place found the same orders');
  });

  it('runs each branch to its small end before the next', () => {
    const { operators, tensors } = branches(12);
    const { peakBytes, savedBytes, optimal } = findBestOrder(operators, tensors);
    // The largest branch runs first: the others then find its small end, the input and their own two tensors.
    assert.deepEqual([peakBytes, optimal], [122, true]);
    assert.equal(savedBytes, peakOf(operators, tensors, [...operators.keys()]) - 122);
  });

  it('falls back to a beam where the exact search may keep few states, never worse than the order given', () => {
    for (let seed = 0; seed < 300; seed++) {
      const { operators, tensors } = randomGraph(seed, 30);
      const given = peakOf(operators, tensors, [...operators.keys()]);
      const exact = findBestOrder(operators, tensors);
      const beam = findBestOrder(operators, tensors, { maxStates: 4, beamWidth: 8 });
      assertRuns(operators, beam.order);
      assert.equal(peakOf(operators, tensors, beam.order), beam.peakBytes, `seed ${seed}`);
      assert.ok(beam.peakBytes <= given && beam.peakBytes >= beam.lowerBound, `seed ${seed}`);
      if (exact.optimal)
        assert.ok(beam.peakBytes >= exact.peakBytes && beam.lowerBound <= exact.peakBytes, `seed ${seed}`);
    }
  });

  it('takes a chain of 20,000 operators, and no operators', () => {
    const operators = Array.from({ length: 20_000 }, (_, index) => ({ inputs: [index], outputs: [index + 1] }));
    const tensors = Array.from({ length: 20_001 }, (_, index) => ({ bytes: 1 + (index % 7) }));
    assert.deepEqual(
      [findBestOrder(operators, tensors).peakBytes, findBestOrder(operators, tensors).optimal],
      [13, true],
    );
    assert.equal(findBestOrder([], []).peakBytes, 0);
  });

  it('can be stopped between states and is deterministic', () => {
    const { operators, tensors } = randomGraph(77, 60);
    assert.deepEqual([...searchOrder(operators, tensors)], [...searchOrder(operators, tensors)]);
    const state = findBestOrder(operators, tensors, { signal: AbortSignal.abort() });
    assert.deepEqual(state.order, [...operators.keys()]);
  });

  it('refuses an order that cannot run and tensors that are not there', () => {
    assert.throws(() => findBestOrder([{ inputs: [0], outputs: [0] }], [{ bytes: 1 }]), /its input, tensor 0/);
    assert.throws(() => findBestOrder([{ inputs: [5], outputs: [0] }], [{ bytes: 1 }]), /tensor 5/);
    assert.throws(() => findBestOrder([{ inputs: [], outputs: [3] }], [{ bytes: 1 }]), /tensor 3/);
  });
});
