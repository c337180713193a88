import type { Graph, Node } from '../model/model';

/** The graphs that stand in attributes of a node: bodies of If, Loop, Scan and their like. */
export function graphsInside(node: Node): readonly Graph[] {
  const graphs: Graph[] = [];
  for (const attribute of node.attributes.values()) {
    if (attribute.kind === 'graph') graphs.push(attribute.value);
    else if (attribute.kind === 'graphs') graphs.push(...attribute.value);
  }
  return graphs;
}
