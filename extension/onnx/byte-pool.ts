const chunkBytes = 64 << 10;
const alignment = 8;

/** Copies of short byte runs, many to a buffer: one buffer each would take several times their length. */
export class BytePool {
  #chunk = new Uint8Array(0);
  #used = 0;

  /** A copy of `bytes`, aligned for elements of every type. */
  copy(bytes: Uint8Array): Uint8Array {
    if (bytes.length > chunkBytes / 16) return bytes.slice();
    const start = Math.ceil(this.#used / alignment) * alignment;
    if (start + bytes.length > this.#chunk.length) return this.#copyIntoNewChunk(bytes);
    this.#used = start + bytes.length;
    this.#chunk.set(bytes, start);
    return this.#chunk.subarray(start, this.#used);
  }

  #copyIntoNewChunk(bytes: Uint8Array): Uint8Array {
    this.#chunk = new Uint8Array(chunkBytes);
    this.#used = bytes.length;
    this.#chunk.set(bytes);
    return this.#chunk.subarray(0, bytes.length);
  }
}
