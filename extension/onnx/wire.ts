import { type ByteSource, UnreadableModel } from './byte-source';

/** One field of a protobuf message. For length-delimited fields (wire type 2) the content is `contentStart` to `end`. */
export interface WireField {
  readonly number: number;
  readonly wireType: 0 | 1 | 2 | 5;
  /** Offset of the tag. */
  readonly start: number;
  /** Offset after the tag and, for wire type 2, after the length. */
  readonly contentStart: number;
  readonly end: number;
}

/** Tag (at most 5 bytes) and value or length (at most 10 bytes) of a field. */
const longestHead = 15;
const smallestWindow = 4 << 10;
const largestWindow = 256 << 10;

/**
 * Reads protobuf structure through a window on the file. What is skipped is not read; a window begins small after
 * a jump and grows while reading goes on without gaps.
 */
export class WireReader {
  private window: Uint8Array = new Uint8Array(0);
  private windowStart = 0;
  private nextWindowSize = smallestWindow;

  constructor(
    private readonly source: ByteSource,
    private readonly fileName: string,
  ) {}

  get size(): number {
    return this.source.size;
  }

  /** The fields of the message in `start` to `end`, nested messages not entered. Throws UnreadableModel when it is malformed. */
  async fields(start: number, end: number): Promise<WireField[]> {
    const fields: WireField[] = [];
    let position = start;
    while (position < end) {
      if (!this.hasHead(position, end)) await this.loadHead(position, end);
      const field = this.field(position, end);
      fields.push(field);
      position = field.end;
    }
    return fields;
  }

  /** True when some of these bytes are zeros in the place of content that was not produced. */
  standsForContent(start: number, end: number): boolean {
    return this.source.standsForContent?.(start, end) ?? false;
  }

  /** The bytes from `start` to `end`, to be kept as long as wanted. The caller has checked the range against the file. */
  async bytes(start: number, end: number): Promise<Uint8Array> {
    return this.has(start, end)
      ? this.loaded(start, end).slice()
      : (await this.source.read(start, end - start)).slice();
  }

  /** True when the bytes `start` to `end` are in the window, so that `loaded` may be called. */
  has(start: number, end: number): boolean {
    return start >= this.windowStart && end <= this.windowStart + this.window.length;
  }

  /** Moves the window so that it holds `start` to `end`, which must lie inside the file. */
  async load(start: number, end: number): Promise<void> {
    const windowEnd = this.windowStart + this.window.length;
    const goesOn = start >= this.windowStart && start <= windowEnd;
    this.nextWindowSize = goesOn ? Math.min(this.nextWindowSize * 2, largestWindow) : smallestWindow;
    const length = Math.min(Math.max(end - start, this.nextWindowSize), this.source.size - start);
    this.window = await this.source.read(start, length);
    this.windowStart = start;
  }

  /** A view of bytes in the window; valid until the window moves. */
  loaded(start: number, end: number): Uint8Array {
    return this.window.subarray(start - this.windowStart, end - this.windowStart);
  }

  /** Copies bytes of the window. For many short copies this is cheaper than a view of each. */
  copy(start: number, end: number, target: Uint8Array, targetStart: number): void {
    if (end - start > 64) {
      target.set(this.loaded(start, end), targetStart);
      return;
    }
    const { window, windowStart } = this;
    for (let at = start - windowStart, to = targetStart; at < end - windowStart; at++, to++)
      target[to] = window[at] ?? 0;
  }

  /** True when `field` can be called for the field at `position` without moving the window. */
  hasHead(position: number, end: number): boolean {
    return this.has(position, Math.min(position + longestHead, end));
  }

  async loadHead(position: number, end: number): Promise<void> {
    await this.load(position, Math.min(position + longestHead, end));
  }

  /** The field at `position` of a message that ends at `end`; its head must be in the window. */
  field(position: number, end: number): WireField {
    let at = this.skipVarint(position, end, 5);
    const tag = this.unsigned(position, at);
    const number = Math.floor(tag / 8);
    const wireType = tag % 8;
    if (number === 0 || tag > 0xffffffff) throw this.malformed('a field without a number', position);
    switch (wireType) {
      case 0: {
        const contentStart = at;
        return { number, wireType, start: position, contentStart, end: this.skipVarint(at, end, 10) };
      }
      case 1:
      case 5: {
        const length = wireType === 1 ? 8 : 4;
        if (length > end - at) throw this.tooLong(position, length, end - at, end);
        return { number, wireType, start: position, contentStart: at, end: at + length };
      }
      case 2: {
        const lengthStart = at;
        at = this.skipVarint(at, end, 10);
        const length = this.unsigned(lengthStart, at);
        if (length > end - at) throw this.tooLong(lengthStart, length, end - at, end);
        return { number, wireType, start: position, contentStart: at, end: at + length };
      }
      case 3:
      case 4:
        throw this.malformed('a protobuf group, which no ONNX model has', position);
      default:
        throw this.malformed(`field ${number} has the impossible wire type ${wireType}`, position);
    }
  }

  /** The value of a varint in the window; exact up to 2^53, and above it only good for comparing with smaller numbers. */
  unsigned(start: number, end: number): number {
    let value = 0;
    for (let at = end - 1; at >= start; at--) value = value * 128 + ((this.window[at - this.windowStart] ?? 0) & 0x7f);
    return value;
  }

  malformed(what: string, offset: number): UnreadableModel {
    return new UnreadableModel(this.fileName, `${what}; this is not an ONNX model, or the file is damaged`, offset);
  }

  private skipVarint(start: number, end: number, longest: number): number {
    const stop = Math.min(end, start + longest);
    for (let at = start; at < stop; ) {
      if ((this.window[at++ - this.windowStart] ?? 0) < 0x80) return at;
    }
    if (stop === end && end === this.source.size) throw this.truncated(start);
    throw this.malformed('a number that does not end', start);
  }

  private tooLong(offset: number, length: number, room: number, end: number): UnreadableModel {
    if (end === this.source.size) return this.truncated(offset, length, room);
    const text = `a length of ${count(length)} bytes where the enclosing message has ${count(room)} left`;
    return new UnreadableModel(this.fileName, `${text}; the file is damaged, get it again`, offset);
  }

  private truncated(offset: number, length?: number, room = 0): UnreadableModel {
    const text = length === undefined ? '' : ` (a field needs ${count(length)} bytes, ${count(room)} are there)`;
    return new UnreadableModel(
      this.fileName,
      `the file ends too early${text}; it is cut off or damaged, get it again`,
      offset,
    );
  }
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}
