import type { Node } from '../../model/model';
import { executionOrder } from '../../model/order';
import { GraphChange } from '../graph-change';
import { GraphView } from '../graph-view';
import type { PreparationPass } from './pass';

/** Removes Identity nodes, and Dropout nodes that do nothing in inference, from the main graph. */
export const removeIdentity: PreparationPass = {
  name: 'identity removal',
  async plan({ model }) {
    const view = new GraphView(model);
    const opset = model.opsets.get('ai.onnx') ?? 1;
    const change = new GraphChange(view);
    const names = new Renaming();
    const changes: string[] = [];
    for (const index of executionOrder(model.graph).order) {
      const node = model.graph.nodes[index];
      if (!node || !isIdentity(node, opset, view) || !bypass(node, view, names)) continue;
      change.removeNode(index);
      changes.push(`${node.opType} ${node.name || node.outputs[0]} was removed.`);
    }
    for (const node of model.graph.nodes) {
      const rename = (name: string) => names.final(name);
      change.renameIn(node.index, { inputs: rename, outputs: rename });
    }
    const edits = changes.length > 0 ? change.edits() : undefined;
    return edits && { edits, changes };
  },
};

function isIdentity(node: Node, opset: number, view: GraphView): boolean {
  if (node.domain !== 'ai.onnx') return false;
  if (node.opType === 'Identity') return true;
  if (node.opType !== 'Dropout') return false;
  const mask = node.outputs[1] ?? '';
  if (mask !== '' && (view.uses(mask).length > 0 || view.isOutput(mask))) return false;
  // Until opset 6 an attribute, from 12 on an input says whether it is training.
  if (opset < 7) return hasInt(node, 'is_test', 1n);
  return opset < 12 || (node.inputs[2] ?? '') === '';
}

function hasInt(node: Node, name: string, value: bigint): boolean {
  const attribute = node.attributes.get(name);
  return attribute?.kind === 'int' && attribute.value === value;
}

/** Lets what takes the output of `node` take its input; false where the interface of the model or a subgraph holds a name. */
function bypass(node: Node, view: GraphView, names: Renaming): boolean {
  const [input = ''] = node.inputs;
  const [output = ''] = node.outputs;
  if (input === '' || output === '' || view.isCaptured(output)) return false;
  if (!view.isOutput(output)) return names.add(output, input);
  // The value gets the output's name instead, which it can where nothing else fixes its own.
  const root = names.final(input) ?? input;
  if (view.isOutput(root) || view.isCaptured(root) || !view.producer(root)) return false;
  return names.add(root, output);
}

/** Names and what they became, each followed to its end. */
class Renaming {
  readonly #next = new Map<string, string>();

  add(name: string, next: string): boolean {
    this.#next.set(name, next);
    return true;
  }

  /** Undefined when the name stays. */
  final(name: string): string | undefined {
    const passed: string[] = [];
    let current = name;
    for (let next = this.#next.get(current); next !== undefined; next = this.#next.get(current)) {
      passed.push(current);
      current = next;
    }
    for (const each of passed) this.#next.set(each, current);
    return current === name ? undefined : current;
  }
}
