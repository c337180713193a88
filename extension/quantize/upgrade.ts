import type { DataType } from '../model/data-type';
import type { Graph, Model, Node } from '../model/model';
import type { EditedNode, FunctionEdits, GraphEdits, ModelEdits, TensorData } from '../onnx/edit';
import { inferShapes } from '../shapes/infer-shapes';
import type { GraphShapes } from '../shapes/model-shapes';
import type { PassReport, QuantizationSource } from './plan';
import { UniqueNames } from './unique-names';
import { constantKey, type Rewrite, tensorData, type UpgradeScope, UpgradeSite } from './upgrade-site';
import { upgradeEntry } from './upgrade-table';

/** The first opset whose DequantizeLinear knows an axis. */
export const upgradedOpset = 13;
/** The first whose DequantizeLinear knows blocks, and whole numbers of 4 and 16 bits. */
export const blockOpset = 21;

/**
 * The edits that bring a model of an older ai.onnx opset to opset 13 or 21 so that it computes the same, subgraphs and model functions
 * included; undefined when it is there already. `irVersion` is left to the caller.
 * Throws QuantizationRefused (a sentence) naming the operator that cannot be upgraded.
 */
export async function planUpgrade(
  source: QuantizationSource,
  targetOpset: typeof upgradedOpset | typeof blockOpset = upgradedOpset,
): Promise<{ readonly edits: ModelEdits; readonly passes: readonly PassReport[] } | undefined> {
  const { model } = source;
  const opset = model.opsets.get('ai.onnx');
  if (opset === undefined || opset >= targetOpset) return undefined;
  // Sizes that the user bound are no property of the model: what is rewritten must hold for all sizes.
  const bound = source.shapes.bindables.some((bindable) => bindable.value !== undefined);
  const shapes = bound ? inferShapes(model) : source.shapes;

  const upgrade = new ModelUpgrade(model, targetOpset);
  const graph = upgrade.upgradeGraph(model.graph, {
    opset,
    shapes: shapes.graph,
    parent: undefined,
    isFunction: false,
  });
  const functions = new Map<number, FunctionEdits>();
  for (const [position, definition] of model.functions.entries()) {
    const bodyOpset = definition.opsets.get('ai.onnx');
    if (bodyOpset === undefined || bodyOpset >= targetOpset) continue;
    const body = { opset: bodyOpset, shapes: undefined, parent: undefined, isFunction: true };
    functions.set(position, {
      graph: upgrade.upgradeGraph(definition.body, body) ?? {},
      opsets: new Map([['ai.onnx', targetOpset]]),
    });
  }
  return {
    edits: {
      opsets: new Map([['ai.onnx', targetOpset]]),
      ...(graph ? { graph } : {}),
      ...(functions.size > 0 ? { functions } : {}),
    },
    passes: [{ pass: `opset ${opset} to ${targetOpset}`, changes: upgrade.changes() }],
  };
}

/** Where a graph stands: the opset of its nodes and what is known of its values. */
interface Surroundings {
  readonly opset: number;
  readonly shapes: GraphShapes | undefined;
  readonly parent: Surroundings | undefined;
  /** Function bodies have no initializers. */
  readonly isFunction: boolean;
}

/** The state of one upgrade: names taken so far and a count of each change. */
class ModelUpgrade {
  private readonly names: UniqueNames;
  private readonly usedValues = new Set<string>();
  private readonly counts = new Map<string, number>();

  constructor(
    private readonly model: Model,
    private readonly targetOpset: number,
  ) {
    this.names = new UniqueNames(model);
    this.collectUses(model.graph);
    for (const definition of model.functions) this.collectUses(definition.body);
  }

  /** One sentence for every kind of change, in the order of the first. */
  changes(): readonly string[] {
    return Array.from(this.counts, ([change, count]) => `${count} ${change}`);
  }

  /** Undefined when nothing in the graph has to change. */
  upgradeGraph(graph: Graph, surroundings: Surroundings): GraphEdits | undefined {
    const nodes: EditedNode[] = [];
    const initializers: TensorData[] = [];
    const values = new Map<string, null>();
    const scope = this.scope(surroundings, nodes, initializers);
    let changed = false;
    for (const node of graph.nodes) {
      const rewrite = this.upgradeNode(node, surroundings, scope);
      const subgraphs = this.upgradeSubgraphs(node, surroundings);
      changed ||= rewrite !== undefined || subgraphs.size > 0;
      for (const edited of rewrite?.nodes ?? [{ source: node.index }]) {
        nodes.push('source' in edited && subgraphs.size > 0 ? { ...edited, subgraphs } : edited);
      }
      for (const output of droppedOutputs(node, rewrite)) if (graph.values.has(output)) values.set(output, null);
    }
    if (!changed) return undefined;
    return {
      nodes,
      ...(initializers.length > 0 ? { addedInitializers: initializers } : {}),
      ...(values.size > 0 ? { values } : {}),
    };
  }

