import type { Node } from '../../model/model';
import type { TensorData } from '../../onnx/edit';
import { type ModelBytes, readTensor } from '../../onnx/tensor-data';
import type { GraphView } from '../graph-view';
import { readValues } from '../tensor-values';
import { float32Bytes } from '../weights/quantized-tensor';

/** The weight of a MatMulNBits of com.microsoft as MatMul takes it: float32, [K, N]. */
export interface BlockWeights {
  readonly weight: Omit<TensorData, 'name'>;
  /** The value that is added to the product; empty: none. */
  readonly bias: string;
}

/** Inputs of MatMulNBits that a MatMul has no place for: an order of the columns. */
const groupIndex = 4;
const biasInput = 5;

/**
 * What a MatMulNBits multiplies with; undefined for another node, and where its parts are no constants, its scales no float32, or their sizes not those of its
 * attributes. Codes of 2, 4 or 8 bits, lowest bits first, and of each output in whole blocks; w = (code - zero point) * scale, with the zero point in the
 * middle of the codes where none is given. Source: onnxruntime, ContribOperators.md (com.microsoft.MatMulNBits).
 */
export function blockWeights(node: Node, view: GraphView, bytes: ModelBytes): BlockWeights | undefined {
  if (node.domain !== 'com.microsoft' || node.opType !== 'MatMulNBits') return undefined;
  const [, codes, scale, zeroPoint] = node.inputs.map((name) => view.constant(name));
  const inputs = whole(node, 'K', 0);
  const outputs = whole(node, 'N', 0);
  const size = whole(node, 'block_size', 0);
  const bits = whole(node, 'bits', 4);
  if (!codes || scale?.dataType !== 'FLOAT' || !(size > 0) || ![2, 4, 8].includes(bits)) return undefined;
  const blocks = Math.ceil(inputs / size);
  /** Of zero points, each output starts with a whole byte. */
  const zeroPointBytes = Math.ceil((blocks * bits) / 8);
  const isFloat = zeroPoint?.dataType === 'FLOAT';
  const zeroPointCount = isFloat ? outputs * blocks : outputs * zeroPointBytes;
  const hasZeroPoint = (node.inputs[3] ?? '') !== '';
  const isSound =
    inputs * outputs > 0 &&
    codes.dataType === 'UINT8' &&
    codes.elementCount === (outputs * blocks * size * bits) / 8 &&
    scale.elementCount === outputs * blocks &&
    (!hasZeroPoint || ((isFloat || zeroPoint?.dataType === 'UINT8') && zeroPoint.elementCount === zeroPointCount)) &&
    (node.inputs[groupIndex] ?? '') === '';
  if (!isSound) return undefined;
  const perByte = 8 / bits;
  const codeAt = (packed: ArrayLike<number>, start: number, index: number) =>
    ((packed[start + Math.floor(index / perByte)] ?? 0) >> ((index % perByte) * bits)) & (2 ** bits - 1);
  async function* produce(): AsyncGenerator<Uint8Array> {
    if (!codes || !scale) return;
    const packed = await readTensor(codes, bytes);
    const scales = await readValues(scale, bytes);
    const zeros = hasZeroPoint && zeroPoint ? await readValues(zeroPoint, bytes) : undefined;
    const zeroOf = (output: number, block: number) => {
      if (!zeros) return 2 ** (bits - 1);
      return isFloat ? (zeros[output * blocks + block] ?? 0) : codeAt(zeros, output * zeroPointBytes, block);
    };
    const rowBytes = (blocks * size * bits) / 8;
    for (let input = 0; input < inputs; input++) {
      const block = Math.floor(input / size);
      const row = new Float32Array(outputs);
      for (let output = 0; output < outputs; output++) {
        const code = codeAt(packed, output * rowBytes, input);
        row[output] = (code - zeroOf(output, block)) * (scales[output * blocks + block] ?? 1);
      }
      yield float32Bytes(row);
    }
  }
  const byteLength = inputs * outputs * Float32Array.BYTES_PER_ELEMENT;
  return {
    weight: { dataType: 'FLOAT', dims: [inputs, outputs], byteLength, produce },
    bias: node.inputs[biasInput] ?? '',
  };
}

function whole(node: Node, name: string, otherwise: number): number {
  const attribute = node.attributes.get(name);
  return attribute?.kind === 'int' ? Number(attribute.value) : otherwise;
}
