import type { Node, Tensor } from '../../model/model';
import { GraphView } from '../graph-view';
import type { QuantizationSource } from '../plan';
import type { PreparationPass } from '../preparation/pass';
import { Once, readValues } from '../tensor-values';
import { channelsOf, type LinearLayer, linearLayers } from './linear-layers';
import { replacedConstants } from './replaced-constants';

/** How much of the difficulty goes from activations to weights. */
const alpha = 0.5;

/** A value that only MatMul and Gemm take, and constants before it that can take a factor for each of its channels. */
interface Smoothing {
  readonly value: string;
  readonly takers: readonly LinearLayer[];
  /** Constants whose element at a position belongs to a channel of the value. */
  readonly divided: readonly { readonly name: string; readonly tensor: Tensor; channel(position: number): number }[];
}

/** The values whose largest magnitudes of each channel (along the last axis) `smoothActivations` needs. */
export function smoothableValues(source: QuantizationSource): readonly string[] {
  return findSmoothings(source).map(({ value }) => value);
}

/**
 * SmoothQuant (Xiao et al. 2023, arXiv:2211.10438): channel j of what MatMul and Gemm take is divided by s_j = max|x_j|^0.5 / max|w_j|^0.5, and their
 * weights are multiplied by it, so that activations with a few large channels need no more than one scale. The division goes into the scale and bias of a
 * LayerNormalization before it, or into the weight and bias of another MatMul or Gemm with Relu or nothing between. Sizes stay.
 */
export function smoothActivations(magnitudes: ReadonlyMap<string, ArrayLike<number>>): PreparationPass {
  return {
    name: 'SmoothQuant',
    async plan(source) {
      const known = findSmoothings(source).filter(
        ({ value, takers }) => magnitudes.get(value)?.length === takers[0]?.inputs,
      );
      const tensors = new Map<string, Tensor>();
      for (const { takers, divided } of known) {
        for (const { weightName, weight } of takers) tensors.set(weightName, weight);
        for (const { name, tensor } of divided) tensors.set(name, tensor);
      }
      const smoothed = new Once(async () => {
        const values = new Map<string, Float64Array>();
        for (const [name, tensor] of tensors) values.set(name, await readValues(tensor, source.bytes));
        for (const { value, takers, divided } of known) {
          const weights = takers.map((layer) => ({
            values: values.get(layer.weightName),
            channel: channelsOf(layer).input,
          }));
          const factors = smoothingFactors(
            magnitudes.get(value) ?? [],
            weights.flatMap(({ values: each, channel }) => (each ? [{ values: each, channel }] : [])),
          );
          for (const { values: each, channel } of weights) {
            for (const [position, weight] of each?.entries() ?? [])
              if (each) each[position] = weight * (factors[channel(position)] ?? 1);
          }
          for (const { name, channel } of divided) {
            const each = values.get(name);
            for (const [position, element] of each?.entries() ?? [])
              if (each) each[position] = element / (factors[channel(position)] ?? 1);
          }
        }
        return values;
      });
      return replacedConstants(
        source,
        Array.from(tensors, ([name, tensor]) => ({
          name,
          tensor,
          values: async () => (await smoothed.get()).get(name) ?? new Float64Array(),
        })),
        known.map(
          ({ value, takers }) =>
            `The channels of ${value} became alike for ${takers.map(({ node }) => node.name || node.outputs[0]).join(', ')}.`,
        ),
      );
    },
  };
}

/** s_j for channels with these largest magnitudes, and for the weights that take them; 1 where one of the two is all zeros. */
export function smoothingFactors(
  magnitudes: ArrayLike<number>,
  weights: readonly { readonly values: ArrayLike<number>; readonly channel: (position: number) => number }[],
): Float64Array {
  const largest = new Float64Array(magnitudes.length);
  for (const { values, channel } of weights) {
    for (let position = 0; position < values.length; position++) {
      const index = channel(position);
      largest[index] = Math.max(largest[index] ?? 0, Math.abs(values[position] ?? 0));
    }
  }
  return largest.map((weight, index) => {
    const factor = (magnitudes[index] ?? 0) ** alpha / weight ** (1 - alpha);
    return factor > 0 && Number.isFinite(factor) ? factor : 1;
  });
}

function findSmoothings({ model }: QuantizationSource): readonly Smoothing[] {
  const view = new GraphView(model);
  const layers = new Map<Node, LinearLayer>();
  for (const layer of linearLayers(model)) {
    if (layer.node.opType !== 'Conv' && view.graph.constants.has(layer.weightName)) layers.set(layer.node, layer);
  }
  return [...new Set([...layers.values()].map(({ input }) => input))].flatMap((value) => {
    const takers = view.uses(value).map(({ node, operand }) => (node && operand === 0 ? layers.get(node) : undefined));
    const known = takers.filter((layer) => layer !== undefined);
    const divided =
      known.length === takers.length ? dividedBefore(value, known[0]?.inputs ?? 0, view, layers) : undefined;
    return divided ? [{ value, takers: known, divided }] : [];
  });
}

/** The constants that can take the division of a value; undefined where there are none. */
function dividedBefore(
  value: string,
  channels: number,
  view: GraphView,
  layers: ReadonlyMap<Node, LinearLayer>,
): Smoothing['divided'] | undefined {
  if (view.isOutput(value)) return undefined;
  const producer = view.producer(value);
  if (producer?.opType === 'LayerNormalization' && producer.domain === 'ai.onnx') {
    const names = producer.inputs.slice(1, 3).filter((name) => name !== '');
    const divided = names.flatMap((name) => {
      const tensor = own(name, view);
      return tensor?.elementCount === channels ? [{ name, tensor, channel: (position: number) => position }] : [];
    });
    return names.length > 0 && divided.length === names.length ? divided : undefined;
  }
  const isRelu = producer?.opType === 'Relu' && producer.domain === 'ai.onnx';
  const sum = isRelu ? (producer.inputs[0] ?? '') : value;
  if (isRelu && !view.onlyUse(sum)) return undefined;
  for (const layer of layers.values()) {
    if ((layer.bias?.output ?? layer.output) !== sum || layer.outputs !== channels) continue;
    if (layer.node.opType === 'Gemm' && !layer.bias && (layer.node.inputs[2] ?? '') !== '') return undefined;
    const { weightName, weight, bias } = layer;
    const byOutput = { name: weightName, tensor: weight, channel: channelsOf(layer).output };
    return bias ? [byOutput, { ...bias, channel: (position) => position }] : [byOutput];
  }
  return undefined;
}

/** A float32 initializer that nothing else takes. */
function own(name: string, view: GraphView): Tensor | undefined {
  const tensor = view.graph.constants.has(name) && view.onlyUse(name) ? view.constant(name) : undefined;
  return tensor?.dataType === 'FLOAT' ? tensor : undefined;
}
