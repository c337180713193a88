import { planEspDl } from '../budget/planners/esp-dl';
import { arenaLowerBound } from '../budget/planners/lower-bound';
import { liveTensors, unknownSizeRemarks } from './lifetimes';
import type { Dialect, LoweredGraph, OperatorKind, TensorRole } from './lowered';
import { lower } from './lowering';
import { constantBytes, inPlacePairs, placed } from './planned-memory';
import type { FlashPart, Runtime, RuntimeMemory } from './runtime';
import { finish, type Steps } from './steps';
import { unsupportedOperators } from './supported';

const dialect: Dialect = {
  fuses: true,
  channelsLast: true,
  copyFreeReshape: true,
  padOperators: false,
  alwaysBias: true,
};

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

/**
 * operator_support_state.md of espressif/esp-dl, 51 operators, generated 2025-08-19; then those that the list lacks and
 * esp-dl/dl/module has a module for since (versions 3.2 and 3.3). ConvTranspose becomes InsertZeros and Conv.
 */
const operators = new Set(
  'Add AveragePool Clip Concat Conv Div Elu Equal Exp Flatten Gather Gemm GlobalAveragePool Greater GreaterOrEqual HardSigmoid HardSwish LeakyRelu Less LessOrEqual Log MatMul MaxPool Mul Pad PRelu ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize ReverseSequence Sigmoid Slice Softmax Split Sqrt Squeeze Sub Swish Tanh Transpose Unsqueeze And DepthToSpace DequantizeLinear GRU Gelu Identity LayerNormalization LogSoftmax LpNormalization LSTM Max Min Mod Neg Not Or Pow QuantizeLinear RMSNormalization ScatterND SpaceToDepth Xor ConvTranspose'.split(
    ' ',
  ),
);

/** One that was folded into nothing runs as a Mul and an Add. */
function isBatchNormalization(kind: OperatorKind, opType: string): boolean {
  return opType === 'BatchNormalization' && kind !== 'Other';
}

function* memoryInSteps(graph: LoweredGraph): Steps<RuntimeMemory> {
  const tensors = liveTensors(graph);
  const pairs = inPlacePairs(graph, tensors, inPlace, 16);
  yield;
  const plan = planEspDl(tensors, { alignment: 16, inPlace: pairs });
  const copied = constantBytes(graph);
  yield;
  const lowerBoundBytes = arenaLowerBound(tensors, { alignment: 16, inPlace: pairs }).bytes;
  yield;
  return {
    planner: plan.planner,
    arenaBytes: plan.arenaBytes,
    persistentBytes: copied,
    scratchBytes: 0,
    inputOutputBytes: 0,
    usedBytes: plan.arenaBytes + copied,
    minimumArenaBytes: plan.arenaBytes + copied,
    lowerBoundBytes,
    kind: 'estimated',
    remarks: [
      ...unknownSizeRemarks(graph),
      'Weights are copied to RAM, as param_copy has it by default; without it they stay in flash.',
      'Which operators it runs is checked against its list of August 2025 and the modules added since, not against one release: one named as missing may be there.',
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
  dialect,
  lower: (shapes, precision, options) => lower(shapes, dialect, precision, options),
  memory: (graph) => finish(memoryInSteps(graph)),
  memoryInSteps,
  overwrites: inPlace,
  flash,
  cannotRun: (graph) =>
    unsupportedOperators(graph, ({ kind, opType }) =>
      operators.has(opType) || isBatchNormalization(kind, opType) ? undefined : `ESP-DL has no module for ${opType}.`,
    ),
};
