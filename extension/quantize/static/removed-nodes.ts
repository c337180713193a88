import type { GraphChange } from '../graph-change';
import type { GraphView } from '../graph-view';
import type { Marks } from './marks';

/** Index of the node that makes a value once clipping nodes are gone. */
export function producerOf(name: string, view: GraphView, { removed }: Marks): number | undefined {
  let node = view.producer(name);
  for (let input = node && removed.get(node.index); input !== undefined; ) {
    node = view.producer(input);
    input = node && removed.get(node.index);
  }
  return node?.index;
}

/**
 * Lets the nodes before removed ones make their outputs, and the nodes before graph outputs what is quantized for them: `renamedOutputs` has those values by
 * the name of the output.
 */
export function renameRemoved(
  change: GraphChange,
  view: GraphView,
  marks: Marks,
  renamedOutputs: ReadonlyMap<string, string>,
): void {
  const renames = new Map(renamedOutputs);
  for (const [index, input] of [...marks.removed].toReversed()) {
    const [output = ''] = view.graph.nodes[index]?.outputs ?? [];
    renames.set(input, renames.get(output) ?? output);
    change.removeNode(index);
  }
  for (const name of renames.keys()) {
    const producer = view.producer(name);
    if (producer) change.renameIn(producer.index, { outputs: (each) => renames.get(each) });
  }
}