  private upgradeNode(node: Node, { opset }: Surroundings, scope: UpgradeScope): Rewrite | undefined {
    const site = new UpgradeSite(node, opset, this.targetOpset, scope);
    if (node.domain !== 'ai.onnx') return site.modernized();
    const entry = upgradeEntry(node.opType, opset);
    if (entry.kind === 'refused') site.refuse(entry.reason);
    const rewrite = (entry.kind === 'rule' ? entry.rule(site) : undefined) ?? site.modernized();
    if (rewrite) {
      const change = `${node.opType}: ${rewrite.change}`;
      this.counts.set(change, (this.counts.get(change) ?? 0) + 1);
    }
    return rewrite;
  }

  private upgradeSubgraphs(node: Node, surroundings: Surroundings): Map<string, GraphEdits> {
    const subgraphs = new Map<string, GraphEdits>();
    for (const [name, attribute] of node.attributes) {
      if (attribute.kind !== 'graph') continue;
      const bodies = surroundings.shapes?.nodes[node.index]?.bodies;
      const shapes = bodies?.find((body) => body.kind === 'subgraph' && body.name === name)?.shapes;
      const edits = this.upgradeGraph(attribute.value, { ...surroundings, shapes, parent: surroundings });
      if (edits) subgraphs.set(name, edits);
    }
    return subgraphs;
  }

  private scope(surroundings: Surroundings, nodes: EditedNode[], initializers: TensorData[]): UpgradeScope {
    const constants = new Map<string, string>();
    const tensorType = (name: string) => {
      const type = findValue(surroundings, name)?.type;
      return type?.kind === 'tensor' ? type : undefined;
    };
    return {
      shape: (name) => tensorType(name)?.shape,
      dataType: (name) => tensorType(name)?.dataType,
      elements: (name) => {
        const elements = findValue(surroundings, name)?.elements?.elements;
        const numbers = elements?.filter((element) => typeof element === 'number');
        return numbers?.length === elements?.length ? numbers : undefined;
      },
      hasAttributeTypes: this.model.irVersion !== 1,
      isUsed: (name) => this.usedValues.has(name),
      uniqueName: (hint) => this.uniqueName(hint),
      constant: (hint: string, dataType: DataType, dims: readonly number[], bytes: Uint8Array) => {
        const key = constantKey(dataType, dims, bytes);
        const known = constants.get(key);
        if (known !== undefined) return known;
        const name = this.uniqueName(hint);
        constants.set(key, name);
        const value = tensorData(name, dataType, dims, bytes);
        if (surroundings.isFunction) {
          const attributes = new Map([['value', { kind: 'tensor-data', value } as const]]);
          nodes.push({ opType: 'Constant', name, inputs: [], outputs: [name], attributes });
        } else {
          initializers.push(value);
        }
        return name;
      },
    };
  }

  private uniqueName(hint: string): string {
    const name = this.names.free(hint);
    this.names.take(name);
    return name;
  }

  private collectUses(graph: Graph): void {
    for (const value of graph.outputs) this.usedValues.add(value.name);
    for (const node of graph.nodes) {
      for (const name of node.inputs) this.usedValues.add(name);
      for (const attribute of node.attributes.values()) {
        if (attribute.kind === 'graph') this.collectUses(attribute.value);
      }
    }
  }
}

function findValue(surroundings: Surroundings, name: string) {
  for (let at: Surroundings | undefined = surroundings; at; at = at.parent) {
    const value = at.shapes?.values.get(name);
    if (value) return value;
  }
  return undefined;
}

/** Outputs of a node that nothing gives any more. */
function droppedOutputs(node: Node, rewrite: Rewrite | undefined): readonly string[] {
  if (!rewrite) return [];
  const given = new Set(rewrite.nodes.flatMap((edited) => edited.outputs ?? node.outputs));
  return node.outputs.filter((name) => name !== '' && !given.has(name));
}
