import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RecipeData } from '../../../extension/quantize/recipe';
import { handleCalls } from '../../../extension/worker/handle-calls';
import type { CallScope } from '../../../extension/worker/serve-calls';
import { buildModel } from '../../fixtures/model-builder';
import { network } from '../quantize/random-network';

const { spec, layers } = network(['conv', 'relu', 'depthwise', 'relu', 'conv'], 17, true);
const recipe: RecipeData = { scheme: 'int8', recovery: 'none' };
const data = { kind: 'random', count: 4 } as const;

function scope(more: Partial<CallScope> = {}): CallScope {
  return { signal: new AbortController().signal, progress() {}, ...more };
}

async function opened() {
  const calls = handleCalls();
  const origin = { kind: 'bytes', fileName: 'm.onnx', bytes: buildModel(spec) } as const;
  const { session } = await calls.open({ origin, bindings: [] }, scope());
  return { calls, session };
}

function withLayers(named: Readonly<Record<string, string>>): RecipeData {
  return { ...recipe, options: { layers: named } };
}

describe('calls on recipes', () => {
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'thimble-recipes-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('estimate sizes with every layer and what it could be, and say why a mix is refused', async () => {
    const { calls, session } = await opened();
    const runtime = 'tflm-cmsis-nn-m4';
    const plain = await calls.estimateRecipe({ session, recipe, runtime }, scope());
    assert.ok(plain.kind === 'ready');
    const names = [layers[0], layers[2], layers[4], layers[7], layers[8]];
    assert.deepEqual(
      plain.layers.map(({ name }) => name),
      names,
    );
    assert.deepEqual(plain.layers[0]?.choices, ['float32', 'int16x8', 'int8', 'int4-weights']);
    assert.equal(plain.layers[0]?.weightBytes, 144 + 16 + 4);
    const mix = withLayers({ [names[0] ?? '']: 'int4-weights', [names[2] ?? '']: 'float32' });
    const mixed = await calls.estimateRecipe({ session, recipe: mix, runtime }, scope());
    assert.ok(mixed.kind === 'ready');
    assert.deepEqual(mixed.layers.map(({ scheme, weightBytes }) => [scheme, weightBytes]).slice(0, 3), [
      ['int4-weights', 72 + 16 + 2],
      ['int8', 36 + 16 + 4],
      ['float32', 576],
    ]);
    assert.ok((mixed.footprint?.memory.arenaBytes ?? 0) > (plain.footprint?.memory.arenaBytes ?? 0));
    const refused = await calls.estimateRecipe({ session, recipe: withLayers({ nowhere: 'float32' }) }, scope());
    assert.ok(refused.kind === 'refused');
    assert.match(refused.reason, /nowhere/);
  });

  it('describe data, and name both shapes where it does not fit', async () => {
    const { calls, session } = await opened();
    const csv = join(folder, 'right.csv');
    await writeFile(csv, `${Array(144).fill(0.5).join(',')}\n${Array(144).fill(1).join(',')}\n`);
    const described = await calls.describeData({ session, paths: [csv] }, scope());
    assert.deepEqual(described, { samples: 2, inputs: [{ name: 'x', shape: [1, 4, 6, 6], dataType: 'FLOAT' }] });
    const wrong = join(folder, 'wrong.csv');
    await writeFile(wrong, '1,2,3\n');
    await assert.rejects(calls.describeData({ session, paths: [wrong] }, scope()), /wants \[1,4,6,6\].*gives \[3\]/);
  });

  it('measure each layer alone, the most harmful first, and can be cancelled', async () => {
    const { calls, session } = await opened();
    const seen: number[] = [];
    const result = await calls.sensitivity(
      { session, recipe, data },
      scope({ progress: (done, total) => seen.push(done / total) }),
    );
    assert.equal(result.layers.length, 5);
    assert.deepEqual([result.samples, result.synthetic, result.left], [4, true, []]);
    const noises = result.layers.map(({ noise }) => noise);
    assert.deepEqual(
      noises,
      noises.toSorted((a, b) => b - a),
    );
    assert.ok(result.layers.every(({ scheme, sqnrDb = 0 }) => scheme === 'int4-weights' && sqnrDb > 0));
    assert.deepEqual(seen, [0.2, 0.4, 0.6, 0.8, 1]);
    const eight = await calls.sensitivity({ session, recipe, data, scheme: 'int8' }, scope());
    const total = (layers: typeof result.layers) => layers.reduce((sum, { noise }) => sum + noise, 0);
    assert.ok(total(eight.layers) < total(result.layers) / 10);
    const controller = new AbortController();
    const stopped = calls.sensitivity(
      { session, recipe, data },
      scope({ signal: controller.signal, progress: () => controller.abort() }),
    );
    await assert.rejects(stopped, { name: 'AbortError' });
  });

  it('give plans from the least noise to the fewest bytes, which are measured and written at the size they were given', async () => {
    const { calls, session } = await opened();
    const sensitivity = (await calls.sensitivity({ session, recipe, data }, scope())).layers;
    const plans = await calls.candidatePlans({ session, recipe, sensitivity }, scope());
    assert.deepEqual(plans[0]?.counts, { int8: 5 });
    assert.deepEqual(plans.at(-1)?.counts, { 'int4-weights': 5 });
    const sizes = plans.map(({ flashBytes }) => flashBytes);
    assert.deepEqual(
      sizes,
      sizes.toSorted((a, b) => b - a),
    );
    const measure = (plan: RecipeData) => calls.measurePlan({ session, recipe: plan, data }, scope());
    const [most, least] = [await measure(plans[0]?.recipe ?? recipe), await measure(plans.at(-1)?.recipe ?? recipe)];
    assert.ok((most.sqnrDb ?? 0) > (least.sqnrDb ?? 0));
    assert.equal(least.outputs.length, 1);

    const path = join(folder, 'm.onnx');
    await writeFile(path, buildModel(spec));
    const outputPath = join(folder, 'q.onnx');
    const [, middle] = plans;
    assert.ok(middle);
    const request = { path, recipe: middle.recipe, data, outputPath, overwrite: false };
    const reviewed = { fileBytes: middle.fileBytes, externalBytes: undefined };
    const doing = new Set<string | undefined>();
    const wrong = calls.quantizeRecipe({ ...request, reviewed: { ...reviewed, fileBytes: 1 } }, scope());
    await assert.rejects(wrong, /was 1 when it was shown/);
    assert.ok(!(await readdir(folder)).includes('q.onnx'));
    const outcome = await calls.quantizeRecipe(
      { ...request, reviewed },
      scope({ progress: (_done, _total, word) => doing.add(word) }),
    );
    assert.equal(outcome.writtenFileBytes, middle.fileBytes);
    assert.equal((await readFile(outputPath)).length, middle.fileBytes);
    assert.equal(outcome.measurement.outputs.length, 1);
    assert.ok(doing.has('calibrating') && doing.has('writing'));
  });
});
