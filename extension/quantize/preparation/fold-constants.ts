import type { DataType } from '../../model/data-type';
import type { Node } from '../../model/model';
import { executionOrder } from '../../model/order';
import type { TensorData } from '../../onnx/edit';
import { inferShapes } from '../../shapes/infer-shapes';
import type { GraphShapes } from '../../shapes/model-shapes';
import { GraphChange } from '../graph-change';
import { GraphView } from '../graph-view';
import type { QuantizationSource } from '../plan';
import { tensorData } from '../upgrade-site';
import type { PreparationPass } from './pass';

/** Longer results stay computed, so that the file does not grow by what took no room in it. */
const largestResult = 1024;

/**
 * Replaces nodes of the main graph whose results are whole numbers or truth values that follow from constants and fixed shapes alone, such as the
 * arithmetic before a Reshape, by those results. Random operators have none.
 */
export const foldConstants: PreparationPass = {
  name: 'constant folding',
  async plan(source) {
    const { model } = source;
    const view = new GraphView(model);
    // A caller may replace such a constant, and then what follows from it.
    if (model.graph.inputs.some(({ name }) => model.graph.constants.has(name) && !view.constant(name)))
      return undefined;
    const { graph } = withoutBindings(source);
    const results = new Map<number, readonly TensorData[]>();
    for (const node of model.graph.nodes) {
      const tensors = resultsOf(node, graph, view);
      if (tensors) results.set(node.index, tensors);
    }
    if (results.size === 0) return undefined;
    const change = new GraphChange(view);
    const changes: string[] = [];
    for (const index of executionOrder(model.graph).order) {
      const node = model.graph.nodes[index];
      const tensors = results.get(index);
      if (!node || !tensors) continue;
      change.removeNode(index);
      changes.push(`${node.opType} ${node.name || node.outputs[0]} was replaced by its result.`);
      const isTaken = ({ name }: TensorData) =>
        view.uses(name).some((use) => !use.node || use.scope.graph !== model.graph || !results.has(use.node.index));
      for (const tensor of tensors.filter(isTaken)) change.addInitializer(tensor);
    }
    const edits = change.edits();
    return edits && { edits, changes };
  },
};

/** Sizes that a person bound are no property of the model: what is folded must hold for all sizes. */
function withoutBindings({ model, shapes }: QuantizationSource): { readonly graph: GraphShapes } {
  return shapes.bindables.some(({ value }) => value !== undefined) ? inferShapes(model) : shapes;
}

/** The outputs of a node as constants; undefined where one is not known, or belongs to the interface of the model. */
function resultsOf(node: Node, { values }: GraphShapes, view: GraphView): readonly TensorData[] | undefined {
  if (node.domain !== 'ai.onnx' || node.opType === 'Constant') return undefined;
  const tensors: TensorData[] = [];
  for (const name of node.outputs) {
    if (name === '') continue;
    const value = values.get(name);
    const dataType = value?.type?.kind === 'tensor' ? value.type.dataType : undefined;
    const known = value?.elements;
    if (!known || dataType === undefined || view.isOutput(name) || known.elements.length > largestResult)
      return undefined;
    const numbers = known.elements.filter((element) => typeof element === 'number');
    const bytes = numbers.length === known.elements.length ? bytesOf(dataType, numbers) : undefined;
    if (!bytes) return undefined;
    tensors.push(tensorData(name, dataType, known.dims, bytes));
  }
  return tensors.length > 0 ? tensors : undefined;
}

/** The elements as raw_data; undefined for other types, and for numbers that a double does not hold exactly. */
function bytesOf(dataType: DataType, numbers: readonly number[]): Uint8Array | undefined {
  if (!numbers.every(Number.isSafeInteger)) return undefined;
  switch (dataType) {
    case 'BOOL':
      return Uint8Array.from(numbers);
    case 'INT32': {
      const view = new DataView(new ArrayBuffer(4 * numbers.length));
      for (const [index, number] of numbers.entries()) view.setInt32(4 * index, number, true);
      return new Uint8Array(view.buffer);
    }
    case 'INT64': {
      const view = new DataView(new ArrayBuffer(8 * numbers.length));
      for (const [index, number] of numbers.entries()) view.setBigInt64(8 * index, BigInt(number), true);
      return new Uint8Array(view.buffer);
    }
    default:
      return undefined;
  }
}
