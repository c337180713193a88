import type { Graph, Model, Node, Tensor } from '../model/model';
import { collectScopes, type Scope, type ValueUse } from './weight-uses';

/** From this IR version on, an initializer that is also a graph input is a default that the caller may replace. */
const overridableIr = 4;

/** Who makes and who takes the values of a model's main graph. */
export class GraphView {
  readonly graph: Graph;
  readonly #main: Scope | undefined;
  readonly #producers = new Map<string, Node>();
  readonly #outputs: ReadonlySet<string>;
  readonly #overridable: ReadonlySet<string>;

  constructor(readonly model: Model) {
    this.graph = model.graph;
    this.#main = collectScopes(model)[0];
    for (const node of this.graph.nodes) for (const name of node.outputs) this.#producers.set(name, node);
    this.#outputs = new Set(this.graph.outputs.map(({ name }) => name));
    const inputs = (model.irVersion ?? 1) < overridableIr ? [] : this.graph.inputs;
    this.#overridable = new Set(inputs.map(({ name }) => name));
  }

  /** The node of the main graph that makes a value. */
  producer(name: string): Node | undefined {
    return this.#producers.get(name);
  }

  /** Every operand and graph output that takes a value, those in subgraphs included. */
  uses(name: string): readonly ValueUse[] {
    return this.#main?.uses.get(name) ?? [];
  }

  isOutput(name: string): boolean {
    return this.#outputs.has(name);
  }

  /** True when a subgraph takes the value. */
  isCaptured(name: string): boolean {
    return this.uses(name).some((use) => use.scope !== this.#main);
  }

  /** The operand that is all that takes a value; undefined where there are more, and for graph outputs and captured values. */
  onlyUse(name: string): { readonly node: Node; readonly operand: number } | undefined {
    const [use, ...others] = this.uses(name);
    if (!use?.node || others.length > 0 || use.scope !== this.#main) return undefined;
    return { node: use.node, operand: use.operand };
  }

  /** The node of the main graph that takes a value before all others do; `positions` are those of nodes in the order of execution. */
  firstUser(name: string, positions: ReadonlyMap<number, number>): number | undefined {
    let first: number | undefined;
    const position = (index: number) => positions.get(index) ?? 0;
    for (const { node, scope } of this.uses(name)) {
      if (!node || scope !== this.#main) continue;
      if (first === undefined || position(node.index) < position(first)) first = node.index;
    }
    return first;
  }

  /**
   * The tensor of an initializer that no caller can replace, or of a Constant node; undefined where it is sparse or its elements
   * cannot be had.
   */
  constant(name: string): Tensor | undefined {
    const tensor = this.graph.constants.get(name);
    if (tensor) return this.#overridable.has(name) ? undefined : usable(tensor);
    const node = this.#producers.get(name);
    if (node?.opType !== 'Constant' || node.domain !== 'ai.onnx') return undefined;
    const value = node.attributes.get('value');
    return value?.kind === 'tensor' ? usable(value.value) : undefined;
  }
}

function usable(tensor: Tensor): Tensor | undefined {
  return tensor.sparse || tensor.location.kind === 'missing' ? undefined : tensor;
}
