import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { sumKeepingCodes } from '../../../extension/quantize/weights/sum-rounding';

const largest = 127;

describe('codes that keep sums', () => {
  it('are the nearest ones where their errors cancel already', () => {
    assert.deepEqual([...sumKeepingCodes([1.2, -1.2, 3.1, -3.1], 1, 1, largest)], [1, -1, 3, -3]);
  });

  it('flip the element that loses least', () => {
    // Nearest codes would lose 0.3 + 0.4 + 0.45 = 1.15 of the sum.
    assert.deepEqual([...sumKeepingCodes([1.3, 2.4, 5.45], 1, 3, largest)], [1, 2, 6]);
  });

  it('keep the sums of windows and of the whole row, a step or less from the values', () => {
    const rows = fc.array(fc.double({ min: -100, max: 100, noNaN: true }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(rows, fc.integer({ min: 1, max: 9 }), (windows, window) => {
        const values = windows.flatMap((value) => Array.from({ length: window }, (_, index) => value + 0.31 * index));
        const codes = sumKeepingCodes(values, 1, window, largest);
        const error = (start: number, end: number) =>
          values.slice(start, end).reduce((sum, value, index) => sum + (codes[start + index] ?? 0) - value, 0);
        assert.ok(Math.abs(error(0, values.length)) <= 0.5 + 1e-9);
        for (const [index, value] of values.entries()) assert.ok(Math.abs((codes[index] ?? 0) - value) <= 1);
      }),
    );
  });

  it('stay within the codes, and leave out what is no finite number', () => {
    const codes = sumKeepingCodes([Number.NaN, Number.POSITIVE_INFINITY, -200, 126.6, 126.7], 1, 1, largest);
    assert.deepEqual([...codes], [0, 127, -127, 126, 127]);
  });
});
