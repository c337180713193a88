import { readAttributes } from '../ops/attribute-reader';
import type { Draft, DraftOperator } from './draft';
import type { OperatorKind } from './lowered';
import { windowOf } from './windows';

const plain: ReadonlyMap<string, OperatorKind> = new Map([
  ['Abs', 'Abs'],
  ['Add', 'Add'],
  ['And', 'LogicalAnd'],
  ['ArgMax', 'ArgMax'],
  ['ArgMin', 'ArgMin'],
  ['AveragePool', 'AveragePool2D'],
  ['Cast', 'Cast'],
  ['Ceil', 'Ceil'],
  ['Concat', 'Concatenation'],
  ['Conv', 'Conv2D'],
  ['ConvTranspose', 'TransposeConv'],
  ['Cos', 'Cos'],
  ['CumSum', 'CumSum'],
  ['DepthToSpace', 'DepthToSpace'],
  ['DequantizeLinear', 'Dequantize'],
  ['Div', 'Div'],
  ['Elu', 'Elu'],
  ['Equal', 'Equal'],
  ['Exp', 'Exp'],
  ['Expand', 'BroadcastTo'],
  ['Flatten', 'Reshape'],
  ['Floor', 'Floor'],
  ['Gather', 'Gather'],
  ['GatherND', 'GatherNd'],
  ['Gelu', 'Gelu'],
  ['GlobalAveragePool', 'Mean'],
  ['GlobalMaxPool', 'ReduceMax'],
  ['Greater', 'Greater'],
  ['GreaterOrEqual', 'GreaterEqual'],
  ['HardSwish', 'HardSwish'],
  ['LSTM', 'Lstm'],
  ['LeakyRelu', 'LeakyRelu'],
  ['Less', 'Less'],
  ['LessOrEqual', 'LessEqual'],
  ['Log', 'Log'],
  ['LogSoftmax', 'LogSoftmax'],
  ['Max', 'Maximum'],
  ['MaxPool', 'MaxPool2D'],
  ['Min', 'Minimum'],
  ['Mod', 'FloorMod'],
  ['Mul', 'Mul'],
  ['Neg', 'Neg'],
  ['Not', 'LogicalNot'],
  ['Or', 'LogicalOr'],
  ['PRelu', 'Prelu'],
  ['Pad', 'Pad'],
  ['Pow', 'Pow'],
  ['QuantizeLinear', 'Quantize'],
  ['ReduceMax', 'ReduceMax'],
  ['ReduceMean', 'Mean'],
  ['ReduceMin', 'ReduceMin'],
  ['ReduceSum', 'Sum'],
  ['Relu', 'Relu'],
  ['Reshape', 'Reshape'],
  ['Round', 'Round'],
  ['Shape', 'Shape'],
  ['Sigmoid', 'Logistic'],
  ['Sin', 'Sin'],
  ['Slice', 'StridedSlice'],
  ['Softmax', 'Softmax'],
  ['SpaceToDepth', 'SpaceToDepth'],
  ['Split', 'Split'],
  ['Sqrt', 'Sqrt'],
  ['Squeeze', 'Reshape'],
  ['Sub', 'Sub'],
  ['Sum', 'Add'],
  ['Tanh', 'Tanh'],
  ['Tile', 'Tile'],
  ['TopK', 'TopK'],
  ['Transpose', 'Transpose'],
  ['Unsqueeze', 'Reshape'],
  ['Where', 'Select'],
]);

