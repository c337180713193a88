import type { Node } from '../../model/model';
import { GraphView } from '../graph-view';
import type { QuantizationSource } from '../plan';
import type { PreparationPass } from '../preparation/pass';
import { Once, readValues } from '../tensor-values';
import { channelAxis, channelsOf, type LinearLayer, linearLayers } from './linear-layers';
import { replacedConstants } from './replaced-constants';

interface Absorption {
  readonly first: LinearLayer;
  readonly second: LinearLayer;
  /** The sum of the first layer with its bias, before Relu. */
  readonly value: string;
}

/** The values whose smallest elements of each channel `absorbBiases` needs, and the axis of their channels. */
export function absorbableValues(source: QuantizationSource): ReadonlyMap<string, number> {
  return new Map(findAbsorptions(source).map(({ value, first }) => [value, channelAxis(first)]));
}

/**
 * High biases move to the next layer (Nagel et al. 2019, arXiv:1906.04721, section 4.1.3): between two layers with Relu, what a channel never goes
 * below, c = max(0, smallest value seen), is taken from the bias of the first and comes back through the weights in that of the second, so that activations have smaller
 * ranges. Exact for what stays above c. The second layer may not pad, as the zeros of its border would lack c.
 */
export function absorbBiases(minima: ReadonlyMap<string, ArrayLike<number>>): PreparationPass {
  return {
    name: 'bias absorption',
    changesOutputs: true,
    async plan(source) {
      const known = findAbsorptions(source).filter(({ value, first }) => {
        const seen = minima.get(value);
        return seen?.length === first.outputs && Array.from(seen).some((minimum) => minimum > 0);
      });
      const biases = new Map(
        known
          .flatMap(({ first, second }) => [first.bias, second.bias])
          .flatMap((bias) => (bias ? [[bias.name, bias]] : [])),
      );
      const absorbed = new Once(async () => {
        const values = new Map<string, Float64Array>();
        for (const [name, { tensor }] of biases) values.set(name, await readValues(tensor, source.bytes));
        for (const { first, second, value } of known) {
          const shift = Float64Array.from(minima.get(value) ?? [], (minimum) => Math.max(0, minimum));
          const [before, after] = [values.get(first.bias?.name ?? ''), values.get(second.bias?.name ?? '')];
          if (!before || !after) continue;
          for (const [channel, amount] of shift.entries()) before[channel] = (before[channel] ?? 0) - amount;
          const { input, output } = channelsOf(second);
          for (const [position, weight] of (await readValues(second.weight, source.bytes)).entries()) {
            const channel = output(position);
            after[channel] = (after[channel] ?? 0) + weight * (shift[input(position)] ?? 0);
          }
        }
        return values;
      });
      return replacedConstants(
        source,
        Array.from(biases, ([name, { tensor }]) => ({
          name,
          tensor,
          values: async () => (await absorbed.get()).get(name) ?? new Float64Array(),
        })),
        known.map(
          ({ first, second }) =>
            `Of the bias of ${title(first)}, what its channels never go below went into ${title(second)}.`,
        ),
      );
    },
  };
}

function findAbsorptions({ model }: QuantizationSource): readonly Absorption[] {
  const view = new GraphView(model);
  const layers = new Map<Node, LinearLayer>();
  for (const layer of linearLayers(model)) if (layer.bias) layers.set(layer.node, layer);
  return [...layers.values()].flatMap((first) => {
    const value = first.bias?.output ?? '';
    const relu = view.onlyUse(value)?.node;
    if (relu?.opType !== 'Relu' || relu.domain !== 'ai.onnx') return [];
    const use = view.onlyUse(relu.outputs[0] ?? '');
    const second = use?.operand === 0 ? layers.get(use.node) : undefined;
    if (!second || (first.node.opType === 'Conv') !== (second.node.opType === 'Conv')) return [];
    const { window } = second;
    const isPadded = window && [...window.padsBefore, ...window.padsAfter].some((pad) => pad !== 0);
    if (isPadded || (second.node.opType === 'Conv' && !window)) return [];
    return [{ first, second, value }];
  });
}

function title({ node }: LinearLayer): string | undefined {
  return node.name || node.outputs[0];
}
