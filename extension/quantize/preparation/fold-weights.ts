import { bitsPerElement, type DataType, storedBytes } from '../../model/data-type';
import type { Node } from '../../model/model';
import { executionOrder } from '../../model/order';
import type { TensorData } from '../../onnx/edit';
import { type ModelBytes, readTensorChunks, toFloat64 } from '../../onnx/tensor-data';
import { GraphChange } from '../graph-change';
import { GraphView } from '../graph-view';
import type { QuantizationSource } from '../plan';
import { float32Bytes } from '../weights/quantized-tensor';
import type { PreparationPass } from './pass';

/** A constant whose bytes are made when they are asked for. */
type LazyConstant = Omit<TensorData, 'name'>;

const floatTypes: ReadonlySet<DataType> = new Set<DataType>(['FLOAT', 'FLOAT16', 'BFLOAT16', 'DOUBLE']);
/** These give their elements on in the same order. */
const reshaping: ReadonlySet<string> = new Set(['Reshape', 'Unsqueeze', 'Squeeze', 'Flatten']);
/** A weight that is transposed is held in memory for it; larger ones stay as they are. */
const largestTransposed = 2 ** 28;

/**
 * Puts the result in place of Transpose, Reshape, Unsqueeze, Squeeze, Flatten, and of Cast to float32, where they take a float constant of the main graph: a
 * layer can then be quantized by the weight that it takes. A constant that something else takes as it is stays, since the file would hold it twice.
 */
export const foldWeights: PreparationPass = {
  name: 'weights in their final form',
  async plan(source) {
    const view = new GraphView(source.model);
    const folded = new Map<string, LazyConstant>();
    const removed = new Map<number, string>();
    for (const index of executionOrder(source.model.graph).order) {
      const node = source.model.graph.nodes[index];
      const result = node && resultOf(node, source, view, folded);
      const [output = ''] = node?.outputs ?? [];
      if (!node || !result || view.isOutput(output)) continue;
      folded.set(output, result);
      removed.set(index, output);
    }
    keepShared(view, removed);
    if (removed.size === 0) return undefined;
    const change = new GraphChange(view);
    const changes: string[] = [];
    for (const [index, output] of removed) {
      const node = view.graph.nodes[index];
      const result = folded.get(output);
      if (!node || !result) continue;
      change.removeNode(index);
      changes.push(`${node.opType} ${node.name || output} of a constant was replaced by its result.`);
      const isTaken = view.uses(output).some((use) => !use.node || isInBody(view, use) || !removed.has(use.node.index));
      if (isTaken) change.addInitializer({ name: output, ...result });
    }
    const edits = change.edits();
    return edits && { edits, changes };
  },
};

/** Leaves nodes out whose constant would stay in the file beside the result: until none is left, since each may be what another takes. */
function keepShared(view: GraphView, removed: Map<number, string>): void {
  const waiting = [...removed.keys()];
  for (let index = waiting.pop(); index !== undefined; index = waiting.pop()) {
    const [input = ''] = view.graph.nodes[index]?.inputs ?? [];
    if (!removed.has(index)) continue;
    const producer = view.producer(input);
    const isMade = producer !== undefined && producer.opType !== 'Constant';
    const isKept = isMade ? !removed.has(producer.index) : !view.uses(input).every((use) => leaves(view, use, removed));
    if (!isKept) continue;
    removed.delete(index);
    const [output = ''] = view.graph.nodes[index]?.outputs ?? [];
    for (const taken of [output, input]) {
      for (const { node } of view.uses(taken)) if (node) waiting.push(node.index);
    }
  }
}

function leaves(view: GraphView, use: Use, removed: ReadonlyMap<number, string>): boolean {
  return use.node !== undefined && !isInBody(view, use) && removed.has(use.node.index);
}

type Use = ReturnType<GraphView['uses']>[number];

function isInBody(view: GraphView, use: Use): boolean {
  return use.scope.graph !== view.graph;
}

