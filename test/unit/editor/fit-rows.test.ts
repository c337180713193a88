import assert from 'node:assert/strict';
import { fitColumns, fitRow, type MeasuredModel, runtimesOf } from '../../../extension/editor/fit-rows';
import type { FitChoices } from '../../../extension/editor/page-state';
import { withBudgets } from '../../../extension/editor/settled-workspace';
import { findTarget } from '../../../extension/targets/catalogue';
import { comparedRuntime } from '../../../extension/targets/target-runtimes';
import { analysisOf, mobileNet } from '../../webview/sample-state';
import { choicesFor, figuresOf } from '../../webview/sample-what-if';

const analysis = analysisOf(mobileNet());
const nothing: FitChoices = {
  target: undefined,
  externalRam: false,
  runtime: undefined,
  reserves: { flash: 0, ram: 0, stack: 0 },
};
const pin = (name: string) => ({ name, choices: findTarget(name) && choicesFor(name) });

function measured(runtimes: readonly { readonly id: string; readonly label: string }[]): MeasuredModel {
  return { parameters: 77_418, figures: figuresOf('as-in-file', runtimes, analysis) };
}

describe('the table of a folder’s models', () => {
  it('has the chosen chip first, then the pinned ones, each once', () => {
    const one = choicesFor('stm32f746zg');
    const { chips, own } = fitColumns([one, one], [pin('esp32s3'), pin('stm32f746zg'), pin('nowhere')]);
    assert.deepEqual(
      chips.map(({ page }) => [page.key, page.chosen]),
      [
        ['stm32f746zg', true],
        ['esp32s3', false],
        ['nowhere', false],
      ],
    );
    assert.deepEqual(own, [0, 0]);
  });

  it('has the chip of every project, with what it leaves to a program', () => {
    const f746 = choicesFor('stm32f746zg');
    const less =
      f746.target && withBudgets(f746.target, { ramBudget: { bytes: 65_536, label: 'x', file: 'x.ld', line: 1 } });
    const esp = choicesFor('esp32s3');
    const models = [f746, { ...f746, target: less }, esp, nothing, f746];
    const { chips, own } = fitColumns(models, [pin('esp32s3'), pin('rp2040')]);
    assert.deepEqual(
      chips.map(({ page }) => [page.target?.id, page.target?.ramLimit?.bytes === 65_536, page.chosen]),
      [
        ['stm32f746zg', false, false],
        ['stm32f746zg', true, false],
        ['esp32s3', false, false],
        ['rp2040', false, false],
      ],
    );
    assert.deepEqual(own, [0, 1, 2, undefined, 0]);
    assert.equal(new Set(chips.map(({ page }) => page.key)).size, chips.length);
  });

  it('has the pinned chips alone where no chip is chosen', () => {
    const { chips, own } = fitColumns([nothing], [pin('rp2040')]);
    assert.deepEqual([chips.map(({ page }) => page.key), own], [['rp2040'], [undefined]]);
  });

  it('says for every chip whether the model fits, with the figures of its own runtime', () => {
    const { chips, own } = fitColumns([choicesFor('stm32f746zg')], [pin('esp32s3'), pin('nowhere')]);
    const runtimes = runtimesOf(chips).map((id) => ({ id, label: id }));
    const row = fitRow(measured(runtimes), chips, own[0]);
    assert.equal(row.cells.length, 3);
    const [first, second, third] = row.cells;
    assert.equal(first?.kind === 'judged' && first.verdict.outcome, 'does-not-fit');
    assert.equal(second?.kind, 'judged');
    assert.equal(third?.kind, 'refused');
    assert.deepEqual(row.flash, { bytes: Math.round(952.8 * 1024), kind: 'estimated' });
    assert.equal(row.parameters, 77_418);
  });

  it('gives lower bounds of the model’s data where no runtime is known for the chip', () => {
    const target = findTarget('stm32f746zg');
    const { chips } = fitColumns([{ ...nothing, target }], []);
    const row = fitRow(measured([]), chips, 0);
    assert.deepEqual(row.ram, { bytes: analysis.totals.peakActivationBytes, kind: 'lower bound' });
    assert.equal(row.cells[0]?.kind, 'judged');
    assert.ok(target && comparedRuntime('', target));
  });
});
