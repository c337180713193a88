import { deepEqual, equal, ok, rejects, throws } from 'node:assert/strict';
import { MemoryByteSource } from '../../../../extension/onnx/byte-source';
import { toFloat64 } from '../../../../extension/onnx/tensor-data';
import { rangeOf } from '../../../../extension/quantize/calibration-data/byte-pieces';
import { type CsvRow, readCsv } from '../../../../extension/quantize/calibration-data/csv';
import { decodePng } from '../../../../extension/quantize/calibration-data/png';
import { decodeWav } from '../../../../extension/quantize/calibration-data/wav';
import { type PngSpec, pngFile, wavFile } from '../../../fixtures/data-files';

function noise(count: number): number[] {
  return Array.from({ length: count }, (_, index) => (index * 7919 + (index >> 3) * 131) & 255);
}

describe('decodePng', () => {
  const decode = async (spec: PngSpec) => {
    const { width, height, channels, values } = await decodePng(pngFile(spec), 'a.png');
    return { width, height, channels, values: Array.from(values) };
  };

  it('undoes every filter, in every colour type of 8 bits', async () => {
    for (const [colourType, channels] of [
      [0, 1],
      [2, 3],
      [4, 2],
      [6, 4],
    ] as const) {
      const rows = Array.from({ length: 10 }, (_, row) => noise(9 * channels).map((byte) => (byte + row * 37) & 255));
      const image = await decode({ width: 9, height: 10, depth: 8, colourType, rows, filters: [0, 1, 2, 3, 4] });
      deepEqual(image, { width: 9, height: 10, channels, values: rows.flat() });
    }
  });

  it('reads fewer and more bits than 8 as 0 to 255', async () => {
    const grey = (depth: number, rows: number[][], width: number) =>
      decode({ width, height: 1, depth, colourType: 0, rows });
    deepEqual((await grey(1, [[0b10110000]], 4)).values, [255, 0, 255, 255]);
    deepEqual((await grey(2, [[0b00011011]], 4)).values, [0, 85, 170, 255]);
    deepEqual((await grey(4, [[0x0f, 0x80]], 3)).values, [0, 255, 136]);
    const deep = (await grey(16, [[0xff, 0xff, 0x80, 0x00, 0x01, 0x01]], 3)).values;
    ok(Math.abs((deep[1] ?? 0) - 32768 / 257) < 1e-4);
    deepEqual([deep[0], deep[2]], [255, 1]);
  });

  it('looks colours up in a palette', async () => {
    const palette = [10, 20, 30, 40, 50, 60, 70, 80, 90];
    const image = await decode({ width: 3, height: 1, depth: 2, colourType: 3, rows: [[0b01100000]], palette });
    deepEqual(image, { width: 3, height: 1, channels: 3, values: [40, 50, 60, 70, 80, 90, 10, 20, 30] });
  });

  it('says what is wrong with a file', async () => {
    const plain: PngSpec = {
      width: 2,
      height: 2,
      depth: 8,
      colourType: 0,
      rows: [
        [1, 2],
        [3, 4],
      ],
    };
    const refuses = (bytes: Uint8Array, message: RegExp) => rejects(decodePng(bytes, 'a.png'), message);
    await refuses(new Uint8Array(30), /a\.png cannot be read as PNG: it does not begin like one/);
    await refuses(pngFile({ ...plain, interlace: 1 }), /interlaced/);
    await refuses(pngFile({ ...plain, colourType: 5 }), /colour type 5/);
    await refuses(pngFile({ ...plain, height: 3 }), /ends early/);
    await refuses(pngFile({ ...plain, width: 2 ** 30, height: 2 ** 30 }), /are not in it/);
    await refuses(pngFile({ ...plain, width: 0 }), /header is damaged/);
    await refuses(pngFile({ ...plain, colourType: 3 }), /palette is missing/);
    await refuses(pngFile({ ...plain, colourType: 3, palette: [0, 0, 0] }), /outside its palette/);
    await refuses(pngFile({ ...plain, filters: [7] }), /unknown filter 7/);
    await refuses(pngFile(plain).subarray(0, -6), /end is missing/);
    const flipped = pngFile(plain);
    flipped[45] = (flipped[45] ?? 0) ^ 1;
    await refuses(flipped, /checksum/);
  });
});

