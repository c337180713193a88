import type { Attribute, FunctionDefinition, Graph, Model, Node } from '../model/model';

/** A graph whose values are told apart from those of other graphs: the main graph, a subgraph or a function body. */
export interface Scope {
  /** Position in the list of collectScopes. */
  readonly id: number;
  readonly graph: Graph;
  /** For messages: names of the enclosing subgraphs or function, outermost first. */
  readonly path: readonly string[];
  /** Where a subgraph hangs; absent for the main graph and for functions. */
  readonly parent?: { readonly scope: Scope; readonly node: Node; readonly attribute: string };
  /** Position in Model.functions, for a function body and the graphs inside it. */
  readonly functionIndex?: number;
  /** False in an attribute that holds several graphs, which edits do not reach. */
  readonly editable: boolean;
  /** Names that this graph defines. */
  readonly defined: ReadonlySet<string>;
  /** Who takes a value of this graph, by its name. */
  readonly uses: Map<string, ValueUse[]>;
}

/** One operand that takes a value. */
export interface ValueUse {
  /** Where the user stands: the value's own graph or one inside it. */
  readonly scope: Scope;
  /** undefined: the value is an output of that graph. */
  readonly node: Node | undefined;
  readonly operand: number;
  /** The node of the value's own graph that is the user or holds it; undefined for an output of that graph. */
  readonly ownerIndex: number | undefined;
}

/** All graphs of a model, outer ones before inner ones, functions last, with the uses of every value. */
export function collectScopes(model: Model): readonly Scope[] {
  const scopes: Scope[] = [];
  enter(model.graph, { path: [], editable: true }, scopes);
  for (const [functionIndex, definition] of model.functions.entries()) {
    enter(definition.body, { path: [definition.name], editable: true, functionIndex }, scopes);
  }
  return scopes;
}

function enter(graph: Graph, place: Omit<Scope, 'id' | 'graph' | 'defined' | 'uses'>, scopes: Scope[]): void {
  const defined = new Set([...graph.inputs.map((value) => value.name), ...graph.constants.keys()]);
  for (const node of graph.nodes) for (const output of node.outputs) defined.add(output);
  const scope: Scope = { ...place, id: scopes.length, graph, defined, uses: new Map() };
  scopes.push(scope);
  for (const node of graph.nodes) {
    for (const [operand, name] of node.inputs.entries()) noteUse(scope, name, node, operand, node.index);
    for (const [attribute, value] of node.attributes) {
      const parent = { scope, node, attribute };
      const path = [...scope.path, node.name || node.opType];
      for (const subgraph of graphsOf(value)) {
        enter(subgraph, { ...place, path, parent, editable: place.editable && value.kind === 'graph' }, scopes);
      }
    }
  }
  for (const [operand, output] of graph.outputs.entries()) noteUse(scope, output.name, undefined, operand, undefined);
}

function graphsOf(attribute: Attribute): readonly Graph[] {
  if (attribute.kind === 'graph') return [attribute.value];
  return attribute.kind === 'graphs' ? attribute.value : [];
}

function noteUse(user: Scope, name: string, node: Node | undefined, operand: number, index: number | undefined): void {
  if (name === '') return;
  let scope = user;
  let ownerIndex = index;
  while (!scope.defined.has(name)) {
    if (!scope.parent) return;
    ownerIndex = scope.parent.node.index;
    scope = scope.parent.scope;
  }
  const uses = scope.uses.get(name);
  const use = { scope: user, node, operand, ownerIndex };
  if (uses) uses.push(use);
  else scope.uses.set(name, [use]);
}

/** What a constant does as a weight. */
export interface WeightRole {
  /** Axes (of the constant itself) that its users would have one scale each along; 'tensor': one scale for all. */
  readonly axes: ReadonlySet<number | 'tensor'>;
  /** A user that is no weight operand, in words; absent when there is none. */
  readonly otherUse?: string;
}

