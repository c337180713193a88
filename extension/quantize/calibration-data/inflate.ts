/**
 * The content of a deflate stream (`deflate`: with the header and checksum of zlib), in pieces, while it is fed in pieces.
 * Rejects when the stream is damaged or ends early.
 */
export async function* inflate(
  compressed: AsyncIterable<Uint8Array>,
  format: 'deflate' | 'deflate-raw',
): AsyncGenerator<Uint8Array, void> {
  const stream = new DecompressionStream(format);
  const writer = stream.writable.getWriter();
  const reader: ReadableStreamDefaultReader<Uint8Array> = stream.readable.getReader();
  // A failure shows at `read`; these promises say the same once more.
  for (const promise of [writer.closed, reader.closed]) promise.catch(() => undefined);
  const feeding = feed(compressed, writer);
  feeding.catch(() => undefined);
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
    await feeding;
  } finally {
    await Promise.allSettled([reader.cancel(), writer.abort()]);
  }
}

async function feed(compressed: AsyncIterable<Uint8Array>, writer: WritableStreamDefaultWriter): Promise<void> {
  try {
    for await (const piece of compressed) await writer.write(piece);
    await writer.close();
  } catch (error) {
    await writer.abort(error).catch(() => undefined);
    throw error;
  }
}

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** The CRC-32 of zip and PNG, continued from `crc` (0 at the start). */
export function crc32(crc: number, bytes: Uint8Array): number {
  let value = ~crc;
  for (const byte of bytes) value = (value >>> 8) ^ (crcTable[(value ^ byte) & 255] ?? 0);
  return ~value >>> 0;
}
