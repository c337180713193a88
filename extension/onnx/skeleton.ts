const paddedLengthBytes = 5;
const largestSkeleton = 512 << 20;

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
    this.reserve(2 * paddedLengthBytes);
    this.varint(number * 8 + 2);
    const lengthAt = this.length;
    this.length += paddedLengthBytes;
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
    this.reserve(contentLength + 2 * paddedLengthBytes);
    this.varint(number * 8 + wireType);
    if (wireType === 2) this.varint(contentLength);
    const contentAt = this.length;
    this.length += contentLength;
    return contentAt;
  }

  /** All bytes and room for more; replaced by a larger one when it is full. */
  get storage(): Uint8Array {
    return this.buffer;
  }

  private varint(value: number): void {
    let rest = value;
    while (rest > 0x7f) {
      this.buffer[this.length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
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
