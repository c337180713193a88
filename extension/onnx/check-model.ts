import type { Place } from '../model/diagnostic';
import type { Attribute, FunctionDefinition, Graph, Model, Node } from '../model/model';
import { executionOrder, subgraphsOf } from '../model/order';
import { UnreadableModel } from './byte-source';
import type { DiagnosticList } from './diagnostic-list';

type Checked = Pick<Model, 'irVersion' | 'opsets' | 'graph' | 'functions'>;

/** The names of a graph. */
interface Scope {
  readonly defined: ReadonlySet<string>;
  /** Those defined before the node that is being checked. */
  readonly earlier: Set<string>;
  readonly outer: Scope | undefined;
}

/**
 * Adds the faults of the graph structure to `diagnostics`: names that nobody defines or that are defined twice, nodes out of order.
 * Throws UnreadableModel for a cycle, since then nothing can be said about execution.
 */
export function checkModel(model: Checked, fileName: string, diagnostics: DiagnosticList): void {
  checkGraph(model.graph, undefined, [], diagnostics, fileName);
  for (const definition of model.functions) {
    checkGraph(definition.body, undefined, [`${definition.domain}::${definition.name}`], diagnostics, fileName);
  }
  checkFunctions(model.functions, diagnostics);
}

function checkGraph(
  graph: Graph,
  outer: Scope | undefined,
  path: readonly string[],
  diagnostics: DiagnosticList,
  fileName: string,
): void {
  const base: Place = path.length > 0 ? { scope: path } : {};
  const error = (code: string, message: string, place: Place) =>
    diagnostics.push({ severity: 'error', code, message, place: { ...base, ...place } });
  const twice = (name: string, place: Place) =>
    error('duplicate-name', `The value ${JSON.stringify(name)} is defined more than once.`, { ...place, value: name });
  const earlier = new Set<string>();
  for (const input of graph.inputs) {
    if (earlier.has(input.name)) twice(input.name, {});
    earlier.add(input.name);
  }
  // An initializer may have the name of an input: it is the default of that input.
  for (const name of graph.constants.keys()) earlier.add(name);
  const scope: Scope = { defined: definedNames(graph), earlier, outer };
  const { order, inFileOrder, cycle } = executionOrder(graph);

  if (cycle) throw new UnreadableModel(fileName, cycleSentence(graph, cycle, path));
  if (!inFileOrder) {
    const first = order.findIndex((index, position) => index !== position);
    const node = graph.nodes[first];
    const subject = node ? title(node) : 'a node';
    diagnostics.push({
      severity: 'warning',
      code: 'nodes-out-of-order',
      message: `The nodes are not in the order in which they can run, from ${subject} on; they are shown in a valid order.`,
      place: { ...base, ...(node && nodePlace(node)) },
    });
  }
  const missing = new Map<string, Set<Node>>();
  for (const node of graph.nodes) {
    for (const input of node.inputs) {
      if (input === '' || isVisible(input, scope, 'defined')) continue;
      const users = missing.get(input);
      if (users) users.add(node);
      else missing.set(input, new Set([node]));
    }
    for (const [name, attribute] of node.attributes) {
      for (const [index, subgraph] of graphsOf(attribute).entries()) {
        const label = attribute.kind === 'graphs' ? `${name}[${index}]` : name;
        const inner = [...path, `${node.name || `${node.opType}#${node.index}`}.${label}`];
        checkGraph(subgraph, scope, inner, diagnostics, fileName);
      }
    }
    // Single static assignment as onnx.checker sees it: a branch may use the name of an output that comes later outside.
    for (const output of node.outputs) {
      if (output === '') continue;
      if (isVisible(output, scope, 'earlier')) twice(output, nodePlace(node));
      earlier.add(output);
    }
  }
  for (const [name, users] of missing) {
    const [first] = users;
    if (!first) continue;
    const others = users.size > 1 ? ` (and of ${users.size - 1} more)` : '';
    const message = `Input ${JSON.stringify(name)} of ${title(first)}${others} is produced by no node and is neither a graph input nor an initializer.`;
    error('missing-input', message, { ...nodePlace(first), value: name });
  }
  for (const output of graph.outputs) {
    if (isVisible(output.name, scope, 'defined')) continue;
    error('missing-output', `Graph output ${JSON.stringify(output.name)} is produced by no node.`, {
      value: output.name,
    });
  }
}

function definedNames(graph: Graph): Set<string> {
  const defined = new Set<string>(graph.constants.keys());
  for (const input of graph.inputs) defined.add(input.name);
  for (const node of graph.nodes) for (const output of node.outputs) defined.add(output);
  return defined;
}

function isVisible(name: string, scope: Scope, names: 'defined' | 'earlier'): boolean {
  for (let current: Scope | undefined = scope; current; current = current.outer) {
    if (current[names].has(name)) return true;
  }
  return false;
}

/** Functions that are there twice, and functions that call themselves, which no tool can expand: an error at the call. */
function checkFunctions(functions: readonly FunctionDefinition[], diagnostics: DiagnosticList): void {
  const byKey = new Map<string, FunctionDefinition>();
  for (const definition of functions) {
    const key = functionKey(definition.domain, definition.name, definition.overload);
    if (byKey.has(key)) {
      const message = `The function ${definition.domain}::${definition.name} is defined more than once; the first one counts.`;
      diagnostics.push({
        severity: 'error',
        code: 'duplicate-function',
        message,
        place: { offset: definition.range.start },
      });
    } else {
      byKey.set(key, definition);
    }
  }
  const finished = new Set<FunctionDefinition>();
  for (const root of byKey.values()) {
    const path: { definition: FunctionDefinition; calls: Iterator<[FunctionDefinition, Node]> }[] = [];
    const onPath = new Set<FunctionDefinition>();
    const enter = (definition: FunctionDefinition) => {
      onPath.add(definition);
      path.push({ definition, calls: calledFunctions(definition.body, byKey).entries() });
    };
    if (!finished.has(root)) enter(root);
    for (let top = path.at(-1); top; top = path.at(-1)) {
      const next = top.calls.next();
      if (next.done) {
        finished.add(top.definition);
        onPath.delete(top.definition);
        path.pop();
        continue;
      }
      const [called, node] = next.value;
      if (onPath.has(called)) {
        const start = path.findIndex((step) => step.definition === called);
        const names = [...path.slice(start).map((step) => step.definition.name), called.name].join(' -> ');
        diagnostics.push({
          severity: 'error',
          code: 'recursive-function',
          message: `Functions call each other in a circle (${names}), so the model cannot be expanded; what they give is not known.`,
          place: { scope: [`${top.definition.domain}::${top.definition.name}`], ...nodePlace(node) },
        });
      } else if (!finished.has(called)) enter(called);
    }
  }
}

/** The functions that a body calls, in its subgraphs too, each with the first node that calls it. */
function calledFunctions(
  body: Graph,
  byKey: ReadonlyMap<string, FunctionDefinition>,
): ReadonlyMap<FunctionDefinition, Node> {
  const called = new Map<FunctionDefinition, Node>();
  const graphs = [body];
  for (let graph = graphs.pop(); graph; graph = graphs.pop()) {
    for (const node of graph.nodes) {
      const definition = byKey.get(functionKey(node.domain, node.opType, node.overload));
      if (definition && !called.has(definition)) called.set(definition, node);
      for (const subgraph of subgraphsOf(node)) graphs.push(subgraph);
    }
  }
  return called;
}

function functionKey(domain: string, name: string, overload: string): string {
  return JSON.stringify([domain, name, overload]);
}

function cycleSentence(graph: Graph, cycle: readonly number[], path: readonly string[]): string {
  const longestList = 8;
  const names = cycle.slice(0, longestList).map((index) => {
    const node = graph.nodes[index];
    return node ? title(node) : `node ${index}`;
  });
  const more = cycle.length > longestList ? ` and ${cycle.length - longestList} more` : '';
  const where = path.length > 0 ? ` in ${path.join(', ')}` : '';
  return `the graph has a cycle${where}: ${names.join(' -> ')}${more}; each waits for the output of another, so it can never run`;
}

function graphsOf(attribute: Attribute): readonly Graph[] {
  if (attribute.kind === 'graph') return [attribute.value];
  return attribute.kind === 'graphs' ? attribute.value : [];
}

function nodePlace(node: Node): Place {
  return { nodeIndex: node.index, ...(node.name !== '' && { node: node.name }), offset: node.range.start };
}

function title(node: Node): string {
  return node.name === '' ? `${node.opType} (node ${node.index})` : `${node.opType} ${JSON.stringify(node.name)}`;
}
