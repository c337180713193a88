import { deepEqual, rejects } from 'node:assert/strict';
import { deflateRawSync } from 'node:zlib';
import { MemoryByteSource } from '../../../../extension/onnx/byte-source';
import { allBytes } from '../../../../extension/quantize/calibration-data/byte-pieces';
import { inflateRawOnNode } from '../../../../extension/quantize/calibration-data/node-inflate';
import { readZip } from '../../../../extension/quantize/calibration-data/zip';
import { zipFile } from '../../../fixtures/data-files';

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array, void> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function inflated(compressed: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of inflateRawOnNode(compressed)) parts.push(part);
  return Buffer.concat(parts);
}

/** Files close in a later turn: what does not wait for its source would miss that it ended. */
function turnOfTheEventLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe('inflateRawOnNode', () => {
  const content = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, index) => Math.imul(index, 2654435761) >>> 24));
  const compressed = deflateRawSync(content);

  it('gives the content, fed in pieces', async () => {
    deepEqual(await inflated(pieces(compressed, 1000)), content);
  });

  it('rejects a stream that ends early, and passes on what its source says', async () => {
    await rejects(inflated(pieces(compressed.subarray(0, 2000), 1000)), /unexpected end/);
    async function* failing() {
      yield compressed.subarray(0, 10);
      throw new Error('the disk is gone');
    }
    await rejects(inflated(failing()), /the disk is gone/);
  });

  it('can be left early, which ends its source', async () => {
    let ended = false;
    async function* watched() {
      try {
        yield* pieces(compressed, 1000);
      } finally {
        await turnOfTheEventLoop();
        ended = true;
      }
    }
    for await (const piece of inflateRawOnNode(watched())) {
      deepEqual(Buffer.from(piece), content.subarray(0, piece.length));
      break;
    }
    deepEqual(ended, true);
  });

  it('reads the entries of a zip archive', async () => {
    const archive = zipFile({ 'a.bin': content }, { deflate: true });
    const [entry] = await readZip(new MemoryByteSource(archive), 'a.zip', inflateRawOnNode);
    deepEqual(entry && Buffer.from((await allBytes(entry)) ?? []), content);
  });
});
