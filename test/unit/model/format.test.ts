import assert from 'node:assert/strict';
import {
  formatBytes,
  formatCount,
  formatDataType,
  formatLimit,
  formatMilliseconds,
} from '../../../extension/model/format';

describe('formats of numbers', () => {
  it('writes bytes with the unit that suits them', () => {
    assert.equal(formatBytes(0), '0 B');
    assert.equal(formatBytes(1023), '1,023 B');
    assert.equal(formatBytes(1024), '1.0 KiB');
    assert.equal(formatBytes(98.4 * 1024), '98.4 KiB');
    assert.equal(formatBytes(1016.8 * 1024), '1,016.8 KiB');
    assert.equal(formatBytes(1024 * 1024), '1.00 MiB');
    assert.equal(formatBytes(1.5 * 1024 ** 3), '1,536.00 MiB');
  });

  it('writes limits round', () => {
    assert.equal(formatLimit(320 * 1024), '320 KiB');
    assert.equal(formatLimit(1024 * 1024), '1 MiB');
    assert.equal(formatLimit(1524 * 1024), '1,524 KiB');
    assert.equal(formatLimit(1025), '1.0 KiB');
  });

  it('writes counts to three figures', () => {
    const rows: readonly (readonly [number, string])[] = [
      [0, '0'],
      [999, '999'],
      [590_000, '590 k'],
      [7_489_664, '7.49 M'],
      [12_501_632, '12.5 M'],
      [999_999, '1.00 M'],
      [19_632_062_464, '19.6 G'],
    ];
    for (const [count, text] of rows) assert.equal(formatCount(count), text);
  });

  it('writes times to three figures', () => {
    const rows = [
      [0.0004, '0.4 µs'],
      [0.84, '840 µs'],
      [0.9996, '1 ms'],
      [21.44, '21.4 ms'],
      [143.6, '144 ms'],
      [9994, '9,994 ms'],
      [12_345, '12.3 s'],
      [1_234_567, '1,235 s'],
    ] as const;
    for (const [milliseconds, text] of rows) assert.equal(formatMilliseconds(milliseconds), text);
  });

  it('names element types as people do', () => {
    assert.deepEqual((['FLOAT', 'DOUBLE', 'FLOAT16', 'INT8'] as const).map(formatDataType), [
      'float32',
      'float64',
      'float16',
      'int8',
    ]);
  });
});