describe('decodeWav', () => {
  const samples = (bytes: Uint8Array) => {
    const { dims, data, dataType } = decodeWav(bytes, 'a.wav');
    return [...toFloat64(dataType, data, dims[0] ?? 0)];
  };

  it('reads PCM of every width and float', () => {
    deepEqual(samples(wavFile(1, 1, 8, Uint8Array.of(128, 0, 255))), [0, -1, 127 / 128]);
    deepEqual(samples(wavFile(1, 1, 16, new Uint8Array(Int16Array.of(0, -32768, 16384).buffer))), [0, -1, 0.5]);
    deepEqual(samples(wavFile(1, 1, 24, Uint8Array.of(0, 0, 0x80, 0, 0, 0x40, 1, 0, 0))), [-1, 0.5, 2 ** -23]);
    deepEqual(samples(wavFile(1, 1, 32, new Uint8Array(Int32Array.of(-(2 ** 31), 2 ** 30).buffer))), [-1, 0.5]);
    deepEqual(samples(wavFile(3, 1, 32, new Uint8Array(Float32Array.of(0.25, -2).buffer))), [0.25, -2]);
  });

  it('averages channels', () => {
    deepEqual(samples(wavFile(1, 2, 16, new Uint8Array(Int16Array.of(16384, 0, -16384, 16384).buffer))), [0.25, 0]);
  });

  it('says what is wrong with a file', () => {
    const refuses = (bytes: Uint8Array, message: RegExp) => throws(() => decodeWav(bytes, 'a.wav'), message);
    refuses(new Uint8Array(50), /a\.wav cannot be read as WAV: it does not begin like one/);
    refuses(wavFile(1, 1, 12, new Uint8Array(4)), /format 1 with 12 bits/);
    refuses(wavFile(6, 1, 8, new Uint8Array(4)), /format 6/);
    refuses(wavFile(1, 0, 16, new Uint8Array(4)), /0 channels/);
    refuses(wavFile(1, 1, 16, new Uint8Array(0)), /no samples/);
    refuses(wavFile(1, 1, 16, new Uint8Array(4)).subarray(0, 36), /no data/);
  });
});

describe('readCsv', () => {
  async function rows(text: string): Promise<CsvRow[]> {
    const bytes = new TextEncoder().encode(text);
    const result: CsvRow[] = [];
    for await (const row of readCsv('a.csv', rangeOf(new MemoryByteSource(bytes), 0, bytes.length))) result.push(row);
    return result;
  }
  const plain = (all: CsvRow[]) =>
    all.map(({ line, values, label }) => ({
      line,
      values: [...toFloat64('DOUBLE', values.data, values.dims[0] ?? 0)],
      label,
    }));

  it('reads rows with and without a header, and a column of labels', async () => {
    deepEqual(plain(await rows('1,2\r\n-3.5,4e2')), [
      { line: 1, values: [1, 2], label: undefined },
      { line: 2, values: [-3.5, 400], label: undefined },
    ]);
    deepEqual(plain(await rows('\ufeff"a";label;"b"\n\n1;7;"2"\n')), [{ line: 3, values: [1, 2], label: 7 }]);
  });

  it('reads rows longer than a piece', async () => {
    const long = Array.from({ length: 50_000 }, (_, index) => index / 8);
    const [first, second] = plain(await rows(`${long.join('\t')}\n${long.join('\t')}`));
    deepEqual([first?.values, second?.values, second?.line], [long, long, 2]);
  });

  it('says which field is wrong', async () => {
    await rejects(rows('1,2\n3'), /a\.csv, line 2: 1 fields, but the first line has 2/);
    await rejects(rows('a,b\n1,x'), /a\.csv, line 2, column 2: "x" is no number/);
    equal((await rows('')).length, 0);
  });
});
