import type { ByteRange } from '../model/model';
import type { ByteSource } from './byte-source';
import { Segments } from './segments';
import { type WireField, WireReader } from './wire';

const utf8 = new TextDecoder();

/** The protobuf messages of a source that is being rewritten. */
export class SourceMessages {
  readonly #reader: WireReader;

  constructor(
    readonly source: ByteSource,
    readonly fileName: string,
  ) {
    // Only the structure is looked at: what is copied is produced when the result is written.
    this.#reader = new WireReader(source.structure ?? source, fileName);
  }

  /** The whole file as a range. */
  get whole(): ByteRange {
    return { start: 0, end: this.source.size };
  }

  fields(message: ByteRange): Promise<WireField[]> {
    return this.#reader.fields(message.start, message.end);
  }

  /** The content of a string field. */
  async text(field: WireField): Promise<string> {
    return utf8.decode(await this.#reader.bytes(field.contentStart, field.end));
  }

  /** The last occurrence of string field `number` in a message, as protobuf reads it; empty where there is none. */
  async textIn(message: ByteRange, number: number): Promise<string> {
    const field = (await this.fields(message)).findLast((candidate) => candidate.number === number);
    return field ? this.text(field) : '';
  }

  /** The numbers of a varint field; a packed one has several. Exact up to 2^53. */
  async integers(field: WireField): Promise<number[]> {
    const bytes = await this.#reader.bytes(field.contentStart, field.end);
    const values: number[] = [];
    let value = 0;
    let scale = 1;
    for (const byte of bytes) {
      value += (byte & 0x7f) * scale;
      scale *= 0x80;
      if (byte < 0x80) {
        values.push(value);
        value = 0;
        scale = 1;
      }
    }
    return values;
  }

  /** A message with some fields exchanged: `change` gives the new field with its tag, or undefined for a verbatim copy. */
  async rewrite(message: ByteRange, change: (field: WireField) => Promise<Segments | undefined>): Promise<Segments> {
    const result = new Segments();
    for (const field of await this.fields(message)) {
      const changed = await change(field);
      if (changed) result.append(changed);
      else this.copy(field, result);
    }
    return result;
  }

  /** Copies a field verbatim, tag and length included. */
  copy(field: WireField, target: Segments): void {
    target.copy(this.source, field.start, field.end);
  }
}

/** The content of a message field. */
export function contentOf(field: WireField): ByteRange {
  return { start: field.contentStart, end: field.end };
}
