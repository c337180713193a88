import type { Place } from '../model/diagnostic';
import type { Attribute, FunctionDefinition, Graph, Node, ValueType } from '../model/model';
import type { InferredValue } from './model-shapes';

/** One graph being inferred: the main graph, a subgraph, or the body of a function. */
export interface Frame {
  readonly graph: Graph;
  /** Grows while the graph is walked. */
  readonly values: Map<string, InferredValue>;
  /** The frame whose values this one sees; a function body sees none. */
  readonly outer: Frame | undefined;
  readonly path: readonly string[];
  /** How many bodies this one is inside of. */
  readonly depth: number;
  readonly opsets: ReadonlyMap<string, number>;
  readonly functionAttributes: ReadonlyMap<string, Attribute> | undefined;
  /** The functions being called, outermost first. */
  readonly calls: readonly FunctionDefinition[];
  /** In a function body: its inputs that the call leaves out. */
  readonly omitted: Set<string>;
  /** What the file declares for values of this graph that are not inputs. */
  readonly declared: ReadonlyMap<string, ValueType | undefined>;
}

/** The value of this name, in the frame or in those around it. */
export function findValue(frame: Frame, name: string): InferredValue | undefined {
  for (let scope: Frame | undefined = frame; scope; scope = scope.outer) {
    const value = scope.values.get(name);
    if (value) return value;
  }
  return undefined;
}

/** The name of a node for people: its own, else its first output. */
export function labelOf(node: Node): string {
  return node.name || node.outputs.find((name) => name !== '') || `number ${node.index}`;
}

/** Where a node of this graph is, for a diagnostic. */
export function placeOf(frame: Frame, node: Node): Place {
  const place = { nodeIndex: node.index, node: labelOf(node) };
  return frame.path.length > 0 ? { scope: frame.path, ...place } : place;
}
