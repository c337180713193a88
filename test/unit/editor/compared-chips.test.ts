import assert from 'node:assert/strict';
import { comparedChips, movedPin, type PinnedChip, withPin } from '../../../extension/editor/compared-chips';
import type { FitChoices } from '../../../extension/editor/page-state';
import { findTarget } from '../../../extension/targets/catalogue';
import { comparedRuntime } from '../../../extension/targets/target-runtimes';

const reserves = { flash: 0, ram: 0, stack: 0 };

function choicesFor(name: string | undefined): FitChoices {
  const target = name === undefined ? undefined : findTarget(name);
  return { target, externalRam: false, runtime: target && comparedRuntime('', target), reserves };
}

const pin = (name: string): PinnedChip => ({ name, choices: findTarget(name) && choicesFor(name) });

describe('the chips of the table', () => {
  const keys = (chosen: string | undefined, names: readonly string[]) =>
    comparedChips(choicesFor(chosen), names.map(pin)).map(({ page }) => page.key);

  it('are the chosen one first, then the pinned ones in their order', () => {
    assert.deepEqual(keys('nrf52840', ['rp2040', 'esp32s3']), ['nrf52840', 'rp2040', 'esp32s3']);
    assert.deepEqual(keys(undefined, ['rp2040']), ['rp2040']);
    assert.deepEqual(keys(undefined, []), []);
  });

  it('are shown once each, however they are named', () => {
    assert.deepEqual(keys('rp2040', ['esp32s3', 'RP2040']), ['RP2040', 'esp32s3']);
    assert.deepEqual(keys('esp32s3', ['rp2040', 'RP2040']), ['esp32s3', 'rp2040']);
    const [first] = comparedChips(choicesFor('rp2040'), [pin('rp2040')]);
    assert.deepEqual([first?.page.chosen, first?.page.pinned], [true, true]);
  });

  it('keep a name that no chip is known by, without a column to judge', () => {
    const [, unknown] = comparedChips(choicesFor('rp2040'), [pin('nonesuch')]);
    assert.deepEqual([unknown?.page.key, unknown?.page.target, unknown?.column], ['nonesuch', undefined, undefined]);
  });

  it('are judged each with a runtime that is at home on it', () => {
    const runtimeOf = (setting: string, name: string) => {
      const target = findTarget(name);
      assert.ok(target);
      return comparedRuntime(setting, target)?.id;
    };
    assert.equal(runtimeOf('', 'esp32s3'), 'esp-dl');
    assert.equal(runtimeOf('esp-dl', 'nrf52840'), 'tflm-cmsis-nn-m4');
    assert.equal(runtimeOf('onnx2c', 'nrf52840'), 'onnx2c');
    assert.equal(runtimeOf('none', 'nrf52840'), undefined);
  });
});

describe('the order of pinned chips', () => {
  it('grows at its end, by what is not there yet', () => {
    assert.deepEqual(withPin(['a'], 'b'), ['a', 'b']);
    assert.deepEqual(withPin(['a', 'b'], 'a'), ['a', 'b']);
  });

  it('takes one before another or to the end', () => {
    assert.deepEqual(movedPin(['a', 'b', 'c'], 'c', 'a'), ['c', 'a', 'b']);
    assert.deepEqual(movedPin(['a', 'b', 'c'], 'a', undefined), ['b', 'c', 'a']);
    assert.deepEqual(movedPin(['a', 'b', 'c'], 'a', 'nonesuch'), ['b', 'c', 'a']);
    assert.deepEqual(movedPin(['a', 'b'], 'nonesuch', 'a'), ['a', 'b']);
  });
});
