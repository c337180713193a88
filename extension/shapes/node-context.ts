import type { DataType } from '../model/data-type';
import { type Dim, type Expression, type Shape, symbol } from '../model/dimension';
import type { Attribute, Node } from '../model/model';
import { readAttributes } from '../ops/attribute-reader';
import type { AttributeReader, CostContext, KnownElements, SubgraphFacts, ValueFact } from '../ops/definition';

/** What a node's context asks of the walk it is part of. */
export interface NodeSurroundings {
  readonly opset: number;
  readonly functionAttributes: ReadonlyMap<string, Attribute> | undefined;
  /** Where the node is, for symbols that must differ between calls of one function. */
  readonly path: readonly string[];
  /** True for a function's input that the call leaves out. */
  isOmitted(name: string): boolean;
  fact(name: string): ValueFact | undefined;
  subgraph(
    node: Node,
    attribute: string,
    inputs: readonly ValueFact[],
    options: { readonly iterations: Dim; readonly alternative: boolean },
  ): SubgraphFacts;
  noteDataDependent(node: Node, symbol: string): void;
  fault(node: Node, message: string): void;
}

/** What the definition of one node's operator sees. */
export class NodeContext implements CostContext {
  readonly attributes: AttributeReader;
  readonly opset: number;
  readonly inputCount: number;
  readonly outputCount: number;
  /** Set once the node is inferred. */
  outputs: readonly (ValueFact | undefined)[] = [];

  constructor(
    readonly node: Node,
    private readonly surroundings: NodeSurroundings,
  ) {
    this.attributes = readAttributes(node, surroundings.functionAttributes);
    this.opset = surroundings.opset;
    this.inputCount = node.inputs.length;
    this.outputCount = node.outputs.length;
  }

  hasInput(index: number): boolean {
    const name = this.node.inputs[index];
    return name !== undefined && name !== '' && !this.surroundings.isOmitted(name);
  }

  input(index: number): ValueFact | undefined {
    const name = this.node.inputs[index];
    return name ? this.surroundings.fact(name) : undefined;
  }

  dataType(index: number): DataType | undefined {
    const type = this.input(index)?.type;
    return type?.kind === 'tensor' || type?.kind === 'sparse-tensor' ? type.dataType : undefined;
  }

  shape(index: number): Shape | undefined {
    return shapeOf(this.input(index));
  }

  elements(index: number): KnownElements | undefined {
    return this.input(index)?.elements;
  }

  output(index: number): ValueFact | undefined {
    return this.outputs[index];
  }

  outputShape(index: number): Shape | undefined {
    return shapeOf(this.outputs[index]);
  }

  subgraph(
    name: string,
    inputs: readonly ValueFact[],
    options: { readonly iterations?: Dim; readonly alternative?: boolean } = {},
  ): SubgraphFacts {
    const { iterations = 1, alternative = false } = options;
    return this.surroundings.subgraph(this.node, name, inputs, { iterations, alternative });
  }

  dataDependent(hint: string): Expression {
    const label = this.node.outputs.find((name) => name !== '') ?? `${this.node.opType} ${this.node.index}`;
    const size = symbol(`${hint}@${[...this.surroundings.path, label].join('/')}`);
    this.surroundings.noteDataDependent(this.node, size.text);
    return size;
  }

  fault(message: string): void {
    this.surroundings.fault(this.node, message);
  }
}

function shapeOf(fact: ValueFact | undefined): Shape | undefined {
  const type = fact?.type;
  return type?.kind === 'tensor' || type?.kind === 'sparse-tensor' ? type.shape : undefined;
}
