import assert from 'node:assert/strict';
import { checkPlan } from '../../../../extension/budget/planners/check-plan';
import { planEspDl } from '../../../../extension/budget/planners/esp-dl';
import { arenaLowerBound } from '../../../../extension/budget/planners/lower-bound';
import { planOnnx2c } from '../../../../extension/budget/planners/onnx2c';
import { planTflmGreedy } from '../../../../extension/budget/planners/tflm-greedy';
import { planTvmGreedy } from '../../../../extension/budget/planners/tvm-greedy';
import { randomBuffers, randomGraph, seeded } from './random-graphs';
import { referenceOnnx2c, referenceTflm, referenceTvm } from './reference';

const cases = 10_000;

/** Half networks, half arbitrary lifetimes. */
const buffersOf = (seed: number) => (seed % 2 === 0 ? randomGraph(seed, 14).buffers : randomBuffers(seed, 18));
const buffer = (bytes: number, first: number, last: number, name = '') => ({ name, bytes, first, last });

describe('the greedy planner of TensorFlow Lite Micro', () => {
  it(`equals a second reading of its rules in ${cases} random cases`, () => {
    for (let seed = 0; seed < cases; seed++) {
      const buffers = buffersOf(seed);
      const plan = planTflmGreedy(buffers);
      const { offsets, head } = referenceTflm(buffers);
      assert.deepEqual([plan.arenaBytes, plan.offsets], [head, offsets], `seed ${seed}`);
      assert.equal(checkPlan(buffers, plan), undefined, `seed ${seed}`);
    }
  });

  it('equals it with more than a thousand buffers, few or many of them live at the same time', () => {
    for (const longest of [6, 900]) {
      const random = seeded(longest);
      const buffers = Array.from({ length: 1200 }, (_, index) => {
        const first = Math.floor(random() * 600);
        return buffer(Math.floor(random() * 300), first, first + Math.floor(random() * longest), `b${index}`);
      });
      const plan = planTflmGreedy(buffers);
      const { offsets, head } = referenceTflm(buffers);
      assert.deepEqual([plan.arenaBytes, plan.offsets], [head, offsets]);
      assert.equal(checkPlan(buffers, plan), undefined);
      assert.deepEqual(planTvmGreedy(buffers).offsets, referenceTvm(buffers));
    }
  });

  it('equals it with pinned offsets', () => {
    for (let seed = 0; seed < 2000; seed++) {
      const buffers = buffersOf(seed);
      const random = seeded(seed);
      const pins = buffers.map(() => (random() < 0.3 ? 16 * Math.floor(random() * 200) : undefined));
      const plan = planTflmGreedy(buffers, { pinnedOffsets: pins });
      const { offsets, head } = referenceTflm(buffers, pins);
      assert.deepEqual([plan.arenaBytes, plan.offsets], [head, offsets], `seed ${seed}`);
    }
  });

  it('places the later added of equal sizes first', () => {
    assert.deepEqual(planTflmGreedy([buffer(16, 0, 1), buffer(10, 0, 1)]).offsets, [16, 0]);
  });

  it('takes the first gap that is large enough, not the best', () => {
    const buffers = [buffer(64, 0, 9), buffer(48, 0, 4), buffer(32, 5, 9), buffer(16, 0, 9), buffer(16, 5, 5)];
    const { offsets, arenaBytes } = planTflmGreedy(buffers);
    assert.deepEqual([offsets, arenaBytes], [[0, 64, 64, 112, 96], 128]);
  });

  it('plans nothing for no buffers and gives buffers of 0 bytes no room', () => {
    assert.equal(planTflmGreedy([]).arenaBytes, 0);
    assert.deepEqual(planTflmGreedy([buffer(0, 0, 3), buffer(5, 0, 3)]).offsets, [0, 0]);
  });

  it('refuses what is no buffer, with its name', () => {
    assert.throws(() => planTflmGreedy([buffer(-1, 0, 0, 'conv')]), /conv: -1 bytes/);
    assert.throws(() => planTflmGreedy([buffer(1, 3, 2, 'conv')]), /conv: steps 3 to 2/);
    assert.throws(() => planTflmGreedy([], { alignment: 0 }), RangeError);
  });
});

