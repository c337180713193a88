import { Segments } from './segments';

/**
 * The protobuf encoding of new fields.
 * Source: https://protobuf.dev/programming-guides/encoding/
 */
const wireVarint = 0;
const wireBytes = 2;
const wireFixed32 = 5;

const utf8 = new TextEncoder();

/** A non-negative whole number up to 2^53 - 1, or any int64 as a bigint, in base-128 groups. */
export function varint(value: number | bigint): Uint8Array {
  if (typeof value === 'bigint') return bigVarint(BigInt.asUintN(64, value));
  const bytes = new Uint8Array(varintLength(value));
  putVarint(bytes, 0, value);
  return bytes;
}

function bigVarint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

/** Bytes that a number takes: 7 bits of it each. */
export function varintLength(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++;
  return bytes;
}

/** Gives the offset after the number. */
function putVarint(target: Uint8Array, offset: number, value: number): number {
  let at = offset;
  let rest = value;
  while (rest >= 0x80) {
    target[at++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  target[at++] = rest;
  return at;
}

/** A varint field, such as an int64 or an enumeration. */
export function varintField(field: number, value: number | bigint): Uint8Array {
  return withTag(field * 8 + wireVarint, varint(value));
}

/** A float field. */
export function floatField(field: number, value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return withTag(field * 8 + wireFixed32, bytes);
}

function withTag(tag: number, content: Uint8Array): Uint8Array {
  const result = new Uint8Array(varintLength(tag) + content.length);
  result.set(content, putVarint(result, 0, tag));
  return result;
}

/** A bytes field. */
export function bytesField(field: number, bytes: Uint8Array): Uint8Array {
  const { result, contentAt } = roomFor(field, bytes.length);
  result.set(bytes, contentAt);
  return result;
}

/** A string field. */
export function stringField(field: number, text: string): Uint8Array {
  // Names are short and plain, and there are many: no encoder is as quick as a loop.
  const { result, contentAt } = roomFor(field, text.length);
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code > 0x7f) return bytesField(field, utf8.encode(text));
    result[contentAt + index] = code;
  }
  return result;
}

function roomFor(field: number, length: number): { readonly result: Uint8Array; readonly contentAt: number } {
  const tag = field * 8 + wireBytes;
  const contentAt = varintLength(tag) + varintLength(length);
  const result = new Uint8Array(contentAt + length);
  putVarint(result, putVarint(result, 0, tag), length);
  return { result, contentAt };
}

/** Tag and length of a field with `length` bytes of content. */
export function lengthPrefix(field: number, length: number): Uint8Array {
  const tag = field * 8 + wireBytes;
  const result = new Uint8Array(varintLength(tag) + varintLength(length));
  putVarint(result, putVarint(result, 0, tag), length);
  return result;
}

/** A field whose content is `content`: a message or the elements of a tensor. */
export function contentField(field: number, content: Segments): Segments {
  return new Segments().bytes(lengthPrefix(field, content.length)).append(content);
}
