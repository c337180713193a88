import { capturedNames, executionOrder } from '../model/order';
import type { EditedNode, KeptNode, ModelEdits, NewNode, TensorData } from '../onnx/edit';
import type { GraphView } from './graph-view';

/** The first IR version in which an initializer need not be a graph input. */
const freeInitializerIr = 4;

type NodeEdit = Omit<KeptNode, 'source' | 'subgraphs'>;

/** Changes to the main graph, gathered one by one; `edits` also drops the constants and value_info entries that they leave without use. */
export class GraphChange {
  readonly #removed = new Set<number>();
  readonly #edited = new Map<number, NodeEdit>();
  readonly #first: NewNode[] = [];
  readonly #before = new Map<number, NewNode[]>();
  readonly #after = new Map<number, NewNode[]>();
  readonly #replaced = new Map<string, TensorData>();
  readonly #added: TensorData[] = [];

  constructor(private readonly view: GraphView) {}

  removeNode(index: number): void {
    this.#removed.add(index);
  }

  /** What is not named stays as earlier edits left it. */
  editNode(index: number, edit: NodeEdit): void {
    this.#edited.set(index, { ...this.#edited.get(index), ...edit });
  }

  /** The inputs of a node as edited so far. */
  inputsOf(index: number): readonly string[] {
    return this.#edited.get(index)?.inputs ?? this.view.graph.nodes[index]?.inputs ?? [];
  }

  outputsOf(index: number): readonly string[] {
    return this.#edited.get(index)?.outputs ?? this.view.graph.nodes[index]?.outputs ?? [];
  }

  /** Renames operands and outputs of a node; names that `rename` does not have stay. */
  renameIn(index: number, rename: { readonly inputs?: Renaming; readonly outputs?: Renaming }): void {
    const inputs = renamed(this.inputsOf(index), rename.inputs);
    const outputs = renamed(this.outputsOf(index), rename.outputs);
    if (inputs || outputs) this.editNode(index, { ...(inputs && { inputs }), ...(outputs && { outputs }) });
  }

  /** Nodes that run before all others. */
  addFirst(...nodes: readonly NewNode[]): void {
    this.#first.push(...nodes);
  }

  addBefore(index: number, ...nodes: readonly NewNode[]): void {
    append(this.#before, index, nodes);
  }

  addAfter(index: number, ...nodes: readonly NewNode[]): void {
    append(this.#after, index, nodes);
  }

  addInitializer(tensor: TensorData): void {
    this.#added.push(tensor);
  }

  replaceInitializer(name: string, tensor: TensorData): void {
    this.#replaced.set(name, tensor);
  }

  /** Undefined when nothing was changed. */
  edits(): ModelEdits | undefined {
    const { graph, model } = this.view;
    const isEmpty =
      this.#removed.size + this.#edited.size + this.#first.length + this.#replaced.size + this.#added.length === 0 &&
      this.#before.size + this.#after.size === 0;
    if (isEmpty) return undefined;
    const nodes: EditedNode[] = [...this.#first];
    for (const index of executionOrder(graph).order) {
      for (const node of this.#before.get(index) ?? []) nodes.push(node);
      if (!this.#removed.has(index)) nodes.push({ source: index, ...this.#edited.get(index) });
      for (const node of this.#after.get(index) ?? []) nodes.push(node);
    }
    const used = this.#usedNames(nodes);
    const isUnused = (name: string) => !used.has(name) && this.view.uses(name).length > 0;
    const kept = nodes.filter((node) => {
      const source = 'source' in node ? graph.nodes[node.source] : undefined;
      return source?.opType !== 'Constant' || source.domain !== 'ai.onnx' || !source.outputs.every(isUnused);
    });

    const initializers = new Map<string, TensorData | null>(this.#replaced);
    for (const name of graph.constants.keys()) if (isUnused(name)) initializers.set(name, null);
    const inputs = new Map<string, null>();
    for (const { name } of graph.inputs) if (initializers.get(name) === null) inputs.set(name, null);
    const given = new Set(kept.flatMap((node) => node.outputs ?? this.#sourceOutputs(node)));
    const values = new Map<string, null>();
    for (const name of graph.values.keys()) {
      const wasMade = this.view.producer(name) !== undefined || graph.constants.has(name);
      if (wasMade && !given.has(name) && !(graph.constants.has(name) && initializers.get(name) !== null)) {
        values.set(name, null);
      }
    }
    const raisesIr = this.#added.length > 0 && (model.irVersion ?? freeInitializerIr) < freeInitializerIr;
    return {
      ...(raisesIr && { irVersion: freeInitializerIr }),
      graph: {
        nodes: kept,
        ...(initializers.size > 0 && { initializers }),
        ...(this.#added.length > 0 && { addedInitializers: this.#added }),
        ...(inputs.size > 0 && { inputs }),
        ...(values.size > 0 && { values }),
      },
    };
  }

  #sourceOutputs(node: EditedNode): readonly string[] {
    return 'source' in node ? (this.view.graph.nodes[node.source]?.outputs ?? []) : node.outputs;
  }

  #usedNames(nodes: readonly EditedNode[]): Set<string> {
    const used = new Set(this.view.graph.outputs.map(({ name }) => name));
    for (const node of nodes) {
      const source = 'source' in node ? this.view.graph.nodes[node.source] : undefined;
      for (const name of node.inputs ?? source?.inputs ?? []) used.add(name);
      if (source) for (const name of capturedNames(source)) used.add(name);
    }
    return used;
  }
}

type Renaming = (name: string) => string | undefined;

function renamed(names: readonly string[], rename: Renaming | undefined): string[] | undefined {
  if (!rename || !names.some((name) => rename(name) !== undefined)) return undefined;
  return names.map((name) => rename(name) ?? name);
}

function append(lists: Map<number, NewNode[]>, index: number, nodes: readonly NewNode[]): void {
  const list = lists.get(index);
  if (list) list.push(...nodes);
  else lists.set(index, [...nodes]);
}
