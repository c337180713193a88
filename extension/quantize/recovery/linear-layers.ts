import type { Model, Node, Tensor } from '../../model/model';
import { executionOrder } from '../../model/order';
import { GraphView } from '../graph-view';
import type { QuantizationSource } from '../plan';

/** A Conv, Gemm or MatMul of the main graph with a constant weight that nothing else takes. */
export interface LinearLayer {
  readonly node: Node;
  readonly input: string;
  readonly output: string;
  readonly weightName: string;
  readonly weight: Tensor;
  /** Output channels, those of all groups. */
  readonly outputs: number;
  /** Elements of the input that one output is a sum over. */
  readonly inputs: number;
  /** Conv: 1 or more; channels of a group see that group's inputs only. */
  readonly groups: number;
  /** The weight is [inputs, outputs] instead of [outputs, inputs]. */
  readonly transposed: boolean;
  /** undefined: no Conv, or one over three axes and more, or with padding that depends on the size of the input. */
  readonly window: Window | undefined;
  /** undefined: it has none, or one that something else takes. */
  readonly bias: LayerBias | undefined;
}

/** The input channel that an element of the weight multiplies, and the output channel it adds to, by its position. */
export function channelsOf(layer: LinearLayer): {
  readonly input: (position: number) => number;
  readonly output: (position: number) => number;
} {
  const { outputs, inputs, groups, transposed, node, weight } = layer;
  if (transposed) {
    return { input: (position) => Math.floor(position / outputs), output: (position) => position % outputs };
  }
  const inner = node.opType === 'Conv' ? weight.dims.slice(2).reduce((product, dim) => product * dim, 1) : 1;
  const perGroup = inputs / inner;
  const output = (position: number) => Math.floor(position / inputs);
  const group = (position: number) => Math.floor(output(position) / (outputs / groups));
  return {
    input: (position) => group(position) * perGroup + (Math.floor(position / inner) % perGroup),
    output,
  };
}

/** A constant that is added to each output channel, which nothing else takes. */
export interface LayerBias {
  readonly name: string;
  readonly tensor: Tensor;
  /** The node that adds it: the layer's own, or an Add after it. */
  readonly node: Node;
  /** What that node gives. */
  readonly output: string;
}

/** How a Conv with two spatial axes moves over its input; one with a single axis has a first axis of length 1. */
export interface Window {
  readonly axes: 1 | 2;
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
  /** Zeros before the first row and column. */
  readonly padsBefore: readonly [number, number];
  readonly padsAfter: readonly [number, number];
}

/** Multiplications of the linear layers in a run, at least 1; a dimension that is not known counts as 1. */
export function multiplications({ model, shapes }: Pick<QuantizationSource, 'model' | 'shapes'>): number {
  return linearLayers(model).reduce((sum, { output, inputs }) => {
    const type = shapes.graph.values.get(output)?.type;
    const dims = type?.kind === 'tensor' ? (type.shape ?? []) : [];
    return sum + dims.reduce<number>((product, dim) => product * (typeof dim === 'number' ? dim : 1), inputs);
  }, 1);
}

/** The axis of the channels in what a layer gives; negative: from the last. */
export function channelAxis({ node }: LinearLayer): number {
  return node.opType === 'Conv' ? 1 : -1;
}

/** The linear layers of a model in the order of execution. Gemm with factors or a transposed input is left out. */
export function linearLayers(model: Model): readonly LinearLayer[] {
  const view = new GraphView(model);
  return executionOrder(model.graph).order.flatMap((index) => {
    const node = model.graph.nodes[index];
    return (node && layerOf(node, view)) ?? [];
  });
}

