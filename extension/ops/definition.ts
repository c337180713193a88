import type { DataType } from '../model/data-type';
import type { Dim, Expression, Shape } from '../model/dimension';
import type { Graph, Node, Tensor, ValueType } from '../model/model';

/**
 * The elements of a small tensor (at most 4,096 elements), as far as they are known: integers may be symbolic, floats and booleans
 * (0, 1) are numbers, null where one element is not known.
 */
export interface KnownElements {
  readonly dims: readonly number[];
  readonly elements: readonly Dim[];
}

/** What inference knows of one value. */
export interface ValueFact {
  readonly type: ValueType | undefined;
  readonly elements?: KnownElements;
  /** Largest shape a data-dependent size can take, where there is a bound. */
  readonly shapeUpperBound?: Shape;
  /** For a sequence: its number of elements, where known. */
  readonly length?: Dim;
}

/** Typed access to attributes. A wrong type or a missing required one throws AttributeError, which names node and key. */
export interface AttributeReader {
  has(name: string): boolean;
  int(name: string): number | undefined;
  int(name: string, otherwise: number): number;
  float(name: string): number | undefined;
  float(name: string, otherwise: number): number;
  string(name: string): string | undefined;
  string(name: string, otherwise: string): string;
  ints(name: string): readonly number[] | undefined;
  ints(name: string, otherwise: readonly number[]): readonly number[];
  floats(name: string): readonly number[] | undefined;
  strings(name: string): readonly string[] | undefined;
  tensor(name: string): Tensor | undefined;
  graph(name: string): Graph | undefined;
  /** A data type code such as Cast's `to`; undefined when absent. */
  dataType(name: string): DataType | undefined;
  type(name: string): ValueType | undefined;
}

/** What a subgraph gives back: the facts of its outputs, in order. */
export interface SubgraphFacts {
  readonly outputs: readonly ValueFact[];
}

/** What an operator's inference sees. Inputs that are omitted (or past the end) are undefined. */
export interface OpContext {
  readonly node: Node;
  /** Version of the node's domain. */
  readonly opset: number;
  readonly attributes: AttributeReader;
  readonly inputCount: number;
  readonly outputCount: number;
  /** True when input `index` is given (not omitted). */
  hasInput(index: number): boolean;
  input(index: number): ValueFact | undefined;
  /** Element type of a tensor input, when known. */
  dataType(index: number): DataType | undefined;
  /** Shape of a tensor input; undefined when not even the rank is known. */
  shape(index: number): Shape | undefined;
  /** Known elements of an input. */
  elements(index: number): KnownElements | undefined;
  /**
   * Infers the graph attribute `name` with these facts for its inputs. `iterations`: how often it runs, for the cost (1 for a
   * branch of If; null when not known). `alternative: true` marks branches of which one runs.
   */
  subgraph(
    name: string,
    inputs: readonly ValueFact[],
    options?: { readonly iterations?: Dim; readonly alternative?: boolean },
  ): SubgraphFacts;
  /** A fresh symbol for a size that depends on data; `hint` such as `nonzero`. The same node and hint give the same symbol. */
  dataDependent(hint: string): Expression;
  /** Notes that the node contradicts itself or its operator's definition; becomes a diagnostic at the node. */
  fault(message: string): void;
}

/** The same, with the outputs' facts, for the cost. */
export interface CostContext extends OpContext {
  output(index: number): ValueFact | undefined;
  outputShape(index: number): Shape | undefined;
}

/** Everything Thimble knows of one operator. Differences between opsets are handled inside by `context.opset`. */
export interface OpDefinition {
  readonly domain: string;
  readonly type: string;
  /** First opset that has the operator. */
  readonly since: number;
  /** The outputs' facts, in order; undefined where nothing can be said. Never throws for sound models; may throw AttributeError. */
  infer(context: OpContext): readonly (ValueFact | undefined)[];
  /** Pure multiply-accumulates, without bias; absent: the operator has none. null: not known. */
  macs?(context: CostContext): Dim;
  /** Other operations on elements, where the rules of element-operations.ts are not enough. null: not known. */
  elementOperations?(context: CostContext): Dim;
}

/** Thrown by AttributeReader. */
export class AttributeError extends Error {
  override readonly name = 'AttributeError';
}
