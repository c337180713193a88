import { isLittleEndian } from '../onnx/tensor-data';

/** Little-endian bytes as 32-bit patterns: a view where the host allows it, else a copy. A last part of fewer than four bytes is left out. */
export function patternsOf(bytes: Uint8Array, native = isLittleEndian): Uint32Array {
  const count = Math.floor(bytes.length / 4);
  if (native) {
    const aligned = bytes.byteOffset % 4 === 0 ? bytes : Uint8Array.from(bytes);
    return new Uint32Array(aligned.buffer, aligned.byteOffset, count);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Uint32Array.from({ length: count }, (_, index) => view.getUint32(4 * index, true));
}

/** 16-bit patterns as little-endian bytes: a view where the host allows it, else a copy. */
export function littleEndianBytes(patterns: Uint16Array, native = isLittleEndian): Uint8Array {
  if (native) return new Uint8Array(patterns.buffer, patterns.byteOffset, patterns.byteLength);
  const bytes = new DataView(new ArrayBuffer(patterns.byteLength));
  for (const [index, pattern] of patterns.entries()) bytes.setUint16(2 * index, pattern, true);
  return new Uint8Array(bytes.buffer);
}
