import type { Model } from '../model/model';

/** All nodes the file has, in subgraphs and functions too. */
export function nodesIn(model: Model): number {
  let count = 0;
  const graphs = [model.graph, ...model.functions.map(({ body }) => body)];
  for (let graph = graphs.pop(); graph; graph = graphs.pop()) {
    count += graph.nodes.length;
    for (const { attributes } of graph.nodes) {
      for (const attribute of attributes.values()) {
        if (attribute.kind === 'graph') graphs.push(attribute.value);
        else if (attribute.kind === 'graphs') for (const subgraph of attribute.value) graphs.push(subgraph);
      }
    }
  }
  return count;
}
