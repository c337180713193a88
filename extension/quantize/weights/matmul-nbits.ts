import type { Node, Tensor } from '../../model/model';
import type { NewNode, TensorData } from '../../onnx/edit';
import { GraphChange } from '../graph-change';
import { GraphView } from '../graph-view';
import type { QuantizationOptions } from '../options';
import type { ConvertedTensor, QuantizationSource } from '../plan';
import { UniqueNames } from '../unique-names';
import { symmetricFormat } from './integer-format';
import type { SchemePlan } from './plan-weights';
import { QuantizedTensor, type QuantizedTensorOptions } from './quantized-tensor';
import type { WeightFitter } from './weight-fitter';

const microsoft = 'com.microsoft';

/**
 * Replaces MatMul and Gemm by constant two-dimensional weights in the main graph by onnxruntime's MatMulNBits of com.microsoft with 4 or 2 bits, symmetric,
 * one scale per block of the summed axis. A bias is added after it. Other weights stay as they are.
 */
export function planMatMulNBits(
  source: QuantizationSource,
  bits: 4 | 2,
  options: QuantizationOptions,
  fitter?: WeightFitter,
): SchemePlan {
  const { model } = source;
  const view = new GraphView(model);
  const change = new GraphChange(view);
  const names = new UniqueNames(model);
  const excluded = new Set(options.excludedNodes);
  const made = new Map<string, BlockWeight>();
  const converted: ConvertedTensor[] = [];
  let count = 0;
  for (const node of model.graph.nodes) {
    const weight = excluded.has(node.name || (node.outputs[0] ?? ''))
      ? undefined
      : blockWeightOf(node, view, options.blockSize);
    if (!weight) continue;
    const [, name = ''] = node.inputs;
    const key = `${name} ${weight.transposed}`;
    let stored = made.get(key);
    if (!stored) {
      stored = storeBlocks(weight, bits, options.blockSize, source, {
        quantized: free(names, `${name}_blocks`),
        scale: free(names, `${name}_scale`),
        fitter: fitter && { by: fitter, name },
      });
      made.set(key, stored);
      change.addInitializer(stored.blocks);
      change.addInitializer(stored.scales);
      converted.push(stored.converted);
    }
    replace(node, stored, change, names);
    count++;
  }
  const edits = change.edits();
  const opsets = count > 0 && !model.opsets.has(microsoft) ? new Map([[microsoft, 1]]) : undefined;
  return {
    edits: { ...edits, ...(opsets && { opsets }) },
    converted,
    left: [],
    passes:
      count > 0
        ? [{ pass: 'MatMulNBits', changes: [`${count} MatMul and Gemm nodes became MatMulNBits with ${bits} bits.`] }]
        : [],
  };
}

interface MatrixWeight {
  readonly tensor: Tensor;
  /** [outputs, inputs] instead of [inputs, outputs]. */
  readonly transposed: boolean;
  readonly inputs: number;
  readonly outputs: number;
}

interface BlockWeight {
  readonly blocks: TensorData;
  readonly scales: TensorData;
  readonly attributes: ReadonlyMap<string, { readonly kind: 'int'; readonly value: bigint }>;
  readonly converted: ConvertedTensor;
}

/** Undefined for what MatMulNBits cannot replace, and where a block would be longer than the axis. */
function blockWeightOf(node: Node, view: GraphView, blockSize: number): MatrixWeight | undefined {
  if (node.domain !== 'ai.onnx' || blockSize === 0) return undefined;
  const isGemm = node.opType === 'Gemm';
  if (!isGemm && node.opType !== 'MatMul') return undefined;
  const tensor = view.constant(node.inputs[1] ?? '');
  if (tensor?.dataType !== 'FLOAT' || tensor.dims.length !== 2 || tensor.elementCount === 0) return undefined;
  if (view.constant(node.inputs[0] ?? '')) return undefined;
  if (isGemm && !['alpha', 'beta'].every((name) => isFactorOne(node, name))) return undefined;
  if (isGemm && flag(node, 'transA')) return undefined;
  const transposed = isGemm && flag(node, 'transB');
  const [rows = 1, columns = 1] = tensor.dims;
  const [inputs, outputs] = transposed ? [columns, rows] : [rows, columns];
  return inputs < blockSize ? undefined : { tensor, transposed, inputs, outputs };
}

function flag(node: Node, name: string): boolean {
  const attribute = node.attributes.get(name);
  return attribute?.kind === 'int' && attribute.value !== 0n;
}

