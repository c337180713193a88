import { planEspDl } from '../budget/planners/esp-dl';
import { arenaLowerBound } from '../budget/planners/lower-bound';
import { liveTensors, unknownSizeRemarks } from './lifetimes';
import type { LoweredGraph, OperatorKind, TensorRole } from './lowered';
import { lower } from './lowering';
import { constantBytes, inPlacePairs, placed } from './planned-memory';
import type { FlashPart, Runtime, RuntimeMemory } from './runtime';
import { uncheckedOperatorList, unsupportedOperators } from './supported';

/** Operators whose output ESP-DL writes over an input. */
const inPlace = new Set<OperatorKind>([
  'Relu',
  'Relu6',
  'ReluN1To1',
  'LeakyRelu',
  'Prelu',
  'Elu',
  'Logistic',
  'Tanh',
  'HardSwish',
  'Exp',
  'Sqrt',
  'Add',
  'Sub',
  'Mul',
  'Div',
  'Softmax',
]);

/** Operators of esp-dl/dl/module that lowered graphs can have. */
const operators = new Set<OperatorKind>([
  ...inPlace,
  'Conv2D',
  'DepthwiseConv2D',
  'TransposeConv',
  'FullyConnected',
  'BatchMatMul',
  'AveragePool2D',
  'MaxPool2D',
  'Mean',
  'Sum',
  'ReduceMax',
  'ReduceMin',
  'Concatenation',
  'StridedSlice',
  'Split',
  'Transpose',
  'Pad',
  'Gather',
  'ResizeBilinear',
  'ResizeNearestNeighbor',
  'Reshape',
  'Quantize',
  'Dequantize',
  'LogSoftmax',
  'Neg',
  'Equal',
  'Greater',
  'GreaterEqual',
  'Less',
  'LessEqual',
  'Log',
  'Pow',
  'Lstm',
  'Gelu',
  'DepthToSpace',
  'SpaceToDepth',
  'Tile',
  'Cast',
]);

function memory(graph: LoweredGraph): RuntimeMemory {
  const tensors = liveTensors(graph);
  const pairs = inPlacePairs(graph, tensors, inPlace, 16);
  const plan = planEspDl(tensors, { alignment: 16, inPlace: pairs });
  const copied = constantBytes(graph);
  return {
    planner: plan.planner,
    arenaBytes: plan.arenaBytes,
    persistentBytes: copied,
    scratchBytes: 0,
    inputOutputBytes: 0,
    usedBytes: plan.arenaBytes + copied,
    minimumArenaBytes: plan.arenaBytes + copied,
    lowerBoundBytes: arenaLowerBound(tensors, { alignment: 16, inPlace: pairs }).bytes,
    kind: 'estimated',
    remarks: [
      ...unknownSizeRemarks(graph),
      'Weights are copied to RAM, as param_copy has it by default; without it they stay in flash.',
      uncheckedOperatorList,
      'Kernel scratch and the structures of the model are not counted.',
    ],
    tensors: placed(tensors, plan),
    alignment: 16,
    inPlace: pairs,
  };
}

function flash(graph: LoweredGraph): readonly FlashPart[] {
  const bytesOf = (role: TensorRole) =>
    graph.tensors.reduce((sum, tensor) => (tensor.role === role ? sum + (tensor.bytes ?? 0) : sum), 0);
  const rule = 'Sum of the stored elements.';
  return [
    { part: 'weights', bytes: bytesOf('weight'), kind: 'exact', source: rule },
    { part: 'biases', bytes: bytesOf('bias'), kind: 'exact', source: rule },
    {
      part: 'graph and metadata',
      bytes: 200 * graph.operators.length + 100 * graph.tensors.length + bytesOf('constant'),
      kind: 'estimated',
      source: 'About 200 bytes an operator and 100 a tensor in the .espdl file.',
    },
  ];
}

/** Espressif's ESP-DL on ESP32-S3 and ESP32-P4. */
export const espDl: Runtime = {
  id: 'esp-dl',
  label: 'ESP-DL',
  precisions: ['int8', 'as-in-file'],
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
      operators.has(kind) ? undefined : `ESP-DL has no module for ${opType}.`,
    ),
};
