import type { DataType } from '../model/data-type';

/**
 * Operators as a runtime executes them, named as in the TensorFlow Lite schema. `Body` is the step at which a subgraph gets a copy of its
 * inputs, `opType` its name. `Other` stands for an ONNX operator that has no
 * counterpart there; `opType` says which.
 */
export const operatorKinds = [
  'Abs',
  'Add',
  'ArgMax',
  'ArgMin',
  'AveragePool2D',
  'BatchMatMul',
  'Body',
  'BroadcastTo',
  'Cast',
  'Ceil',
  'Concatenation',
  'Conv2D',
  'Cos',
  'CumSum',
  'DepthToSpace',
  'DepthwiseConv2D',
  'Dequantize',
  'Div',
  'Elu',
  'Equal',
  'Exp',
  'Floor',
  'FloorMod',
  'FullyConnected',
  'Gather',
  'GatherNd',
  'Gelu',
  'Greater',
  'GreaterEqual',
  'HardSwish',
  'If',
  'LeakyRelu',
  'Less',
  'LessEqual',
  'Log',
  'LogSoftmax',
  'LogicalAnd',
  'LogicalNot',
  'LogicalOr',
  'Logistic',
  'Lstm',
  'MaxPool2D',
  'Maximum',
  'Mean',
  'Minimum',
  'Mul',
  'Neg',
  'Pad',
  'Pow',
  'Prelu',
  'Quantize',
  'ReduceMax',
  'ReduceMin',
  'Relu',
  'Relu6',
  'ReluN1To1',
  'Reshape',
  'ResizeBilinear',
  'ResizeNearestNeighbor',
  'Round',
  'Select',
  'Shape',
  'Sin',
  'Softmax',
  'SpaceToDepth',
  'Split',
  'Sqrt',
  'StridedSlice',
  'Sub',
  'Sum',
  'Tanh',
  'Tile',
  'TopK',
  'Transpose',
  'TransposeConv',
  'While',
  'Other',
] as const;

export type OperatorKind = (typeof operatorKinds)[number];

/** What a tensor is for. `quantization`: scales and zero points that are tensors. `constant`: shapes, axes, tables. */
export type TensorRole = 'activation' | 'weight' | 'bias' | 'quantization' | 'constant';

export interface LoweredTensor {
  readonly name: string;
  readonly role: TensorRole;
  readonly dataType: DataType;
  /** In the runtime's layout (channels last for images); undefined when not known. */
  readonly shape: readonly number[] | undefined;
  /** undefined: not known. */
  readonly bytes: number | undefined;
  /** Number of scales (each with a zero point); 0 when the tensor is not quantized. */
  readonly scales: number;
  /** Indices of the ONNX nodes that make the tensor; for a constant, of those that use it. Empty for a graph input. */
  readonly from: readonly number[];
}

/** How a convolution or a pool slides over its input; rows first. One-dimensional windows have one row. */
export interface SlidingWindow {
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
  /** top, left, bottom, right. */
  readonly pads: readonly [number, number, number, number];
  readonly batch: number;
  readonly inputChannels: number;
  readonly outputChannels: number;
  /** Columns of the input. */
  readonly inputWidth: number;
}

export type Activation = 'Relu' | 'Relu6' | 'ReluN1To1';

export interface LoweredOperator {
  readonly kind: OperatorKind;
  /** The ONNX operator it comes from, with its domain where that is not ai.onnx; the main one where several were fused. */
  readonly opType: string;
  /** Positions in `LoweredGraph.tensors`. */
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** True where it computes on quantized integers. */
  readonly quantized: boolean;
  readonly activation?: Activation;
  readonly window?: SlidingWindow;
  /** Index of the ONNX node that asks for it; undefined for a conversion at the edge of the graph. */
  readonly node?: number;
  /** Indices of the ONNX nodes it stands for, ascending. */
  readonly from: readonly number[];
}

/** The body of an If, Loop or Scan, whose operators stand in line. */
export interface LoweredBody {
  /** Position of the operator it belongs to, where that stands before the body. */
  readonly operator: number | undefined;
  /** Position after its last operator. */
  readonly end: number;
  /** Tensors it gives back, kept to its end. */
  readonly outputs: readonly number[];
}

/** What a runtime makes of a model before it runs: operators in the order of execution, and every tensor once. */
export interface LoweredGraph {
  readonly tensors: readonly LoweredTensor[];
  /** Those of bodies in line: branches one after the other, a body that repeats once. */
  readonly operators: readonly LoweredOperator[];
  readonly bodies: readonly LoweredBody[];
  /** Calls of model functions in the ONNX graph, which are in line too. */
  readonly functionCalls: readonly { readonly node: number; readonly opType: string }[];
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** What was assumed, one sentence each. */
  readonly notes: readonly string[];
}

export const precisions = ['as-in-file', 'float32', 'float16', 'int8', 'int8-weights'] as const;

/** The number formats a model is planned in. `int8`: weights and activations; `int8-weights`: weights alone. */
export type Precision = (typeof precisions)[number];

/**
 * How a runtime runs the bodies of control flow. `copied`: as subgraphs with tensors of their own, into which inputs are copied.
 * `shared`: on the values around them.
 */
export type BodyUse = 'copied' | 'shared';

/** How far a runtime's converter goes. */
export interface Dialect {
  /** Absent: it has no operator with bodies. */
  readonly bodies?: BodyUse;
  /** Fold constants and batch normalization, fuse activations, absorb quantize / dequantize pairs. Without: an operator a node. */
  readonly fuses: boolean;
  /** Images have their channels last; transpositions that exist only to change that go. */
  readonly channelsLast: boolean;
  /** Reshape, Flatten, Squeeze and Unsqueeze cost neither an operator nor a copy. */
  readonly copyFreeReshape: boolean;
  /** Padding is VALID or SAME as in TensorFlow Lite's schema; anything else takes a Pad operator before. */
  readonly padOperators: boolean;
  /** Convolutions have a bias, zeros where the model has none. */
  readonly alwaysBias: boolean;
}

export interface LoweringOptions {
  /**
   * Keep float32 graph inputs and outputs around integer operators, with Quantize and Dequantize between. Absent: no, as a model
   * on a chip takes and gives integers.
   */
  readonly floatInputsAndOutputs?: boolean;
}
