import { Readable } from 'node:stream';
import { createInflateRaw } from 'node:zlib';

/**
 * The content of a raw deflate stream, in pieces, while it is fed in pieces. For Node before 20.12, whose DecompressionStream does not take `deflate-raw`.
 * Rejects when the stream is damaged or ends early. However it is left, its source has ended by then.
 */
export async function* inflateRawOnNode(compressed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  const source = Readable.from(compressed);
  const closed = new Promise<void>((resolve) => source.once('close', resolve));
  const inflater = createInflateRaw();
  source.once('error', (error) => inflater.destroy(error));
  source.pipe(inflater);
  try {
    for await (const piece of inflater) if (piece instanceof Uint8Array) yield piece;
  } finally {
    source.destroy();
    inflater.destroy();
    await closed;
  }
}
