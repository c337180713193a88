import type { Node } from '../../model/model';
import { GraphView } from '../graph-view';
import type { PreparationPass } from './pass';

/** From this IR version on, an initializer that is also a graph input is a default that the caller may replace. */
const overridableIr = 4;

/** Operands that are weights, biases and statistics, from the first on and before the second number. */
const weightOperands: ReadonlyMap<string, readonly [number, number]> = new Map<string, readonly [number, number]>([
  ['Conv', [1, 3]],
  ['ConvTranspose', [1, 3]],
  ['Gemm', [1, 3]],
  ['MatMul', [1, 2]],
  ['BatchNormalization', [1, 5]],
  ['InstanceNormalization', [1, 3]],
  ['LayerNormalization', [1, 3]],
  ['PRelu', [1, 2]],
  ['LSTM', [1, 4]],
  ['GRU', [1, 4]],
  ['RNN', [1, 4]],
]);

/**
 * Takes weights out of the graph inputs, where some exporters list them: there a caller could replace them, so that nothing could be
 * computed from them. Initializers that do anything else (a state, a threshold) stay inputs.
 */
export const freezeWeights: PreparationPass = {
  name: 'weights out of the graph inputs',
  async plan({ model }) {
    if ((model.irVersion ?? 1) < overridableIr) return undefined;
    const view = new GraphView(model);
    const names = model.graph.inputs
      .map(({ name }) => name)
      .filter((name) => model.graph.constants.has(name) && onlyWeight(name, view));
    if (names.length === 0) return undefined;
    return {
      edits: { graph: { inputs: new Map(names.map((name) => [name, null])) } },
      changes: [`${names.length} weights that were also graph inputs (${names[0]}, …) are constants now.`],
    };
  },
};

function onlyWeight(name: string, view: GraphView): boolean {
  const uses = view.uses(name);
  return uses.length > 0 && uses.every(({ node, operand }) => node !== undefined && isWeightOperand(node, operand));
}

function isWeightOperand(node: Node, operand: number): boolean {
  const [first, end] = (node.domain === 'ai.onnx' ? weightOperands.get(node.opType) : undefined) ?? [0, 0];
  return operand >= first && operand < end;
}
