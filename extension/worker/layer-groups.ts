import { layerName } from '../budget/footprint';
import type { Node } from '../model/model';
import type { AnalysedModel } from './analyse';

/** A node, and the nodes that are there for its sake alone. */
export interface LayerGroup {
  readonly root: Node;
  readonly servants: readonly Node[];
}

/** Layers of two models by name. */
export interface MatchedGroups {
  readonly matched: readonly (readonly [before: LayerGroup, after: LayerGroup])[];
  readonly onlyBefore: readonly LayerGroup[];
  readonly onlyAfter: readonly LayerGroup[];
}

type Graph = Pick<AnalysedModel, 'model' | 'shapes'>;

/** They change how a value is written down, and belong to the layer whose value it is. */
const always: ReadonlySet<string> = new Set([
  'QuantizeLinear',
  'DequantizeLinear',
  'DynamicQuantizeLinear',
  'Constant',
]);

/** The same, where the other model has no such node. */
const wherePut: ReadonlySet<string> = new Set(['Cast', 'Identity']);

/** What Thimble puts behind the name of a value for what it makes of it, perhaps with a number; several may stand in a row. */
const suffix =
  /_(?:quantized|dequantized|scale|scaled|zero_point|int32|float|float16|float32|aligned|QuantizeLinear|DequantizeLinear|DynamicQuantizeLinear|Cast|Mul|Add|Gather|MatMulNBits|Reshape|Transpose)(?:_\d+)?$/;

/**
 * The layers of two models, paired by the name of the node, else by its first output, else by either without what Thimble puts behind
 * names. Nodes that only change how values are written down stand with the layer they serve. Linear in nodes and operands.
 */
export function matchLayers(before: Graph, after: Graph): MatchedGroups {
  const sides = [new Side(before), new Side(after)] as const;
  const [first, second] = sides;
  const pairs: [number, number][] = [];
  for (const [one, other] of keys) pairs.push(...takePairs(first, second, one, other));
  first.gather(second);
  second.gather(first);
  // Nodes that change how a value is written, where there is no layer to serve, are layers too.
  pairs.push(...takePairs(first, second, nameOf, nameOf));
  const groups = [first.groups(), second.groups()] as const;
  const matched = pairs
    .sort(([a], [b]) => first.stepOf(a) - first.stepOf(b))
    .flatMap(([a, b]): [LayerGroup, LayerGroup][] => {
      const [one, other] = [groups[0].get(a), groups[1].get(b)];
      return one && other ? [[one, other]] : [];
    });
  const paired = [new Set(pairs.map(([a]) => a)), new Set(pairs.map(([, b]) => b))] as const;
  return {
    matched,
    onlyBefore: [...groups[0]].flatMap(([index, group]) => (paired[0].has(index) ? [] : [group])),
    onlyAfter: [...groups[1]].flatMap(([index, group]) => (paired[1].has(index) ? [] : [group])),
  };
}

type KeyOf = (node: Node, side: Side) => string;

const nameOf = (node: Node) => layerName(node);
const outputOf = (node: Node) => node.outputs.find((name) => name !== '') ?? '';
const bareNameOf = (node: Node) => bare(nameOf(node));
const bareOutputOf = (node: Node) => bare(outputOf(node));

const typedNameOf: KeyOf = (node) => JSON.stringify([node.opType, nameOf(node)]);
const weightOf: KeyOf = (node, side) => side.weightOf(node);

/** What makes a pair, the surest first. A suffix is taken away on one side alone: x_Mul is not x_Add. */
const keys: readonly (readonly [before: KeyOf, after: KeyOf])[] = [
  [typedNameOf, typedNameOf],
  // Where a node without a name now gives the value of another that was folded into it.
  [weightOf, weightOf],
  [nameOf, nameOf],
  [nameOf, bareNameOf],
  [bareNameOf, nameOf],
  [outputOf, outputOf],
  [outputOf, bareOutputOf],
  [bareOutputOf, outputOf],
];

/** More suffixes than this in a row are a name of its own. */
const mostSuffixes = 6;

function bare(name: string): string {
  let rest = name;
  for (let taken = 0; taken < mostSuffixes; taken++) {
    const shorter = rest.replace(suffix, '');
    if (shorter === rest || shorter === '') break;
    rest = shorter;
  }
  return rest;
}

/** Pairs open nodes with equal keys, the first with the first, and takes them. */
function takePairs(before: Side, after: Side, keyBefore: KeyOf, keyAfter: KeyOf): [number, number][] {
  const waiting = new Map<string, Node[]>();
  // Backwards, so that the first is the last of its list and cheap to take.
  for (const node of [...after.open()].reverse()) push(waiting, keyAfter(node, after), node);
  const pairs: [number, number][] = [];
  for (const node of before.open()) {
    const key = keyBefore(node, before);
    const other = key === '' ? undefined : waiting.get(key)?.pop();
    if (!other) continue;
    before.pair(node.index, other.index);
    after.pair(other.index, node.index);
    pairs.push([node.index, other.index]);
  }
  return pairs;
}

