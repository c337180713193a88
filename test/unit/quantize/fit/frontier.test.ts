import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  assignmentsBySize,
  type FrontierPoint,
  type LayerGroup,
  leastErrorWithin,
  onFrontier,
  spread,
} from '../../../../extension/quantize/fit/frontier';

const option = fc.record({
  scheme: fc.constantFrom('float32' as const, 'int8' as const, 'int4-weights' as const),
  bytes: fc.integer({ min: 0, max: 1000 }),
  noise: fc.double({ min: 0, max: 1, noNaN: true }),
});
const groups: fc.Arbitrary<readonly LayerGroup[]> = fc
  .array(fc.array(option, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 5 })
  .map((layers) => layers.map((options, index) => ({ names: [`layer ${index}`], options })));

/** The least noise of any assignment with at most so many bytes. */
function leastNoise(layers: readonly LayerGroup[], bytes: number): number {
  const [first, ...others] = layers;
  if (!first) return bytes >= 0 ? 0 : Number.POSITIVE_INFINITY;
  return Math.min(...first.options.map((each) => each.noise + leastNoise(others, bytes - each.bytes)));
}

describe('the frontier of mixed plans', () => {
  it('has at each of its sizes the least noise there is', () => {
    fc.assert(
      fc.property(groups, (layers) => {
        for (const { bytes, noise } of assignmentsBySize(layers)) {
          assert.ok(Math.abs(noise - leastNoise(layers, bytes)) < 1e-9);
        }
      }),
    );
  });

  it('goes from the least noise to the fewest bytes, one step after the other', () => {
    fc.assert(
      fc.property(groups, (layers) => {
        const plans = assignmentsBySize(layers);
        for (const [index, { bytes, noise }] of plans.entries()) {
          const before = plans[index - 1];
          if (before) assert.ok(bytes < before.bytes && noise >= before.noise - 1e-12);
        }
        const least = layers.reduce((sum, { options }) => sum + Math.min(...options.map((each) => each.bytes)), 0);
        assert.equal(plans.at(-1)?.bytes, least);
        const few = spread(plans, 3);
        assert.ok(few.length <= 3);
        assert.deepEqual([few[0], few.at(-1)], [plans[0], plans.at(-1)]);
      }),
    );
  });

  const points: readonly FrontierPoint[] = [
    { flashBytes: 100, ramBytes: 10, sqnrDb: 30 },
    { flashBytes: 80, ramBytes: 10, sqnrDb: 31 },
    { flashBytes: 60, ramBytes: 10, sqnrDb: 20 },
    { flashBytes: 60, ramBytes: 10, sqnrDb: 20 },
    { flashBytes: 200, ramBytes: 10, sqnrDb: undefined },
  ];

  it('leaves out what another plan beats', () => {
    assert.deepEqual(onFrontier(points), [false, true, true, false, true]);
  });

  it('gives the least error within a budget', () => {
    const best = (flashBytes: number | undefined, ramBytes?: number) =>
      leastErrorWithin(points, { flashBytes, ramBytes })?.sqnrDb;
    assert.equal(best(100), 31);
    assert.equal(best(79), 20);
    assert.equal(leastErrorWithin(points, { flashBytes: 59, ramBytes: undefined }), undefined);
    assert.equal(leastErrorWithin(points, { flashBytes: undefined, ramBytes: 9 }), undefined);
    assert.equal(leastErrorWithin(points, { flashBytes: undefined, ramBytes: 10 })?.flashBytes, 200);
  });
});
