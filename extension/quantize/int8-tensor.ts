import type { Tensor } from '../model/model';
import { type ModelBytes, readTensorChunks, toFloat64 } from '../onnx/tensor-data';
import type { TensorError } from './plan';

const largest = 127;
/** The smallest normal float32: below it a scale loses its precision, so such channels (all but zero) get scale 1, as in onnxruntime. */
const smallestScale = 2 ** -126;

/**
 * A float weight as symmetric int8, -127 to 127, with one scale per index of an axis or one for all.
 * scale = largest finite magnitude / 127, in float64, rounded to float32. Elements are read when they are asked for;
 * memory stays at one piece and the scales.
 */
export class Int8Tensor {
  /** How many scales there are. */
  readonly channels: number;
  /** Elements that follow each other with the same scale. */
  readonly #run: number;
  #scales: Promise<Float32Array> | undefined;

  constructor(
    private readonly tensor: Tensor,
    private readonly bytes: ModelBytes,
    axis: number | undefined,
  ) {
    this.channels = axis === undefined ? 1 : (tensor.dims[axis] ?? 1);
    const following = axis === undefined ? tensor.dims : tensor.dims.slice(axis + 1);
    this.#run = following.reduce((product, dim) => product * dim, 1);
  }

  /** The scales as raw_data. */
  async *produceScales(): AsyncGenerator<Uint8Array> {
    const scales = await this.#allScales();
    const bytes = new DataView(new ArrayBuffer(scales.length * 4));
    for (const [index, scale] of scales.entries()) bytes.setFloat32(index * 4, scale, true);
    yield new Uint8Array(bytes.buffer);
  }

  /** The int8 elements. NaN becomes 0, infinities the end of the range. */
  async *produceElements(): AsyncGenerator<Uint8Array> {
    const scales = await this.#allScales();
    let position = 0;
    for await (const values of this.#values()) {
      yield new Uint8Array(this.#quantized(values, position, scales).buffer);
      position += values.length;
    }
  }

  /** Compares with the float weight; elements that are not finite are left out of the sums and counted as overflows. */
  async measure(signal?: AbortSignal): Promise<TensorError> {
    const scales = await this.#allScales(signal);
    const sums = { signal: 0, noise: 0, maxAbsoluteError: 0, overflows: 0, underflows: 0 };
    let position = 0;
    for await (const values of this.#values(signal)) {
      const quantized = this.#quantized(values, position, scales);
      const channels = this.#channelsFrom(position);
      for (let index = 0; index < values.length; index++) {
        const value = values[index] ?? 0;
        const scale = scales[channels.current] ?? 1;
        channels.step();
        if (!Number.isFinite(value)) {
          sums.overflows++;
          continue;
        }
        const error = Math.abs(value - Math.fround((quantized[index] ?? 0) * scale));
        sums.signal += value * value;
        sums.noise += error * error;
        if (error > sums.maxAbsoluteError) sums.maxAbsoluteError = error;
      }
      position += values.length;
    }
    return sums;
  }

  /** A piece of the weight that begins at element `position`, rounded half to even and limited to -127..127; NaN gives 0. */
  #quantized(values: Float64Array, position: number, scales: Float32Array): Int8Array<ArrayBuffer> {
    const quantized = new Int8Array(values.length);
    const channels = this.#channelsFrom(position);
    for (let index = 0; index < values.length; index++) {
      const exact = (values[index] ?? 0) / (scales[channels.current] ?? 1);
      channels.step();
      const limited = exact > largest ? largest : exact < -largest ? -largest : exact;
      quantized[index] = limited + roundsToInteger - roundsToInteger;
    }
    return quantized;
  }

  #allScales(signal?: AbortSignal): Promise<Float32Array> {
    this.#scales ??= this.#readScales(signal).catch((error) => {
      // A cancelled or failed pass must not stand for the next one.
      this.#scales = undefined;
      throw error;
    });
    return this.#scales;
  }

  async #readScales(signal: AbortSignal | undefined): Promise<Float32Array> {
    const magnitudes = new Float64Array(this.channels);
    let position = 0;
    for await (const values of this.#values(signal)) {
      this.#raiseMagnitudes(values, position, magnitudes);
      position += values.length;
    }
    return Float32Array.from(magnitudes, (magnitude) => {
      const scale = Math.fround(magnitude / largest);
      return scale < smallestScale ? 1 : scale;
    });
  }

  /** The largest finite magnitudes so far, by channel. */
  #raiseMagnitudes(values: Float64Array, position: number, magnitudes: Float64Array): void {
    const channels = this.#channelsFrom(position);
    for (let index = 0; index < values.length; index++) {
      const magnitude = Math.abs(values[index] ?? 0);
      if (magnitude > (magnitudes[channels.current] ?? 0) && magnitude !== Number.POSITIVE_INFINITY) {
        magnitudes[channels.current] = magnitude;
      }
      channels.step();
    }
  }

  async *#values(signal?: AbortSignal): AsyncGenerator<Float64Array> {
    for await (const chunk of readTensorChunks(this.tensor, this.bytes)) {
      signal?.throwIfAborted();
      yield toFloat64('FLOAT', chunk, chunk.length / 4);
    }
  }

  #channelsFrom(position: number): ChannelWalk {
    return new ChannelWalk(position, this.channels, this.#run);
  }
}

/** The channel of each element in turn. */
class ChannelWalk {
  current: number;
  #left: number;

  constructor(
    position: number,
    private readonly channels: number,
    private readonly run: number,
  ) {
    this.current = Math.floor(position / run) % channels;
    this.#left = run - (position % run);
  }

  step(): void {
    if (--this.#left > 0) return;
    this.#left = this.run;
    this.current = this.current + 1 === this.channels ? 0 : this.current + 1;
  }
}

/** Adding and taking away 1.5 * 2^52 leaves a number without its fraction, rounded half to even as float64 sums are. */
const roundsToInteger = 1.5 * 2 ** 52;
