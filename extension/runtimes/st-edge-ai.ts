import { arenaLowerBound } from '../budget/planners/lower-bound';
import { planTflmGreedy } from '../budget/planners/tflm-greedy';
import { liveTensors, unknownSizeRemarks } from './lifetimes';
import type { LoweredGraph, TensorRole } from './lowered';
import { lower } from './lowering';
import { placed } from './planned-memory';
import type { FlashPart, PublishedReference, Runtime, RuntimeMemory } from './runtime';
import { uncheckedOperatorList, unsupportedOperators } from './supported';

/**
 * ST's planner is not public and its figures change with the version, so this is what a greedy planner makes of the activations:
 * kernels' scratch is not in it, and overlapping inputs and outputs may need less.
 */
function memory(graph: LoweredGraph): RuntimeMemory {
  const tensors = liveTensors(graph);
  const plan = planTflmGreedy(tensors, { alignment: 8 });
  return {
    planner: 'greedy by size, in place of the planner of ST Edge AI',
    arenaBytes: plan.arenaBytes,
    persistentBytes: 0,
    scratchBytes: 0,
    inputOutputBytes: 0,
    usedBytes: plan.arenaBytes,
    minimumArenaBytes: plan.arenaBytes,
    lowerBoundBytes: arenaLowerBound(tensors, { alignment: 8 }).bytes,
    kind: 'estimated',
    remarks: [
      ...unknownSizeRemarks(graph),
      uncheckedOperatorList,
      'The planner of ST Edge AI is not public and overlaps inputs with outputs. For MobileNetV1 0.25 at 224x224 this plan gives 294.00 KiB; published are 202.14 KiB (7.3) to 272.96 KiB (10.0).',
    ],
    tensors: placed(tensors, plan),
    alignment: 8,
    inPlace: [],
  };
}

function flash(graph: LoweredGraph): readonly FlashPart[] {
  const bytesOf = (role: TensorRole) =>
    graph.tensors.reduce((sum, tensor) => (tensor.role === role ? sum + (tensor.bytes ?? 0) : sum), 0);
  const source =
    'Sum of int8 weights and int32 biases (4 bytes a float parameter): matches 13 of 17 published figures to 0.01 KiB.';
  return [
    { part: 'weights', bytes: bytesOf('weight'), kind: 'exact', source },
    { part: 'biases', bytes: bytesOf('bias'), kind: 'exact', source },
  ];
}

const references: readonly PublishedReference[] = (
  [
    ['7.3', 202.14],
    ['8.1', 202.33],
    ['10.0', 272.96],
  ] as const
).map(([version, kibibytes]) => ({
  subject: 'activation RAM of MobileNetV1 0.25, 224x224, int8',
  bytes: Math.round(kibibytes * 1024),
  version,
  source: 'STM32 model zoo',
}));

/** ST Edge AI Core (X-CUBE-AI) on STM32. */
export const stEdgeAi: Runtime = {
  id: 'st-edge-ai',
  label: 'ST Edge AI (X-CUBE-AI)',
  precisions: ['int8', 'as-in-file', 'float32'],
  lower: (shapes, precision, options) =>
    lower(
      shapes,
      { fuses: true, channelsLast: true, copyFreeReshape: true, padOperators: false, alwaysBias: true },
      precision,
      options,
    ),
  memory,
  flash,
  cannotRun: (graph) =>
    unsupportedOperators(graph, ({ kind, opType }) =>
      kind === 'Other' && !alsoRuns.has(opType) ? `${opType} is not known to run on ST Edge AI.` : undefined,
    ),
  references,
};

/** Operators without a counterpart in TensorFlow Lite that ST's list of supported ONNX operators has. */
const alsoRuns = new Set(
  'Acos Acosh Asin Asinh Atan Atanh Celu Cosh Erf GRU HardSigmoid InstanceNormalization LRN LayerNormalization LpNormalization Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceProd ReduceSumSquare Selu Sign Sinh Softplus Softsign Tan ThresholdedRelu Xor LSTM'.split(
    ' ',
  ),
);
