import { bitsPerElement, type DataType } from '../model/data-type';
import type { TypedField } from '../model/model';

/** Numbers of the typed fields in TensorProto, and how a number in them is encoded. */
const typedFields = {
  float_data: { number: 4, encoding: 'fixed32' },
  int32_data: { number: 5, encoding: 'varint' },
  int64_data: { number: 7, encoding: 'varint' },
  double_data: { number: 10, encoding: 'fixed64' },
  uint64_data: { number: 11, encoding: 'varint' },
} as const satisfies Record<TypedField, { number: number; encoding: 'fixed32' | 'fixed64' | 'varint' }>;

/** The typed field that holds elements of a type; undefined for STRING. Source: onnx.proto, TensorProto. */
export function typedFieldOf(type: DataType): TypedField | undefined {
  switch (type) {
    case 'STRING':
      return undefined;
    case 'FLOAT':
    case 'COMPLEX64':
      return 'float_data';
    case 'DOUBLE':
    case 'COMPLEX128':
      return 'double_data';
    case 'INT64':
      return 'int64_data';
    case 'UINT32':
    case 'UINT64':
      return 'uint64_data';
    default:
      return 'int32_data';
  }
}

/** The field number of a typed field in TensorProto. */
export function typedFieldNumber(field: TypedField): number {
  return typedFields[field].number;
}

/** The fewest and the most bytes that `elements` elements can take in the packed typed field of their type. */
export function packedLengthBounds(
  type: DataType,
  field: TypedField,
  elements: number,
): { least: number; most: number } {
  const { encoding } = typedFields[field];
  const bits = bitsPerElement(type);
  if (encoding !== 'varint') {
    const length = (elements * bits) / 8;
    return { least: length, most: length };
  }
  const entries = bits < 6 ? Math.ceil((elements * bits) / 8) : elements;
  return { least: entries, most: entries * 10 };
}

/** Typed data that is not what protobuf calls for; `message` is a clause. */
export class MalformedTypedData extends Error {
  override readonly name = 'MalformedTypedData';
}

const nothing: Uint8Array = new Uint8Array(0);

/** Turns the encoded content of a typed field into the layout of raw_data, piece by piece. */
export class TypedDataDecoder {
  private rest = nothing;
  private sixBits = 0;
  private sixBitCount = 0;
  private readonly bits: number;
  private readonly encoding: 'fixed32' | 'fixed64' | 'varint';

  constructor(type: DataType, field: TypedField) {
    this.bits = bitsPerElement(type);
    this.encoding = typedFields[field].encoding;
  }

  /** The elements that are complete with these further bytes. Unpacked fields have a tag before every number. */
  decode(piece: Uint8Array, packed: boolean): Uint8Array {
    if (packed && this.encoding !== 'varint') return piece;
    const input = joined(this.rest, piece);
    const output = new Growing(input.length);
    let position = 0;
    for (;;) {
      let at = position;
      if (!packed) at = varintEnd(input, at);
      const end = at < 0 ? -1 : this.valueEnd(input, at);
      if (end < 0) break;
      this.write(input, at, end, output);
      position = end;
    }
    this.rest = position === input.length ? nothing : input.slice(position);
    return output.bytes();
  }

  /** To be called after each field or run of fields. Throws MalformedTypedData when it stops within a number. */
  endField(): void {
    if (this.rest.length > 0) throw new MalformedTypedData('the data ends within a number');
  }

  /** The elements that were held back to fill a byte. */
  finish(): Uint8Array {
    const bytes = new Uint8Array(this.sixBitCount > 0 ? Math.ceil((this.sixBitCount * 6) / 8) : 0);
    for (let index = 0; index < bytes.length; index++) bytes[index] = (this.sixBits >>> (8 * index)) & 0xff;
    return bytes;
  }

  private valueEnd(input: Uint8Array, at: number): number {
    if (this.encoding === 'varint') return varintEnd(input, at);
    const end = at + (this.encoding === 'fixed32' ? 4 : 8);
    return end <= input.length ? end : -1;
  }

  private write(input: Uint8Array, start: number, end: number, output: Growing): void {
    if (this.encoding !== 'varint') {
      for (let at = start; at < end; at++) output.push(input[at] ?? 0);
      return;
    }
    let low = 0;
    let high = 0;
    for (let at = start, shift = 0; at < end; at++, shift += 7) {
      const group = (input[at] ?? 0) & 0x7f;
      if (shift < 32) low |= group << shift;
      if (shift === 28) high |= group >>> 4;
      else if (shift > 28) high |= group << (shift - 32);
    }
    if (this.bits === 6) {
      this.sixBits |= (low & 0x3f) << (6 * this.sixBitCount++);
      if (this.sixBitCount < 4) return;
      for (let shift = 0; shift < 24; shift += 8) output.push((this.sixBits >>> shift) & 0xff);
      this.sixBits = 0;
      this.sixBitCount = 0;
      return;
    }
    const bytes = Math.max(1, this.bits / 8);
    for (let index = 0; index < bytes; index++)
      output.push((index < 4 ? low >>> (8 * index) : high >>> (8 * index - 32)) & 0xff);
  }
}

/** The end of the varint at `start`, or -1 when it goes on after the input. Throws MalformedTypedData when it is too long. */
function varintEnd(input: Uint8Array, start: number): number {
  for (let at = start; at < input.length; at++) {
    if ((input[at] ?? 0) < 0x80) return at + 1;
    if (at - start >= 9) throw new MalformedTypedData('the data has a number of more than 10 bytes');
  }
  return -1;
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (first.length === 0) return second;
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}

class Growing {
  private buffer: Uint8Array;
  private length = 0;

  constructor(size: number) {
    this.buffer = new Uint8Array(Math.max(16, size));
  }

  push(byte: number): void {
    if (this.length === this.buffer.length) {
      const larger = new Uint8Array(this.buffer.length * 2);
      larger.set(this.buffer);
      this.buffer = larger;
    }
    this.buffer[this.length++] = byte;
  }

  bytes(): Uint8Array {
    return this.buffer.subarray(0, this.length);
  }
}
