import { espDl } from './esp-dl';
import { onnx2c } from './onnx2c';
import { onnxruntimes } from './onnxruntime';
import type { Runtime } from './runtime';
import { stEdgeAi } from './st-edge-ai';
import { tflmRuntimes } from './tflm';

const runtimes: readonly Runtime[] = [...tflmRuntimes, onnx2c, stEdgeAi, espDl, ...onnxruntimes];
const byId = new Map(runtimes.map((runtime) => [runtime.id, runtime]));

/** Every runtime, in the order in which lists show them. */
export function allRuntimes(): readonly Runtime[] {
  return runtimes;
}

/** The runtime with this id, or undefined. */
export function findRuntime(id: string): Runtime | undefined {
  return byId.get(id);
}
