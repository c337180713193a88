import type { ByteSource, ExternalFiles } from './byte-source';
import { contentField, stringField, varintField } from './encode';
import { type Payload, Segments } from './segments';

/** Data starts at a multiple of this, so that it can be mapped into memory page by page. */
const alignment = 4096;

/** Where data stands in the data file, in bytes. */
export interface DataRange {
  readonly offset: number;
  readonly length: number;
}

/** The data file of a rewritten model while it is put together. */
export class DataFile {
  readonly segments = new Segments();
  readonly #opened = new Map<string, Promise<ByteSource>>();
  /** Data that several tensors share is written once. */
  readonly #moved = new Map<string, DataRange>();

  constructor(
    readonly path: string,
    private readonly files: ExternalFiles | undefined,
  ) {}

  /** Puts new data at the end. */
  add(payload: Payload): DataRange {
    const range = this.#align(payload.byteLength);
    this.segments.payload(payload);
    return range;
  }

  /** Puts the bytes [start, end) of a source at the end. */
  copy(source: ByteSource, start: number, end: number): DataRange {
    const range = this.#align(end - start);
    this.segments.copy(source, start, end);
    return range;
  }

  /**
   * Puts `length` bytes of one of the source's data files at the end; `undefined`: all there are.
   * Throws Error (a sentence) where that file has no such range.
   */
  async move(location: string, offset: number, length: number | undefined): Promise<DataRange> {
    const key = JSON.stringify([location, offset, length]);
    const known = this.#moved.get(key);
    if (known) return known;
    if (!this.files) throw new Error(`the data file ${location} is needed, but the model's folder was not opened.`);
    const file = this.#opened.get(location) ?? this.files.open(location);
    this.#opened.set(location, file);
    const source = await file;
    const end = length === undefined ? source.size : offset + length;
    if (offset > end || end > source.size) {
      throw new Error(`the data file ${location} has ${source.size} bytes; a tensor needs bytes ${offset} to ${end}.`);
    }
    const range = this.copy(source, offset, end);
    this.#moved.set(key, range);
    return range;
  }

  /** The TensorProto fields external_data (13) and data_location (14) for data at `range`. */
  reference(range: DataRange): Segments {
    const fields = new Segments();
    for (const [key, value] of [
      ['location', this.path],
      ['offset', String(range.offset)],
      ['length', String(range.length)],
    ] as const) {
      fields.append(contentField(13, new Segments().bytes(stringField(1, key)).bytes(stringField(2, value))));
    }
    return fields.bytes(varintField(14, 1));
  }

  #align(length: number): DataRange {
    this.segments.bytes(new Uint8Array((alignment - (this.segments.length % alignment)) % alignment));
    return { offset: this.segments.length, length };
  }
}
