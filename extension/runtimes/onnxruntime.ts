import { arenaLowerBound } from '../budget/planners/lower-bound';
import { planTflmGreedy } from '../budget/planners/tflm-greedy';
import { liveTensors, unknownSizeRemarks } from './lifetimes';
import type { Dialect, LoweredGraph, OperatorKind } from './lowered';
import { lower } from './lowering';
import { constantBytes, inPlacePairs, placed } from './planned-memory';
import type { FlashPart, Runtime, RuntimeMemory } from './runtime';
import { finish, type Steps } from './steps';

const dialect: Dialect = {
  bodies: 'shared',
  fuses: true,
  channelsLast: false,
  copyFreeReshape: true,
  padOperators: false,
  alwaysBias: false,
};

/** Kernels that onnxruntime registers with MayInplace. */
const inPlace = new Set<OperatorKind>([
  'Add',
  'Sub',
  'Mul',
  'Div',
  'Relu',
  'Relu6',
  'ReluN1To1',
  'Logistic',
  'Tanh',
  'LeakyRelu',
  'Elu',
  'Exp',
  'Sqrt',
  'Abs',
  'Neg',
  'Softmax',
]);

/** The model file with its weights is read into memory; the activations' arena grows by chunks, so that this is what it cannot go below. */
function* memoryInSteps(graph: LoweredGraph): Steps<RuntimeMemory> {
  const tensors = liveTensors(graph);
  const alignment = 64;
  const pairs = inPlacePairs(graph, tensors, inPlace, alignment);
  yield;
  const bound = arenaLowerBound(tensors, { alignment, inPlace: pairs }).bytes;
  yield;
  const plan = planTflmGreedy(tensors, { alignment });
  const weights = constantBytes(graph);
  yield;
  return {
    planner: 'greedy by size, in place of the arena of onnxruntime',
    arenaBytes: plan.arenaBytes,
    persistentBytes: weights,
    scratchBytes: 0,
    inputOutputBytes: 0,
    usedBytes: bound + weights,
    minimumArenaBytes: bound + weights,
    lowerBoundBytes: bound,
    kind: 'lower bound',
    remarks: [
      ...unknownSizeRemarks(graph),
      'Weights in memory once, and the most that lives at one step; packed copies of weights, scratch and the library come on top.',
    ],
    tensors: placed(tensors, plan),
    alignment,
    inPlace: pairs,
  };
}

function flash(graph: LoweredGraph, modelBytes: number, code: FlashPart | undefined): readonly FlashPart[] {
  const weights = Math.min(modelBytes, constantBytes(graph));
  const source = 'The ONNX file with its data files is loaded as it is.';
  return [
    { part: 'weights', bytes: weights, kind: 'exact', source },
    { part: 'graph and metadata', bytes: modelBytes - weights, kind: 'exact', source },
    ...(code ? [code] : []),
  ];
}

function onnxruntime(id: string, label: string, code?: FlashPart): Runtime {
  return {
    id,
    label,
    precisions: ['as-in-file'],
    dialect,
    lower: (shapes, precision, options) => lower(shapes, dialect, precision, options),
    memory: (graph) => finish(memoryInSteps(graph)),
    memoryInSteps,
    overwrites: inPlace,
    flash: (graph, modelBytes) => flash(graph, modelBytes, code),
    // The full build has every operator of ai.onnx; what a reduced build leaves out is up to who builds it.
    cannotRun: () => [],
  };
}

/** onnxruntime for boards with an operating system, and for browsers. */
export const onnxruntimes: readonly Runtime[] = [
  onnxruntime('onnxruntime-mobile', 'ONNX Runtime (Linux, Android, iOS)'),
  onnxruntime('onnxruntime-wasm', 'ONNX Runtime Web (WebAssembly)', {
    part: 'runtime code',
    bytes: 14_200_000,
    kind: 'published',
    source: 'ort-wasm-simd-threaded.wasm of onnxruntime-web 1.30 (3.7 MB with gzip).',
  }),
];