function resultOf(
  node: Node,
  { shapes, bytes }: QuantizationSource,
  view: GraphView,
  folded: ReadonlyMap<string, LazyConstant>,
): LazyConstant | undefined {
  const [input = ''] = node.inputs;
  if (node.domain !== 'ai.onnx' || node.outputs.length !== 1) return undefined;
  const constant = folded.get(input) ?? constantOf(input, view, bytes);
  if (!constant || !floatTypes.has(constant.dataType)) return undefined;
  const { opType } = node;
  if (opType === 'Transpose') return transposed(constant, node);
  const type = shapes.graph.values.get(node.outputs[0] ?? '')?.type;
  if (type?.kind !== 'tensor') return undefined;
  if (opType === 'Cast') {
    const isWeight = constant.dims.length > 0 && constant.dataType !== 'FLOAT' && type.dataType === 'FLOAT';
    return isWeight ? castToFloat32(constant) : undefined;
  }
  if (!reshaping.has(opType)) return undefined;
  const dims = (type.shape ?? []).filter((dim) => typeof dim === 'number');
  const isKnown = type.shape !== undefined && dims.length === type.shape.length;
  return isKnown && elements(dims) === elements(constant.dims) ? { ...constant, dims } : undefined;
}

function constantOf(name: string, view: GraphView, bytes: ModelBytes): LazyConstant | undefined {
  const tensor = view.constant(name);
  if (tensor?.dataType === undefined) return undefined;
  const { dataType, dims, byteLength } = tensor;
  return { dataType, dims, byteLength, produce: () => readTensorChunks(tensor, bytes) };
}

function castToFloat32(constant: LazyConstant): LazyConstant {
  const { dataType, dims } = constant;
  const width = bitsPerElement(dataType) / 8;
  async function* produce(): AsyncGenerator<Uint8Array> {
    for await (const chunk of constant.produce()) {
      yield float32Bytes(toFloat64(dataType, chunk, Math.floor(chunk.length / width)));
    }
  }
  return { dataType: 'FLOAT', dims, byteLength: storedBytes('FLOAT', elements(dims)), produce };
}

function transposed(constant: LazyConstant, node: Node): LazyConstant | undefined {
  const { dims, dataType, byteLength } = constant;
  const written = node.attributes.get('perm');
  const axes = written?.kind === 'ints' ? written.value.map(Number) : dims.map((_, axis) => dims.length - 1 - axis);
  const isPermutation =
    axes.length === dims.length && new Set(axes).size === dims.length && axes.every((axis) => axis in dims);
  if (byteLength > largestTransposed || !isPermutation) return undefined;
  async function* produce(): AsyncGenerator<Uint8Array> {
    const whole = new Uint8Array(byteLength);
    let filled = 0;
    for await (const chunk of constant.produce()) {
      whole.set(chunk, filled);
      filled += chunk.length;
    }
    yield permuted(whole, dims, axes, bitsPerElement(dataType) / 8);
  }
  return { dataType, dims: axes.map((axis) => dims[axis] ?? 1), byteLength, produce };
}

/** Elements of `width` bytes in the order of the dimensions `axes`, as Transpose puts them. */
function permuted(data: Uint8Array, dims: readonly number[], axes: readonly number[], width: number): Uint8Array {
  const result = new Uint8Array(data.length);
  const strides = dims.map((_, axis) => elements(dims.slice(axis + 1)));
  const index = axes.map(() => 0);
  let from = 0;
  for (let to = 0; to < data.length; to += width) {
    for (let byte = 0; byte < width; byte++) result[to + byte] = data[from * width + byte] ?? 0;
    for (let position = axes.length - 1; position >= 0; position--) {
      const axis = axes[position] ?? 0;
      const next = (index[position] ?? 0) + 1;
      from += strides[axis] ?? 0;
      index[position] = next;
      if (next < (dims[axis] ?? 1)) break;
      from -= next * (strides[axis] ?? 0);
      index[position] = 0;
    }
  }
  return result;
}

function elements(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}
