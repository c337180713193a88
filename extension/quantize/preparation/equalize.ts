import type { Node, Tensor } from '../../model/model';
import { executionOrder } from '../../model/order';
import type { TensorData } from '../../onnx/edit';
import { GraphChange } from '../graph-change';
import { GraphView } from '../graph-view';
import type { QuantizationSource } from '../plan';
import { Once, readValues } from '../tensor-values';
import { float32Bytes } from '../weights/quantized-tensor';
import type { PassEdits, PreparationPass } from './pass';

/** Rounds over all pairs; a chain of layers settles in a few. */
const rounds = 20;

/** A convolution whose weights and bias nothing else takes. */
interface Layer {
  readonly node: Node;
  readonly weight: Tensor;
  readonly bias: Tensor | undefined;
  /** Each input channel has weights of its own and no others. */
  readonly depthwise: boolean;
}

interface Pair {
  readonly first: Layer;
  readonly second: Layer;
}

/**
 * Cross-layer equalization (Nagel et al. 2019, arXiv:1906.04721): between two convolutions with nothing or a Relu between them, channel i is divided by
 * s_i = sqrt(r1_i / r2_i) in the first and multiplied by it in the second, where r is the largest magnitude of its weights: ranges of channels become alike,
 * and one scale for a tensor serves them all. Tensors keep their sizes.
 */
export const equalizeLayers: PreparationPass = {
  name: 'cross-layer equalization',
  async plan(source: QuantizationSource): Promise<PassEdits | undefined> {
    const view = new GraphView(source.model);
    const pairs = findPairs(source, view);
    if (pairs.length === 0) return undefined;
    const layers = new Set(pairs.flatMap(({ first, second }) => [first, second]));
    const values = new Once(async () => {
      const read = new Map<Tensor, Float64Array>();
      for (const { weight, bias } of layers) {
        read.set(weight, await readValues(weight, source.bytes));
        if (bias) read.set(bias, await readValues(bias, source.bytes));
      }
      for (let round = 0; round < rounds; round++) for (const pair of pairs) equalize(pair, read);
      return read;
    });
    const change = new GraphChange(view);
    for (const { weight, bias, node } of layers) {
      for (const [tensor, name] of [
        [weight, node.inputs[1] ?? ''],
        [bias, node.inputs[2] ?? ''],
      ] as const) {
        if (tensor) change.replaceInitializer(name, replacement(name, tensor, values));
      }
    }
    const edits = change.edits();
    const title = ({ node }: Layer) => node.name || node.outputs[0];
    return (
      edits && {
        edits,
        changes: pairs.map(
          ({ first, second }) => `The channels between ${title(first)} and ${title(second)} were equalized.`,
        ),
      }
    );
  },
};

function replacement(name: string, tensor: Tensor, values: Once<ReadonlyMap<Tensor, Float64Array>>): TensorData {
  return {
    name,
    dataType: 'FLOAT',
    dims: tensor.dims,
    byteLength: tensor.elementCount * Float32Array.BYTES_PER_ELEMENT,
    async *produce() {
      yield float32Bytes((await values.get()).get(tensor) ?? new Float64Array());
    },
  };
}

function findPairs({ model }: QuantizationSource, view: GraphView): readonly Pair[] {
  const layers = new Map<Node, Layer>();
  for (const node of model.graph.nodes) {
    const layer = layerOf(node, view);
    if (layer) layers.set(node, layer);
  }
  const pairs: Pair[] = [];
  for (const index of executionOrder(model.graph).order) {
    const node = model.graph.nodes[index];
    const first = node && layers.get(node);
    const [output = ''] = first?.node.outputs ?? [];
    let next = first && view.onlyUse(output);
    if (next?.node.opType === 'Relu' && next.node.domain === 'ai.onnx') next = view.onlyUse(next.node.outputs[0] ?? '');
    const second = next?.operand === 0 ? layers.get(next.node) : undefined;
    if (!first || !second) continue;
    const channels = second.depthwise ? second.weight.dims[0] : second.weight.dims[1];
    if (channels === first.weight.dims[0]) pairs.push({ first, second });
  }
  return pairs;
}

function layerOf(node: Node, view: GraphView): Layer | undefined {
  if (node.opType !== 'Conv' || node.domain !== 'ai.onnx') return undefined;
  const own = (operand: number) => {
    const name = node.inputs[operand] ?? '';
    const tensor = view.graph.constants.has(name) && view.onlyUse(name) ? view.constant(name) : undefined;
    return tensor?.dataType === 'FLOAT' && tensor.elementCount > 0 ? tensor : undefined;
  };
  const [weight, bias] = [own(1), own(2)];
  if (!weight || (!bias && (node.inputs[2] ?? '') !== '')) return undefined;
  const attribute = node.attributes.get('group');
  const group = attribute?.kind === 'int' ? Number(attribute.value) : 1;
  const depthwise = group > 1 && weight.dims[0] === group && weight.dims[1] === 1;
  return group === 1 || depthwise ? { node, weight, bias, depthwise } : undefined;
}

function equalize({ first, second }: Pair, values: ReadonlyMap<Tensor, Float64Array>): void {
  const before = values.get(first.weight);
  const after = values.get(second.weight);
  const bias = first.bias && values.get(first.bias);
  const channels = first.weight.dims[0] ?? 0;
  if (!before || !after) return;
  const channelBefore = (position: number) => Math.floor(position / (before.length / channels));
  const inner = second.weight.dims.slice(2).reduce((product, dim) => product * dim, 1);
  const channelAfter = (position: number) =>
    second.depthwise ? Math.floor(position / inner) : Math.floor(position / inner) % channels;
  const [r1, r2] = [largest(before, channels, channelBefore), largest(after, channels, channelAfter)];
  const factors = r1.map((range, channel) => {
    const factor = Math.sqrt(range / (r2[channel] ?? 0));
    return Number.isFinite(factor) && factor > 0 ? factor : 1;
  });
  for (const [position, value] of before.entries()) before[position] = value / (factors[channelBefore(position)] ?? 1);
  for (const [position, value] of after.entries()) after[position] = value * (factors[channelAfter(position)] ?? 1);
  for (const [channel, value] of bias?.entries() ?? []) if (bias) bias[channel] = value / (factors[channel] ?? 1);
}

function largest(values: Float64Array, channels: number, channelOf: (position: number) => number): Float64Array {
  const result = new Float64Array(channels);
  for (const [position, value] of values.entries()) {
    const channel = channelOf(position);
    result[channel] = Math.max(result[channel] ?? 0, Math.abs(value));
  }
  return result;
}
