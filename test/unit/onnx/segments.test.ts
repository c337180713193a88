import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { MemoryByteSource } from '../../../extension/onnx/byte-source';
import { SegmentFile, Segments } from '../../../extension/onnx/segments';

/** A payload that counts how often it is produced, in pieces of `piece` bytes. */
function countedPayload(content: Uint8Array, piece: number, deferred = false) {
  const counted = {
    byteLength: content.length,
    deferred,
    started: 0,
    async *produce() {
      counted.started++;
      for (let start = 0; start < content.length; start += piece) yield content.subarray(start, start + piece);
    },
  };
  return counted;
}

async function contentOf(file: SegmentFile): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of file.stream()) pieces.push(piece);
  return Buffer.concat(pieces);
}

describe('a file of segments', () => {
  it('reads any range as the stream has it', async () => {
    const segment = fc.record({
      kind: fc.constantFrom('bytes', 'copy', 'payload'),
      content: fc.uint8Array({ maxLength: 40 }),
      piece: fc.integer({ min: 1, max: 9 }),
    });
    const ranges = fc.array(fc.tuple(fc.nat(), fc.nat()), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(fc.array(segment, { maxLength: 12 }), ranges, async (parts, wanted) => {
        const segments = new Segments();
        for (const { kind, content, piece } of parts) {
          if (kind === 'bytes') segments.bytes(content);
          else if (kind === 'copy') segments.copy(new MemoryByteSource(content), 0, content.length);
          else segments.payload(countedPayload(content, piece));
        }
        const file = new SegmentFile(segments);
        const whole = Buffer.concat(parts.map((part) => part.content));
        assert.equal(file.size, whole.length);
        assert.deepEqual(await contentOf(file), whole);
        for (const [from, more] of wanted) {
          const start = from % (whole.length + 1);
          const length = more % (whole.length - start + 1);
          assert.deepEqual(Buffer.from(await file.read(start, length)), whole.subarray(start, start + length));
        }
      }),
    );
  });

  it('joins neighbouring ranges of one source', () => {
    const source = new MemoryByteSource(new Uint8Array(10));
    const segments = new Segments().copy(source, 0, 3).append(new Segments().copy(source, 3, 5).copy(source, 5, 9));
    assert.equal(segments.list.length, 1);
    assert.equal(segments.length, 9);
  });

  it('produces a payload once when it is read piece by piece', async () => {
    const content = Uint8Array.from({ length: 5000 }, (_, index) => index);
    const payload = countedPayload(content, 700);
    const file = new SegmentFile(new Segments().bytes(Uint8Array.of(1, 2, 3)).payload(payload));
    const pieces: Uint8Array[] = [];
    for (let start = 0; start < file.size; start += 100) {
      pieces.push(await file.read(start, Math.min(100, file.size - start)));
    }
    assert.deepEqual(Buffer.concat(pieces).subarray(3), Buffer.from(content));
    assert.equal(payload.started, 1);
  });

  it('gives the structure without producing long or deferred payloads', async () => {
    const long = countedPayload(new Uint8Array(1025).fill(9), 100);
    const deferred = countedPayload(new Uint8Array(4).fill(9), 100, true);
    const short = countedPayload(new Uint8Array(4).fill(9), 100);
    const segments = new Segments().payload(long).bytes(Uint8Array.of(5)).payload(deferred).payload(short);
    const { structure } = new SegmentFile(segments);
    const bytes = await structure.read(0, structure.size);
    assert.deepEqual([long.started, deferred.started, short.started], [0, 0, 1]);
    assert.deepEqual([...bytes.subarray(1024)], [0, 5, 0, 0, 0, 0, 9, 9, 9, 9]);
  });

  it('tells where its structure stands for content, through files made of it too', async () => {
    const deferred = countedPayload(new Uint8Array(4).fill(9), 100, true);
    const inner = new SegmentFile(new Segments().bytes(Uint8Array.of(1, 2)).payload(deferred));
    const outer = new SegmentFile(new Segments().bytes(Uint8Array.of(3)).copy(inner, 1, 6));
    const standing = [0, 1, 2, 3, 4, 5].map((at) => outer.structure.standsForContent?.(at, at + 1));
    assert.deepEqual(standing, [false, false, true, true, true, true]);
    assert.deepEqual([...(await outer.structure.read(0, 6))], [3, 2, 0, 0, 0, 0]);
    assert.equal(deferred.started, 0);
    assert.deepEqual([...(await contentOf(outer))], [3, 2, 9, 9, 9, 9]);
  });

  it('begins long payloads before their turn, and ends those that are not wanted', async () => {
    let open = 0;
    const log: string[] = [];
    const payload = (name: string) => ({
      byteLength: 1 << 21,
      async *produce() {
        open++;
        log.push(name);
        try {
          for (let piece = 0; piece < 2; piece++) yield new Uint8Array(1 << 20);
        } finally {
          open--;
        }
      },
    });
    const segments = new Segments().payload(payload('a')).bytes(Uint8Array.of(1)).payload(payload('b'));
    const stream = new SegmentFile(segments).stream();
    await stream.next();
    assert.deepEqual(log, ['a', 'b']);
    await stream.return(undefined);
    assert.equal(open, 0);
  });

  it('says why a payload begun before its turn failed when its turn comes', async () => {
    const failing = {
      byteLength: 1 << 20,
      // biome-ignore lint/correctness/useYield: it fails before the first piece
      async *produce() {
        throw new Error('the source is gone');
      },
    };
    const segments = new Segments().payload(countedPayload(new Uint8Array(1 << 20), 1 << 18)).payload(failing);
    await assert.rejects(contentOf(new SegmentFile(segments)), /the source is gone/);
  });

  it('fails where a payload is not as long as it promised', async () => {
    for (const length of [3, 5]) {
      const lying = { ...countedPayload(new Uint8Array(length), 2), byteLength: 4 };
      await assert.rejects(contentOf(new SegmentFile(new Segments().payload(lying))), /planned with 4 bytes/);
    }
  });

  it('refuses ranges outside of the file', async () => {
    const file = new SegmentFile(new Segments().bytes(new Uint8Array(4)));
    await assert.rejects(file.read(2, 3), RangeError);
    await assert.rejects(file.read(-1, 1), RangeError);
  });
});
