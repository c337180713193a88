import type { Model, Node, Tensor } from '../../model/model';
import { executionOrder } from '../../model/order';
import type { EditedNode, GraphEdits, ModelEdits, NewNode, TensorData } from '../../onnx/edit';
import type { ConvertedTensor } from '../plan';
import type { Scope } from '../weight-uses';
import type { WeightForm, WeightScheme } from './weight-form';

/** From this IR version on, an initializer needs no graph input. */
const overridableIr = 4;

/** A weight that changes its form. */
export interface ChosenWeight {
  readonly scope: Scope;
  readonly name: string;
  readonly tensor: Tensor;
  /** The Constant node that gives it; undefined for an initializer. */
  readonly constant: Node | undefined;
  readonly scheme: WeightScheme;
  readonly form: WeightForm;
  readonly converted: ConvertedTensor;
}

/**
 * Edits of every graph that changes, inner graphs put into the edits of their node. Names of graphs that come into topological order are added to `sorted`.
 */
export function graphEdits(
  model: Model,
  scopes: readonly Scope[],
  chosen: readonly ChosenWeight[],
  sorted: string[],
): Pick<ModelEdits, 'graph' | 'functions'> {
  const weights = new Map<Scope, ChosenWeight[]>();
  for (const weight of chosen) {
    const others = weights.get(weight.scope);
    if (others) others.push(weight);
    else weights.set(weight.scope, [weight]);
  }
  /** Edits of subgraphs, by the graph they stand in, node index and attribute. */
  const inner = new Map<Scope, Map<number, Map<string, GraphEdits>>>();
  const functions = new Map<number, { readonly graph: GraphEdits }>();
  let graph: GraphEdits | undefined;
  // Inner scopes come after the ones they stand in.
  for (const scope of scopes.toReversed()) {
    const edits = scopeEdits(scope, weights.get(scope) ?? [], inner.get(scope) ?? new Map(), model, sorted);
    if (!edits || !scope.editable) continue;
    if (scope.parent) {
      const { scope: outer, node, attribute } = scope.parent;
      const byNode = inner.get(outer) ?? new Map<number, Map<string, GraphEdits>>();
      const byAttribute = byNode.get(node.index) ?? new Map<string, GraphEdits>();
      inner.set(outer, byNode.set(node.index, byAttribute.set(attribute, edits)));
    } else if (scope.functionIndex !== undefined) {
      functions.set(scope.functionIndex, { graph: edits });
    } else {
      graph = edits;
    }
  }
  return { ...(graph && { graph }), ...(functions.size > 0 && { functions }) };
}

function scopeEdits(
  scope: Scope,
  weights: readonly ChosenWeight[],
  inner: ReadonlyMap<number, ReadonlyMap<string, GraphEdits>>,
  model: Model,
  sorted: string[],
): GraphEdits | undefined {
  const { order, inFileOrder } = executionOrder(scope.graph);
  if (weights.length === 0 && inner.size === 0 && inFileOrder) return undefined;
  if (!inFileOrder) sorted.push(scope.path.length === 0 ? 'the main graph' : scope.path.join(' / '));

  const position = new Map(order.map((nodeIndex, place) => [nodeIndex, place]));
  const constants = new Map<number, ChosenWeight>();
  /** New nodes by the node before which they stand: the first user. */
  const before = new Map<number, NewNode[]>();
  for (const weight of weights) {
    if (weight.constant) {
      constants.set(weight.constant.index, weight);
      continue;
    }
    const first = firstUser(scope, weight.name, position);
    const nodes = before.get(first);
    if (nodes) nodes.push(...weight.form.nodes);
    else before.set(first, [...weight.form.nodes]);
  }
  const nodes = order.flatMap((index): EditedNode[] => {
    const weight = constants.get(index);
    if (weight) return replacedConstant(index, weight);
    const subgraphs = inner.get(index);
    return [...(before.get(index) ?? []), { source: index, ...(subgraphs && { subgraphs }) }];
  });

  const replaced = weights.filter((weight) => !weight.constant);
  const inputNames = new Set(scope.graph.inputs.map((input) => input.name));
  const inputs =
    (model.irVersion ?? 1) < overridableIr
      ? replaced.filter(({ name, form }) => inputNames.has(name) && form.nodes.length > 0)
      : [];
  return {
    nodes,
    initializers: new Map(replaced.map((weight) => [weight.name, weight.form.replacement])),
    addedInitializers: replaced.flatMap((weight) => [...weight.form.added]),
    inputs: new Map(inputs.map((weight) => [weight.name, null])),
  };
}

/** The node of the value's own graph that runs first of those that take it or hold a graph that takes it. */
function firstUser(scope: Scope, name: string, position: ReadonlyMap<number, number>): number {
  let first = -1;
  for (const { ownerIndex } of scope.uses.get(name) ?? []) {
    if (ownerIndex === undefined) continue;
    if (first < 0 || (position.get(ownerIndex) ?? 0) < (position.get(first) ?? 0)) first = ownerIndex;
  }
  return first;
}

function replacedConstant(index: number, { form }: ChosenWeight): EditedNode[] {
  return [
    {
      source: index,
      outputs: [form.replacement.name],
      attributes: new Map([['value', { kind: 'tensor-data', value: form.replacement } as const]]),
    },
    ...form.added.map(constantNode),
    ...form.nodes,
  ];
}

/** A Constant node that gives a tensor. */
export function constantNode(tensor: TensorData): NewNode {
  return {
    opType: 'Constant',
    name: tensor.name,
    inputs: [],
    outputs: [tensor.name],
    attributes: new Map([['value', { kind: 'tensor-data', value: tensor } as const]]),
  };
}

/** Names of weights that are no inputs of the main graph any more. */
export function removedInputs({ graph }: Model, edits: Pick<ModelEdits, 'graph'>): readonly string[] {
  return graph.inputs.map(({ name }) => name).filter((name) => edits.graph?.inputs?.get(name) === null);
}
