import type { Node, Tensor } from '../../model/model';
import type { ModelShapes } from '../../shapes/model-shapes';
import { GraphView } from '../graph-view';
import type { QuantizationSource } from '../plan';
import { channelAxis, channelsOf, type LinearLayer, linearLayers } from '../recovery/linear-layers';
import { replacedConstants } from '../recovery/replaced-constants';
import { Once, readValues } from '../tensor-values';
import type { PassEdits, PreparationPass } from './pass';

/** Rounds over all pairs; a chain of layers settles in a few. */
const rounds = 20;
/** What a Clip lets through has to stay below its bound by this much, so that other inputs have room. */
const roomBelowBound = 1.25;

/** Two layers of which the second alone takes what the first gives, channel by channel. */
interface Pair {
  readonly first: LinearLayer;
  readonly second: LinearLayer;
  /** The Clip between them, and the value it takes. */
  readonly clip: { readonly bound: number; readonly input: string } | undefined;
}

/** The largest value of each channel that was seen in the values that Clip nodes take. */
export type SeenMaxima = ReadonlyMap<string, ArrayLike<number>>;

/**
 * Cross-layer equalization (Nagel et al. 2019, arXiv:1906.04721): between two linear layers, channel i is divided by s_i = sqrt(r1_i / r2_i) in the first
 * and multiplied by it in the second, where r is the largest magnitude of its weights: ranges of channels become alike, and one scale for a tensor
 * serves them all. Between them may be what keeps proportions: Relu, LeakyRelu, pooling, flattening of one number for each channel. Tensors keep their sizes.
 */
export function equalizeLayers(): PreparationPass {
  return { name: 'cross-layer equalization', plan: (source) => planEqualization(source, new Map()) };
}

/**
 * The same with Clip from 0 to a bound between layers as well, which stays as it is: channels that came near the bound in `seen` are left, and no
 * factor makes a channel reach it. It is exact for inputs like those that were seen.
 */
export function equalizeThroughClips(seen: SeenMaxima): PreparationPass {
  return { name: 'cross-layer equalization through Clip', plan: (source) => planEqualization(source, seen) };
}

/** The values that Clip nodes between layers take, and the axis of their channels. */
export function clippedValues(source: QuantizationSource): ReadonlyMap<string, number> {
  return new Map(
    findPairs(source).flatMap(({ first, clip }) => (clip ? [[clip.input, channelAxis(first)] as const] : [])),
  );
}

async function planEqualization(source: QuantizationSource, seen: SeenMaxima): Promise<PassEdits | undefined> {
  const pairs = findPairs(source).filter(({ clip }) => clip === undefined || seen.has(clip.input));
  if (seen.size > 0 && !pairs.some(({ clip }) => clip)) return undefined;
  if (pairs.length === 0) return undefined;
  const layers = new Set(pairs.flatMap(({ first, second }) => [first, second]));
  const tensors = new Map<string, Tensor>();
  for (const { weightName, weight, bias } of layers) {
    tensors.set(weightName, weight);
    if (bias) tensors.set(bias.name, bias.tensor);
  }
  const equalized = new Once(async () => {
    const values = new Map<string, Float64Array>();
    for (const [name, tensor] of tensors) values.set(name, await readValues(tensor, source.bytes));
    const maxima = new Map(Array.from(seen, ([name, each]) => [name, Float64Array.from(each)]));
    for (let round = 0; round < rounds; round++) for (const pair of pairs) equalize(pair, values, maxima);
    return values;
  });
  const constants = Array.from(tensors, ([name, tensor]) => ({
    name,
    tensor,
    values: async () => (await equalized.get()).get(name) ?? new Float64Array(),
  }));
  const title = ({ node }: LinearLayer) => node.name || node.outputs[0];
  return replacedConstants(
    source,
    constants,
    pairs.map(({ first, second }) => `The channels between ${title(first)} and ${title(second)} were equalized.`),
  );
}

function findPairs({ model, shapes }: QuantizationSource): readonly Pair[] {
  const view = new GraphView(model);
  const layers = new Map<Node, LinearLayer>();
  for (const layer of linearLayers(model)) if (canChange(layer, view)) layers.set(layer.node, layer);
  return [...layers.values()].flatMap((first) => {
    const step = follow(first, view, shapes);
    const second = step && layers.get(step.node);
    return second && step.operand === 0 && inputChannels(second) === first.outputs
      ? [{ first, second, clip: step.clip }]
      : [];
  });
}

