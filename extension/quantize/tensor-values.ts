import type { Tensor } from '../model/model';
import { type ModelBytes, readTensor, toFloat64 } from '../onnx/tensor-data';

/** All elements of a small tensor as numbers. Throws Error (a sentence) when they cannot be had. */
export async function readValues(tensor: Tensor, bytes: ModelBytes): Promise<Float64Array> {
  return toFloat64(tensor.dataType ?? 'FLOAT', await readTensor(tensor, bytes), tensor.elementCount);
}

/** Work that is done at most once at a time and whose result is kept; a failure (or a cancel) is not kept. */
export class Once<Result> {
  #result: Promise<Result> | undefined;

  constructor(private readonly work: () => Promise<Result>) {}

  get(): Promise<Result> {
    this.#result ??= this.work().catch((error: unknown) => {
      this.#result = undefined;
      throw error;
    });
    return this.#result;
  }
}