describe("TVM's greedy planner", () => {
  it(`equals a second reading of its rules in ${cases} random cases`, () => {
    for (let seed = 0; seed < cases; seed++) {
      const buffers = buffersOf(seed);
      const plan = planTvmGreedy(buffers);
      assert.deepEqual(plan.offsets, referenceTvm(buffers), `seed ${seed}`);
      assert.equal(checkPlan(buffers, plan), undefined, `seed ${seed}`);
      assert.ok(plan.arenaBytes >= arenaLowerBound(buffers).bytes);
    }
  });

  it('orders equal sizes by conflicts, then by name, and fills no gaps', () => {
    const plan = planTvmGreedy([
      buffer(16, 0, 0, 'a'),
      buffer(16, 0, 0, 'b'),
      buffer(16, 0, 1, 'c'),
      buffer(8, 1, 1, 'd'),
    ]);
    assert.deepEqual(plan.offsets, [32, 16, 0, 16]);
  });
});

describe("onnx2c's unions", () => {
  it(`equal a second reading of its rules in ${cases} random cases`, () => {
    for (let seed = 0; seed < cases; seed++) {
      const buffers = buffersOf(seed);
      const plan = planOnnx2c(buffers);
      const { unions, bytes } = referenceOnnx2c(buffers);
      const found = buffers.map((_, index) => plan.unions.findIndex(({ members }) => members.includes(index)));
      assert.deepEqual([found, plan.arenaBytes], [unions, bytes], `seed ${seed}`);
      assert.equal(checkPlan(buffers, plan), undefined, `seed ${seed}`);
      assert.ok(plan.arenaBytes >= arenaLowerBound(buffers, { alignment: 1 }).bytes);
    }
  });

  it('take the lowest free union whatever its size', () => {
    const plan = planOnnx2c([buffer(100, 0, 1), buffer(8, 1, 2), buffer(50, 2, 3), buffer(60, 3, 4)]);
    assert.deepEqual(
      plan.unions.map(({ members, bytes }) => [members, bytes]),
      [
        [[0, 2], 100],
        [[1, 3], 60],
      ],
    );
    assert.equal(plan.arenaBytes, 160);
  });
});

describe("ESP-DL's planner", () => {
  it('takes the smallest free chunk, splits it, merges what is freed and stretches the last chunk', () => {
    const buffers = [
      buffer(64, 0, 0),
      buffer(16, 0, 5),
      buffer(32, 0, 0),
      buffer(16, 0, 5),
      buffer(20, 1, 2),
      buffer(30, 1, 1),
      buffer(16, 2, 2),
      buffer(64, 3, 3),
      buffer(16, 6, 6),
      buffer(200, 7, 7),
    ];
    const plan = planEspDl(buffers);
    assert.deepEqual(plan.offsets, [0, 64, 80, 112, 80, 0, 0, 0, 0, 0]);
    assert.equal(plan.arenaBytes, 208);
    assert.equal(checkPlan(buffers, plan), undefined);
  });

  it('makes plans that hold, in place as well, on random graphs', () => {
    let shared = 0;
    for (let seed = 0; seed < 3000; seed++) {
      const { buffers, inPlace } = randomGraph(seed, 14);
      const plan = planEspDl(buffers, { inPlace });
      assert.equal(checkPlan(buffers, plan, inPlace), undefined, `seed ${seed}`);
      assert.ok(plan.arenaBytes >= arenaLowerBound(buffers, { inPlace }).bytes, `seed ${seed}`);
      assert.equal(checkPlan(buffers, planEspDl(buffers)), undefined, `seed ${seed}`);
      if (checkPlan(buffers, plan) !== undefined) shared++;
    }
    assert.ok(shared > 100, `only ${shared} graphs shared anything`);
  });
});
