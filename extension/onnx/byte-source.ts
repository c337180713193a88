/** Random access to the bytes of a file. */
export interface ByteSource {
  /** Length in bytes. */
  readonly size: number;
  /** Exactly `length` bytes from `offset`. Rejects with RangeError when the range is not inside the file. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Fills `target` with the bytes from `offset` on, where a source can do so without a buffer of its own. Rejects as `read` does. */
  readInto?(offset: number, target: Uint8Array): Promise<void>;
  /** The same file where reading its structure costs nothing, with zeros for content that would have to be produced first. */
  readonly structure?: ByteSource;
  /** True when some of these bytes are such zeros. */
  standsForContent?(start: number, end: number): boolean;
}

/** Opens the data files beside a model by the `location` text of external data; refuses with ExternalDataRefused. */
export interface ExternalFiles {
  open(location: string): Promise<ByteSource>;
}

/** An external data location that the rules forbid or that cannot be opened; `message` is a full sentence. */
export class ExternalDataRefused extends Error {
  override readonly name = 'ExternalDataRefused';
  constructor(
    message: string,
    /** `refused`: the rules forbid it and it was not opened; `missing`: there is no such file, or it cannot be opened. */
    readonly why: 'refused' | 'missing' = 'refused',
  ) {
    super(message);
  }
}

/** A file that is no readable ONNX model. `message` is one sentence that names the file, the place and what to do. */
export class UnreadableModel extends Error {
  override readonly name = 'UnreadableModel';
  constructor(
    readonly fileName: string,
    readonly detail: string,
    readonly offset?: number,
  ) {
    super(`${fileName}: ${offset === undefined ? '' : `byte ${offset.toLocaleString('en-US')}: `}${detail}`);
  }
}

/** A ByteSource over bytes in memory. */
export class MemoryByteSource implements ByteSource {
  constructor(private readonly bytes: Uint8Array) {}
  get size(): number {
    return this.bytes.length;
  }
  async read(offset: number, length: number): Promise<Uint8Array> {
    if (!Number.isSafeInteger(offset) || offset < 0 || length < 0 || offset + length > this.bytes.length) {
      throw new RangeError(`bytes ${offset} to ${offset + length} are outside a file of ${this.bytes.length} bytes`);
    }
    return this.bytes.subarray(offset, offset + length);
  }
}
