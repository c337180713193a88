import { equal } from 'node:assert/strict';
import { toFloat64 } from '../../../extension/onnx/tensor-data';
import { float16Bits } from '../../../extension/quantize/float16-bits';

describe('float16Bits', () => {
  const patterns = Uint16Array.from({ length: 65536 }, (_, pattern) => pattern);
  const values = toFloat64('FLOAT16', new Uint8Array(patterns.buffer), patterns.length);

  it('gives every number its own pattern', () => {
    for (const [pattern, value] of values.entries()) {
      if (!Number.isNaN(value)) equal(float16Bits(value), pattern, String(value));
    }
  });

  it('rounds to the nearest, ties to even', () => {
    for (let pattern = 0; pattern < 0x7bff; pattern++) {
      const low = values[pattern] ?? 0;
      const high = values[pattern + 1] ?? 0;
      const middle = (low + high) / 2;
      equal(float16Bits(middle), pattern % 2 === 0 ? pattern : pattern + 1);
      equal(float16Bits(low + (high - low) * 0.49), pattern);
      equal(float16Bits(low + (high - low) * 0.51), pattern + 1);
    }
  });

  it('has infinities and NaN', () => {
    equal(float16Bits(65519.9), 0x7bff);
    equal(float16Bits(65520), 0x7c00);
    equal(float16Bits(-1e300), 0xfc00);
    equal(float16Bits(Number.NaN), 0x7e00);
  });
});
