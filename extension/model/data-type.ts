/**
 * Element types of tensors, by their ONNX names and codes (TensorProto.DataType up to IR 14).
 * Source: onnx.proto of ONNX 1.23, `TensorProto.DataType`.
 */
export type DataType = keyof typeof dataTypes;

interface DataTypeFacts {
  readonly code: number;
  /** Bits one element takes when stored; 0 for strings, whose size is not a multiple of anything. */
  readonly bits: number;
  readonly kind: 'float' | 'signed' | 'unsigned' | 'bool' | 'complex' | 'string';
}

const dataTypes = {
  FLOAT: { code: 1, bits: 32, kind: 'float' },
  UINT8: { code: 2, bits: 8, kind: 'unsigned' },
  INT8: { code: 3, bits: 8, kind: 'signed' },
  UINT16: { code: 4, bits: 16, kind: 'unsigned' },
  INT16: { code: 5, bits: 16, kind: 'signed' },
  INT32: { code: 6, bits: 32, kind: 'signed' },
  INT64: { code: 7, bits: 64, kind: 'signed' },
  STRING: { code: 8, bits: 0, kind: 'string' },
  BOOL: { code: 9, bits: 8, kind: 'bool' },
  FLOAT16: { code: 10, bits: 16, kind: 'float' },
  DOUBLE: { code: 11, bits: 64, kind: 'float' },
  UINT32: { code: 12, bits: 32, kind: 'unsigned' },
  UINT64: { code: 13, bits: 64, kind: 'unsigned' },
  COMPLEX64: { code: 14, bits: 64, kind: 'complex' },
  COMPLEX128: { code: 15, bits: 128, kind: 'complex' },
  BFLOAT16: { code: 16, bits: 16, kind: 'float' },
  FLOAT8E4M3FN: { code: 17, bits: 8, kind: 'float' },
  FLOAT8E4M3FNUZ: { code: 18, bits: 8, kind: 'float' },
  FLOAT8E5M2: { code: 19, bits: 8, kind: 'float' },
  FLOAT8E5M2FNUZ: { code: 20, bits: 8, kind: 'float' },
  UINT4: { code: 21, bits: 4, kind: 'unsigned' },
  INT4: { code: 22, bits: 4, kind: 'signed' },
  FLOAT4E2M1: { code: 23, bits: 4, kind: 'float' },
  FLOAT8E8M0: { code: 24, bits: 8, kind: 'float' },
  UINT2: { code: 25, bits: 2, kind: 'unsigned' },
  INT2: { code: 26, bits: 2, kind: 'signed' },
  FLOAT6E2M3: { code: 27, bits: 6, kind: 'float' },
  FLOAT6E3M2: { code: 28, bits: 6, kind: 'float' },
} as const satisfies Record<string, DataTypeFacts>;

const byCode = new Map<number, DataType>();
for (const name of Object.keys(dataTypes)) {
  if (isDataType(name)) byCode.set(dataTypes[name].code, name);
}

/** True when `name` is an ONNX element type name such as `FLOAT` or `INT8`. */
export function isDataType(name: string): name is DataType {
  return Object.hasOwn(dataTypes, name);
}

/** The type with this TensorProto.DataType code, or undefined when no known type has it. */
export function dataTypeFromCode(code: number): DataType | undefined {
  return byCode.get(code);
}

/** The TensorProto.DataType code of a type. */
export function dataTypeCode(type: DataType): number {
  return dataTypes[type].code;
}

/** Stored bits of one element; 0 for STRING. */
export function bitsPerElement(type: DataType): number {
  return dataTypes[type].bits;
}

/** What sort of number a type holds. */
export function dataTypeKind(type: DataType): DataTypeFacts['kind'] {
  return dataTypes[type].kind;
}

/** Bytes that `elements` elements take when packed as ONNX stores them: the last byte is filled up. Strings count 0. */
export function storedBytes(type: DataType, elements: number): number {
  return Math.ceil((elements * dataTypes[type].bits) / 8);
}
