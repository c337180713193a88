import { bitsPerElement, dataTypeFromCode } from '../../model/data-type';
import type { Node, Tensor } from '../../model/model';
import type { NewAttribute, TensorData } from '../../onnx/edit';
import { type ModelBytes, readTensorChunks, toFloat64 } from '../../onnx/tensor-data';
import { GraphChange } from '../graph-change';
import { GraphView } from '../graph-view';
import { readValues } from '../tensor-values';
import { UniqueNames } from '../unique-names';
import { tensorData } from '../upgrade-site';
import { type Grouping, groupsOf } from '../weights/grouping';
import { float32Bytes } from '../weights/quantized-tensor';
import { blockWeights } from './dequantize-blocks';
import type { PreparationPass } from './pass';

/**
 * Turns a model with QuantizeLinear and DequantizeLinear back into a float model: constants get the values that DequantizeLinear gives them, and a value
 * that is quantized only to be dequantized is clipped to the range of its codes, which often does what an activation did before; MatMulNBits becomes
 * MatMul. In the main graph. What numbers lost when they were quantized stays lost.
 */
export const dequantize: PreparationPass = {
  name: 'dequantization',
  changesOutputs: true,
  async plan({ model, bytes }) {
    const view = new GraphView(model);
    const change = new GraphChange(view);
    const names = new UniqueNames(model);
    const opset = model.opsets.get('ai.onnx') ?? 1;
    const replaced = new Set<number>();
    let constants = 0;
    let pairs = 0;
    let products = 0;
    for (const node of model.graph.nodes) {
      if (replaceBlocks(node, { view, change, names }, bytes)) products++;
      if (!isLinear(node, 'DequantizeLinear')) continue;
      const [output = ''] = node.outputs;
      const constant = dequantizedConstant(node, view, bytes);
      const quantizer = view.producer(node.inputs[0] ?? '');
      const range = quantizer && (await rangeOfCodes(quantizer, view, bytes));
      if (constant && !view.isOutput(output)) {
        change.addInitializer(constant);
        change.removeNode(node.index);
        constants++;
      } else if (quantizer && range) {
        const bounds = Object.entries(range).map(([bound, value]) => ({
          name: names.free(`${output}_${bound}`),
          value,
        }));
        const removed = Array.from(node.attributes.keys(), (name) => [name, null] as const);
        const values = Array.from(Object.entries(range), ([name, value]) => [name, { kind: 'float', value }] as const);
        const asInputs = opset >= boundsAsInputs;
        change.editNode(node.index, {
          opType: 'Clip',
          domain: 'ai.onnx',
          inputs: [quantizer.inputs[0] ?? '', ...(asInputs ? bounds.map(({ name }) => name) : [])],
          attributes: new Map<string, NewAttribute | null>([...removed, ...(asInputs ? [] : values)]),
        });
        for (const { name, value } of asInputs ? bounds : []) {
          names.take(name);
          change.addInitializer(tensorData(name, 'FLOAT', [], float32Bytes([value])));
        }
        replaced.add(node.index);
        pairs++;
      }
    }
    for (const node of model.graph.nodes) {
      const [output = ''] = node.outputs;
      const isFree = view.uses(output).every((use) => use.node && replaced.has(use.node.index) && !isInBody(view, use));
      if (isLinear(node, 'QuantizeLinear') && isFree && !view.isOutput(output)) change.removeNode(node.index);
    }
    const edits = change.edits();
    return (
      edits && {
        edits,
        changes: [
          `${constants} constants got the float values that DequantizeLinear gave them.`,
          `${pairs} pairs of QuantizeLinear and DequantizeLinear between nodes became Clip, which keeps to the range of their codes.`,
          ...(products > 0 ? [`${products} MatMulNBits became MatMul with float weights.`] : []),
        ],
      }
    );
  },
};

/** Puts a MatMul, and an Add where there is a bias, in the place of MatMulNBits; false for any other node. */
function replaceBlocks(
  node: Node,
  { view, change, names }: { readonly view: GraphView; readonly change: GraphChange; readonly names: UniqueNames },
  bytes: ModelBytes,
): boolean {
  const found = blockWeights(node, view, bytes);
  if (!found) return false;
  const [input = '', codes = ''] = node.inputs;
  const [output = ''] = node.outputs;
  const free = (base: string) => {
    const name = names.free(base);
    names.take(name);
    return name;
  };
  const weight = free(`${codes}_float`);
  const product = found.bias === '' ? output : free(`${output}_product`);
  change.addInitializer({ name: weight, ...found.weight });
  change.editNode(node.index, {
    opType: 'MatMul',
    domain: 'ai.onnx',
    inputs: [input, weight],
    outputs: [product],
    attributes: new Map(Array.from(node.attributes.keys(), (name) => [name, null])),
  });
  if (found.bias !== '') {
    const inputs = [product, found.bias];
    change.addAfter(node.index, { opType: 'Add', name: free(`${output}_Add`), inputs, outputs: [output] });
  }
  return true;
}

