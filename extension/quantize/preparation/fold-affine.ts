import type { Node, Tensor } from '../../model/model';
import { executionOrder } from '../../model/order';
import type { NewAttribute, TensorData } from '../../onnx/edit';
import { type ModelBytes, readTensorChunks, toFloat64 } from '../../onnx/tensor-data';
import type { ModelShapes } from '../../shapes/model-shapes';
import { GraphChange } from '../graph-change';
import { GraphView } from '../graph-view';
import type { QuantizationSource } from '../plan';
import { Once, readValues } from '../tensor-values';
import { UniqueNames } from '../unique-names';
import { type Affine, type AffineNode, affineNode, at, composed } from './channel-affine';
import type { PassEdits } from './pass';

/** A BatchNormalization that was folded away, by the value that now has its output: gamma and beta are needed to absorb biases. */
export interface FoldedStatistics {
  readonly gamma: Tensor;
  readonly beta: Tensor;
  /** Where the two can be read. */
  readonly bytes: ModelBytes;
}

/** Before it, constants did not broadcast as they do now. */
const oldestOpset = 7;

/** A node with weights, and what follows it that can be taken into them. */
interface Foldable {
  readonly node: Node;
  readonly weight: Tensor;
  readonly bias: Tensor | undefined;
  readonly channels: number;
  /** Dimensions of the output. */
  readonly rank: number;
  /** The channel that a weight element belongs to, by its position. */
  readonly channelOf: (position: number) => number;
  readonly followers: AffineNode[];
}

/**
 * Takes BatchNormalization, and Add, Sub, Mul and Div by constants, into the weights and biases of the Conv, ConvTranspose, Gemm or
 * two-dimensional MatMul before them. A MatMul that gets a bias becomes a Gemm. Sums are made in float64 and rounded once.
 */
export async function planFolding(
  source: QuantizationSource,
): Promise<(PassEdits & { readonly statistics: ReadonlyMap<string, FoldedStatistics> }) | undefined> {
  const { model, shapes, bytes } = source;
  const view = new GraphView(model);
  const opset = model.opsets.get('ai.onnx') ?? 1;
  /** By the name of the value that ends the chain so far. */
  const chains = new Map<string, Foldable>();
  for (const index of executionOrder(model.graph).order) {
    const node = model.graph.nodes[index];
    if (!node) continue;
    const start = opset < oldestOpset ? undefined : foldable(node, view, shapes);
    if (start) chains.set(node.outputs[0] ?? '', start);
    else extendChain(node, chains, view);
  }

  const names = new UniqueNames(model);
  const change = new GraphChange(view);
  const changes: string[] = [];
  const statistics = new Map<string, FoldedStatistics>();
  for (const [output, chain] of chains) {
    if (chain.followers.length === 0) continue;
    fold(chain, { view, change, names, bytes });
    for (const follower of chain.followers) changes.push(sentence(follower.node, chain));
    const last = chain.followers.at(-1);
    if (last?.statistics) statistics.set(output, { ...last.statistics, bytes });
  }
  const edits = changes.length > 0 ? change.edits() : undefined;
  return edits && { edits, changes, statistics };
}

function sentence(follower: Node, { node }: Foldable): string {
  const title = (each: Node) => `${each.opType} ${each.name || each.outputs[0]}`;
  return `${title(follower)} was folded into ${title(node)}.`;
}

function extendChain(node: Node, chains: Map<string, Foldable>, view: GraphView): void {
  for (const input of new Set(node.inputs)) {
    const chain = chains.get(input);
    const [output = ''] = node.outputs;
    if (!chain || output === '' || view.onlyUse(input)?.node !== node) continue;
    const follower = affineNode(node, view, chain);
    if (!follower || node.inputs[follower.operand] !== input) continue;
    chains.delete(input);
    chains.set(output, { ...chain, followers: [...chain.followers, follower] });
    return;
  }
}

function foldable(node: Node, view: GraphView, shapes: ModelShapes): Foldable | undefined {
  if (node.domain !== 'ai.onnx' || !isWeighted(node.opType)) return undefined;
  const weight = view.constant(node.inputs[1] ?? '');
  if (weight?.dataType !== 'FLOAT' || weight.elementCount === 0) return undefined;
  const biasName = node.inputs[2] ?? '';
  const bias = biasName === '' ? undefined : view.constant(biasName);
  const channels = channelsOf(node, weight, shapes);
  if (channels === undefined) return undefined;
  const { count, channelOf, rank } = channels;
  if (biasName !== '' && !isBias(bias, count)) return undefined;
  return { node, weight, bias, channels: count, rank, channelOf, followers: [] };
}

function isWeighted(opType: string): boolean {
  return ['Conv', 'ConvTranspose', 'Gemm', 'MatMul'].includes(opType);
}

/** One number per channel, or one for all. */
function isBias(bias: Tensor | undefined, channels: number): boolean {
  if (bias?.dataType !== 'FLOAT') return false;
  return bias.elementCount === 1 || (bias.elementCount === channels && bias.dims.at(-1) === channels);
}

