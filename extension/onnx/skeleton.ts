import type { ByteRange } from '../model/model';

export const paddedLengthBytes = 5;
/** Room for the tag, the length and the numbers (at most five) of any field that is written here. */
const mostHeadBytes = 64;
const largestSkeleton = 512 << 20;

/**
 * Fields that no ONNX message has, so that onnx-proto steps over them. A recorded message stands in one, so that each can be
 * decoded on its own and forgotten, which a large graph needs; the others say what of a message is not in the skeleton.
 */
export const hiddenFields = { message: 1000, payload: 1001, strings: 1002, incomplete: 1003 } as const;

/** Protobuf bytes that grow at their end. A message's length is filled in when the message ends. */
export class Skeleton {
  private buffer = new Uint8Array(64 << 10);
  length = 0;

  get isFull(): boolean {
    return this.length > largestSkeleton;
  }

  slice(start: number, end: number): Uint8Array {
    return this.buffer.subarray(start, end);
  }

  /** Begins a message in field `number`; gives what `endMessage` wants. */
  beginMessage(number: number): number {
    this.reserve(mostHeadBytes);
    this.varint(number * 8 + 2);
    const lengthAt = this.length;
    this.length += paddedLengthBytes;
    return lengthAt;
  }

  /** Begins a message that is decoded on its own: its field in the file and its place there come before its content. */
  beginRecord(number: number, { start, end }: ByteRange): number {
    const lengthAt = this.beginMessage(hiddenFields.message);
    this.varint(number);
    this.varint(start);
    this.varint(end - start);
    return lengthAt;
  }

  endMessage(lengthAt: number): void {
    let rest = this.length - lengthAt - paddedLengthBytes;
    for (let index = 0; index < paddedLengthBytes; index++) {
      const last = index === paddedLengthBytes - 1;
      this.buffer[lengthAt + index] = (rest & 0x7f) | (last ? 0 : 0x80);
      rest >>>= 7;
    }
  }

  /** Adds a field that is no message, with room for its content; gives the offset of the room. */
  leaf(number: number, wireType: 0 | 1 | 2 | 5, contentLength: number): number {
    this.reserve(contentLength + mostHeadBytes);
    this.varint(number * 8 + wireType);
    if (wireType === 2) this.varint(contentLength);
    const contentAt = this.length;
    this.length += contentLength;
    return contentAt;
  }

  /** Adds a hidden field of a few numbers, each up to 2^53. */
  note(field: number, numbers: readonly number[]): void {
    const lengthAt = this.beginMessage(field);
    for (const number of numbers) this.varint(number);
    this.endMessage(lengthAt);
  }

  /** All bytes and room for more; replaced by a larger one when it is full. */
  get storage(): Uint8Array {
    return this.buffer;
  }

  private varint(value: number): void {
    let rest = value;
    while (rest > 0x7f) {
      this.buffer[this.length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.buffer[this.length++] = rest;
  }

  private reserve(more: number): void {
    if (this.length + more <= this.buffer.length) return;
    const larger = new Uint8Array(Math.max(this.buffer.length * 2, this.length + more));
    larger.set(this.buffer.subarray(0, this.length));
    this.buffer = larger;
  }
}