/** From this opset on, the bounds of Clip are inputs. */
const boundsAsInputs = 11;

/** What the codes of a QuantizeLinear with one scale reach; undefined where it has several, or codes that are no whole numbers. */
async function rangeOfCodes(
  node: Node,
  view: GraphView,
  bytes: ModelBytes,
): Promise<{ readonly min: number; readonly max: number } | undefined> {
  if (!isLinear(node, 'QuantizeLinear')) return undefined;
  const [, scale, zeroPoint] = node.inputs.map((name) => view.constant(name));
  const isKnown = (node.inputs[2] ?? '') === '' || zeroPoint !== undefined;
  if (scale?.dataType !== 'FLOAT' || scale.elementCount !== 1 || !isKnown) return undefined;
  const written = dataTypeFromCode(whole(node, 'output_dtype', 0));
  const dataType = zeroPoint?.dataType ?? written ?? 'UINT8';
  const bits = bitsPerElement(dataType);
  const [lowest, highest] = dataType.startsWith('UINT')
    ? [0, 2 ** bits - 1]
    : [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
  if (!/^U?INT/.test(dataType)) return undefined;
  const [step = 1] = await readValues(scale, bytes);
  const [zero = 0] = zeroPoint ? await readValues(zeroPoint, bytes) : [0];
  return { min: (lowest - zero) * step, max: (highest - zero) * step };
}

function isInBody(view: GraphView, use: ReturnType<GraphView['uses']>[number]): boolean {
  return use.scope.graph !== view.graph;
}

function isLinear({ domain, opType }: Node, wanted: 'QuantizeLinear' | 'DequantizeLinear'): boolean {
  return opType === wanted && (domain === 'ai.onnx' || domain === 'com.microsoft');
}

/** The constant that a DequantizeLinear gives, under the name of its output; undefined where it takes no constants, or gives no float32. */
function dequantizedConstant(node: Node, view: GraphView, bytes: ModelBytes): TensorData | undefined {
  const [codes, scale, zeroPoint] = node.inputs.map((name) => view.constant(name));
  const [output] = node.outputs;
  const isKnown = (node.inputs[2] ?? '') === '' || zeroPoint !== undefined;
  if (!codes || scale?.dataType !== 'FLOAT' || !isKnown || output === undefined) return undefined;
  const grouping = groupingOf(node, codes, scale);
  if (!grouping || (zeroPoint && zeroPoint.elementCount !== scale.elementCount)) return undefined;
  return {
    name: output,
    dataType: 'FLOAT',
    dims: codes.dims,
    byteLength: codes.elementCount * Float32Array.BYTES_PER_ELEMENT,
    produce: () => dequantized(codes, scale, zeroPoint, grouping, bytes),
  };
}

async function* dequantized(
  codes: Tensor,
  scale: Tensor,
  zeroPoint: Tensor | undefined,
  grouping: Grouping,
  bytes: ModelBytes,
): AsyncGenerator<Uint8Array> {
  const scales = await readValues(scale, bytes);
  const zeroPoints = zeroPoint && (await readValues(zeroPoint, bytes));
  const group = groupsOf(codes.dims, grouping).walk();
  const dataType = codes.dataType ?? 'INT8';
  let left = codes.elementCount;
  for await (const chunk of readTensorChunks(codes, bytes)) {
    const count = Math.min(left, Math.floor((chunk.length * 8) / bitsPerElement(dataType)));
    left -= count;
    const values = toFloat64(dataType, chunk, count);
    for (const [index, code] of values.entries()) {
      const at = group();
      values[index] = Math.fround(code - (zeroPoints?.[at] ?? 0)) * (scales[at] ?? 1);
    }
    yield float32Bytes(values);
  }
}

/** Which elements share a scale; undefined where the dimensions do not agree. */
function groupingOf(node: Node, codes: Tensor, scale: Tensor): Grouping | undefined {
  if (scale.elementCount === 1) return { kind: 'tensor' };
  const written = whole(node, 'axis', 1);
  const axis = written < 0 ? written + codes.dims.length : written;
  const size = whole(node, 'block_size', 0);
  const grouping: Grouping = size > 0 ? { kind: 'blocks', axis, size } : { kind: 'axis', axis };
  if (!(axis >= 0 && axis < codes.dims.length)) return undefined;
  return groupsOf(codes.dims, grouping).dims.join() === scale.dims.join() ? grouping : undefined;
}

function whole(node: Node, name: string, otherwise: number): number {
  const attribute = node.attributes.get(name);
  return attribute?.kind === 'int' ? Number(attribute.value) : otherwise;
}
