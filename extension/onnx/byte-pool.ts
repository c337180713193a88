const chunkBytes = 64 << 10;
const alignment = 8;

/** Copies of short byte runs, many to a buffer: a buffer, or only a view, for each would take several times their length. */
export class BytePool {
  readonly #chunks: Uint8Array[] = [];
  #used = chunkBytes;

  /** Keeps a copy of `bytes`, aligned for elements of every type; gives what `view` wants. */
  add(bytes: Uint8Array): number {
    if (bytes.length > chunkBytes / 16) {
      this.#chunks.push(bytes.slice());
      this.#used = chunkBytes;
      return (this.#chunks.length - 1) * chunkBytes;
    }
    let start = Math.ceil(this.#used / alignment) * alignment;
    if (start + bytes.length > chunkBytes) {
      this.#chunks.push(new Uint8Array(chunkBytes));
      start = 0;
    }
    const chunk = this.#chunks.length - 1;
    this.#chunks[chunk]?.set(bytes, start);
    this.#used = start + bytes.length;
    return chunk * chunkBytes + start;
  }

  /** The `length` bytes that were added there. */
  view(at: number, length: number): Uint8Array {
    const start = at % chunkBytes;
    return (this.#chunks[Math.floor(at / chunkBytes)] ?? empty).subarray(start, start + length);
  }
}

const empty = new Uint8Array(0);
