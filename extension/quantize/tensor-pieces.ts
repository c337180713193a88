import type { Tensor } from '../model/model';
import { isLittleEndian, type ModelBytes, readTensorChunks, tensorPlace } from '../onnx/tensor-data';
import type { TensorPiece } from './tensor-task';

/** Long enough that handing it to a thread costs little; a multiple of what readTensorChunks cuts at. Sums over a tensor depend on it. */
export const pieceBytes = 3 << 20;

/** A piece of a tensor in a buffer that is given back when nobody needs it any more. */
export interface HeldPiece {
  readonly piece: TensorPiece;
  release(): void;
}

/** Buffers that are used again: new ones would be cleared by the system page by page. */
export class PieceBuffers {
  readonly #free = new Map<number, SharedArrayBuffer[]>();

  take(byteLength: number): SharedArrayBuffer {
    return this.#free.get(byteLength)?.pop() ?? new SharedArrayBuffer(byteLength);
  }

  /** Keeps a buffer for its next use; one that is not of a whole piece or of its codes has none. */
  giveBack(buffer: SharedArrayBuffer): void {
    const { byteLength } = buffer;
    if (byteLength !== pieceBytes && byteLength !== pieceBytes / 4) return;
    const others = this.#free.get(byteLength);
    if (others) others.push(buffer);
    else this.#free.set(byteLength, [buffer]);
  }

  /** Lets go of all that nobody uses. */
  clear(): void {
    this.#free.clear();
  }
}

/** The elements of a float32 tensor in memory that threads share, from the first on; where they lie in a file, they are read straight into it. */
export async function* sharedPieces(
  tensor: Tensor,
  bytes: ModelBytes,
  buffers: PieceBuffers,
  signal?: AbortSignal,
): AsyncGenerator<HeldPiece> {
  let position = 0;
  const held = (buffer: SharedArrayBuffer, byteLength: number): HeldPiece => {
    const piece = { buffer, length: byteLength / 4, position };
    position += piece.length;
    return { piece, release: () => buffers.giveBack(buffer) };
  };
  const place = isLittleEndian ? await tensorPlace(tensor, bytes) : undefined;
  if (!place?.source.readInto) {
    for await (const chunk of readTensorChunks(tensor, bytes, pieceBytes)) {
      signal?.throwIfAborted();
      const buffer = buffers.take(chunk.length);
      copyNative(chunk, buffer);
      yield held(buffer, chunk.length);
    }
    return;
  }
  const end = place.offset + place.length;
  for (let at = place.offset; at < end; at += pieceBytes) {
    signal?.throwIfAborted();
    const length = Math.min(pieceBytes, end - at);
    const buffer = buffers.take(length);
    await place.source.readInto(at, new Uint8Array(buffer, 0, length));
    yield held(buffer, length);
  }
}

/** Little-endian bytes in the order of this machine. */
function copyNative(bytes: Uint8Array, buffer: SharedArrayBuffer): void {
  const target = new Uint8Array(buffer, 0, bytes.length);
  target.set(bytes);
  if (isLittleEndian) return;
  for (let at = 0; at < target.length; at += 4) target.subarray(at, at + 4).reverse();
}

/** Begins `work` on up to `ahead` more items than have been taken, and gives the results in the order of the items. */
export async function* inOrder<Item, Result>(
  items: AsyncIterable<Item> | Iterable<Item>,
  ahead: number,
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const begun: Promise<Result>[] = [];
  try {
    for await (const item of items) {
      const result = work(item);
      // A failure is seen when its turn comes.
      result.catch(() => undefined);
      begun.push(result);
      if (begun.length > ahead) yield* first(begun);
    }
    while (begun.length > 0) yield* first(begun);
  } finally {
    await Promise.allSettled(begun);
  }
}

async function* first<Result>(begun: Promise<Result>[]): AsyncGenerator<Result> {
  const next = begun.shift();
  if (next) yield await next;
}
