import type { Model, Node } from '../../model/model';
import type { PreparationPass } from '../preparation/pass';
import { readValues } from '../tensor-values';
import type { LinearLayer } from './linear-layers';
import { type ReplacedConstant, replacedConstants } from './replaced-constants';

/** Adds numbers to biases, one for each channel, by the name of the bias. It is made against errors that come later: the float model changes by it. */
export function biasShifts(shifts: ReadonlyMap<string, Float64Array>): PreparationPass {
  return {
    name: 'bias correction',
    changesOutputs: true,
    async plan(source) {
      const constants = Array.from(shifts, ([name, shift]): ReplacedConstant[] => {
        const tensor = source.model.graph.constants.get(name);
        if (!tensor) return [];
        const values = async () =>
          (await readValues(tensor, source.bytes)).map((value, index) => value + (shift[index] ?? 0));
        return [{ name, tensor, values }];
      }).flat();
      return replacedConstants(source, constants, [
        `${constants.length} biases make up for the mean errors of their layers.`,
      ]);
    },
  };
}

/** The value of the quantized model that stands for the layer's sum with its bias; undefined where it is not found. */
export function quantizedSum({ bias }: LinearLayer, quantized: Model): string | undefined {
  const names = new Set(bias ? [bias.name, `${bias.name}_quantized`, `${bias.name}_aligned`] : []);
  const user = (wanted: (name: string) => boolean): Node | undefined =>
    quantized.graph.nodes.find((node) => node.inputs.some(wanted));
  const first = user((name) => names.has(name));
  const dequantized = first?.opType === 'DequantizeLinear' ? first.outputs[0] : undefined;
  return (dequantized === undefined ? first : user((name) => name === dequantized))?.outputs[0];
}
