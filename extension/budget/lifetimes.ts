import { capturedNames } from '../model/order';
import type { GraphShapes } from '../shapes/model-shapes';
import type { ImpossibleSizes } from './impossible-sizes';
import { exact, type SizeOf, valueBytes } from './sizes';

/** The steps during which a value of the main graph is live, both inclusive. */
export interface Lifetime {
  readonly name: string;
  /** undefined: not known, or so large that sums with it would not be exact. */
  readonly bytes: number | undefined;
  readonly first: number;
  readonly last: number;
  /** True when the value depends on constants only. */
  readonly constant: boolean;
}

/**
 * Lifetimes of the graph inputs and node outputs, in order of their first step. Constants are never live.
 * An input lives from step 0, an output of a node from its node, both to the last use, and outputs of the graph to the end; what
 * nothing uses lives for one step. A node uses what its subgraphs capture. What is used but given by nobody is of unknown size.
 */
export function lifetimesOf(
  shapes: GraphShapes,
  isConstant: (name: string) => boolean,
  sizeOf: SizeOf,
  impossible: ImpossibleSizes = new Map(),
): readonly Lifetime[] {
  const { graph, order } = shapes;
  const first = new Map<string, number>();
  const last = new Map<string, number>();
  const define = (name: string, step: number) => {
    if (name === '' || isConstant(name) || first.has(name)) return;
    first.set(name, step);
    last.set(name, step);
  };
  const use = (name: string, step: number) => {
    // What nobody gives must come from somewhere: a value of unknown size from its first use on.
    define(name, step);
    const known = last.get(name);
    if (known !== undefined && known < step) last.set(name, step);
  };
  for (const input of graph.inputs) define(input.name, 0);
  order.forEach((index, step) => {
    for (const name of graph.nodes[index]?.outputs ?? []) define(name, step);
  });
  order.forEach((index, step) => {
    const node = graph.nodes[index];
    if (!node) return;
    for (const name of node.inputs) use(name, step);
    if (node.attributes.size > 0) for (const name of capturedNames(node)) use(name, step);
  });
  for (const output of graph.outputs) use(output.name, order.length - 1);
  // Kept within 2^53 over all values, so that the sum at any step is exact.
  let all = 0;
  const addable = (bytes: number | undefined) => {
    if (bytes === undefined || exact(all + bytes) === undefined) return undefined;
    all += bytes;
    return bytes;
  };
  return [...first].map(([name, start]) => {
    const value = shapes.values.get(name);
    return {
      name,
      bytes: addable(impossible.has(name) ? undefined : valueBytes(value, sizeOf)),
      first: start,
      last: last.get(name) ?? start,
      constant: value?.constant ?? false,
    };
  });
}

/** Bytes live at each step; values of unknown size count 0. */
export function liveBytesPerStep(lifetimes: readonly Lifetime[], steps: number): readonly number[] {
  const live = new Array<number>(steps + 1).fill(0);
  for (const { bytes = 0, first, last } of lifetimes) {
    live[first] = (live[first] ?? 0) + bytes;
    live[last + 1] = (live[last + 1] ?? 0) - bytes;
  }
  let sum = 0;
  for (let step = 0; step < steps; step++) {
    sum += live[step] ?? 0;
    live[step] = sum;
  }
  return live.slice(0, steps);
}

/** The first step with the largest value, and that value; step 0 and 0 bytes for a graph without nodes. */
export function largest(live: readonly number[]): { readonly step: number; readonly bytes: number } {
  let step = 0;
  for (let at = 1; at < live.length; at++) if ((live[at] ?? 0) > (live[step] ?? 0)) step = at;
  return { step, bytes: live[step] ?? 0 };
}