/** The node that alone takes what a layer gives, once it has gone through all that keeps proportions. */
function follow(
  first: LinearLayer,
  view: GraphView,
  shapes: ModelShapes,
): { readonly node: Node; readonly operand: number; readonly clip: Pair['clip'] } | undefined {
  let clip: Pair['clip'];
  const kept = first.node.opType === 'Conv' ? channelwise : elementwise;
  let value = first.bias?.output ?? first.output;
  for (;;) {
    const use = view.onlyUse(value);
    if (!use) return undefined;
    const { node } = use;
    const isClip = node.opType === 'Clip' && node.domain === 'ai.onnx' && use.operand === 0;
    if (isClip) {
      const bound = upperBound(node, shapes);
      if (bound === undefined || clip) return undefined;
      clip = { bound, input: value };
    } else if (node.domain !== 'ai.onnx' || !kept.has(node.opType)) {
      return { ...use, clip };
    }
    value = node.outputs[0] ?? '';
  }
}

/**
 * Operators that keep channels apart and give s times as much for s times the input, s > 0. Flatten: where the next layer has as many inputs as this one
 * has channels, there is one number for each.
 */
const elementwise: ReadonlySet<string> = new Set(['Relu', 'LeakyRelu', 'Flatten']);
const channelwise: ReadonlySet<string> = new Set([
  ...elementwise,
  'MaxPool',
  'AveragePool',
  'GlobalMaxPool',
  'GlobalAveragePool',
]);

/** Of a Clip from 0; undefined where it is another, or its bounds are not known. */
function upperBound(node: Node, shapes: ModelShapes): number | undefined {
  const bound = (index: number, name: string): unknown => {
    const attribute = node.attributes.get(name);
    if (attribute?.kind === 'float') return attribute.value;
    return shapes.graph.values.get(node.inputs[index] ?? '')?.elements?.elements[0];
  };
  const [low, high] = [bound(1, 'min'), bound(2, 'max')];
  return low === 0 && typeof high === 'number' && high > 0 ? high : undefined;
}

/** Its weight and bias are initializers, and no channel is shared between groups of other channels. */
function canChange({ node, weight, weightName, groups, outputs, bias }: LinearLayer, view: GraphView): boolean {
  if (!view.graph.constants.has(weightName)) return false;
  if (node.opType !== 'MatMul' && !bias && (node.inputs[2] ?? '') !== '') return false;
  return groups === 1 || (groups === outputs && weight.dims[1] === 1);
}

function inputChannels({ groups, inputs, node, weight }: LinearLayer): number {
  return node.opType === 'Conv' ? groups * (weight.dims[1] ?? 1) : inputs;
}

function equalize(
  { first, second, clip }: Pair,
  values: ReadonlyMap<string, Float64Array>,
  maxima: ReadonlyMap<string, Float64Array>,
): void {
  const [before, after] = [values.get(first.weightName), values.get(second.weightName)];
  const bias = first.bias && values.get(first.bias.name);
  if (!before || !after) return;
  const [channelBefore, channelAfter] = [channelsOf(first).output, channelsOf(second).input];
  const [r1, r2] = [largest(before, first.outputs, channelBefore), largest(after, first.outputs, channelAfter)];
  const seen = clip && maxima.get(clip.input);
  const largestBias = bias?.reduce((most, value) => Math.max(most, Math.abs(value)), 0) ?? 0;
  const factors = r1.map((range, channel) => {
    const wanted = Math.sqrt(range / (r2[channel] ?? 0));
    // A channel of hardly any weights may have a large bias, which would make the range of the activations its own.
    const smallest = largestBias > 0 ? Math.abs(bias?.[channel] ?? 0) / largestBias : 0;
    const factor = Number.isFinite(wanted) && wanted > 0 ? Math.max(wanted, smallest) : 1;
    return clip ? belowBound(factor, seen?.[channel], clip.bound) : factor;
  });
  for (const [channel, factor] of factors.entries()) if (seen) seen[channel] = (seen[channel] ?? 0) / factor;
  for (const [position, value] of before.entries()) before[position] = value / (factors[channelBefore(position)] ?? 1);
  for (const [position, value] of after.entries()) after[position] = value * (factors[channelAfter(position)] ?? 1);
  for (const [channel, value] of bias?.entries() ?? []) if (bias) bias[channel] = value / (factors[channel] ?? 1);
}

/** The factor nearest to the wanted one that keeps the channel below the bound; 1 where the channel comes near it as it is. */
function belowBound(wanted: number, seen: number | undefined, bound: number): number {
  const smallest = (Math.max(seen ?? bound, 0) * roomBelowBound) / bound;
  return smallest > 1 ? 1 : Math.max(wanted, smallest, Number.MIN_VALUE);
}

function largest(values: Float64Array, channels: number, channelOf: (position: number) => number): Float64Array {
  const result = new Float64Array(channels);
  for (const [position, value] of values.entries()) {
    const channel = channelOf(position);
    result[channel] = Math.max(result[channel] ?? 0, Math.abs(value));
  }
  return result;
}
