import { deepEqual, equal, rejects } from 'node:assert/strict';
import { MemoryByteSource } from '../../../../extension/onnx/byte-source';
import { toFloat64 } from '../../../../extension/onnx/tensor-data';
import { allBytes, type PieceSource, rangeOf } from '../../../../extension/quantize/calibration-data/byte-pieces';
import { type NpyArray, openNpy } from '../../../../extension/quantize/calibration-data/npy';
import { readZip } from '../../../../extension/quantize/calibration-data/zip';
import { npyFile, zipFile } from '../../../fixtures/data-files';
// Written by NumPy 2, in base64.
import fromNumpy from '../../../fixtures/numpy-files.json';

function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(Buffer.from(base64, 'base64'));
}

function sourceOf(bytes: Uint8Array): PieceSource {
  return rangeOf(new MemoryByteSource(bytes), 0, bytes.length);
}

async function rowsOf(array: NpyArray): Promise<number[][]> {
  const rows: number[][] = [];
  const count = array.dims.slice(1).reduce((product, dim) => product * dim, 1);
  for await (const row of array.rows()) rows.push([...toFloat64(array.dataType, row, count)]);
  return rows;
}

describe('openNpy', () => {
  it('reads what numpy writes: orders, byte orders and versions', async () => {
    const read = async (file: keyof typeof fromNumpy) => {
      const array = await openNpy(file, sourceOf(bytesOf(fromNumpy[file])));
      const rows = await rowsOf(array);
      const count = array.dims.reduce((product, dim) => product * dim, 1);
      deepEqual([...toFloat64(array.dataType, await array.whole(), count)], rows.flat());
      return { dataType: array.dataType, dims: array.dims, rows };
    };
    deepEqual(await read('fortranFloat'), {
      dataType: 'FLOAT',
      dims: [2, 3],
      rows: [
        [0, 1, 2],
        [3, 4, 5],
      ],
    });
    deepEqual(await read('bigEndianVersion2'), {
      dataType: 'INT16',
      dims: [2, 2],
      rows: [
        [1, -2],
        [300, -400],
      ],
    });
    deepEqual(await read('halfVersion3'), { dataType: 'FLOAT16', dims: [2], rows: [[1.5], [-0.25]] });
    const numbers = Array.from({ length: 24 }, (_, index) => index);
    deepEqual((await read('fortranBigEndian3d')).rows, [numbers.slice(0, 12), numbers.slice(12)]);
  });

  it('reads every element type', async () => {
    const types = {
      f4: 'FLOAT',
      f8: 'DOUBLE',
      i1: 'INT8',
      i2: 'INT16',
      i4: 'INT32',
      i8: 'INT64',
      u1: 'UINT8',
      u2: 'UINT16',
    };
    const more = { u4: 'UINT32', u8: 'UINT64', f2: 'FLOAT16', b1: 'BOOL' };
    for (const [code, type] of Object.entries({ ...types, ...more })) {
      const width = Number(code.slice(1));
      const array = await openNpy('a.npy', sourceOf(npyFile(`|${code}`, [2], new Uint8Array(2 * width))));
      equal(array.dataType, type);
      deepEqual(await rowsOf(array), [[0], [0]]);
    }
  });

  it('says what is wrong with a file', async () => {
    const refuses = (bytes: Uint8Array, message: RegExp) => rejects(openNpy('a.npy', sourceOf(bytes)), message);
    const data = new Uint8Array(16);
    await refuses(new Uint8Array(20), /a\.npy cannot be read as \.npy: it does not begin like one/);
    await refuses(npyFile('|O', [2], data), /NumPy type \|O/);
    await refuses(npyFile('<c8', [2], data), /NumPy type <c8/);
    await refuses(npyFile('<f4', [5], data), /takes 20 bytes, but 16 are there/);
    await refuses(npyFile('<f4', [2 ** 40, 2 ** 40], data), /the file is incomplete/);
    await refuses(npyFile('<f4', [-4], data), /its shape \(-4,\) is damaged/);
    const unknownVersion = npyFile('<f4', [4], data);
    unknownVersion[6] = 9;
    await refuses(unknownVersion, /version 9/);
    await refuses(npyFile('<f4', [4], data).subarray(0, 40), /ends within its header/);
  });
});

describe('readZip', () => {
  const content = Uint8Array.from({ length: 200_000 }, (_, index) => (index * index) & 255);

  async function first(archive: Uint8Array): Promise<Uint8Array | undefined> {
    const [entry] = await readZip(new MemoryByteSource(archive), 'a.npz');
    return entry && allBytes(entry);
  }

  it('reads what numpy writes, stored and compressed', async () => {
    for (const [file, x] of [
      [
        'stored',
        [
          [0, 1, 2],
          [3, 4, 5],
        ],
      ],
      [
        'compressed',
        [
          [0, 1, 2, 0, 1, 2],
          [3, 4, 5, 3, 4, 5],
        ],
      ],
    ] as const) {
      const entries = await readZip(new MemoryByteSource(bytesOf(fromNumpy[file])), file);
      deepEqual(
        entries.map(({ name }) => name),
        ['x.npy', 'y.npy'],
      );
      const arrays = await Promise.all(entries.map((entry) => openNpy(entry.name, entry)));
      deepEqual(await Promise.all(arrays.map(rowsOf)), [x, [[4], [5]]]);
    }
  });

  it('reads long entries in pieces', async () => {
    deepEqual(await first(zipFile({ a: content }, { deflate: true })), content);
    deepEqual(await first(zipFile({ a: content })), content);
  });

  it('checks sizes and checksums while reading', async () => {
    const drained = async (archive: Uint8Array) => {
      for (const entry of await readZip(new MemoryByteSource(archive), 'a.npz')) for await (const _ of entry.pieces());
    };
    const damaged = (change: NonNullable<Parameters<typeof zipFile>[1]>['change'], deflate = true) =>
      drained(zipFile({ a: content }, { deflate, ...(change && { change }) }));
    await rejects(
      damaged((fields) => {
        fields.crc = (fields.crc ^ 1) >>> 0;
      }),
      /a does not match its checksum/,
    );
    await rejects(
      damaged((fields) => {
        fields.size = 100;
      }),
      /more than the 100 bytes/,
    );
    await rejects(
      damaged((fields) => {
        fields.size += 1;
      }),
      /holds 200000 bytes, not the 200001/,
    );
    await rejects(
      damaged((fields) => {
        fields.compressed += 1000;
      }),
      /lies outside the file/,
    );
    await rejects(
      damaged((fields) => {
        fields.compressed -= 100;
      }),
      /is damaged|holds/,
    );
    await rejects(
      damaged((fields) => {
        fields.method = 12;
      }),
      /method 12/,
    );
    await rejects(
      damaged((fields) => {
        fields.flags = 1;
      }),
      /is encrypted/,
    );
    await rejects(
      damaged((fields) => {
        fields.size = 0xffffffff;
      }),
      /zip64/,
    );
    await rejects(
      damaged((fields) => {
        fields.method = 8;
      }, false),
      /is damaged/,
    );
  });

  it('refuses what is no archive', async () => {
    const refuses = (bytes: Uint8Array, message: RegExp) =>
      rejects(readZip(new MemoryByteSource(bytes), 'a.npz'), message);
    await refuses(new Uint8Array(), /a\.npz is no readable zip archive/);
    await refuses(new Uint8Array(100), /no central directory/);
    const cut = zipFile({ a: content });
    await refuses(cut.subarray(1000), /outside the file|damaged/);
  });
});
