import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { LayerScheme } from '../../../extension/quantize/layer-schemes';
import { type Recipe, recipeDefaults } from '../../../extension/quantize/recipe';
import { estimateRecipe } from '../../../extension/worker/estimate-recipe';
import { RecentEstimates } from '../../../extension/worker/recent-estimates';
import type { RecipeEstimate } from '../../../extension/worker/recipe-calls';
import { RecipeEstimator } from '../../../extension/worker/recipe-estimator';
import { RecipePlanner, withLayers } from '../../../extension/worker/recipe-planner';
import { buildModel } from '../../fixtures/model-builder';
import { network, randomNetwork } from '../quantize/random-network';
import { engine, open } from '../quantize/upgraded-model';

const recipe: Recipe = { ...recipeDefaults, scheme: 'int8', recovery: 'none' };
const runtimes = ['none', 'tflm-cmsis-nn-m4'] as const;

/** The planner of a network, and how many plans it was asked for. */
async function countedPlanner(spec: Parameters<typeof buildModel>[0]) {
  const planner = await RecipePlanner.open(await open(buildModel(spec)), false, engine);
  const counted = { planner, plans: 0 };
  const plan = planner.plan.bind(planner);
  planner.plan = (...request) => {
    counted.plans++;
    return plan(...request);
  };
  return counted;
}

describe('estimates that were asked for before', () => {
  it('are those of full plans, in every figure, through any changes of layers and back', async () => {
    const change = fc.record({
      layer: fc.nat(11),
      scheme: fc.constantFrom<LayerScheme>('float32', 'int8', 'int16x8', 'int4-weights'),
      runtime: fc.constantFrom(...runtimes),
    });
    let answered = 0;
    await fc.assert(
      fc.asyncProperty(randomNetwork, fc.array(change, { minLength: 3, maxLength: 8 }), async ({ spec }, changes) => {
        const planner = await RecipePlanner.open(await open(buildModel(spec)), false, engine);
        const estimator = new RecipeEstimator(planner);
        const names = (await planner.layers(recipe)).map(({ name }) => name);
        const mixes: { readonly layers: Record<string, LayerScheme>; readonly runtime: (typeof runtimes)[number] }[] =
          [];
        for (const { layer, scheme, runtime } of changes) {
          const { [names[layer % names.length] ?? '']: _, ...others } = mixes.at(-1)?.layers ?? {};
          const own = scheme === recipe.scheme ? {} : { [names[layer % names.length] ?? '']: scheme };
          mixes.push({ layers: { ...others, ...own }, runtime });
        }
        for (const { layers, runtime } of [...mixes, ...mixes.toReversed()]) {
          const options = runtime === 'none' ? {} : { runtime };
          const wanted = withLayers(recipe, layers);
          const full = await estimateRecipe(planner, wanted, options);
          assert.deepEqual(await estimator.estimate(wanted, options), full);
          if (full.kind === 'ready') answered++;
        }
      }),
      { numRuns: 30 },
    );
    assert.ok(answered > 100);
  });

  it('take no plan again when a layer goes to float32 or int16x8 and back', async () => {
    const { spec, layers } = network(['conv', 'relu', 'conv'], 17, true);
    const counted = await countedPlanner(spec);
    const estimator = new RecipeEstimator(counted.planner);
    const [first = '', , third = ''] = layers;
    const mixes: readonly Readonly<Record<string, LayerScheme>>[] = [
      {},
      { [first]: 'float32' },
      { [third]: 'int16x8' },
      { [first]: 'float32', [third]: 'int16x8' },
    ];
    const all = async () => {
      const estimates: RecipeEstimate[] = [];
      for (const mix of mixes) estimates.push(await estimator.estimate(withLayers(recipe, mix), { runtime: 'tflm' }));
      return estimates;
    };
    const once = await all();
    const { plans } = counted;
    assert.deepEqual(await all(), once);
    assert.equal(counted.plans, plans);
    // Another runtime has other figures.
    await estimator.estimate(recipe, { runtime: 'onnx2c' });
    assert.ok(counted.plans > plans);
  });

  it('stay while there is room for their layers, those used last the longest', async () => {
    const { spec } = network(['conv', 'relu', 'conv'], 17, true);
    const planner = await RecipePlanner.open(await open(buildModel(spec)), false, engine);
    const estimate = await estimateRecipe(planner, recipe, { runtime: 'tflm' });
    assert.ok(estimate.kind === 'ready');
    const entries = estimate.layers.length + (estimate.footprint?.layers.length ?? 0);
    const recent = new RecentEstimates(2 * entries);
    recent.add('a', estimate);
    recent.add('b', estimate);
    recent.add('b', estimate);
    assert.equal(recent.get('a'), estimate);
    recent.add('c', estimate);
    assert.deepEqual(
      ['a', 'b', 'c'].map((key) => recent.get(key) !== undefined),
      [true, false, true],
    );
    const narrow = new RecentEstimates(entries - 1);
    narrow.add('a', estimate);
    assert.equal(narrow.get('a'), estimate);
    narrow.add('b', estimate);
    assert.deepEqual([narrow.get('a'), narrow.get('b')], [undefined, estimate]);
  });
});
