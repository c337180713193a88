import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Tensor } from '../../../extension/model/model';
import { MemoryByteSource } from '../../../extension/onnx/byte-source';
import { toFloat64 } from '../../../extension/onnx/tensor-data';
import { float16Bits, float16Patterns } from '../../../extension/quantize/float16-bits';
import { Float16Tensor } from '../../../extension/quantize/float16-tensor';
import { littleEndianBytes, patternsOf } from '../../../extension/quantize/little-endian';

/** As the number is: clamped where it is finite, then the nearest pattern. */
function slowly(pattern: number): number {
  const [value = 0] = new Float32Array(Uint32Array.of(pattern).buffer);
  return float16Bits(Number.isFinite(value) ? Math.min(Math.max(value, -65504), 65504) : value);
}

function assertSame(patterns: Uint32Array): void {
  const halves = float16Patterns(patterns);
  for (const [index, pattern] of patterns.entries()) {
    if (halves[index] !== slowly(pattern)) assert.equal(halves[index], slowly(pattern), pattern.toString(16));
  }
}

function tensorOf(patterns: Uint32Array): Tensor {
  const inline = littleEndianBytes(new Uint16Array(patterns.buffer));
  return {
    name: 'w',
    dataType: 'FLOAT',
    dataTypeCode: 1,
    dims: [patterns.length],
    elementCount: patterns.length,
    byteLength: inline.length,
    location: { kind: 'memory' },
    inline,
    metadata: new Map(),
  };
}

describe('float32 patterns as float16', () => {
  it('are those of the numbers, on both sides of every exponent, of every tie and of every float16', () => {
    const patterns: number[] = [];
    for (let high = 0; high < 0x10000; high++) {
      for (const low of [0, 1, 0xfff, 0x1000, 0x1001, 0x1fff, 0x2000, 0x7fff, 0x8000, 0xffff]) {
        patterns.push(high * 0x10000 + low);
      }
    }
    assertSame(Uint32Array.from(patterns));
  });

  it('are those of the numbers, whatever the bits', () => {
    fc.assert(fc.property(fc.uint32Array({ minLength: 1, maxLength: 1000 }), assertSame), { numRuns: 200 });
  });

  it('are measured as the numbers are', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint32Array({ minLength: 1, maxLength: 200 }), async (drawn) => {
        const patterns = Uint32Array.from(drawn);
        const half = new Float16Tensor(tensorOf(patterns), { source: new MemoryByteSource(new Uint8Array()) });
        const pieces: Uint8Array[] = [];
        for await (const piece of half.produce()) pieces.push(piece);
        const converted = toFloat64('FLOAT16', Buffer.concat(pieces), patterns.length);
        const expected = { signal: 0, noise: 0, maxAbsoluteError: 0, overflows: 0, underflows: 0 };
        for (const [index, value] of new Float32Array(patterns.buffer).entries()) {
          if (!Number.isFinite(value)) continue;
          const error = Math.abs(value - (converted[index] ?? 0));
          if (Math.abs(value) > 65504) expected.overflows++;
          if (value !== 0 && Math.abs(value) <= 2 ** -25) expected.underflows++;
          expected.signal += value * value;
          expected.noise += error * error;
          expected.maxAbsoluteError = Math.max(expected.maxAbsoluteError, error);
        }
        assert.deepEqual(await half.measure(), expected);
      }),
    );
  });

  it('are read and written alike on hosts of either byte order, at any offset', () => {
    const bytes = Uint8Array.from({ length: 33 }, (_, index) => (index * 37 + 5) % 256).subarray(1);
    assert.deepEqual(patternsOf(bytes, true), patternsOf(bytes, false));
    assert.equal(patternsOf(bytes, false)[0], 42 + 79 * 2 ** 8 + 116 * 2 ** 16 + 153 * 2 ** 24);
    const halves = Uint16Array.of(0x1234, 0xabcd);
    assert.deepEqual([...littleEndianBytes(halves, false)], [0x34, 0x12, 0xcd, 0xab]);
    assert.deepEqual(littleEndianBytes(halves, true), littleEndianBytes(halves, false));
  });
});
