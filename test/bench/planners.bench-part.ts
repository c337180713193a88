import { planTflmGreedy } from '../../extension/budget/planners/tflm-greedy';
import { seeded } from '../unit/budget/planners/random-graphs';

/** Buffers as a network of that many tensors has them: two a step, each read within a few steps. */
function networkBuffers(count: number) {
  const random = seeded(count);
  return Array.from({ length: count }, (_, index) => {
    const first = index >> 1;
    return {
      name: `t${index}`,
      bytes: 1 + Math.floor(random() * 100_000),
      first,
      last: first + 1 + Math.floor(random() * 4),
    };
  });
}

/** Milliseconds of the fastest of five runs. */
function fastest(work: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 5; run++) {
    const start = performance.now();
    work();
    best = Math.min(best, performance.now() - start);
  }
  return best;
}

/**
 * Times the greedy planner on 1,000 and 10,000 buffers and prints it. Each ratio is the time over its budget of 20 and 200
 * milliseconds: at most 1 is within the budget.
 */
export function benchPlanners(): { name: string; ratio: number }[] {
  return [
    { count: 1000, budget: 20 },
    { count: 10_000, budget: 200 },
  ].map(({ count, budget }) => {
    const buffers = networkBuffers(count);
    const milliseconds = fastest(() => planTflmGreedy(buffers));
    const row = { name: `TFLM greedy, ${count} buffers`, ratio: milliseconds / budget };
    console.log(`${row.name}: ${milliseconds.toFixed(1)} ms, ${row.ratio.toFixed(3)} of ${budget} ms`);
    return row;
  });
}
