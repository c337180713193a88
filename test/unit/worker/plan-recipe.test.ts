import assert from 'node:assert/strict';
import type { InferenceEngine } from '../../../extension/inference/engine';
import { loadWasmFromDisk } from '../../../extension/inference/node-wasm';
import { createWebEngine } from '../../../extension/inference/web-engine';
import { MemoryByteSource } from '../../../extension/onnx/byte-source';
import { readModel } from '../../../extension/onnx/read-model';
import { QuantizationRefused, type QuantizationSource } from '../../../extension/quantize/plan';
import { type Recipe, recipeDefaults } from '../../../extension/quantize/recipe';
import { inferShapes } from '../../../extension/shapes/infer-shapes';
import { planRecipe, withRanges } from '../../../extension/worker/plan-recipe';
import { buildModel } from '../../fixtures/model-builder';

const engine = createWebEngine(loadWasmFromDisk);
const output = { fileName: 'q.onnx' };
const recipe: Recipe = { ...recipeDefaults, scheme: 'int8' };

async function network(opset = 17): Promise<QuantizationSource> {
  const bytes = buildModel({
    opset,
    graph: {
      inputs: [{ name: 'x', dims: [1, 3, 4, 4] }],
      outputs: [{ name: 'y', dims: [1, 8, 4, 4] }],
      nodes: [
        { op: 'Conv', inputs: ['x', 'w'], outputs: ['c'], attributes: { pads: [1, 1, 1, 1] } },
        { op: 'BatchNormalization', inputs: ['c', 'gamma', 'beta', 'mean', 'variance'], outputs: ['y'] },
      ],
      initializers: [
        { name: 'w', type: 'FLOAT', dims: [8, 3, 3, 3] },
        { name: 'gamma', type: 'FLOAT', dims: [8] },
        { name: 'beta', type: 'FLOAT', dims: [8] },
        { name: 'mean', type: 'FLOAT', dims: [8] },
        { name: 'variance', type: 'FLOAT', dims: [8], values: [1, 2, 3, 4, 5, 6, 7, 8] },
      ],
    },
  });
  const source = new MemoryByteSource(bytes);
  const model = await readModel(source, { fileName: 'm.onnx' });
  return { model, shapes: inferShapes(model), bytes: { source } };
}

/** An engine in which the models that `isWrong` picks compute something else. */
function lying(isWrong: (model: Buffer) => boolean): InferenceEngine {
  return {
    async open(model, options) {
      const session = await engine.open(model, options);
      if (!isWrong(Buffer.from(model))) return session;
      return {
        ...session,
        release: () => session.release(),
        async run(feeds) {
          const results = await session.run(feeds);
          return new Map(
            Array.from(results, ([name, tensor]) => [name, { ...tensor, data: tensor.data.map(() => 1) }]),
          );
        },
      };
    },
  };
}

describe('planRecipe', () => {
  it('runs the source and the model after each pass, and says so', async () => {
    const plan = await planRecipe(await network(), recipe, output, { engine });
    assert.deepEqual(plan.skippedPasses, []);
    assert.match(plan.comparison ?? '', /gives the outputs of the source .*batch-norm folding/);
  });

  it('leaves out a pass that changes the outputs before it states the size', async () => {
    const source = await network();
    const whole = await planRecipe(source, recipe, output, { engine });
    const plan = await planRecipe(source, recipe, output, {
      engine: lying((model) => !model.includes('BatchNormalization')),
    });
    assert.deepEqual(plan.skippedPasses, ['batch-norm folding']);
    assert.ok(!plan.passes.some(({ pass }) => pass === 'batch-norm folding'));
    assert.notEqual(plan.predictedFileBytes, whole.predictedFileBytes);
    const ranges = new Map(plan.activations.map((name) => [name, { minimum: -1, maximum: 2 }]));
    const calibrated = await withRanges(source, recipe, output, plan, ranges);
    assert.equal(calibrated.predictedFileBytes, plan.predictedFileBytes);
    assert.deepEqual(calibrated.skippedPasses, plan.skippedPasses);
    assert.equal((await calibrated.file.read(0, calibrated.file.size)).length, plan.predictedFileBytes);
  });

  it('refuses an upgrade that changes the outputs', async () => {
    const source = await network(9);
    const original = await source.bytes.source.read(0, source.bytes.source.size);
    const planned = planRecipe(source, recipe, output, { engine: lying((model) => !model.equals(original)) });
    await assert.rejects(
      planned,
      (error) => error instanceof QuantizationRefused && /opset 9 to 13/.test(error.message),
    );
  });

  it('stops when it is cancelled', async () => {
    const planned = planRecipe(await network(), recipe, output, { engine, signal: AbortSignal.abort() });
    await assert.rejects(planned, { name: 'AbortError' });
  });
});
