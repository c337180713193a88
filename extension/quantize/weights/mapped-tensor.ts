import type { Tensor } from '../../model/model';
import { type ModelBytes, readTensorChunks, toFloat64 } from '../../onnx/tensor-data';
import type { TensorError } from '../plan';

/** The float32 elements of a tensor in pieces. */
export async function* floatPieces(
  tensor: Tensor,
  bytes: ModelBytes,
  signal?: AbortSignal,
): AsyncGenerator<Float64Array> {
  for await (const chunk of readTensorChunks(tensor, bytes)) {
    signal?.throwIfAborted();
    yield toFloat64('FLOAT', chunk, chunk.length / 4);
  }
}

/** The error of replacing each element by `map` of it; elements that are not finite are counted as overflows. */
export async function mappingError(
  tensor: Tensor,
  bytes: ModelBytes,
  map: (value: number) => number,
  signal?: AbortSignal,
): Promise<TensorError> {
  const sums = { signal: 0, noise: 0, maxAbsoluteError: 0, overflows: 0, underflows: 0 };
  for await (const values of floatPieces(tensor, bytes, signal)) {
    for (const value of values) {
      const mapped = map(value);
      if (!Number.isFinite(value) || !Number.isFinite(mapped)) {
        sums.overflows++;
        continue;
      }
      const error = Math.abs(value - mapped);
      sums.signal += value * value;
      sums.noise += error * error;
      if (error > sums.maxAbsoluteError) sums.maxAbsoluteError = error;
      if (mapped === 0 && value !== 0) sums.underflows++;
    }
  }
  return sums;
}
