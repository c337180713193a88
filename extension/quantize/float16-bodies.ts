import type { Node } from '../model/model';
import { subgraphsOf } from '../model/order';
import type { GraphShapes, NodeShapes } from '../shapes/model-shapes';

/** Operators whose subgraphs are converted together with them. */
const controlFlow = new Set(['If', 'Loop', 'Scan']);

/** True for If, Loop and Scan. */
export function isControlFlow(node: Node): boolean {
  return node.domain === 'ai.onnx' && controlFlow.has(node.opType);
}

/** True for an If, Loop or Scan whose bodies can be converted along: all of them were inferred, and no default stands for an input. */
export function hasConvertibleBodies({ node, bodies }: NodeShapes): boolean {
  if (!isControlFlow(node) || bodies.length !== subgraphsOf(node).length) return false;
  return bodies.every(({ shapes: { graph } }) => graph.inputs.every(({ name }) => !graph.constants.has(name)));
}

/**
 * True when an If, Loop or Scan and its bodies know the same values as float32, so that what goes in and out can be float16 on both
 * sides. `isFloat` speaks for the graph around the node.
 */
export function bodiesAgree({ node, bodies }: NodeShapes, opset: number, isFloat: (name: string) => boolean): boolean {
  // The Scan of opset 8 takes sequence lengths first. The body of a Loop gives its condition first, which the node does not.
  const firstInput = node.opType === 'Scan' && opset < 9 ? 1 : 0;
  const firstOutput = node.opType === 'Loop' ? 1 : 0;
  return bodies.every(({ shapes }) => {
    const agree = (inner: string, outer: string | undefined) =>
      !outer || isFloatIn(shapes, inner, isFloat) === isFloat(outer);
    const { inputs, outputs } = shapes.graph;
    return (
      inputs.every(({ name }, index) => agree(name, node.inputs[index + firstInput])) &&
      outputs.slice(firstOutput).every(({ name }, index) => agree(name, node.outputs[index]))
    );
  });
}

function isFloatIn(shapes: GraphShapes, name: string, isOuterFloat: (name: string) => boolean): boolean {
  const value = shapes.values.get(name);
  return value ? value.type?.kind === 'tensor' && value.type.dataType === 'FLOAT' : isOuterFloat(name);
}
