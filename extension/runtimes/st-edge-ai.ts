import { arenaLowerBound } from '../budget/planners/lower-bound';
import { planTflmGreedy } from '../budget/planners/tflm-greedy';
import { liveTensors, unknownSizeRemarks } from './lifetimes';
import type { Dialect, LoweredGraph, TensorRole } from './lowered';
import { lower } from './lowering';
import { placed } from './planned-memory';
import type { FlashPart, PublishedReference, Runtime, RuntimeMemory } from './runtime';
import { finish, type Steps } from './steps';
import { unsupportedOperators } from './supported';

const dialect: Dialect = {
  fuses: true,
  channelsLast: true,
  copyFreeReshape: true,
  padOperators: false,
  alwaysBias: true,
};

/**
 * ST's planner is not public and its figures change with the version, so this is what a greedy planner makes of the activations:
 * kernels' scratch is not in it, and overlapping inputs and outputs may need less.
 */
function* memoryInSteps(graph: LoweredGraph): Steps<RuntimeMemory> {
  const tensors = liveTensors(graph);
  yield;
  const plan = planTflmGreedy(tensors, { alignment: 8 });
  yield;
  const lowerBoundBytes = arenaLowerBound(tensors, { alignment: 8 }).bytes;
  yield;
  return {
    planner: 'greedy by size, in place of the planner of ST Edge AI',
    arenaBytes: plan.arenaBytes,
    persistentBytes: 0,
    scratchBytes: 0,
    inputOutputBytes: 0,
    usedBytes: plan.arenaBytes,
    minimumArenaBytes: plan.arenaBytes,
    lowerBoundBytes,
    kind: 'estimated',
    remarks: [
      ...unknownSizeRemarks(graph),
      'Which operators it runs is checked by name against ST Edge AI Core 2.2 and 4.0; its limits on types, ranks and attributes are not.',
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
  dialect,
  lower: (shapes, precision, options) => lower(shapes, dialect, precision, options),
  memory: (graph) => finish(memoryInSteps(graph)),
  memoryInSteps,
  flash,
  cannotRun: (graph) =>
    unsupportedOperators(graph, ({ opType }) =>
      operators.has(opType.slice(opType.lastIndexOf(':') + 1))
        ? undefined
        : `${opType} is not among the operators that ST Edge AI Core imports.`,
    ),
  references,
};

/**
 * "ONNX toolbox support" of ST Edge AI Core 2.2 (supported_ops_onnx.html in its documentation), and at the end what 4.0 adds.
 */
const operators = new Set(
  'Abs Acos Acosh Add And ArgMax ArgMin ArrayFeatureExtractor Asin Asinh Atan Atanh AveragePool BatchNormalization BitShift Cast Ceil Clip Concat Constant ConstantOfShape Conv ConvTranspose Cos Cosh DepthToSpace DequantizeLinear Div Dropout Einsum Elu Equal Erf Exp Expand Flatten Floor Gather GatherElements GatherND Gelu Gemm GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual GRU Hardmax HardSigmoid HardSwish Identity InstanceNormalization LabelEncoder LeakyRelu Less LessOrEqual LinearClassifier Log LogSoftmax LpNormalization LRN LSTM MatMul Max MaxPool Mean Min Mod Mul Neg Normalizer Not Or Pad Pow PRelu QLinearAdd QLinearAveragePool QLinearConcat QLinearConv QLinearGlobalAveragePool QLinearMatMul QLinearMul QuantizeLinear Range Reciprocal ReduceL1 ReduceL2 ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize Round Scaler ScatterND Selu Shape Sigmoid Sign Sin Sinh Slice Softmax Softplus Softsign SpaceToDepth Split Sqrt Squeeze Sub Sum SVMClassifier SVMRegressor Tan Tanh ThresholdedRelu Tile TopK Transpose TreeEnsembleClassifier TreeEnsembleRegressor Unsqueeze Upsample Where Xor ZipMap LayerNormalization LinearRegressor Size'.split(
    ' ',
  ),
);
