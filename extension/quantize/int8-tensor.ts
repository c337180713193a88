import type { Tensor } from '../model/model';
import type { ModelBytes } from '../onnx/tensor-data';
import type { ChannelLayout, PieceError } from './int8-kernel';
import { type TensorThreads, tensorThreads } from './node-tensor-threads';
import type { TensorError } from './plan';
import { type HeldPiece, inOrder, sharedPieces } from './tensor-pieces';

const largestCode = 127;
/** The smallest normal float32: below it a scale loses its precision, so such channels (all but zero) get scale 1, as in onnxruntime. */
const smallestScale = 2 ** -126;
/** A float weight up to this many bytes is held in memory between the pass for its scales and that for its codes; a larger one is read twice. */
const heldBytes = 48 << 20;
/** Pieces of a larger weight that are worked on at the same time, for each thread. */
const piecesPerThread = 3;

interface QuantizedPiece {
  readonly codes: Uint8Array;
  readonly error: PieceError;
}

/**
 * A float weight as symmetric int8, -127 to 127, with one scale per index of an axis or one for all.
 * scale = largest finite magnitude / 127, in float64, rounded to float32. Elements are read when they are asked for, their error is
 * measured with the same pass, and threads share the work; memory stays at `heldBytes`, the codes and the scales.
 */
export class Int8Tensor {
  /** How many scales there are. */
  readonly channels: number;
  readonly #layout: ChannelLayout;
  #scales: Promise<Float32Array> | undefined;
  #error: TensorError | undefined;

  constructor(
    private readonly tensor: Tensor,
    private readonly bytes: ModelBytes,
    axis: number | undefined,
    private readonly threads: TensorThreads = tensorThreads,
  ) {
    this.channels = axis === undefined ? 1 : (tensor.dims[axis] ?? 1);
    const following = axis === undefined ? tensor.dims : tensor.dims.slice(axis + 1);
    const run = following.reduce((product, dim) => product * dim, 1);
    this.#layout = { channels: this.channels, run };
  }

  /** The scales as raw_data. */
  async *produceScales(): AsyncGenerator<Uint8Array> {
    const scales = await this.#allScales();
    const bytes = new DataView(new ArrayBuffer(scales.length * 4));
    for (const [index, scale] of scales.entries()) bytes.setFloat32(index * 4, scale, true);
    yield new Uint8Array(bytes.buffer);
  }

  /** The int8 elements. NaN becomes 0, infinities the end of the range. Once they are all produced, their error is known. */
  async *produceElements(): AsyncGenerator<Uint8Array> {
    for await (const { codes } of this.#quantized()) yield codes;
  }

  /** Compares with the float weight; elements that are not finite are left out of the sums and counted as overflows. */
  async measure(signal?: AbortSignal): Promise<TensorError> {
    if (this.#error) return this.#error;
    for await (const _ of this.#quantized(signal));
    return this.measure(signal);
  }

  /** Codes and errors piece by piece, in order. */
  async *#quantized(signal?: AbortSignal): AsyncGenerator<QuantizedPiece> {
    const held: HeldPiece[] | undefined = this.#scales || this.tensor.byteLength > heldBytes ? undefined : [];
    const scales = await this.#allScales(signal, held);
    const results = inOrder(held ?? this.#pieces(signal), this.#ahead(held), async ({ piece, release }) => {
      const { buffers } = this.threads;
      const shared = buffers.take(piece.length);
      const error = await this.threads.run({ kind: 'int8', piece, layout: this.#layout, scales, codes: shared });
      release();
      // A copy: whoever takes the codes may keep them, and the buffer goes on to the next piece.
      const codes = new Uint8Array(new Uint8Array(shared, 0, piece.length));
      buffers.giveBack(shared);
      return { codes, error };
    });
    const sums = { signal: 0, noise: 0, maxAbsoluteError: 0, overflows: 0, underflows: 0 };
    for await (const result of results) {
      const { error } = result;
      sums.signal += error.signal;
      sums.noise += error.noise;
      sums.maxAbsoluteError = Math.max(sums.maxAbsoluteError, error.maxAbsoluteError);
      sums.overflows += error.notFinite;
      yield result;
    }
    this.#error = sums;
  }

  #pieces(signal: AbortSignal | undefined): AsyncGenerator<HeldPiece> {
    return sharedPieces(this.tensor, this.bytes, this.threads.buffers, signal);
  }

  /** Pieces to work on at the same time: those that are in memory anyway, or as many as keep the threads busy. */
  #ahead(held: readonly HeldPiece[] | undefined): number {
    return held ? Number.POSITIVE_INFINITY : this.threads.count * piecesPerThread;
  }

  /** `held` takes the pieces of the weight where this call is the one that reads them. */
  #allScales(signal?: AbortSignal, held?: HeldPiece[]): Promise<Float32Array> {
    this.#scales ??= this.#readScales(signal, held).catch((error) => {
      // A cancelled or failed pass must not stand for the next one.
      this.#scales = undefined;
      throw error;
    });
    return this.#scales;
  }

  async #readScales(signal: AbortSignal | undefined, held: HeldPiece[] | undefined): Promise<Float32Array> {
    const patterns = new Int32Array(new SharedArrayBuffer(this.channels * 4));
    const results = inOrder(this.#pieces(signal), this.#ahead(held), async (read) => {
      held?.push(read);
      const { piece } = read;
      await this.threads.run({ kind: 'magnitudes', piece, layout: this.#layout, magnitudes: patterns });
      if (!held) read.release();
    });
    for await (const _ of results);
    const magnitudes = new Float32Array(patterns.buffer);
    const scales = new Float32Array(new SharedArrayBuffer(this.channels * 4));
    for (const [channel, magnitude] of magnitudes.entries()) {
      const scale = Math.fround(magnitude / largestCode);
      scales[channel] = scale < smallestScale ? 1 : scale;
    }
    return scales;
  }
}
