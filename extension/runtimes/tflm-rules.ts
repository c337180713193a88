import type { LoweredGraph, LoweredOperator, LoweredTensor, OperatorKind } from './lowered';

/** Which kernels are linked: TFLM's reference kernels, or CMSIS-NN for cores without DSP, with it, or with Helium (MVE). */
export type Kernels = 'reference' | 'cmsis-nn-no-dsp' | 'cmsis-nn-dsp' | 'cmsis-nn-mve';

/** Bytes of the structure an operator's parameters are parsed into, and its alignment. 32-bit Arm, GCC with short enums. */
interface Structure {
  readonly bytes: number;
  readonly alignment: number;
}

/**
 * Sizes for the operators in `measured` were measured on TFLM 90b983c with its pinned CMSIS-NN, 32-bit Arm
 * ABI, GCC with short enums; the others follow from the fields of the structures in builtin_op_data.h and micro/kernels, and count
 * as estimated.
 */
const parameters: Partial<Record<OperatorKind, Structure>> = {
  Conv2D: { bytes: 28, alignment: 4 },
  DepthwiseConv2D: { bytes: 28, alignment: 4 },
  AveragePool2D: { bytes: 40, alignment: 4 },
  MaxPool2D: { bytes: 40, alignment: 4 },
  Reshape: { bytes: 36, alignment: 4 },
  FullyConnected: { bytes: 5, alignment: 1 },
  Softmax: { bytes: 4, alignment: 4 },
  Add: { bytes: 2, alignment: 1 },
  Mul: { bytes: 1, alignment: 1 },
  // Estimated from here on.
  Sub: { bytes: 2, alignment: 1 },
  Div: { bytes: 1, alignment: 1 },
  Concatenation: { bytes: 8, alignment: 4 },
  Mean: { bytes: 1, alignment: 1 },
  Sum: { bytes: 1, alignment: 1 },
  ReduceMax: { bytes: 1, alignment: 1 },
  ReduceMin: { bytes: 1, alignment: 1 },
  ResizeBilinear: { bytes: 2, alignment: 1 },
  ResizeNearestNeighbor: { bytes: 2, alignment: 1 },
  StridedSlice: { bytes: 24, alignment: 4 },
  TransposeConv: { bytes: 16, alignment: 4 },
  LeakyRelu: { bytes: 4, alignment: 4 },
  Gather: { bytes: 8, alignment: 4 },
  Split: { bytes: 4, alignment: 4 },
  ArgMax: { bytes: 1, alignment: 1 },
  ArgMin: { bytes: 1, alignment: 1 },
  DepthToSpace: { bytes: 4, alignment: 4 },
  SpaceToDepth: { bytes: 4, alignment: 4 },
  Cast: { bytes: 2, alignment: 1 },
  BatchMatMul: { bytes: 3, alignment: 1 },
  Lstm: { bytes: 16, alignment: 4 },
  If: { bytes: 8, alignment: 4 },
  While: { bytes: 8, alignment: 4 },
};

/** Bytes of an operator's own data (OpData); 0: it keeps none. */
const data: Partial<Record<OperatorKind, number>> = {
  Conv2D: 60,
  DepthwiseConv2D: 60,
  FullyConnected: 72,
  AveragePool2D: 36,
  MaxPool2D: 36,
  Softmax: 64,
  Add: 60,
  Quantize: 32,
  Dequantize: 32,
  Reshape: 0,
  // Estimated from here on.
  Sub: 60,
  Mul: 36,
  Div: 48,
  Mean: 40,
  Sum: 40,
  ReduceMax: 40,
  ReduceMin: 40,
  Pad: 52,
  Concatenation: 24,
  Logistic: 16,
  Tanh: 16,
  HardSwish: 24,
  LeakyRelu: 32,
  Relu: 24,
  Relu6: 24,
  ReluN1To1: 24,
  Elu: 256,
  Prelu: 32,
  TransposeConv: 72,
  BatchMatMul: 72,
  StridedSlice: 84,
  LogSoftmax: 32,
  Lstm: 256,
  Transpose: 0,
  ResizeBilinear: 0,
  ResizeNearestNeighbor: 0,
  Maximum: 0,
  Minimum: 0,
  ArgMax: 0,
  ArgMin: 0,
  Gather: 0,
  Split: 0,
  Cast: 0,
  DepthToSpace: 0,
  SpaceToDepth: 0,
  Shape: 0,
  Tile: 0,
  BroadcastTo: 0,
  If: 8,
  While: 8,
  Body: 0,
};

/** What an operator that is not listed is taken to keep. */
const usualData = 32;

/** The reference kernels do without the extra field that CMSIS-NN kernels add to the structure. Estimated. */
const referenceData: Partial<Record<OperatorKind, number>> = {
  Conv2D: 56,
  DepthwiseConv2D: 56,
  FullyConnected: 48,
  AveragePool2D: 32,
  MaxPool2D: 32,
};

const measured = new Set<OperatorKind>([
  'Conv2D',
  'DepthwiseConv2D',
  'FullyConnected',
  'AveragePool2D',
  'MaxPool2D',
  'Softmax',
  'Add',
  'Quantize',
  'Dequantize',
  'Reshape',
  'Body',
]);

/** Operators whose scratch is not among the rules here, or that are planned in a form that the converter may not choose. */
const unknownScratch = new Set<OperatorKind>([
  'BatchMatMul',
  'If',
  'Lstm',
  'Mean',
  'Other',
  'ReduceMax',
  'ReduceMin',
  'Sum',
  'TransposeConv',
  'While',
]);

