import type { EngineTensor } from '../../inference/engine';
import { toFloat64 } from '../../onnx/tensor-data';

/** The elements as numbers, without a copy where their type and place allow it. Throws Error (a sentence) for what are no numbers. */
export function tensorNumbers({ dataType, dims, data }: EngineTensor): Float32Array | Float64Array {
  const count = dims.reduce((product, dim) => product * dim, 1);
  if (dataType === 'FLOAT' && data.byteOffset % Float32Array.BYTES_PER_ELEMENT === 0) {
    return new Float32Array(data.buffer, data.byteOffset, count);
  }
  return toFloat64(dataType, data, count);
}
