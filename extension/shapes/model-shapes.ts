import type { Diagnostic } from '../model/diagnostic';
import type { Dim } from '../model/dimension';
import type { Attribute, Graph, Node } from '../model/model';
import type { ValueFact } from '../ops/definition';

/** Where a value's shape came from. */
export type Origin = 'file' | 'inferred' | 'bound' | 'unknown';

export interface InferredValue extends ValueFact {
  readonly origin: Origin;
  /** Why nothing is known: which operator, at which node. */
  readonly reason?: string;
  /** True when the value depends on constants only (a dequantized weight); it is known before the run. */
  readonly constant: boolean;
}

export interface NodeShapes {
  readonly node: Node;
  /** Own multiply-accumulates, subgraphs and function bodies not included. 0: none. null: not known. */
  readonly macs: Dim;
  /** Own operations on elements besides those (see ops/element-operations.ts). 0: none. null: not known. */
  readonly elementOperations: Dim;
  /** Why the multiply-accumulates are not known, as a sentence; absent when they are. */
  readonly unknown?: string;
  /** The graphs of the node's graph attributes as inferred, or the body of the model function it calls. */
  readonly bodies: readonly BodyShapes[];
}

export interface BodyShapes {
  /** Attribute name, or the function's name. */
  readonly name: string;
  readonly kind: 'subgraph' | 'function';
  readonly shapes: GraphShapes;
  /** Of a function: what references to its attributes stand for in this call. */
  readonly attributes?: ReadonlyMap<string, Attribute>;
  /** How often it runs; null when not known. */
  readonly iterations: Dim;
  /** One of several of which only one runs. */
  readonly alternative: boolean;
}

export interface GraphShapes {
  readonly graph: Graph;
  /** Node indices in execution order. */
  readonly order: readonly number[];
  /** By node index. */
  readonly nodes: readonly NodeShapes[];
  /** Every value of this graph: inputs, initializers and node outputs, by name. */
  readonly values: ReadonlyMap<string, InferredValue>;
}

/** A dimension of a graph input that the user can bind. */
export interface Bindable {
  /** The dim_param verbatim, or `INPUT[AXIS]` for an unnamed one. */
  readonly key: string;
  readonly inputs: readonly string[];
  /** The bound value, where the user gave one. */
  readonly value?: number;
}

export interface ModelShapes {
  readonly graph: GraphShapes;
  readonly bindables: readonly Bindable[];
  /** The size a symbol has in totals: as bound, else 1. */
  readonly sizeInTotals: (symbol: string) => number;
  readonly diagnostics: readonly Diagnostic[];
}
