import assert from 'node:assert/strict';
import { type ByteSource, MemoryByteSource, UnreadableModel } from '../../../extension/onnx/byte-source';
import { WireReader } from '../../../extension/onnx/wire';

function reader(...bytes: number[]): WireReader {
  return new WireReader(new MemoryByteSource(Uint8Array.from(bytes)), 'test.onnx');
}

async function rejects(bytes: number[], offset: number): Promise<void> {
  await assert.rejects(reader(...bytes).fields(0, bytes.length), (error) => {
    assert.ok(error instanceof UnreadableModel);
    assert.equal(error.offset, offset);
    return true;
  });
}

describe('wire reader', () => {
  it('lists the fields of a message without entering them', async () => {
    const fields = await reader(
      0x08,
      0x96,
      0x01,
      0x12,
      0x02,
      0xff,
      0xff,
      0x1d,
      1,
      2,
      3,
      4,
      0x21,
      1,
      2,
      3,
      4,
      5,
      6,
      7,
      8,
    ).fields(0, 21);
    assert.deepEqual(fields, [
      { number: 1, wireType: 0, start: 0, contentStart: 1, end: 3 },
      { number: 2, wireType: 2, start: 3, contentStart: 5, end: 7 },
      { number: 3, wireType: 5, start: 7, contentStart: 8, end: 12 },
      { number: 4, wireType: 1, start: 12, contentStart: 13, end: 21 },
    ]);
  });

  it('refuses groups and impossible wire types with their place', async () => {
    await rejects([0x08, 1, 0x0b], 2);
    await rejects([0x08, 1, 0x0c], 2);
    await rejects([0x0e], 0);
  });

  it('refuses the field number 0', () => rejects([0x00, 1], 0));

  it('refuses a length beyond the end', () => rejects([0x0a, 0x05, 1, 2], 1));

  it('refuses a length of 2^63 without allocating', () =>
    rejects([0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], 1));

  it('refuses a number that never ends', () => rejects([0x08, ...Array.from({ length: 20 }, () => 0x80), 0], 1));

  it('does not read what it steps over', async () => {
    const length = 1 << 30;
    let read = 0;
    const source: ByteSource = {
      size: length + 6,
      async read(offset, count) {
        read += count;
        const bytes = new Uint8Array(count);
        const head = [0x0a, 0x80, 0x80, 0x80, 0x80, 0x04];
        for (let index = 0; index < count; index++) bytes[index] = head[offset + index] ?? 0;
        return bytes;
      },
    };
    const fields = await new WireReader(source, 'test.onnx').fields(0, source.size);
    assert.deepEqual(fields, [{ number: 1, wireType: 2, start: 0, contentStart: 6, end: length + 6 }]);
    assert.ok(read <= 8192, `${read} bytes were read`);
  });
});
