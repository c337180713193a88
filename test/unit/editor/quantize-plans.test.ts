import assert from 'node:assert/strict';
import {
  bestPlan,
  countsInWords,
  excessOf,
  frontierPoint,
  type KnownPlan,
  type NeededBytes,
  neededBy,
  recommend,
  schemesInWords,
} from '../../../extension/editor/quantize-plans';
import type { CandidatePlan } from '../../../extension/worker/recipe-calls';

const kib = 1024;

function plan(
  flashBytes: number,
  noise: number,
  counts: Readonly<Record<string, number>> = { int8: 1 },
): CandidatePlan {
  return {
    recipe: { scheme: 'int8' },
    counts,
    noise,
    fileBytes: flashBytes,
    externalBytes: undefined,
    flashBytes,
    flashKind: 'estimated',
    ramBytes: 1000,
    ramKind: 'exact',
  };
}

function known(flashBytes: number, noise: number, sqnrDb?: number): KnownPlan {
  return { plan: plan(flashBytes, noise), measurement: sqnrDb === undefined ? undefined : { sqnrDb } };
}

describe('the plan to show', () => {
  const budgets = { flash: 300, ram: undefined };

  it('is the one with the least expected noise within the budgets, before any is measured', () => {
    assert.equal(bestPlan([known(400, 1), known(300, 2), known(200, 3)], budgets), 1);
  });

  it('is the one with the least measured error within the budgets', () => {
    assert.equal(bestPlan([known(400, 1, 40), known(300, 2, 20), known(200, 3, 25), known(100, 4)], budgets), 2);
    const unchanged = { plan: plan(250, 9), measurement: { sqnrDb: undefined } };
    assert.equal(bestPlan([known(300, 2, 20), unchanged], budgets), 1);
  });

  it('is the smallest where none is within them, and none where there are none', () => {
    assert.equal(bestPlan([known(400, 1), known(350, 2), known(380, 3)], budgets), 1);
    assert.equal(bestPlan([], budgets), undefined);
    assert.equal(bestPlan([known(200, 1)], { flash: undefined, ram: 10 }), 0);
  });
});

describe('the recommendation', () => {
  const needs = (flash: number, ram = 10, cannotRun = false): NeededBytes => ({
    flashBytes: flash * kib,
    flashKind: 'estimated',
    ramBytes: ram * kib,
    ramKind: 'exact',
    cannotRun,
  });
  const budgets = { flash: 100 * kib, ram: 50 * kib };

  it('is the scheme that changes least and fits, with the reason against the one before', () => {
    const all = new Map([
      ['float16', needs(90, 10, true)],
      ['int8', needs(80)],
      ['int8-per-tensor', needs(60)],
    ]);
    assert.deepEqual(recommend(all, budgets, 'TFLM'), {
      id: 'int8',
      label: 'int8 per channel',
      reason: 'the least change that fits; TFLM has no kernels for float16',
    });
    all.set('int8', needs(112));
    assert.equal(
      recommend(all, budgets, 'TFLM')?.reason,
      'the least change that fits; int8 per channel is 12.0 KiB over 100 KiB of flash',
    );
    all.set('int8', needs(80, 60));
    assert.match(recommend(all, budgets, 'TFLM')?.reason ?? '', /10\.0 KiB over 50 KiB of RAM$/);
  });

  it('waits for those that change less, but not for mixtures', () => {
    assert.equal(recommend(new Map([['int8', needs(80)]]), budgets, 'TFLM'), undefined);
    const late = new Map<string, NeededBytes | 'refused'>([
      ['float16', 'refused'],
      ['int8', needs(120)],
      ['int8-per-tensor', needs(110)],
      ['int8-weights', needs(105)],
      ['int4-weights', needs(70)],
    ]);
    assert.equal(recommend(late, budgets, 'TFLM')?.id, 'int4-weights');
    late.set('mixed', needs(99));
    assert.equal(recommend(late, budgets, 'TFLM')?.id, 'mixed');
  });

  it('is none where nothing fits, and no float16 where the runtime is not known', () => {
    const large = new Map(
      ['float16', 'int8', 'int8-per-tensor', 'int8-weights', 'int4-weights'].map((id) => [id, needs(200)] as const),
    );
    assert.equal(recommend(large, budgets, 'TFLM'), undefined);
    const small = new Map([...large.keys()].map((id) => [id, needs(20)] as const));
    assert.equal(recommend(small, budgets, undefined)?.id, 'int8');
    assert.equal(recommend(small, { flash: undefined, ram: undefined }, 'TFLM')?.reason, 'the least change');
  });
});

describe('words and figures of plans', () => {
  it('count layers by scheme', () => {
    assert.equal(countsInWords({ 'int4-weights': 10, int8: 18, int16: 0 }), '10 layers at int4, 18 at int8');
    assert.equal(countsInWords({ int8: 1 }), '1 layer at int8');
    assert.equal(schemesInWords({ 'int4-weights': 10, int8: 18 }), 'int8 / int4');
  });

  it('name the ends of the frontier', () => {
    assert.equal(frontierPoint(plan(1, 0, { 'int4-weights': 3 }), { kind: 'none' }).end, 'all int4');
    assert.equal(frontierPoint(plan(1, 0, { int8: 3, 'int4-weights': 1 }), { kind: 'none' }).end, undefined);
  });

  it('say by how much a plan exceeds its budgets', () => {
    const needed = { flashBytes: 120 * kib, ramBytes: 60 * kib };
    assert.equal(
      excessOf(needed, { flash: 100 * kib, ram: 50 * kib }),
      '20.0 KiB over the flash budget and 10.0 KiB over the RAM budget',
    );
    assert.equal(excessOf(needed, { flash: undefined, ram: 60 * kib }), undefined);
  });

  it('are lower bounds without a runtime', () => {
    const estimate = {
      kind: 'ready',
      fileBytes: 1,
      externalBytes: undefined,
      dataFileName: undefined,
      constantBytes: 500,
      peakActivationBytes: 70,
      layers: [],
      passes: [],
      left: [],
    } as const;
    assert.deepEqual(neededBy(estimate), {
      flashBytes: 500,
      flashKind: 'lower bound',
      ramBytes: 70,
      ramKind: 'lower bound',
      cannotRun: false,
    });
  });
});
