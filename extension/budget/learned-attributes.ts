import type { Attribute, Graph, Model, Node } from '../model/model';

/**
 * Attributes of ai.onnx.ml operators that hold numbers found by training, by operator. Source: the operator specifications of
 * ai.onnx.ml up to version 5. Thresholds of tree nodes and weights of leaves are learned; indices, modes and labels are not.
 */
const trees = [
  'nodes_values',
  'nodes_values_as_tensor',
  'nodes_splits',
  'target_weights',
  'target_weights_as_tensor',
  'class_weights',
  'class_weights_as_tensor',
  'leaf_weights',
  'base_values',
  'base_values_as_tensor',
];
const vectors = ['coefficients', 'support_vectors', 'rho', 'prob_a', 'prob_b'];
const learned: Readonly<Record<string, readonly string[]>> = {
  LinearClassifier: ['coefficients', 'intercepts'],
  LinearRegressor: ['coefficients', 'intercepts'],
  SVMClassifier: vectors,
  SVMRegressor: vectors,
  TreeEnsemble: trees,
  TreeEnsembleClassifier: trees,
  TreeEnsembleRegressor: trees,
  Scaler: ['offset', 'scale'],
  Imputer: ['imputed_value_floats'],
};

/** Numbers learned that stand in attributes. */
export interface Learned {
  readonly numbers: number;
  /** At the width they are stored with: 4 for each number of a list. */
  readonly bytes: number;
}

const nothing: Learned = { numbers: 0, bytes: 0 };

/** Those of a whole model, subgraphs and each function body once. */
export function learnedInAttributes(model: Model): Learned {
  return [model.graph, ...model.functions.map((definition) => definition.body)].map(inGraph).reduce(sum, nothing);
}

/** Those of one node, its subgraphs included. */
export function learnedByNode(node: Node): Learned {
  const names = node.domain === 'ai.onnx.ml' ? (learned[node.opType] ?? []) : [];
  let total = nothing;
  for (const [name, attribute] of node.attributes) {
    if (attribute.kind === 'graph') total = sum(total, inGraph(attribute.value));
    if (attribute.kind === 'graphs') total = attribute.value.map(inGraph).reduce(sum, total);
    if (names.includes(name)) total = sum(total, numbersIn(attribute));
  }
  return total;
}

function inGraph(graph: Graph): Learned {
  let total = nothing;
  for (const node of graph.nodes) total = sum(total, learnedByNode(node));
  return total;
}

function numbersIn(attribute: Attribute): Learned {
  if (attribute.kind === 'floats') return { numbers: attribute.value.length, bytes: attribute.value.length * 4 };
  if (attribute.kind !== 'tensor') return nothing;
  return { numbers: attribute.value.elementCount, bytes: attribute.value.byteLength };
}

function sum(a: Learned, b: Learned): Learned {
  if (b.numbers === 0) return a;
  return { numbers: a.numbers + b.numbers, bytes: a.bytes + b.bytes };
}
