import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import fc from 'fast-check';
import { Histogram } from '../../../../extension/quantize/calibration/histogram';
import type { RangeRules } from '../../../../extension/quantize/calibration/range-methods';
import { TensorStatistics } from '../../../../extension/quantize/calibration/tensor-statistics';

function rangeOf(batches: readonly (readonly number[])[], rules: RangeRules) {
  const statistics = new TensorStatistics(rules);
  for (const values of batches) {
    const data = new Uint8Array(Float64Array.from(values).buffer);
    statistics.add({ dataType: 'DOUBLE', dims: [values.length], data });
  }
  return statistics.range();
}

/** Quantiles of a normal distribution (the logistic approximation is near enough), a repeatable sample of it. */
function bell(count: number): number[] {
  return Array.from({ length: count }, (_, index) => Math.log((index + 0.5) / (count - index - 0.5)) / 1.702);
}

/** Mean square error of 8-bit or 4-bit asymmetric quantization over a range. */
function quantizationError(values: readonly number[], minimum: number, maximum: number, bits: number): number {
  const step = (maximum - minimum) / (2 ** bits - 1);
  const zero = Math.round(-minimum / step);
  const squares = values.map((value) => {
    const level = Math.min(2 ** bits - 1, Math.max(0, Math.round(value / step) + zero));
    return (value - (level - zero) * step) ** 2;
  });
  return squares.reduce((sum, square) => sum + square, 0) / values.length;
}

