import type { Attribute, Graph, Model } from '../model/model';

/** Names that are new in a model. They depend on the graph only, so that the size of what is written does too. */
export class UniqueNames {
  readonly #taken = new Set<string>();
  /** The last number that was given for a base. */
  readonly #numbers = new Map<string, number>();

  constructor(model: Model) {
    this.#takeAll(model.graph);
    for (const definition of model.functions) {
      for (const name of [...definition.inputs, ...definition.outputs]) this.#taken.add(name);
      this.#takeAll(definition.body);
    }
  }

  /** `base`, with a number behind it where that is taken; it is not given again once it was taken. */
  free(base: string): string {
    if (!this.#taken.has(base)) return base;
    // Names are never given back: those below were taken before.
    let number = this.#numbers.get(base) ?? 1;
    while (this.#taken.has(`${base}_${number}`)) number++;
    this.#numbers.set(base, number);
    return `${base}_${number}`;
  }

  take(...names: readonly string[]): void {
    for (const name of names) this.#taken.add(name);
  }

  #takeAll(graph: Graph): void {
    for (const value of [...graph.inputs, ...graph.outputs]) this.#taken.add(value.name);
    for (const name of [...graph.constants.keys(), ...graph.values.keys()]) this.#taken.add(name);
    for (const node of graph.nodes) {
      this.#taken.add(node.name);
      for (const name of [...node.inputs, ...node.outputs]) this.#taken.add(name);
      for (const attribute of node.attributes.values()) this.#takeAttribute(attribute);
    }
  }

  #takeAttribute(attribute: Attribute): void {
    if (attribute.kind === 'graph') this.#takeAll(attribute.value);
    if (attribute.kind === 'graphs') for (const graph of attribute.value) this.#takeAll(graph);
  }
}
