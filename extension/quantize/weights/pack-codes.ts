import { bitsPerElement, type DataType, storedBytes } from '../../model/data-type';

/** Whole numbers in the layout of raw_data: little-endian; types below 8 bits packed, the first element in the lowest bits. */
export function packCodes(codes: Int32Array, dataType: DataType): Uint8Array {
  const bits = bitsPerElement(dataType);
  const bytes = new Uint8Array(storedBytes(dataType, codes.length));
  if (bits === 8) {
    bytes.set(codes);
  } else if (bits < 8) {
    const mask = (1 << bits) - 1;
    const perByte = 8 / bits;
    for (let index = 0; index < codes.length; index++) {
      const byte = Math.floor(index / perByte);
      bytes[byte] = (bytes[byte] ?? 0) | (((codes[index] ?? 0) & mask) << ((index % perByte) * bits));
    }
  } else {
    const view = new DataView(bytes.buffer);
    for (let index = 0; index < codes.length; index++) {
      if (bits === 16) view.setInt16(index * 2, codes[index] ?? 0, true);
      else view.setInt32(index * 4, codes[index] ?? 0, true);
    }
  }
  return bytes;
}