function isFactorOne(node: Node, name: string): boolean {
  const attribute = node.attributes.get(name);
  return attribute?.kind !== 'float' || attribute.value === 1;
}

function storeBlocks(
  { tensor, transposed, inputs, outputs }: MatrixWeight,
  bits: 4 | 2,
  blockSize: number,
  source: QuantizationSource,
  names: { readonly quantized: string; readonly scale: string; readonly fitter: QuantizedTensorOptions['fitter'] },
): BlockWeight {
  // Codes as INT8 first: their order has to change before they are packed.
  const format = symmetricFormat('INT8', 2 ** (bits - 1) - 1, bits);
  const content = new QuantizedTensor(
    tensor,
    source.bytes,
    { kind: 'blocks', axis: transposed ? 1 : 0, size: blockSize },
    format,
    { fitter: names.fitter },
  );
  const perOutput = Math.ceil(inputs / blockSize);
  const blockBytes = (blockSize * bits) / 8;
  const blocks: TensorData = {
    name: names.quantized,
    dataType: 'UINT8',
    dims: [outputs, perOutput, blockBytes],
    byteLength: outputs * perOutput * blockBytes,
    deferred: true,
    async *produce() {
      const stride = perOutput * blockSize;
      const zero = 2 ** (bits - 1);
      const codes = new Uint8Array(outputs * stride).fill(zero);
      let position = 0;
      for await (const piece of content.elements('').produce()) {
        for (const byte of piece) {
          const row = Math.floor(position / (transposed ? inputs : outputs));
          const column = position % (transposed ? inputs : outputs);
          codes[transposed ? row * stride + column : column * stride + row] = ((byte << 24) >> 24) + zero;
          position++;
        }
      }
      yield packUnsigned(codes, bits);
    },
  };
  const scales: TensorData = {
    name: names.scale,
    dataType: 'FLOAT',
    dims: [outputs, perOutput],
    byteLength: outputs * perOutput * 4,
    deferred: true,
    async *produce() {
      const { scales: fitted } = await content.parameters();
      const view = new DataView(new ArrayBuffer(fitted.length * 4));
      for (let output = 0; output < outputs; output++) {
        for (let block = 0; block < perOutput; block++) {
          const scale = fitted[transposed ? output * perOutput + block : block * outputs + output] ?? 1;
          view.setFloat32((output * perOutput + block) * 4, scale, true);
        }
      }
      yield new Uint8Array(view.buffer);
    },
  };
  const number = (value: number) => ({ kind: 'int', value: BigInt(value) }) as const;
  return {
    blocks,
    scales,
    attributes: new Map([
      ['K', number(inputs)],
      ['N', number(outputs)],
      ['bits', number(bits)],
      ['block_size', number(blockSize)],
    ]),
    converted: {
      name: tensor.name,
      elements: tensor.elementCount,
      bytesBefore: tensor.byteLength,
      bytesAfter: blocks.byteLength + scales.byteLength,
      measure: (signal) => content.measure(signal),
    },
  };
}

/** Codes from 0 on, the first in the lowest bits of a byte. */
function packUnsigned(codes: Uint8Array, bits: 4 | 2): Uint8Array {
  const perByte = 8 / bits;
  const packed = new Uint8Array(codes.length / perByte);
  for (let index = 0; index < codes.length; index++) {
    const byte = Math.floor(index / perByte);
    packed[byte] = (packed[byte] ?? 0) | ((codes[index] ?? 0) << ((index % perByte) * bits));
  }
  return packed;
}

function replace(
  node: Node,
  { blocks, scales, attributes }: BlockWeight,
  change: GraphChange,
  names: UniqueNames,
): void {
  const [input = '', , bias = ''] = node.inputs;
  const [output = ''] = node.outputs;
  const product = bias === '' ? output : free(names, `${output}_product`);
  const removed = new Map(Array.from(node.attributes.keys(), (name) => [name, null] as const));
  change.editNode(node.index, {
    opType: 'MatMulNBits',
    domain: microsoft,
    inputs: [input, blocks.name, scales.name],
    outputs: [product],
    attributes: new Map([...removed, ...attributes]),
  });
  if (bias === '') return;
  const add: NewNode = {
    opType: 'Add',
    name: free(names, `${output}_Add`),
    inputs: [product, bias],
    outputs: [output],
  };
  change.addAfter(node.index, add);
}

function free(names: UniqueNames, base: string): string {
  const name = names.free(base);
  names.take(name);
  return name;
}