/** Follows a constant of `rank` dimensions to its users, through Identity, Transpose and calls of the model's functions. */
export function weightRole(
  scopes: readonly Scope[],
  model: Model,
  scope: Scope,
  name: string,
  rank: number,
): WeightRole {
  const axes = new Set<number | 'tensor'>();
  const seen = new Set<string>();
  const waiting = [{ scope, name, view: Array.from({ length: rank }, (_, axis) => axis) }];
  let otherUse: string | undefined;
  for (let value = waiting.pop(); value; value = waiting.pop()) {
    const key = `${value.scope.id} ${value.name}`;
    if (seen.has(key)) continue;
    seen.add(key);
    for (const use of value.scope.uses.get(value.name) ?? []) {
      const { node } = use;
      const output = node?.outputs[0];
      if (!node) {
        otherUse ??= 'a graph output';
      } else if (node.domain === 'ai.onnx' && node.opType === 'Identity' && output !== undefined) {
        waiting.push({ scope: use.scope, name: output, view: value.view });
      } else if (node.domain === 'ai.onnx' && node.opType === 'Transpose' && output !== undefined) {
        waiting.push({ scope: use.scope, name: output, view: transposed(value.view, node) });
      } else {
        const called = functionScope(scopes, model, node, use.operand);
        const axis = called ? undefined : channelAxis(node, use.operand, rank);
        if (called) waiting.push({ ...called, view: value.view });
        else if (axis === undefined) otherUse ??= `${node.opType} ${node.name || output || ''}`.trimEnd();
        else axes.add(axis === 'tensor' ? axis : (value.view[axis] ?? 'tensor'));
      }
    }
  }
  return otherUse === undefined ? { axes } : { axes, otherUse };
}

function transposed(view: readonly number[], node: Node): number[] {
  const perm = node.attributes.get('perm');
  if (perm?.kind !== 'ints') return view.toReversed();
  return perm.value.map((axis) => view[Number(axis)] ?? 0);
}

function functionScope(
  scopes: readonly Scope[],
  model: Model,
  node: Node,
  operand: number,
): { scope: Scope; name: string } | undefined {
  const index = model.functions.findIndex((candidate: FunctionDefinition) => isCallOf(candidate, node));
  if (index < 0) return undefined;
  const scope = scopes.find((candidate) => candidate.functionIndex === index && !candidate.parent);
  const name = model.functions[index]?.inputs[operand];
  return scope && name !== undefined ? { scope, name } : undefined;
}

function isCallOf(definition: FunctionDefinition, node: Node): boolean {
  return definition.name === node.opType && definition.domain === node.domain && definition.overload === node.overload;
}

/** The axis along which a weight operand has one scale per channel; undefined: the operand is no weight. */
function channelAxis(node: Node, operand: number, rank: number): number | 'tensor' | undefined {
  if (node.domain !== 'ai.onnx') return undefined;
  const axis = operandAxis(node, operand, rank);
  return typeof axis === 'number' && axis >= rank ? undefined : axis;
}

function operandAxis(node: Node, operand: number, rank: number): number | 'tensor' | undefined {
  switch (node.opType) {
    case 'Conv':
      return operand === 1 ? 0 : undefined;
    case 'ConvTranspose':
      return operand === 1 ? (whole(node, 'group', 1) === 1 ? 1 : 'tensor') : undefined;
    case 'Gemm':
      if (operand > 1) return undefined;
      return gemmAxis(operand === 1 ? whole(node, 'transB', 0) : whole(node, 'transA', 0), operand);
    case 'MatMul':
      // The other axis is summed over, where one scale could not be taken out of the sum. A vector has only that one.
      return rank < 2 ? 'tensor' : operand === 1 ? rank - 1 : rank - 2;
    case 'Gather':
      return operand === 0 ? 0 : undefined;
    case 'LSTM':
    case 'GRU':
    case 'RNN':
      return operand === 1 || operand === 2 ? 1 : undefined;
    default:
      return undefined;
  }
}

/** The axis of a Gemm operand that is not summed over; one scale for all where a function's caller decides. */
function gemmAxis(isTransposed: number | undefined, operand: number): number | 'tensor' {
  if (isTransposed === undefined) return 'tensor';
  return isTransposed !== 0 ? 1 - operand : operand;
}

/** An integer attribute; undefined where the caller of a function gives it. */
function whole(node: Node, name: string, otherwise: number): number | undefined {
  const attribute = node.attributes.get(name);
  if (!attribute) return otherwise;
  return attribute.kind === 'int' ? Number(attribute.value) : undefined;
}
