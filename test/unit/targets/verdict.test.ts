import assert from 'node:assert/strict';
import type { Peak, Totals } from '../../../extension/budget/footprint';
import { findTarget } from '../../../extension/targets/catalogue';
import { limitsOf } from '../../../extension/targets/limits';
import { verdictFor } from '../../../extension/targets/verdict';

const KiB = 1024;

function footprint(changes: Partial<Totals>, peak?: Peak) {
  const totals: Totals = {
    parameters: 0,
    parametersByDataType: {},
    quantizationParameters: 0,
    weightBytes: 0,
    quantizationBytes: 0,
    constantBytes: 0,
    constantsIncomplete: false,
    attributeParameters: 0,
    macs: 0,
    macsIncomplete: false,
    peakLiveBytes: 0,
    peakLiveStep: 0,
    peakActivationBytes: 0,
    elementOperations: 0,
    elementOperationsIncomplete: false,
    peakIncomplete: false,
    ...changes,
  };
  return { totals, peak };
}

function on(id: string, subject: ReturnType<typeof footprint>) {
  const target = findTarget(id);
  assert.ok(target);
  return verdictFor(subject, target, limitsOf(target));
}

const peak: Peak = {
  step: 3,
  layer: 'Conv_12',
  bytes: 432 * KiB,
  tensors: [
    { name: 'b', bytes: 288 * KiB, role: 'output' },
    { name: 'a', bytes: 144 * KiB, role: 'input' },
  ],
};

describe('verdict', () => {
  it('names what is short, by how much, and where', () => {
    const verdict = on('STM32F746ZG', footprint({ peakActivationBytes: 432 * KiB, constantBytes: 100 * KiB }, peak));
    assert.equal(verdict.outcome, 'does-not-fit');
    assert.equal(verdict.lead, 'Does not fit STM32F746ZG:');
    assert.equal(verdict.detail, 'RAM is 112.0 KiB short at step 3, Conv_12: input 144.0 KiB + output 288.0 KiB.');
    assert.deepEqual(verdict.reasons, ['RAM short by 112.0 KiB: step 3, Conv_12, input 144.0 KiB + output 288.0 KiB']);
    assert.equal(verdict.ram.fits, false);
    assert.equal(verdict.flash.fits, true);
    assert.equal(verdict.ram.kind, 'lower bound');
  });

  it('says that the runtime is not counted where the model data fits', () => {
    const verdict = on('STM32F746ZG', footprint({ peakActivationBytes: 320 * KiB, constantBytes: 1024 * KiB }));
    assert.equal(verdict.outcome, 'model-data-fits');
    assert.deepEqual(verdict.reasons, ['model data fits; runtime not counted']);
    assert.equal(`${verdict.lead} ${verdict.detail}`, 'Model data fits STM32F746ZG; runtime not counted.');
  });

  it('is a fact about flash from the first byte too many', () => {
    const verdict = on('STM32F746ZG', footprint({ constantBytes: 1024 * KiB + 1 }));
    assert.equal(verdict.outcome, 'does-not-fit');
    assert.deepEqual(verdict.reasons, ['Flash short by 1 B: constants 1.00 MiB, internal flash 1 MiB']);
  });

  it('gives no flash verdict for a target without flash, and says so', () => {
    const verdict = on('ndp120', footprint({ constantBytes: 2 ** 40 }));
    assert.equal(verdict.flash.fits, undefined);
    assert.equal(verdict.flash.limit, undefined);
    assert.equal(verdict.outcome, 'model-data-fits');
    assert.match(verdict.detail, /no flash verdict/);
  });

  it('is unknown without RAM to hold the model against', () => {
    const verdict = on('k230', footprint({}));
    assert.equal(verdict.outcome, 'unknown');
    assert.match(verdict.detail, /external RAM/);
  });

  it('is unknown where a lower bound fits, but a fact where it does not', () => {
    assert.equal(on('STM32F746ZG', footprint({ peakIncomplete: true })).outcome, 'unknown');
    assert.equal(on('STM32F746ZG', footprint({ constantsIncomplete: true })).outcome, 'unknown');
    const verdict = on('STM32F746ZG', footprint({ peakIncomplete: true, peakActivationBytes: 432 * KiB }, peak));
    assert.equal(verdict.outcome, 'does-not-fit');
  });

  it('judges only the limits that are given when there is no target', () => {
    const limits = { flash: undefined, ram: { bytes: 10, label: '--max-ram' } };
    assert.equal(
      verdictFor(footprint({ peakActivationBytes: 10, constantBytes: 2 ** 40 }), undefined, limits).outcome,
      'model-data-fits',
    );
    assert.equal(verdictFor(footprint({ peakActivationBytes: 11 }), undefined, limits).outcome, 'does-not-fit');
  });
});
