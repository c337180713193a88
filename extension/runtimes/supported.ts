import type { LoweredGraph, LoweredOperator } from './lowered';
import type { UnsupportedOperator } from './runtime';

/** The operators of a lowered graph that a runtime has no kernel for, at the ONNX node that asks for them. `reason` gives undefined where it has one. */
export function unsupportedOperators(
  graph: LoweredGraph,
  reason: (operator: LoweredOperator) => string | undefined,
): readonly UnsupportedOperator[] {
  return graph.operators.flatMap((operator) => {
    const text = reason(operator);
    const { node = operator.from[0] } = operator;
    return text === undefined || node === undefined ? [] : [{ node, opType: operator.opType, reason: text }];
  });
}
