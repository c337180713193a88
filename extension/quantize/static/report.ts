import type { GraphView } from '../graph-view';
import type { LeftWeight } from '../weights/plan-weights';
import type { ActivationType } from './activation-type';
import { isQuantizable } from './operator-rules';

/** What a static scheme did, one sentence each. */
export function staticChanges(done: {
  readonly activation: ActivationType;
  /** QuantizeLinear and DequantizeLinear around activations. */
  readonly pairs: number;
  /** Pairs that change the numbers of an activation for a layer that computes with others. */
  readonly conversions: number;
  readonly constants: number;
  readonly biases: number;
  readonly removedNodes: number;
  /** The operators are those of com.microsoft. */
  readonly microsoft: boolean;
}): string[] {
  const { dataType, symmetric } = done.activation;
  const changes = [
    `${done.pairs} activations are ${dataType}, ${symmetric ? 'symmetric' : 'asymmetric'}, each behind QuantizeLinear and DequantizeLinear.`,
    `${done.constants} constants are whole numbers with scales, and ${done.biases} biases are INT32.`,
  ];
  if (done.removedNodes > 0) {
    changes.push(`${done.removedNodes} Relu and Clip nodes were removed: the ends of the ranges do what they did.`);
  }
  if (done.conversions > 0) {
    changes.push(`${done.conversions} activations are converted between layers that compute with different numbers.`);
  }
  if (done.microsoft) {
    changes.push(
      'QuantizeLinear and DequantizeLinear of 16-bit and 4-bit numbers are those of com.microsoft: ONNX has them from opset 21 on.',
    );
  }
  return changes;
}

/** Float weights of the main graph that an operator computes with in float. */
export function leftInFloat(view: GraphView, isQuantized: (name: string) => boolean): LeftWeight[] {
  const left: LeftWeight[] = [];
  for (const name of view.graph.constants.keys()) {
    const tensor = view.constant(name);
    if (tensor?.dataType !== 'FLOAT' || tensor.elementCount < 2 || isQuantized(name)) continue;
    const user = view.uses(name).find(({ node }) => node && !isQuantizable(node))?.node;
    if (user) left.push({ name, reason: `${user.opType} ${user.name || user.outputs[0]} is computed in float.` });
  }
  return left;
}
