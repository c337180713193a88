import assert from 'node:assert/strict';
import type { InferenceEngine } from '../../../extension/inference/engine';
import { type Recipe, recipeDefaults } from '../../../extension/quantize/recipe';
import type { RecipeEstimate } from '../../../extension/worker/recipe-calls';
import { RecipeEstimator } from '../../../extension/worker/recipe-estimator';
import { RecipePlanner, withLayers } from '../../../extension/worker/recipe-planner';
import { buildModel, type ModelSpec } from '../../fixtures/model-builder';
import { engine, open } from '../quantize/upgraded-model';

const recipe: Recipe = { ...recipeDefaults, scheme: 'int8', recovery: 'none' };

/** A convolution with a batch normalization, which preparation folds into it. */
function normalized(opset: number): ModelSpec {
  const eight = (name: string, values: readonly number[]) => ({ name, type: 'FLOAT' as const, dims: [8], values });
  const ones = new Array<number>(8).fill(1);
  return {
    opset,
    graph: {
      inputs: [{ name: 'x', dims: [1, 3, 4, 4] }],
      outputs: [{ name: 'y', dims: [1, 8, 4, 4] }],
      nodes: [
        { op: 'Conv', name: 'conv', inputs: ['x', 'w'], outputs: ['c'], attributes: { pads: [1, 1, 1, 1] } },
        { op: 'BatchNormalization', inputs: ['c', 'gamma', 'beta', 'mean', 'variance'], outputs: ['y'] },
      ],
      initializers: [
        { name: 'w', type: 'FLOAT', dims: [8, 3, 3, 3] },
        eight('gamma', ones),
        eight('beta', ones),
        eight('mean', ones),
        eight('variance', [1, 2, 3, 4, 5, 6, 7, 8]),
      ],
    },
  };
}

/** Counts the models it opens; those that `isWrong` picks compute something else. */
class WatchedEngine implements InferenceEngine {
  opened = 0;

  constructor(private readonly isWrong: (model: Buffer) => boolean) {}

  async open(...[model, options]: Parameters<InferenceEngine['open']>): ReturnType<InferenceEngine['open']> {
    this.opened++;
    const session = await engine.open(model, options);
    if (!this.isWrong(Buffer.from(model))) return session;
    return {
      ...session,
      release: () => session.release(),
      async run(feeds) {
        const results = await session.run(feeds);
        return new Map(Array.from(results, ([name, tensor]) => [name, { ...tensor, data: tensor.data.map(() => 1) }]));
      },
    };
  }
}

async function estimatorOf(spec: ModelSpec, watched: WatchedEngine) {
  const planner = await RecipePlanner.open(await open(buildModel(spec)), false, watched);
  const estimator = new RecipeEstimator(planner);
  const ready = async (wanted: Recipe, unproved: boolean): Promise<Extract<RecipeEstimate, { kind: 'ready' }>> => {
    const estimate = await estimator.estimate(wanted, { unproved });
    assert.equal(estimate.kind, 'ready');
    return estimate;
  };
  return { estimator, ready };
}

describe('estimates before the passes are proved', () => {
  it('run no model, say so, and are the estimate once the proof is there', async () => {
    const watched = new WatchedEngine(() => false);
    const { ready } = await estimatorOf(normalized(17), watched);
    const first = await ready(recipe, true);
    assert.equal(watched.opened, 0);
    assert.equal(first.unproved, true);
    const proved = await ready(recipe, false);
    assert.ok(watched.opened > 0);
    assert.deepEqual({ ...proved, unproved: true }, first);
    assert.deepEqual(await ready(recipe, true), proved);
  });

  it('become the plan without a pass that turns out to change the outputs', async () => {
    const watched = new WatchedEngine((model) => !model.includes('BatchNormalization'));
    const { ready } = await estimatorOf(normalized(17), watched);
    const first = await ready(recipe, true);
    assert.ok(first.passes.some(({ pass }) => pass === 'batch-norm folding'));
    const proved = await ready(recipe, false);
    assert.ok(!proved.passes.some(({ pass }) => pass === 'batch-norm folding'));
    assert.notEqual(proved.fileBytes, first.fileBytes);
    assert.deepEqual(await ready(recipe, true), proved);
  });

  it('prove what a scheme adds when a layer first asks for it, once', async () => {
    const watched = new WatchedEngine(() => false);
    const { ready } = await estimatorOf(normalized(17), watched);
    await ready(recipe, false);
    const mixed = withLayers(recipe, { conv: 'int4-weights' });
    assert.equal((await ready(mixed, true)).unproved, true);
    const opened = watched.opened;
    await ready(mixed, false);
    assert.ok(watched.opened > opened);
    const all = watched.opened;
    assert.equal((await ready(mixed, true)).unproved, undefined);
    await ready(mixed, false);
    assert.equal(watched.opened, all);
  });

  it('are refused where the upgrade turns out to change the outputs', async () => {
    const source = Buffer.from(buildModel(normalized(9)));
    const watched = new WatchedEngine((model) => !model.equals(source));
    const { estimator, ready } = await estimatorOf(normalized(9), watched);
    assert.equal((await ready(recipe, true)).unproved, true);
    const proved = await estimator.estimate(recipe, {});
    assert.match(proved.kind === 'refused' ? proved.reason : '', /opset 9 to 13/);
  });
});
