import type { SpatialOperator } from '../budget/planners/patches';
import type { LoweredGraph, LoweredOperator, LoweredTensor, OperatorKind } from './lowered';

/** Operators that compute each position of an image from the same position. */
const pointwise = new Set<OperatorKind>([
  'Relu',
  'Relu6',
  'ReluN1To1',
  'LeakyRelu',
  'Prelu',
  'Elu',
  'Logistic',
  'Tanh',
  'HardSwish',
  'Gelu',
  'Abs',
  'Neg',
  'Exp',
  'Sqrt',
  'Quantize',
  'Dequantize',
  'Add',
  'Sub',
  'Mul',
  'Div',
]);

const windowed = new Set<OperatorKind>(['Conv2D', 'DepthwiseConv2D', 'AveragePool2D', 'MaxPool2D']);

/**
 * The operators at the beginning of a graph that can run on a patch of an image: a chain from a graph input, each with one consumer,
 * as far as it goes. Operator i of the chain is operator i of the graph. Empty where the graph does not begin so.
 */
export function firstStage(graph: LoweredGraph): readonly SpatialOperator[] {
  const axes = imageAxes(graph);
  if (!axes) return [];
  const readers = readersOf(graph);
  const stage: SpatialOperator[] = [];
  let current = graph.operators[0]?.inputs.find((tensor) => graph.inputs.includes(tensor));
  for (const operator of graph.operators) {
    const [output] = operator.outputs;
    if (current === undefined || output === undefined || operator.outputs.length > 1) break;
    const spatial = readers.get(current) === 1 ? spatialOperator(graph, operator, current, axes) : undefined;
    if (!spatial) break;
    stage.push(spatial);
    if (graph.outputs.includes(output)) break;
    current = output;
  }
  return stage;
}

type Axes = readonly [rows: number, columns: number];

/** Where rows and columns of images stand in shapes: channels last or first, as the first window over two axes shows. */
function imageAxes({ operators, tensors }: LoweredGraph): Axes | undefined {
  for (const { window, inputs } of operators) {
    const shape = tensors[inputs[0] ?? -1]?.shape;
    if (!window || shape?.length !== 4) continue;
    if (shape[2] === window.inputWidth && shape[3] === window.inputChannels) return [1, 2];
    return shape[3] === window.inputWidth && shape[1] === window.inputChannels ? [2, 3] : undefined;
  }
  return undefined;
}

function readersOf({ operators }: LoweredGraph): ReadonlyMap<number, number> {
  const readers = new Map<number, number>();
  for (const { inputs } of operators) {
    for (const tensor of new Set(inputs)) readers.set(tensor, (readers.get(tensor) ?? 0) + 1);
  }
  return readers;
}

/** The operator as planPatches takes it; undefined where it needs more than a region of `from`. */
function spatialOperator(
  { tensors }: LoweredGraph,
  { kind, window, inputs, outputs }: LoweredOperator,
  from: number,
  axes: Axes,
): SpatialOperator | undefined {
  const others = inputs.filter((tensor) => tensor !== from && tensors[tensor]?.role === 'activation');
  const before = imageOf(tensors[from], axes);
  const output = tensors[outputs[0] ?? -1];
  const after = imageOf(output, axes);
  if (!inputs.includes(from) || others.length > 0 || !before || !output || !after) return undefined;
  const sizes = {
    name: output.name,
    inputSize: before.size,
    inputBytesPerPosition: before.bytesPerPosition,
    outputSize: after.size,
    outputBytesPerPosition: after.bytesPerPosition,
  };
  if (windowed.has(kind) && window) {
    const weight = tensors[inputs[1] ?? -1];
    const weights = weight?.role === 'weight' ? (weight.shape ?? []).reduce((product, dim) => product * dim, 1) : 0;
    return {
      ...sizes,
      kernel: window.kernel,
      stride: window.strides,
      dilation: window.dilations,
      padding: [window.pads[0], window.pads[1]],
      macs: weights * after.size[0] * after.size[1],
    };
  }
  const plain = { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], macs: 0 } as const;
  const [moreRows, moreColumns] = [after.size[0] - before.size[0], after.size[1] - before.size[1]];
  if (kind === 'Pad' && moreRows >= 0 && moreColumns >= 0) {
    return { ...sizes, ...plain, padding: [Math.floor(moreRows / 2), Math.floor(moreColumns / 2)] };
  }
  return pointwise.has(kind) && moreRows === 0 && moreColumns === 0
    ? { ...sizes, ...plain, padding: [0, 0] }
    : undefined;
}

/** One image's rows and columns, and the bytes of one position, all channels together. */
function imageOf(tensor: LoweredTensor | undefined, [rowAxis, columnAxis]: Axes) {
  const { shape, bytes } = tensor ?? {};
  const rows = shape?.[rowAxis] ?? 0;
  const columns = shape?.[columnAxis] ?? 0;
  if (shape?.length !== 4 || shape[0] !== 1 || bytes === undefined || rows * columns < 1) return undefined;
  return { size: [rows, columns], bytesPerPosition: bytes / (rows * columns) } as const;
}
