import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { LayerScheme } from '../../../extension/quantize/layer-schemes';
import { type Recipe, recipeDefaults } from '../../../extension/quantize/recipe';
import { LiveEstimate } from '../../../extension/worker/estimate-live';
import { estimateRecipe } from '../../../extension/worker/estimate-recipe';
import { RecipeEstimator } from '../../../extension/worker/recipe-estimator';
import { RecipePlanner, withLayers } from '../../../extension/worker/recipe-planner';
import { buildModel } from '../../fixtures/model-builder';
import { network, randomNetwork } from '../quantize/random-network';
import { engine, open } from '../quantize/upgraded-model';

const recipe: Recipe = { ...recipeDefaults, scheme: 'int8', recovery: 'none' };

describe('the live estimate', () => {
  it('is the estimate of the full plan, in every figure, for any layers in 4 bits and on any runtime', async () => {
    const cases = fc.record({
      model: randomNetwork,
      picks: fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }),
      float: fc.option(fc.nat(11)),
      granularity: fc.constantFrom('per-channel' as const, 'per-tensor' as const),
      runtime: fc.constantFrom(undefined, 'tflm', 'tflm-cmsis-nn-m4', 'onnxruntime-mobile', 'esp-dl', 'onnx2c'),
    });
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(cases, async ({ model, picks, float, granularity, runtime }) => {
        const planner = await RecipePlanner.open(await open(buildModel(model.spec)), false, engine);
        const base = { ...recipe, options: { ...recipe.options, granularity } };
        const options = { flashReserveBytes: 1000, ...(runtime !== undefined && { runtime }) };
        const layers = await planner.layers(base);
        const rest: Record<string, LayerScheme> = {};
        const inFloat = layers[float ?? -1];
        if (inFloat) rest[inFloat.name] = 'float32';
        // A layer in float32 that shares its weights with others is refused.
        const start = await estimateRecipe(planner, withLayers(base, rest), options);
        const live =
          start.kind === 'ready' && (await LiveEstimate.open(planner, withLayers(base, rest), 'int4-weights', options));
        if (!live) return;
        const four = layers.filter(({ name, choices }, index) => {
          return picks[index] && rest[name] === undefined && choices.includes('int4-weights');
        });
        const names = four.map(({ name }) => name);
        const mixed = { ...rest, ...Object.fromEntries(names.map((name) => [name, 'int4-weights' as const])) };
        const full = await estimateRecipe(planner, withLayers(base, mixed), options);
        const quick = live.estimate(new Set(names));
        if (full.kind === 'refused') assert.equal(quick, undefined);
        else assert.deepEqual(quick, full);
        compared++;
      }),
      { numRuns: 40 },
    );
    assert.ok(compared > 20);
  });

  it('is the estimate of the full plan for weights alone, whatever form the layers of any two schemes take', async () => {
    const schemes = ['int8-weights', 'int4-weights', 'int2-weights', 'fixed-point', 'ternary', 'binary'] as const;
    const cases = fc.record({
      model: randomNetwork,
      picks: fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }),
      float: fc.option(fc.nat(11)),
      scheme: fc.constantFrom(...schemes),
      varied: fc.constantFrom(...schemes, 'bfloat16' as const, 'codebook' as const),
      runtime: fc.constantFrom(undefined, 'tflm', 'tflm-cmsis-nn-m4', 'onnxruntime-mobile', 'esp-dl', 'onnx2c'),
    });
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(cases, async ({ model, picks, float, scheme, varied, runtime }) => {
        fc.pre(scheme !== varied);
        const planner = await RecipePlanner.open(await open(buildModel(model.spec)), false, engine);
        const options = { flashReserveBytes: 1000, ...(runtime !== undefined && { runtime }) };
        const base = { ...recipe, scheme };
        const layers = await planner.layers(base);
        const inFloat = layers[float ?? -1];
        const rest: Record<string, LayerScheme> = inFloat ? { [inFloat.name]: 'float32' } : {};
        const start = await estimateRecipe(planner, withLayers(base, rest), options);
        const live =
          start.kind === 'ready' && (await LiveEstimate.open(planner, withLayers(base, rest), varied, options));
        if (!live) return;
        const names = layers.flatMap(({ name }, index) => (picks[index] && rest[name] === undefined ? [name] : []));
        const mixed = { ...rest, ...Object.fromEntries(names.map((name) => [name, varied] as const)) };
        const full = await estimateRecipe(planner, withLayers(base, mixed), options);
        const quick = live.estimate(new Set(names));
        if (full.kind === 'refused') assert.equal(quick, undefined);
        else if (quick) assert.deepEqual(quick, full);
        if (quick && names.length > 0) compared++;
      }),
      { numRuns: 40 },
    );
    assert.ok(compared > 5);
  });

  it('takes over from the second estimate on, and leaves to the full plan what it cannot tell', async () => {
    const { spec, layers } = network(['conv', 'relu', 'conv'], 17, true);
    const planner = await RecipePlanner.open(await open(buildModel(spec)), false, engine);
    const estimator = new RecipeEstimator(planner);
    const mixes: Readonly<Record<string, LayerScheme>>[] = [
      {},
      { [layers[0] ?? '']: 'int4-weights' },
      { [layers[0] ?? '']: 'int4-weights', [layers[2] ?? '']: 'int4-weights' },
      { [layers[2] ?? '']: 'float32' },
      { [layers[2] ?? '']: 'int16x8', [layers[0] ?? '']: 'int4-weights' },
      { [layers[1] ?? '']: 'int4-weights' },
      { nowhere: 'int4-weights' },
    ];
    for (const mix of [...mixes, ...mixes, ...mixes.toReversed()]) {
      const wanted = withLayers(recipe, mix);
      assert.deepEqual(await estimator.estimate(wanted, {}), await estimateRecipe(planner, wanted, {}));
    }
  });
});
