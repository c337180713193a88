import type { ByteSource } from '../../onnx/byte-source';

/** Bytes that are read from first to last, any number of times. */
export interface PieceSource {
  /** Length in bytes. */
  readonly size: number;
  /** All of the bytes, in pieces of any length. */
  pieces(): AsyncGenerator<Uint8Array, void>;
}

const pieceBytes = 1 << 16;

/** The bytes from `start` to `end` of a file, in pieces. */
export function rangeOf(source: ByteSource, start: number, end: number): PieceSource {
  return {
    size: end - start,
    async *pieces() {
      for (let at = start; at < end; at += pieceBytes) yield await source.read(at, Math.min(pieceBytes, end - at));
    },
  };
}

/** Takes bytes off the front of a PieceSource. Holds one piece. Close it when it is not read to the end. */
export class PieceReader {
  readonly #pieces: AsyncGenerator<Uint8Array, void>;
  #held: Uint8Array = new Uint8Array();

  constructor(source: PieceSource) {
    this.#pieces = source.pieces();
  }

  /** The next `length` bytes; undefined where fewer are left. Memory for `length` bytes is taken: check it first. */
  async read(length: number): Promise<Uint8Array | undefined> {
    const result = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      if (this.#held.length === 0) {
        const next = await this.#pieces.next();
        if (next.done) return undefined;
        this.#held = next.value;
        continue;
      }
      const part = this.#held.subarray(0, length - filled);
      result.set(part, filled);
      filled += part.length;
      this.#held = this.#held.subarray(part.length);
    }
    return result;
  }

  /** Reads what is left and forgets it: a checksum at the end is checked only then. */
  async finish(): Promise<void> {
    this.#held = new Uint8Array();
    for (let next = await this.#pieces.next(); !next.done; next = await this.#pieces.next());
  }

  async close(): Promise<void> {
    await this.#pieces.return();
  }
}

/** All bytes at once. The caller has checked that `size` is bearable. */
export async function allBytes(source: PieceSource): Promise<Uint8Array | undefined> {
  const reader = new PieceReader(source);
  try {
    return await reader.read(source.size);
  } finally {
    await reader.close();
  }
}
