import { bitsPerElement, type DataType, dataTypeKind } from '../model/data-type';
import type { Tensor } from '../model/model';
import { type ModelBytes, readTensorChunks, toFloat64 } from '../onnx/tensor-data';
import type { LayerDetails } from './analysis';

const bins = 32;

type Measurable = Tensor & { readonly dataType: DataType };

/** True for tensors of real numbers of up to 32 bits whose elements can be had and fill whole 8-byte groups. */
export function isMeasurable(tensor: Tensor): tensor is Measurable {
  const { dataType, location } = tensor;
  if (!dataType || tensor.sparse || location.kind === 'missing' || location.kind === 'strings') return false;
  const bits = bitsPerElement(dataType);
  return ['float', 'signed', 'unsigned'].includes(dataTypeKind(dataType)) && bits <= 32 && 64 % bits === 0;
}

/**
 * Range, mean, standard deviation and histogram of a tensor's finite elements; undefined when it has none. Reads the elements
 * twice, a piece at a time.
 */
export async function weightStatistics(tensor: Tensor, bytes: ModelBytes): Promise<LayerDetails['weights']> {
  if (!isMeasurable(tensor)) return undefined;
  let count = 0;
  let sum = 0;
  let minimum = Number.POSITIVE_INFINITY;
  let maximum = Number.NEGATIVE_INFINITY;
  for await (const values of elementsOf(tensor, bytes)) {
    for (const value of values) {
      if (!Number.isFinite(value)) continue;
      count++;
      sum += value;
      if (value < minimum) minimum = value;
      if (value > maximum) maximum = value;
    }
  }
  if (count === 0) return undefined;
  const mean = sum / count;
  const scale = maximum > minimum ? bins / (maximum - minimum) : 0;
  const histogram = new Array<number>(bins).fill(0);
  let squares = 0;
  for await (const values of elementsOf(tensor, bytes)) {
    for (const value of values) {
      if (!Number.isFinite(value)) continue;
      squares += (value - mean) ** 2;
      const bin = Math.min(bins - 1, Math.floor((value - minimum) * scale));
      histogram[bin] = (histogram[bin] ?? 0) + 1;
    }
  }
  const deviation = Math.sqrt(squares / count);
  return { name: tensor.name, elements: tensor.elementCount, minimum, maximum, mean, deviation, histogram };
}

async function* elementsOf(tensor: Measurable, bytes: ModelBytes): AsyncGenerator<Float64Array> {
  const bits = bitsPerElement(tensor.dataType);
  let left = tensor.elementCount;
  for await (const chunk of readTensorChunks(tensor, bytes)) {
    const count = Math.min(left, Math.floor((chunk.length * 8) / bits));
    yield toFloat64(tensor.dataType, chunk, count);
    left -= count;
  }
}
