import { loadWasmFromDisk } from '../../extension/inference/node-wasm';
import { createWebEngine } from '../../extension/inference/web-engine';
import { MemoryByteSource } from '../../extension/onnx/byte-source';
import { readModel } from '../../extension/onnx/read-model';
import { type Recipe, recipeDefaults } from '../../extension/quantize/recipe';
import { inferShapes } from '../../extension/shapes/infer-shapes';
import { LiveEstimate } from '../../extension/worker/estimate-live';
import { RecipePlanner } from '../../extension/worker/recipe-planner';
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

/**
 * Times the estimate after one layer of a static plan went to 4-bit weights, file bytes, flash, RAM and all layers included, on TensorFlow Lite Micro; what is
 * kept for it is made before.
 */
export async function benchLiveEstimate(): Promise<void> {
  const lines: BenchLine[] = [];
  for (const { layers, goal } of goals) {
    const source = new MemoryByteSource(buildModel({ graph: convolutions(layers) }));
    const model = await readModel(source, { fileName: 'chain.onnx' });
    const planner = await RecipePlanner.open(
      { model, shapes: inferShapes(model), bytes: { source } },
      false,
      createWebEngine(loadWasmFromDisk),
    );
    const recipe: Recipe = { ...recipeDefaults, scheme: 'int8' };
    const start = performance.now();
    const live = await LiveEstimate.open(planner, recipe, { runtime: 'tflm-cmsis-nn-m4' });
    const opening = performance.now() - start;
    const half = Array.from({ length: layers / 2 }, (_, index) => `conv${2 * index}`);
    let turn = 0;
    const change = () => {
      if (!live?.estimate(new Set([...half, `conv${2 * turn++ + 1}`]))) throw new Error('There is no live estimate.');
    };
    lines.push(
      { name: `one layer of ${layers} changed`, value: await leastTime(5, change), unit: 'ms', goal },
      { name: `what is kept for ${layers} layers`, value: opening, unit: 'ms' },
    );
  }
  printPart('live estimate', lines);
}
