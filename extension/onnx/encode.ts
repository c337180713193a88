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
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return Uint8Array.from(bytes);
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

/** A varint field, such as an int64 or an enumeration. */
export function varintField(field: number, value: number | bigint): Uint8Array {
  return joined([varint(field * 8 + wireVarint), varint(value)]);
}

/** A float field. */
export function floatField(field: number, value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return joined([varint(field * 8 + wireFixed32), bytes]);
}

/** A bytes field. */
export function bytesField(field: number, bytes: Uint8Array): Uint8Array {
  return joined([lengthPrefix(field, bytes.length), bytes]);
}

/** A string field. */
export function stringField(field: number, text: string): Uint8Array {
  return bytesField(field, utf8.encode(text));
}

/** Tag and length of a field with `length` bytes of content. */
export function lengthPrefix(field: number, length: number): Uint8Array {
  return joined([varint(field * 8 + wireBytes), varint(length)]);
}

/** A field whose content is `content`: a message or the elements of a tensor. */
export function contentField(field: number, content: Segments): Segments {
  return new Segments().bytes(lengthPrefix(field, content.length)).append(content);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    result.set(part, offset);
    offset += part.length;
  }
  return result;
}
