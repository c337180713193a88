import { evaluateDim, type Shape, symbolsOf } from '../model/dimension';
import type { Node, ValueType } from '../model/model';
import type { GraphShapes } from '../shapes/model-shapes';
import type { SizeOf } from './sizes';

/** Why a value has no size at the sizes of the totals: a formula in its shape, or in one it follows from, is below 0. */
export interface ImpossibleSize {
  /** The node at which the size falls below 0. */
  readonly node: Node;
  /** The symbols in that formula. */
  readonly symbols: ReadonlySet<string>;
}

export type ImpossibleSizes = ReadonlyMap<string, ImpossibleSize>;

const nothing: ImpossibleSizes = new Map();

/**
 * The values of a graph that cannot exist with symbols at their size in totals, such as the output of a convolution whose window is
 * longer than an input counted as 1. What is computed from such a value is impossible too where its shape has the same symbols:
 * the product of two sizes below 0 is a number, but no size. `outer`: those visible from around the graph.
 */
export function impossibleSizesIn(
  graph: GraphShapes,
  sizeOf: SizeOf,
  outer: ImpossibleSizes = nothing,
): ImpossibleSizes {
  const found = new Map<string, ImpossibleSize>();
  for (const index of graph.order) {
    const node = graph.graph.nodes[index];
    if (!node) continue;
    for (const name of node.outputs) {
      const shape = shapeOf(graph.values.get(name)?.type);
      if (!shape?.some((dim) => typeof dim === 'object' && dim !== null)) continue;
      const before = followsFrom(node, shape, (input) => found.get(input) ?? outer.get(input));
      const impossible = before ?? belowZero(node, shape, sizeOf);
      if (impossible) found.set(name, impossible);
    }
  }
  if (found.size === 0) return outer;
  return outer.size === 0 ? found : new Map([...outer, ...found]);
}

/** What is impossible, such as "with LENGTH counted as 1, Conv node c has no valid size". */
export function impossibleSizeText({ node, symbols }: ImpossibleSize, sizeOf: SizeOf): string {
  const sizes = [...symbols].map((symbol) => `${symbol} counted as ${sizeOf(symbol)}`).join(' and ');
  const label = node.name || node.outputs.find((name) => name !== '') || `number ${node.index}`;
  return `with ${sizes}, ${node.opType} node ${label} has no valid size`;
}

function belowZero(node: Node, shape: Shape, sizeOf: SizeOf): ImpossibleSize | undefined {
  for (const dim of shape) {
    if (typeof dim !== 'object' || dim === null || dim.lower >= 0) continue;
    if ((evaluateDim(dim, sizeOf) ?? 0) < 0) return { node, symbols: new Set(symbolsOf(dim)) };
  }
  return undefined;
}

function followsFrom(
  node: Node,
  shape: Shape,
  find: (name: string) => ImpossibleSize | undefined,
): ImpossibleSize | undefined {
  for (const name of node.inputs) {
    const before = find(name);
    if (before && shape.some((dim) => symbolsOf(dim).some((symbol) => before.symbols.has(symbol)))) return before;
  }
  return undefined;
}

function shapeOf(type: ValueType | undefined): Shape | undefined {
  return type?.kind === 'tensor' || type?.kind === 'sparse-tensor' ? type.shape : undefined;
}