describe('Histogram', () => {
  it('has the same counts in whatever order and portions numbers come', () => {
    const numbers = fc.array(fc.double({ noNaN: true, min: -1e30, max: 1e30 }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(numbers, fc.nat(60), (values, cut) => {
        const counts = (batches: readonly (readonly number[])[]) => {
          const histogram = new Histogram(16);
          for (const batch of batches) {
            if (batch.length > 0) histogram.add(Float64Array.from(batch), Math.min(...batch), Math.max(...batch));
          }
          const { width, positive, negative, zeros } = histogram;
          return { width, zeros, positive: [...positive], negative: [...negative] };
        };
        const whole = counts([values]);
        deepEqual(counts([values.slice(0, cut), values.slice(cut)]), whole);
        deepEqual(counts(values.toReversed().map((value) => [value])), whole);
        const total = [...whole.positive, ...whole.negative].reduce((sum, count) => sum + count, whole.zeros);
        equal(total, values.length);
      }),
      { seed: 6 },
    );
  });

  it('has the narrowest bins with which the largest number fits', () => {
    for (const [largest, width] of [
      [1, 1 / 8],
      [0.999, 1 / 16],
      [6, 1 / 2],
      [2 ** -1074, 2 ** -1022],
      [1e308, 2 ** 1020],
    ] as const) {
      const histogram = new Histogram(16);
      histogram.add(Float64Array.of(largest, 0), 0, largest);
      equal(histogram.width, width, String(largest));
    }
  });
});

describe('ranges', () => {
  it('are the extremes by default, in any portions', () => {
    deepEqual(rangeOf([[1, -2], [3, 0], []], { method: 'minmax' }), {
      minimum: -2,
      maximum: 3,
      method: 'minmax',
      observed: { minimum: -2, maximum: 3 },
      elements: 4,
      notFinite: 0,
    });
  });

  it('leave out and count what is no finite number', () => {
    for (const method of ['minmax', 'percentile', 'entropy', 'mse'] as const) {
      const range = rangeOf([[Number.NaN, Number.POSITIVE_INFINITY, -1, 2], [Number.NEGATIVE_INFINITY]], { method });
      ok(range.minimum >= -1 && range.maximum <= 2, method);
      deepEqual([range.elements, range.notFinite, range.observed], [5, 3, { minimum: -1, maximum: 2 }]);
      const none = rangeOf([[Number.NaN]], { method });
      deepEqual([none.minimum, none.maximum, none.notFinite], [0, 0, 1]);
    }
  });

  it('of zeros and of one value are what they are', () => {
    for (const method of ['minmax', 'percentile', 'entropy', 'mse'] as const) {
      const zeros = rangeOf([[0, 0, -0]], { method });
      deepEqual([zeros.minimum, zeros.maximum], [0, 0], method);
      const one = rangeOf([[5]], { method });
      ok(one.minimum <= one.maximum && one.maximum <= 5, method);
    }
  });

  it('lie inside the observed one, for every method', () => {
    const values = fc.array(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), { minLength: 1, maxLength: 50 });
    const methods = fc.constantFrom('percentile' as const, 'entropy' as const, 'mse' as const);
    fc.assert(
      fc.property(values, methods, fc.boolean(), (numbers, method, symmetric) => {
        const { minimum, maximum, observed } = rangeOf([numbers], {
          method,
          symmetric,
          bins: 256,
          quantizedBins: 16,
          percentile: 90,
        });
        ok(minimum <= maximum && minimum >= observed.minimum && maximum <= observed.maximum);
      }),
      { seed: 6 },
    );
  });

  describe('by percentile', () => {
    const numbers = Array.from({ length: 10_001 }, (_, index) => index - 5000);

    it('cut half of the rest at each end', () => {
      const { minimum, maximum } = rangeOf([numbers], { method: 'percentile', percentile: 98 });
      // A bin is at most 5000 / 2048 wide.
      ok(Math.abs(minimum + 4900) < 2.5 && Math.abs(maximum - 4900) < 2.5, `${minimum} ${maximum}`);
    });

    it('cut the largest magnitudes when symmetric', () => {
      const lopsided = numbers.map((number) => (number < 0 ? number / 10 : number));
      const { minimum, maximum } = rangeOf([lopsided], { method: 'percentile', percentile: 99, symmetric: true });
      ok(Math.abs(maximum - 4900) < 2.5, String(maximum));
      equal(minimum, -500);
    });

    it('keep everything at 100', () => {
      const { minimum, maximum } = rangeOf([numbers], { method: 'percentile', percentile: 100 });
      deepEqual([minimum, maximum], [-5000, 5000]);
    });

    it('stop at zero when a side has too few', () => {
      const { minimum, maximum } = rangeOf([[-1, ...Array.from({ length: 999 }, () => 2)]], {
        method: 'percentile',
        percentile: 99,
      });
      equal(minimum + 0, 0);
      ok(maximum > 1.99);
    });

    it('need a percentile', () => {
      throws(() => rangeOf([[1]], { method: 'percentile', percentile: 0 }), /0 is no percentile/);
      throws(() => rangeOf([[1]], { method: 'percentile', percentile: 101 }), /101 is no percentile/);
      throws(() => rangeOf([[1]], { method: 'percentile', bins: 1000 }), /1000 bins/);
    });
  });

  describe('by entropy', () => {
    it('are the extremes when there are no more bins than levels, as by default in onnxruntime', () => {
      const { minimum, maximum } = rangeOf([bell(2000)], { method: 'entropy', bins: 128 });
      const [first, last] = [bell(2000)[0], bell(2000).at(-1)];
      deepEqual([minimum, maximum], [first, last]);
    });

    it('leave out a lone outlier', () => {
      const { minimum, maximum } = rangeOf([[...bell(20_000), 60]], { method: 'entropy' });
      ok(maximum < 20, String(maximum));
      equal(minimum, bell(20_000)[0]);
    });
  });

  describe('by mean square error', () => {
    it('come near the best of a search over real quantization', () => {
      const values = bell(20_000);
      const [low, high] = [values[0] ?? 0, values.at(-1) ?? 0];
      for (const bits of [3, 4, 8]) {
        const { minimum, maximum } = rangeOf([values], { method: 'mse', bits });
        const ratios = Array.from({ length: 40 }, (_, index) => 1 - index / 50);
        const best = Math.min(...ratios.map((ratio) => quantizationError(values, low * ratio, high * ratio, bits)));
        const own = quantizationError(values, minimum, maximum, bits);
        ok(own < best * 1.05, `${bits} bits: ${own} against ${best}`);
        ok(own <= quantizationError(values, low, high, bits) * 1.001);
      }
    });

    it('clip each end on its own', () => {
      const values = [...Array.from({ length: 5000 }, (_, index) => index / 5000), -3];
      const { minimum, maximum } = rangeOf([values], { method: 'mse', bits: 4 });
      ok(minimum > -1 && maximum > 0.9, `${minimum} ${maximum}`);
    });

    it('keep values that stand at the end of the range', () => {
      const clipped = bell(20_000).map((value) => Math.min(6, Math.max(0, value * 4)));
      equal(rangeOf([clipped], { method: 'mse' }).maximum, 6);
    });
  });
});
