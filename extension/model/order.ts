import type { Graph, Node } from './model';

/** The order in which the nodes of a graph run; see `executionOrder`. */
export interface ExecutionOrder {
  readonly order: readonly number[];
  readonly inFileOrder: boolean;
  readonly cycle: readonly number[] | undefined;
}

/**
 * Node indices in stable topological order: a node runs when its inputs (and values captured by its subgraphs) are there,
 * lowest file index first. What no node of the graph makes (inputs, initializers, outer values, missing ones) is there from
 * the start. `cycle` names the nodes of a cycle when there is one; what waits for a cycle is appended in file order.
 * `inFileOrder` is true when the file's own order is already topological. Linear in the size of the graph, but for a heap
 * of the nodes that are ready at once.
 */
export function executionOrder(graph: Graph): ExecutionOrder {
  const known = orders.get(graph);
  if (known) return known;
  const found = findOrder(graph);
  orders.set(graph, found);
  return found;
}

/** A graph never changes, and reading, inferring and planning all ask for its order. */
const orders = new WeakMap<Graph, ExecutionOrder>();

function findOrder(graph: Graph): ExecutionOrder {
  const producers = producersOf(graph);
  if (isInOrder(graph, producers)) {
    return { order: graph.nodes.map((_, position) => position), inFileOrder: true, cycle: undefined };
  }
  const dependencies = graph.nodes.map((node) => dependenciesOf(node, producers));
  const waiting = dependencies.map((sources) => sources.length);
  const consumers: number[][] = graph.nodes.map(() => []);
  for (const [position, sources] of dependencies.entries()) {
    for (const source of sources) consumers[source]?.push(position);
  }
  const ready = new LowestFirst();
  for (const [position, count] of waiting.entries()) if (count === 0) ready.add(position);
  const order: number[] = [];
  for (let position = ready.take(); position !== undefined; position = ready.take()) {
    order.push(position);
    for (const consumer of consumers[position] ?? []) {
      const left = (waiting[consumer] ?? 0) - 1;
      waiting[consumer] = left;
      if (left === 0) ready.add(consumer);
    }
  }
  if (order.length === graph.nodes.length) return { order, inFileOrder: false, cycle: undefined };
  const done = new Set(order);
  const stuck = graph.nodes.map((_, position) => position).filter((position) => !done.has(position));
  return { order: [...order, ...stuck], inFileOrder: false, cycle: findCycle(dependencies, stuck, done) };
}

/** Names that the subgraphs of a node (at any depth) take from the graphs around them. */
export function capturedNames(node: Node): ReadonlySet<string> {
  let captured: Set<string> | undefined;
  for (const subgraph of subgraphsOf(node)) {
    captured ??= new Set();
    for (const name of outerNames(subgraph)) captured.add(name);
  }
  return captured ?? nothing;
}

/** The graphs in the attributes of a node. */
export function subgraphsOf(node: Node): readonly Graph[] {
  let graphs: Graph[] | undefined;
  for (const attribute of node.attributes.values()) {
    if (attribute.kind === 'graph') {
      graphs ??= [];
      graphs.push(attribute.value);
    } else if (attribute.kind === 'graphs') {
      graphs ??= [];
      for (const graph of attribute.value) graphs.push(graph);
    }
  }
  return graphs ?? noGraphs;
}

const nothing: ReadonlySet<string> = new Set();
const noGraphs: readonly Graph[] = [];

/** Names that a graph uses and does not define. */
function outerNames(graph: Graph): Set<string> {
  const defined = new Set<string>(graph.constants.keys());
  for (const input of graph.inputs) defined.add(input.name);
  for (const node of graph.nodes) for (const output of node.outputs) defined.add(output);
  const outer = new Set<string>();
  const use = (name: string) => {
    if (name !== '' && !defined.has(name)) outer.add(name);
  };
  for (const node of graph.nodes) {
    for (const input of node.inputs) use(input);
    for (const name of capturedNames(node)) use(name);
  }
  for (const output of graph.outputs) use(output.name);
  return outer;
}

/** The node that makes a name (the last one where a faulty model has several, as in onnxruntime); inputs and initializers need none. */
function producersOf(graph: Graph): Map<string, number> {
  const producers = new Map<string, number>();
  for (const [position, node] of graph.nodes.entries()) {
    for (const output of node.outputs) {
      if (output !== '') producers.set(output, position);
    }
  }
  for (const input of graph.inputs) producers.delete(input.name);
  for (const name of graph.constants.keys()) producers.delete(name);
  return producers;
}

/** True where no node needs what a later one makes. */
function isInOrder({ nodes }: Graph, producers: ReadonlyMap<string, number>): boolean {
  return nodes.every((node, position) => {
    const isThere = (name: string) => (producers.get(name) ?? -1) < position;
    if (!node.inputs.every(isThere)) return false;
    for (const name of capturedNames(node)) if (!isThere(name)) return false;
    return true;
  });
}

/** The nodes a node waits for, each once; a node that needs its own output waits for itself. */
function dependenciesOf(node: Node, producers: ReadonlyMap<string, number>): number[] {
  const sources: number[] = [];
  const seen = new Set<number>();
  const need = (name: string) => {
    const source = producers.get(name);
    if (source === undefined || seen.has(source)) return;
    seen.add(source);
    sources.push(source);
  };
  for (const input of node.inputs) need(input);
  for (const name of capturedNames(node)) need(name);
  return sources;
}

/** Among nodes that all wait for another of them, following what they wait for must come round. */
function findCycle(
  dependencies: readonly (readonly number[])[],
  stuck: readonly number[],
  done: ReadonlySet<number>,
): readonly number[] {
  const path: number[] = [];
  const positionInPath = new Map<number, number>();
  let node = stuck[0];
  while (node !== undefined) {
    const start = positionInPath.get(node);
    if (start !== undefined) return path.slice(start).reverse();
    positionInPath.set(node, path.length);
    path.push(node);
    node = dependencies[node]?.find((source) => !done.has(source));
  }
  return path;
}

/** A binary heap of numbers. */
class LowestFirst {
  private readonly items: number[] = [];

  add(item: number): void {
    const { items } = this;
    let child = items.length;
    items.push(item);
    while (child > 0) {
      const parent = (child - 1) >> 1;
      const above = items[parent] ?? 0;
      if (above <= item) break;
      items[child] = above;
      child = parent;
    }
    items[child] = item;
  }

  take(): number | undefined {
    const { items } = this;
    const lowest = items[0];
    const last = items.pop();
    if (last === undefined || items.length === 0) return lowest;
    let parent = 0;
    for (;;) {
      let child = 2 * parent + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && (items[child + 1] ?? 0) < (items[child] ?? 0)) child++;
      const below = items[child] ?? 0;
      if (last <= below) break;
      items[parent] = below;
      parent = child;
    }
    items[parent] = last;
    return lowest;
  }
}
