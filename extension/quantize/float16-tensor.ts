import type { Tensor } from '../model/model';
import { float16Table } from '../onnx/number-formats';
import { type ModelBytes, readTensorChunks } from '../onnx/tensor-data';
import { float16Patterns } from './float16-bits';
import { littleEndianBytes, patternsOf } from './little-endian';
import type { TensorError } from './plan';

/** The largest finite float16, and the smallest above zero. */
const largest = 65504;
const smallest = 2 ** -24;

/**
 * A float32 tensor as float16, nearest even. Magnitudes above 65,504 become that, so that no infinity appears that was not there. A
 * single number that would become zero takes the smallest magnitude instead: such numbers are mostly there to keep a divisor from zero.
 */
export class Float16Tensor {
  constructor(
    private readonly tensor: Tensor,
    private readonly bytes: ModelBytes,
  ) {}

  async *produce(): AsyncGenerator<Uint8Array> {
    for await (const chunk of readTensorChunks(this.tensor, this.bytes)) {
      yield littleEndianBytes(this.#converted(patternsOf(chunk)));
    }
  }

  /** Compares with the float32 tensor. Elements that are not finite stay so and are left out of the sums. */
  async measure(signal?: AbortSignal): Promise<TensorError> {
    const numbers = float16Table();
    // Locals, not fields of one object: the loop runs over every weight.
    let [power, noise, maxAbsoluteError, overflows, underflows] = [0, 0, 0, 0, 0];
    for await (const chunk of readTensorChunks(this.tensor, this.bytes)) {
      signal?.throwIfAborted();
      const patterns = patternsOf(chunk);
      const values = new Float32Array(patterns.buffer, patterns.byteOffset, patterns.length);
      const halves = this.#converted(patterns);
      for (let index = 0; index < values.length; index++) {
        const value = values[index] ?? 0;
        const magnitude = Math.abs(value);
        if (!(magnitude < Number.POSITIVE_INFINITY)) continue;
        if (magnitude > largest) overflows++;
        else if (magnitude <= smallest / 2 && magnitude > 0) underflows++;
        const error = Math.abs(value - (numbers[halves[index] ?? 0] ?? 0));
        power += value * value;
        noise += error * error;
        if (error > maxAbsoluteError) maxAbsoluteError = error;
      }
    }
    return { signal: power, noise, maxAbsoluteError, overflows, underflows };
  }

  #converted(patterns: Uint32Array): Uint16Array<ArrayBuffer> {
    const halves = float16Patterns(patterns);
    const [pattern = 0] = patterns;
    const [half = 0] = halves;
    const vanishes = (pattern & 0x7fffffff) !== 0 && (half & 0x7fff) === 0;
    if (this.tensor.elementCount === 1 && vanishes) halves[0] = half | 1;
    return halves;
  }
}