/** Operators of which something is estimated. */
export interface EstimatedKinds {
  /** Their scratch, or the tensors around them: the arena is estimated too. */
  readonly arena: ReadonlySet<OperatorKind>;
  /** Their structures. */
  readonly persistent: ReadonlySet<OperatorKind>;
}

/** Operators in the graph whose structures or scratch were not measured. */
export function estimatedKinds(graph: LoweredGraph, kernels: Kernels): EstimatedKinds {
  const arena = new Set<OperatorKind>();
  const persistent = new Set<OperatorKind>();
  for (const operator of graph.operators) {
    const { kind, opType } = operator;
    // Mean over all pixels follows from measured arenas of models that have it; other means ask for scratch too.
    const known = measured.has(kind) || opType === 'GlobalAveragePool';
    if (!known || (kernels === 'reference' && kind in referenceData)) persistent.add(kind);
    const ownPath = kernels === 'cmsis-nn-mve' && isOneRow(graph, operator);
    if (hasOneAxis(graph, operator) || ownPath || (!known && unknownScratch.has(kind))) arena.add(kind);
    // The reshapes around a window over one axis have structures of their own.
    if (hasOneAxis(graph, operator)) persistent.add(kind);
  }
  return { arena, persistent };
}

/** A window over one axis, which the converter expresses by reshapes around one over two. */
export function hasOneAxis(graph: LoweredGraph, { window, inputs }: LoweredOperator): boolean {
  return window !== undefined && (graph.tensors[inputs[0] ?? -1]?.shape?.length ?? 4) < 4;
}

/**
 * True for a convolution of one row that CMSIS-NN gives to arm_convolve_1_x_n_s8, which on Helium has scratch of its own: image and
 * kernel of height 1, no dilation, stride times channels a multiple of 4.
 */
export function isOneRow(graph: LoweredGraph, { kind, window, inputs }: LoweredOperator): boolean {
  const shape = graph.tensors[inputs[0] ?? -1]?.shape;
  if (kind !== 'Conv2D' || !window || !shape || window.kernel[0] !== 1 || window.kernel[1] < 2) return false;
  const height = shape.length < 4 ? 1 : shape[1];
  const isWhole = (window.strides[1] * window.inputChannels) % 4 === 0;
  return height === 1 && window.dilations[1] === 1 && isWhole;
}

/**
 * The persistent (tail) allocations of TensorFlow Lite Micro, in bytes: `beforeInputs` up to the point at which the arena's planner
 * has run, `total` with the input and output tensors. `scratchCount`: scratch buffers requested. Rules: micro_allocator.cc and
 * micro_interpreter.cc.
 */
export function tailBytes(
  graph: LoweredGraph,
  kernels: Kernels,
  scratchCount: number,
): { readonly beforeInputs: number; readonly total: number } {
  const tail = new Tail();
  const entries = graph.operators.filter(({ kind }) => kind === 'Body').length;
  tail.take(fixedBytes + subgraphBytes * (1 + entries), 4);
  tail.take(12 * graph.tensors.length, 4);
  tail.take(32 * (graph.operators.length - entries), 4);
  for (const { kind } of graph.operators) {
    const structure = parameters[kind];
    if (structure) tail.take(structure.bytes, structure.alignment);
  }
  for (const { kind } of graph.operators) {
    const bytes = (kernels === 'reference' ? referenceData[kind] : undefined) ?? data[kind] ?? usualData;
    if (bytes > 0) tail.take(bytes, 16);
  }
  for (const operator of graph.operators) prepare(tail, graph, operator, kernels);
  tail.take(4 * scratchCount, 4);
  const beforeInputs = tail.bytes;
  for (const list of [graph.inputs, graph.outputs]) {
    tail.take(4 * list.length, 16);
    for (const index of list) tail.take(inputTensorBytes(graph.tensors[index]), 4);
  }
  return { beforeInputs, total: tail.bytes };
}

/** Allocator, interpreter and graph structures, and what each subgraph adds. */
const fixedBytes = 124;
const subgraphBytes = 8;

/** Tables that Prepare computes from the weights. */
function prepare(tail: Tail, graph: LoweredGraph, operator: LoweredOperator, kernels: Kernels): void {
  const { kind, quantized, window, outputs } = operator;
  if (!quantized) return;
  if (kind === 'Conv2D' || kind === 'DepthwiseConv2D' || kind === 'TransposeConv') {
    // Multiplier and shift of each output channel.
    const channels = window?.outputChannels ?? 0;
    tail.take(4 * channels, 16);
    tail.take(4 * channels, 16);
  }
  if (kind === 'FullyConnected' && kernels === 'cmsis-nn-mve') {
    // Sums of the kernel's rows, precomputed in the default speed build.
    tail.take(4 * (graph.tensors[outputs[0] ?? -1]?.shape?.at(-1) ?? 0), 16);
  }
}

/** A TfLiteTensor, with its quantization where it has one. */
function inputTensorBytes(tensor: LoweredTensor | undefined): number {
  const scales = tensor?.scales ?? 0;
  return 32 + (scales > 0 ? 12 + 4 + 4 * scales : 0);
}

/** The end of the arena, which grows downwards: sizes are rounded up to where the next address is aligned. */
class Tail {
  bytes = 0;

  take(bytes: number, alignment: number): void {
    if (bytes > 0) this.bytes = Math.ceil((this.bytes + bytes) / alignment) * alignment;
  }
}
