import assert from 'node:assert/strict';
import {
  formatBytes,
  formatCount,
  formatDecibels,
  formatExactBytes,
  formatFormula,
  formatLimit,
  formatMacs,
  formatMilliseconds,
  formatNumber,
  formatQuantity,
  formatShape,
  formatShare,
  formatTimeRange,
  useLocale,
} from '../../webview/format';

describe('number formats', () => {
  before(() => useLocale('en'));
  after(() => useLocale(undefined));

  it('writes bytes in binary units with the decimals of their unit', () => {
    assert.equal(formatBytes(0), '0 B');
    assert.equal(formatBytes(112), '112 B');
    assert.equal(formatBytes(1023), '1,023 B');
    assert.equal(formatBytes(1024), '1.0 KiB');
    assert.equal(formatBytes(100_762), '98.4 KiB');
    assert.equal(formatBytes(1_041_203), '1,016.8 KiB');
    assert.equal(formatBytes(1024 * 1024), '1.00 MiB');
    assert.equal(formatBytes(1.5 * 1024 * 1024), '1.50 MiB');
  });

  it('writes limits round and exact bytes in full', () => {
    assert.equal(formatLimit(320 * 1024), '320 KiB');
    assert.equal(formatLimit(1024 * 1024), '1 MiB');
    assert.equal(formatLimit(1_000_000), '976.6 KiB');
    assert.equal(formatExactBytes(843_400), '843,400 bytes');
    assert.equal(formatExactBytes(1), '1 byte');
  });

  it('writes a formula in the unit in which no term fades', () => {
    const formula = (...terms: [number, ...string[]][]) => ({
      terms: terms.map(([coefficient, ...factors]) => ({ coefficient, factors })),
    });
    assert.equal(formatFormula(formula([4096, 'batch']), 'bytes'), '4·batch KiB');
    assert.equal(formatFormula(formula([1024, 'batch']), 'bytes'), 'batch KiB');
    assert.equal(formatFormula(formula([12, 'n', 'n']), 'bytes'), '12·n·n B');
    assert.equal(formatFormula(formula([2048, 'n'], [-1536]), 'bytes'), '(2·n − 1.5) KiB');
    assert.equal(formatFormula(formula([4_194_304, 'n'], [8]), 'bytes'), '(4,194,304·n + 8) B');
    assert.equal(formatFormula(formula([7_489_664, 'floor((2*h + 1)/2)']), 'count'), '7.49·floor((2·h + 1)/2) M');
    assert.equal(formatFormula(formula([512, 'n']), 'count'), '512·n');
  });

  it('shortens MACs without ever showing a thousand of a smaller unit', () => {
    assert.equal(formatMacs(0), '–');
    assert.equal(formatMacs(640), '640');
    assert.equal(formatMacs(1_234), '1.2 k');
    assert.equal(formatMacs(589_824), '590 k');
    assert.equal(formatMacs(999_600), '1.00 M');
    assert.equal(formatMacs(7_489_664), '7.49 M');
    assert.equal(formatMacs(3_870_000_000), '3.87 G');
  });

  it('writes shares, decibels, shapes and quantities', () => {
    assert.equal(formatShare(1, 3), '33.3 %');
    assert.equal(formatShare(5, 5), '100 %');
    assert.equal(formatShare(1, 10_000), '<0.1 %');
    assert.equal(formatShare(0, 0), '–');
    assert.equal(formatDecibels(46.42), '46.4');
    assert.equal(formatDecibels(Number.POSITIVE_INFINITY), '∞');
    assert.equal(formatShape([1, 'batch', null]), '1×batch×?');
    assert.equal(formatShape([]), 'scalar');
    assert.equal(formatShape(undefined), '–');
    assert.equal(formatQuantity(1, 'layer'), '1 layer');
    assert.equal(formatQuantity(1200, 'layer'), '1,200 layers');
  });

  it('writes times to three figures, and a range in the unit of its middle', () => {
    assert.equal(formatMilliseconds(143.6), '144 ms');
    assert.equal(formatMilliseconds(21.44), '21.4 ms');
    assert.equal(formatMilliseconds(0.084), '84 µs');
    assert.equal(formatMilliseconds(12_345), '12.3 s');
    assert.equal(formatTimeRange({ lowerMs: 101.6, middleMs: 143.6, upperMs: 203.9 }), '102–204');
    assert.equal(formatTimeRange({ lowerMs: 0.6, middleMs: 1.1, upperMs: 2.02 }), '0.6–2.02');
  });

  it('uses the minus sign and the separators of the language', () => {
    assert.equal(formatNumber(-1.19241), '−1.192');
    useLocale('de');
    assert.equal(formatCount(210_850), '210.850');
    assert.equal(formatBytes(100_762), '98,4 KiB');
    useLocale('en');
  });
});
