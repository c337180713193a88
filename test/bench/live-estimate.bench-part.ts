import { loadWasmFromDisk } from '../../extension/inference/node-wasm';
import { createWebEngine } from '../../extension/inference/web-engine';
import { MemoryByteSource } from '../../extension/onnx/byte-source';
import { readModel } from '../../extension/onnx/read-model';
import { type Recipe, recipeDefaults } from '../../extension/quantize/recipe';
import { inferShapes } from '../../extension/shapes/infer-shapes';
import { RecipeEstimator } from '../../extension/worker/recipe-estimator';
import { RecipePlanner, withLayers } from '../../extension/worker/recipe-planner';
import { buildModel, type GraphSpec, type NodeSpec, type TensorSpec } from '../fixtures/model-builder';
import { type BenchLine, leastTime, printPart } from './report';

/** Milliseconds for one change of a layer: a frame, and what still feels immediate. */
const goals = [
  { layers: 1000, goal: 16 },
  { layers: 10_000, goal: 100 },
] as const;

/** A chain of convolutions, each with weights and a bias of its own. */
function convolutions(count: number): GraphSpec {
  const nodes: NodeSpec[] = [];
  const initializers: TensorSpec[] = [];
  for (let layer = 0; layer < count; layer++) {
    const values = Array.from({ length: 72 }, (_, index) => Math.sin(index + layer));
    initializers.push(
      { name: `w${layer}`, type: 'FLOAT', dims: [8, 8, 1, 1], values: values.slice(0, 64) },
      { name: `b${layer}`, type: 'FLOAT', dims: [8], values: values.slice(64) },
    );
    const inputs = [layer === 0 ? 'x' : `v${layer - 1}`, `w${layer}`, `b${layer}`];
    nodes.push({ op: 'Conv', name: `conv${layer}`, inputs, outputs: [`v${layer}`] });
  }
  const dims = [1, 8, 16, 16];
  return { inputs: [{ name: 'x', dims }], outputs: [{ name: `v${count - 1}`, dims }], nodes, initializers };
}

/** What changes from estimate to estimate. */
const changes = [
  { name: 'int8 plan, a layer to 4 bits', scheme: 'int8', to: 'int4-weights' },
  { name: 'int8 weights, a layer to 4 bits', scheme: 'int8-weights', to: 'int4-weights' },
  { name: 'int8 plan, a layer to float32', scheme: 'int8', to: 'float32' },
  { name: 'int8 plan, a layer to int16x8', scheme: 'int8', to: 'int16x8' },
] as const;

/**
 * Times the estimate of a plan, and that after one more layer got another scheme: file bytes, flash, RAM and all layers on TensorFlow Lite Micro. The first
 * change of a kind takes a plan more than those after it. Passes are not proved, which does not hold up an estimate.
 */
export async function benchLiveEstimate(): Promise<void> {
  for (const { layers, goal } of goals) {
    const source = new MemoryByteSource(buildModel({ graph: convolutions(layers) }));
    const model = await readModel(source, { fileName: 'chain.onnx' });
    const lines: BenchLine[] = [];
    for (const { name, scheme, to } of changes) {
      const planner = await RecipePlanner.open(
        { model, shapes: inferShapes(model), bytes: { source } },
        false,
        createWebEngine(loadWasmFromDisk),
      );
      const estimator = new RecipeEstimator(planner);
      const recipe: Recipe = { ...recipeDefaults, scheme, recovery: 'none' };
      let changed = 0;
      const estimateOf = async (count: number) => {
        const mix = Object.fromEntries(Array.from({ length: count }, (_, index) => [`conv${2 * index}`, to]));
        const { kind } = await estimator.estimate(withLayers(recipe, mix), {
          runtime: 'tflm-cmsis-nn-m4',
          unproved: true,
        });
        if (kind === 'refused') throw new Error('The plan was refused.');
      };
      const estimate = () => estimateOf(changed++);
      const first = await leastTime(1, estimate);
      const second = await leastTime(1, estimate);
      lines.push(
        { name: `${name}: before any change`, value: first, unit: 'ms' },
        { name: `${name}: the first change`, value: second, unit: 'ms' },
        { name: `${name}: each after it`, value: await leastTime(5, estimate), unit: 'ms', goal },
        { name: `${name}: taken back`, value: await leastTime(5, () => estimateOf(--changed - 1)), unit: 'ms', goal },
      );
    }
    printPart(`live estimate, ${layers.toLocaleString('en-US')} layers`, lines);
  }
}