function layerOf(node: Node, view: GraphView): LinearLayer | undefined {
  if (node.domain !== 'ai.onnx') return undefined;
  const [input = '', weightName = ''] = node.inputs;
  const [output = ''] = node.outputs;
  const weight = view.constant(weightName);
  if (weight?.dataType !== 'FLOAT' || weight.elementCount === 0 || !view.onlyUse(weightName)) return undefined;
  if (view.constant(input)) return undefined;
  const [first = 1, second = 1] = weight.dims;
  const common = { node, input, output, weightName, weight, groups: 1, window: undefined };
  switch (node.opType) {
    case 'Conv': {
      const window = windowOf(node, weight);
      const groups = whole(node, 'group', 1);
      if (groups < 1 || first % groups !== 0) return undefined;
      const inputs = weight.elementCount / first;
      return { ...common, outputs: first, inputs, groups, transposed: false, window, bias: ownBias(node, first, view) };
    }
    case 'Gemm': {
      const isPlain = whole(node, 'transA', 0) === 0 && isOne(node, 'alpha') && isOne(node, 'beta');
      if (!isPlain || weight.dims.length !== 2) return undefined;
      const transposed = whole(node, 'transB', 0) === 0;
      const [inputs, outputs] = transposed ? [first, second] : [second, first];
      return { ...common, outputs, inputs, transposed, bias: ownBias(node, outputs, view) };
    }
    case 'MatMul': {
      if (weight.dims.length !== 2) return undefined;
      return { ...common, outputs: second, inputs: first, transposed: true, bias: addedBias(output, second, view) };
    }
    default:
      return undefined;
  }
}

function ownBias(node: Node, channels: number, view: GraphView): LayerBias | undefined {
  const name = node.inputs[2] ?? '';
  const tensor = biasTensor(name, channels, view);
  return tensor && { name, tensor, node, output: node.outputs[0] ?? '' };
}

function addedBias(product: string, channels: number, view: GraphView): LayerBias | undefined {
  const add = view.onlyUse(product)?.node;
  if (add?.opType !== 'Add' || add.domain !== 'ai.onnx') return undefined;
  const name = add.inputs.find((each) => each !== product) ?? '';
  const tensor = biasTensor(name, channels, view);
  return tensor && { name, tensor, node: add, output: add.outputs[0] ?? '' };
}

/** One number for each channel, along the last axis. */
function biasTensor(name: string, channels: number, view: GraphView): Tensor | undefined {
  // Only an initializer: what a Constant node holds is replaced elsewhere.
  if (!view.graph.constants.has(name)) return undefined;
  const tensor = view.constant(name);
  const isBias =
    tensor?.dataType === 'FLOAT' && tensor.elementCount === channels && (tensor.dims.at(-1) ?? 1) === channels;
  return isBias && view.onlyUse(name) ? tensor : undefined;
}

function windowOf(node: Node, weight: Tensor): Window | undefined {
  const axes = weight.dims.length - 2;
  if (axes !== 1 && axes !== 2) return undefined;
  const pair = (values: readonly number[], otherwise: number): readonly [number, number] => {
    const [first = otherwise, second = otherwise] = axes === 1 ? [otherwise, values[0]] : values;
    return [first, second];
  };
  const auto = text(node, 'auto_pad');
  if (auto !== undefined && auto !== 'NOTSET' && auto !== 'VALID') return undefined;
  const pads = auto === 'VALID' ? [] : numbers(node, 'pads');
  return {
    axes,
    kernel: pair(weight.dims.slice(2), 1),
    strides: pair(numbers(node, 'strides'), 1),
    dilations: pair(numbers(node, 'dilations'), 1),
    padsBefore: pair(pads.slice(0, axes), 0),
    padsAfter: pair(pads.slice(axes), 0),
  };
}

function numbers(node: Node, name: string): readonly number[] {
  const attribute = node.attributes.get(name);
  return attribute?.kind === 'ints' ? Array.from(attribute.value, Number) : [];
}

function text(node: Node, name: string): string | undefined {
  const attribute = node.attributes.get(name);
  return attribute?.kind === 'string' ? new TextDecoder().decode(attribute.value) : undefined;
}

function whole(node: Node, name: string, otherwise: number): number {
  const attribute = node.attributes.get(name);
  return attribute?.kind === 'int' ? Number(attribute.value) : otherwise;
}

function isOne(node: Node, name: string): boolean {
  const attribute = node.attributes.get(name);
  return attribute?.kind !== 'float' || attribute.value === 1;
}