/** One of the two graphs: which of its nodes are layers, and whom the others serve. */
class Side {
  private readonly nodes: readonly Node[];
  private readonly order: readonly number[];
  private readonly steps: ReadonlyMap<number, number>;
  private readonly producers = new Map<string, number>();
  private readonly readers = new Map<string, number[]>();
  private readonly constants: ReadonlyMap<string, unknown>;
  /** By node here: its partner there, and the reverse. */
  private readonly paired = new Map<number, number>();
  private readonly partners = new Map<number, number>();
  /** By node: the layer it serves. */
  private readonly masters = new Map<number, number>();
  private gathered = false;

  constructor({ model, shapes }: Graph) {
    this.nodes = model.graph.nodes;
    this.constants = model.graph.constants;
    this.order = shapes.graph.order;
    this.steps = new Map(this.order.map((index, step) => [index, step]));
    for (const index of this.order) {
      const node = this.nodes[index];
      for (const name of node?.outputs ?? []) if (name !== '') this.producers.set(name, index);
      for (const name of node?.inputs ?? []) if (name !== '') push(this.readers, name, index);
    }
  }

  /** Nodes that may still be paired, in execution order. */
  open(): readonly Node[] {
    return this.order.flatMap((index) => {
      const node = this.nodes[index];
      if (!node || this.paired.has(index) || this.masters.has(index)) return [];
      return this.gathered || !always.has(node.opType) ? [node] : [];
    });
  }

  pair(index: number, there: number): void {
    this.paired.set(index, there);
    this.partners.set(there, index);
  }

  /** The first weight of a node, behind whatever it stands, without what is put behind names; empty where it has none. */
  weightOf({ inputs }: Node): string {
    for (const name of inputs) {
      const producer = this.nodes[this.producers.get(name) ?? -1];
      const weight = producer?.opType === 'DequantizeLinear' ? (producer.inputs[0] ?? '') : name;
      if (this.constants.has(weight)) return bare(weight);
    }
    return '';
  }

  stepOf(index: number): number {
    return this.steps.get(index) ?? 0;
  }

  /** Finds the layers that nodes without a partner serve. */
  gather(other: Side): void {
    this.gathered = true;
    const serves = ({ index, opType }: Node): boolean =>
      !this.paired.has(index) && (always.has(opType) || wherePut.has(opType));
    const above = this.nearest(serves, 'above');
    const below = this.nearest(serves, 'below');
    for (const index of this.order) {
      const node = this.nodes[index];
      if (!node || this.paired.has(index)) continue;
      const master = serves(node)
        ? readsAhead(node, this.producers)
          ? (below.get(index) ?? above.get(index))
          : (above.get(index) ?? below.get(index))
        : this.namedAfter(node, other);
      if (master !== undefined) this.masters.set(index, master);
    }
  }

  /** The layer next to each serving node along its first input, or along the first reader of its outputs. */
  private nearest(serves: (node: Node) => boolean, side: 'above' | 'below'): ReadonlyMap<number, number> {
    const found = new Map<number, number>();
    for (const index of side === 'above' ? this.order : this.order.toReversed()) {
      const node = this.nodes[index];
      if (!node || !serves(node)) continue;
      const next = side === 'above' ? this.producers.get(node.inputs[0] ?? '') : this.firstReader(node);
      const nextNode = next === undefined ? undefined : this.nodes[next];
      if (next === undefined || !nextNode) continue;
      const layer = serves(nextNode) ? found.get(next) : next;
      if (layer !== undefined) found.set(index, layer);
    }
    return found;
  }

  private firstReader({ outputs }: Node): number | undefined {
    for (const name of outputs) {
      const [reader] = this.readers.get(name) ?? [];
      if (reader !== undefined) return reader;
    }
    return undefined;
  }

  /** A node that is named after a value of a layer that both models have was put there for that layer. */
  private namedAfter(node: Node, other: Side): number | undefined {
    for (const name of [nameOf(node), outputOf(node)]) {
      const value = bare(name);
      if (value === name) continue;
      // The value itself may be gone here, or come from the last of these nodes; then the other model knows whose it was.
      const there = other.producers.get(value);
      for (const index of [this.producers.get(value), there === undefined ? undefined : this.partners.get(there)]) {
        if (index !== undefined && index !== node.index && this.paired.has(index)) return index;
      }
    }
    return undefined;
  }

  /** Layers with their servants, by the index of the layer's node, in execution order. */
  groups(): ReadonlyMap<number, LayerGroup> {
    const servants = new Map<number, Node[]>();
    for (const [index, master] of this.masters) {
      const node = this.nodes[index];
      // A servant's neighbour may itself have been put there for a layer that both models have.
      if (node) push(servants, this.masters.get(master) ?? master, node);
    }
    const groups = new Map<number, LayerGroup>();
    for (const index of this.order) {
      const root = this.nodes[index];
      if (root && !this.masters.has(index)) groups.set(index, { root, servants: servants.get(index) ?? [] });
    }
    return groups;
  }
}

/** True for a node that prepares what the next layer takes: a constant, or its input as the layer wants it. */
function readsAhead(node: Node, producers: ReadonlyMap<string, number>): boolean {
  return node.opType === 'Constant' || node.opType === 'DynamicQuantizeLinear' || !producers.has(node.inputs[0] ?? '');
}

function push<Key, Item>(lists: Map<Key, Item[]>, key: Key, item: Item): void {
  const list = lists.get(key);
  if (list) list.push(item);
  else lists.set(key, [item]);
}
