import type { ByteRange } from '../model/model';
import { hiddenFields, paddedLengthBytes, type Skeleton } from './skeleton';

/** Elements of a tensor in the file. */
export interface Payload {
  /** Field of TensorProto. */
  readonly number: number;
  /** The encoded elements; of an unpacked field the whole run, tags included. */
  readonly start: number;
  readonly end: number;
  readonly packed: boolean;
  /** Where the content is in the pool, when it is small. */
  readonly pooledAt: number | undefined;
}

const none: readonly never[] = [];

/**
 * A message that is decoded on its own, as the skeleton has it: made when its turn comes and forgotten afterwards, so that a
 * million of them are never there at once.
 */
export class MessageRecord {
  /** Some of its values were too large to be read. */
  readonly incomplete: boolean;
  readonly stringCount: number;
  readonly stringBytes: number;
  readonly payloads: readonly Payload[];
  /** Where the recorded messages in it stand in the skeleton, by their lengths. */
  private readonly children: readonly number[];

  private constructor(
    private readonly skeleton: Skeleton,
    /** The content in the file, without tag and length. */
    readonly range: ByteRange,
    private readonly start: number,
    private readonly end: number,
  ) {
    let incomplete = false;
    let stringCount = 0;
    let stringBytes = 0;
    let payloads: Payload[] | undefined;
    let children: number[] | undefined;
    for (const cursor = new Cursor(skeleton.storage, start); cursor.position < end; ) {
      const number = cursor.nextField();
      if (number === hiddenFields.message) {
        children ??= [];
        children.push(cursor.contentStart - paddedLengthBytes);
      } else if (number === hiddenFields.payload) {
        payloads ??= [];
        payloads.push(payloadIn(skeleton, cursor));
      } else if (number === hiddenFields.strings) {
        const content = new Cursor(skeleton.storage, cursor.contentStart);
        stringCount = content.varint();
        stringBytes = content.varint();
      } else if (number === hiddenFields.incomplete) {
        incomplete = true;
      }
    }
    this.incomplete = incomplete;
    this.stringCount = stringCount;
    this.stringBytes = stringBytes;
    this.payloads = payloads ?? none;
    this.children = children ?? none;
  }

  /** The whole file. */
  static ofFile(skeleton: Skeleton, fileBytes: number): MessageRecord {
    return new MessageRecord(skeleton, { start: 0, end: fileBytes }, 0, skeleton.length);
  }

  /** What onnx-proto decodes: it steps over the recorded messages in it. */
  get content(): Uint8Array {
    return this.skeleton.slice(this.start, this.end);
  }

  /** The recorded messages in field `number`, in file order. */
  *childrenOf(number: number): Generator<MessageRecord> {
    for (const child of this.children) if (this.numberOf(child) === number) yield this.record(child);
  }

  /** What `decode` makes of each recorded message in field `number`, in file order. */
  mapChildren<Decoded>(number: number, decode: (child: MessageRecord, index: number) => Decoded): Decoded[] {
    const children = this.children.filter((child) => this.numberOf(child) === number);
    return children.map((child, index) => decode(this.record(child), index));
  }

  /** The last recorded message in field `number`, which counts where a singular field is repeated. */
  lastChildOf(number: number): MessageRecord | undefined {
    const child = this.children.findLast((candidate) => this.numberOf(candidate) === number);
    return child === undefined ? undefined : this.record(child);
  }

  /** The field numbers of the recorded messages, in file order. */
  childNumbers(): readonly number[] {
    return this.children.map((child) => this.numberOf(child));
  }

  /** The contents of length-delimited fields that are not recorded: fields that onnx-proto does not know are read by this. */
  contentsOf(number: number): Uint8Array[] {
    const contents: Uint8Array[] = [];
    for (const cursor = new Cursor(this.skeleton.storage, this.start); cursor.position < this.end; ) {
      if (cursor.nextField() !== number) continue;
      contents.push(this.skeleton.slice(cursor.contentStart, cursor.position));
    }
    return contents;
  }

  /** Numbers of recorded messages in ONNX take one byte. */
  private numberOf(child: number): number {
    return this.skeleton.storage[child + paddedLengthBytes] ?? 0;
  }

  private record(child: number): MessageRecord {
    const cursor = new Cursor(this.skeleton.storage, child);
    const length = cursor.varint();
    const end = cursor.position + length;
    cursor.varint();
    const start = cursor.varint();
    return new MessageRecord(this.skeleton, { start, end: start + cursor.varint() }, cursor.position, end);
  }
}

function payloadIn(skeleton: Skeleton, { contentStart, position }: Cursor): Payload {
  const numbers = new Cursor(skeleton.storage, contentStart);
  const number = numbers.varint();
  const packed = numbers.varint() === 1;
  const start = numbers.varint();
  const end = start + numbers.varint();
  return { number, start, end, packed, pooledAt: numbers.position < position ? numbers.varint() : undefined };
}

/** Walks over the fields of the skeleton, which are well-formed since the scan wrote them. */
class Cursor {
  contentStart = 0;

  constructor(
    private readonly bytes: Uint8Array,
    public position: number,
  ) {}

  /** Goes past the next field; gives its number. Its content is then `contentStart` to `position`. */
  nextField(): number {
    const tag = this.varint();
    const wireType = tag % 8;
    const length = wireType === 2 ? this.varint() : wireType === 1 ? 8 : 4;
    this.contentStart = this.position;
    if (wireType === 0) this.varint();
    else this.position += length;
    return Math.floor(tag / 8);
  }

  /** Up to 2^53; a longer one is passed. */
  varint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.bytes[this.position++] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
  }
}