/** The operator of TensorFlow Lite's schema that does what an ONNX operator does; `Other` where there is none. */
export function kindOf(draft: Draft, operator: DraftOperator): OperatorKind {
  const { facts } = draft;
  const { type, node, inputs, outputs } = operator;
  const rank = facts.shape(inputs[0] ?? '')?.length;
  switch (type) {
    case 'Conv':
      if (rank !== undefined && rank > 4) return 'Other';
      return isDepthwise(draft, operator) ? 'DepthwiseConv2D' : 'Conv2D';
    case 'ConvTranspose':
      return rank !== undefined && rank > 4 ? 'Other' : 'TransposeConv';
    case 'MaxPool':
    case 'AveragePool': {
      const indices = (outputs[1] ?? '') !== '' && draft.usersOf(outputs[1] ?? '').size > 0;
      return indices || (rank !== undefined && rank > 4) ? 'Other' : (plain.get(type) ?? 'Other');
    }
    case 'Gemm':
      return draft.isConstant(inputs[1] ?? '') && readAttributes(node).int('transA', 0) === 0
        ? 'FullyConnected'
        : 'BatchMatMul';
    case 'MatMul':
      return draft.isConstant(inputs[1] ?? '') && facts.shape(inputs[1] ?? '')?.length === 2
        ? 'FullyConnected'
        : 'BatchMatMul';
    case 'Resize':
    case 'Upsample': {
      const mode = readAttributes(node).string('mode', 'nearest');
      if (mode === 'nearest') return 'ResizeNearestNeighbor';
      return mode === 'linear' ? 'ResizeBilinear' : 'Other';
    }
    case 'If':
      return facts.hasBodies(node) ? 'If' : 'Other';
    case 'Loop':
      return facts.hasBodies(node) ? 'While' : 'Other';
    case 'LSTM':
      return readAttributes(node).string('direction', 'forward') === 'forward' ? 'Lstm' : 'Other';
    default:
      return plain.get(type) ?? 'Other';
  }
}

/** True for a convolution with a group for each input channel. */
function isDepthwise(draft: Draft, operator: DraftOperator): boolean {
  const group = readAttributes(operator.node).int('group', 1);
  const window = windowOf(draft.facts, operator);
  const channels = window?.inputChannels ?? draft.facts.shape(operator.inputs[0] ?? '')?.[1];
  return group > 1 && group === channels;
}

/**
 * How many int32 elements the operands hold that TensorFlow Lite keeps as constant tensors where ONNX has attributes or other
 * inputs: new shape, axes, padding, permutation, begin / end / strides, size. One entry a tensor; empty for most operators.
 */
export function shapeOperands(draft: Draft, operator: DraftOperator, kind: OperatorKind): readonly number[] {
  const rank = draft.facts.shape(operator.inputs[0] ?? '')?.length ?? 4;
  const outputRank = operator.dropsAxes ? 2 : (draft.facts.shape(operator.outputs[0] ?? '')?.length ?? rank);
  switch (kind) {
    case 'Reshape':
    case 'BroadcastTo':
      return [outputRank];
    case 'Mean':
    case 'Sum':
    case 'ReduceMax':
    case 'ReduceMin':
      return [axesOf(draft, operator, rank)];
    case 'Pad':
      return [2 * rank];
    case 'Transpose':
    case 'Tile':
      return [rank];
    case 'StridedSlice':
      return [rank, rank, rank];
    case 'ResizeBilinear':
    case 'ResizeNearestNeighbor':
      return [2];
    case 'TransposeConv':
      return [4];
    case 'ArgMax':
    case 'ArgMin':
    case 'CumSum':
    case 'Split':
    case 'TopK':
      return [1];
    default:
      return [];
  }
}

function axesOf(draft: Draft, operator: DraftOperator, rank: number): number {
  if (operator.type.startsWith('Global')) return rank - 2;
  const attribute = readAttributes(operator.node).ints('axes');
  return attribute?.length ?? draft.facts.numbers(operator.inputs[1] ?? '')?.length ?? rank;
}

/** Positions of the inputs that ONNX has as operands and TensorFlow Lite as one of `shapeOperands`, or not at all. */
export function isShapeOperand(kind: OperatorKind, position: number): boolean {
  switch (kind) {
    case 'Reshape':
    case 'BroadcastTo':
    case 'Mean':
    case 'Sum':
    case 'ReduceMax':
    case 'ReduceMin':
    case 'Pad':
    case 'Tile':
    case 'StridedSlice':
    case 'ResizeBilinear':
    case 'ResizeNearestNeighbor':
    case 'ArgMax':
    case 'ArgMin':
    case 'CumSum':
    case 'Split':
    case 'TopK':
    case 'Quantize':
    case 'Dequantize':
    case 'Relu':
    case 'Relu6':
    case 'ReluN1To1':
      return position > 0;
    default:
      return false;
  }
}