function channelsOf(
  node: Node,
  { dims }: Tensor,
  shapes: ModelShapes,
): { readonly count: number; readonly channelOf: (position: number) => number; readonly rank: number } | undefined {
  const number = (name: string, otherwise: number) => {
    const attribute = node.attributes.get(name);
    return attribute?.kind === 'int' ? Number(attribute.value) : otherwise;
  };
  const [first = 1, second = 1] = dims;
  const rest = dims.slice(2).reduce((product, dim) => product * dim, 1);
  switch (node.opType) {
    case 'Conv': {
      const run = second * rest;
      return { count: first, channelOf: (position) => Math.floor(position / run), rank: dims.length };
    }
    case 'ConvTranspose': {
      // [C, M / group, ...]: the channels of a group follow those of the one before it.
      const group = number('group', 1);
      const inputsOfGroup = first / group;
      const channelOf = (position: number) => {
        const input = Math.floor(position / (second * rest));
        return Math.floor(input / inputsOfGroup) * second + (Math.floor(position / rest) % second);
      };
      return { count: second * group, channelOf, rank: dims.length };
    }
    default: {
      if (dims.length !== 2) return undefined;
      if (node.opType === 'MatMul') {
        const type = shapes.graph.values.get(node.inputs[0] ?? '')?.type;
        if (type?.kind !== 'tensor' || type.shape?.length !== 2) return undefined;
      }
      const transposed = node.opType === 'Gemm' && number('transB', 0) !== 0;
      const count = transposed ? first : second;
      return {
        count,
        channelOf: transposed ? (position) => Math.floor(position / second) : (position) => position % second,
        rank: 2,
      };
    }
  }
}

interface Site {
  readonly view: GraphView;
  readonly change: GraphChange;
  readonly names: UniqueNames;
  readonly bytes: ModelBytes;
}

function fold(chain: Foldable, { view, change, names, bytes }: Site): void {
  const { node, weight, bias, channels, followers } = chain;
  const affine = new Once(async () => {
    let total: Affine = { scale: Float64Array.of(1), shift: Float64Array.of(0) };
    for (const follower of followers) total = composed(total, await follower.read(bytes), channels);
    return total;
  });
  const inputs = [...node.inputs];
  const attributes = new Map<string, NewAttribute>();
  if (followers.some((follower) => follower.scales)) {
    const [, name = ''] = node.inputs;
    const own = view.graph.constants.has(name) && view.onlyUse(name) !== undefined;
    const scaled: TensorData = {
      name: own ? name : unique(names, `${name}_folded`),
      dataType: 'FLOAT',
      dims: weight.dims,
      byteLength: weight.elementCount * 4,
      produce: () => scaledElements(weight, chain.channelOf, affine, bytes),
    };
    if (own) change.replaceInitializer(name, scaled);
    else change.addInitializer(scaled);
    inputs[1] = scaled.name;
  }
  if (bias || followers.some((follower) => follower.shifts)) {
    const beta = node.attributes.get('beta');
    const factor = beta?.kind === 'float' ? beta.value : 1;
    if (factor !== 1) attributes.set('beta', { kind: 'float', value: 1 });
    const name = unique(names, `${(node.inputs[2] ?? '') || node.outputs[0]}_bias`);
    change.addInitializer({
      name,
      dataType: 'FLOAT',
      dims: [channels],
      byteLength: channels * 4,
      produce: () => foldedBias(bias, factor, channels, affine, bytes),
    });
    inputs[2] = name;
  }
  const last = followers.at(-1)?.node ?? node;
  change.editNode(node.index, {
    ...(node.opType === 'MatMul' && inputs.length > 2 && { opType: 'Gemm' }),
    inputs,
    outputs: [last.outputs[0] ?? ''],
    ...(attributes.size > 0 && { attributes }),
  });
  for (const follower of followers) change.removeNode(follower.node.index);
}

function unique(names: UniqueNames, base: string): string {
  const name = names.free(base);
  names.take(name);
  return name;
}

async function* scaledElements(
  weight: Tensor,
  channelOf: (position: number) => number,
  affine: Once<Affine>,
  bytes: ModelBytes,
): AsyncGenerator<Uint8Array> {
  const { scale } = await affine.get();
  let position = 0;
  for await (const chunk of readTensorChunks(weight, bytes)) {
    const values = toFloat64('FLOAT', chunk, chunk.length / 4);
    for (let index = 0; index < values.length; index++) {
      values[index] = (values[index] ?? 0) * at(scale, channelOf(position++));
    }
    yield floatBytes(values);
  }
}

async function* foldedBias(
  bias: Tensor | undefined,
  factor: number,
  channels: number,
  affine: Once<Affine>,
  bytes: ModelBytes,
): AsyncGenerator<Uint8Array> {
  const { scale, shift } = await affine.get();
  const old = bias ? await readValues(bias, bytes) : Float64Array.of(0);
  const values = new Float64Array(channels);
  for (let channel = 0; channel < channels; channel++) {
    values[channel] = at(old, channel) * factor * at(scale, channel) + at(shift, channel);
  }
  yield floatBytes(values);
}

/** As float32, little-endian. */
function floatBytes(values: Float64Array): Uint8Array {
  const view = new DataView(new ArrayBuffer(values.length * 4));
  for (let index = 0; index < values.length; index++) view.setFloat32(index * 4, values[index] ?? 0, true);
  return new Uint8Array(view.buffer);
}
