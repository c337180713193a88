import assert from 'node:assert/strict';
import type { RuntimeFootprint } from '../../../extension/runtimes/measure';
import type { FigureKind, FlashPart } from '../../../extension/runtimes/runtime';
import { arenaRegion } from '../../../extension/targets/arena-region';
import { findTarget } from '../../../extension/targets/catalogue';
import { limitsOf } from '../../../extension/targets/limits';
import { runtimeVerdict } from '../../../extension/targets/runtime-verdict';
import type { Target } from '../../../extension/targets/target';
import { chosenRuntime, runtimesByTarget } from '../../../extension/targets/target-runtimes';

const kibi = 1024;

function targetNamed(name: string): Target {
  const target = findTarget(name);
  assert.ok(target, name);
  return target;
}

function footprint(
  figures: {
    readonly ram: number;
    readonly flash: number;
    readonly ramKind?: FigureKind;
    readonly flashKind?: FigureKind;
  },
  rest: Partial<RuntimeFootprint> = {},
): RuntimeFootprint {
  const { ram, flash, ramKind = 'exact', flashKind = 'exact' } = figures;
  const parts: FlashPart[] = [
    { part: 'weights', bytes: flash - 1, kind: 'exact', source: '' },
    { part: 'runtime code', bytes: 1, kind: flashKind, source: '' },
  ];
  return {
    runtime: { id: 'tflm', label: 'TFLM' },
    precision: 'int8',
    memory: {
      planner: 'greedy',
      arenaBytes: ram,
      persistentBytes: 0,
      scratchBytes: 0,
      inputOutputBytes: 0,
      usedBytes: ram,
      minimumArenaBytes: ram,
      lowerBoundBytes: ram,
      kind: ramKind,
      remarks: [],
      tensors: [],
      alignment: 16,
      inPlace: [],
    },
    flash: { totalBytes: flash, parts },
    layers: [],
    cannotRun: [],
    notes: [],
    ...rest,
  };
}

describe('the verdict on a runtime', () => {
  const f746 = targetNamed('STM32F746ZG');
  const verdict = (of: RuntimeFootprint, reserves?: { ram: number; stack: number }) =>
    runtimeVerdict(of, f746, limitsOf(f746), reserves && { reserves });

  it('says what stays free and where the arena lies', () => {
    const { lead, detail, outcome, ram } = verdict(footprint({ ram: 100 * kibi, flash: 200 * kibi }));
    assert.equal(
      `${lead} ${detail}`,
      'Fits STM32F746ZG: 824.0 KiB of flash and 220.0 KiB of RAM stay free. The arena lies in SRAM1.',
    );
    assert.equal(outcome, 'fits');
    assert.deepEqual([ram.bytes, ram.kind, ram.fits, ram.region], [102_400, 'exact', true, 'SRAM1']);
  });

  it('says how much is short', () => {
    const { lead, detail, outcome } = verdict(footprint({ ram: 349_082, flash: 200 * kibi }));
    assert.equal(`${lead} ${detail}`, 'Does not fit STM32F746ZG: RAM is 20.9 KiB short (340.9 KiB of 320 KiB).');
    assert.equal(outcome, 'does-not-fit');
  });

  it('says that it is estimated when no lower bound exceeds a limit', () => {
    const flash = { ram: kibi, flash: 1024 * kibi + 1 };
    assert.equal(
      verdict(footprint({ ...flash, flashKind: 'estimated' })).lead,
      'Does not fit STM32F746ZG (estimated):',
    );
    assert.equal(verdict(footprint(flash)).lead, 'Does not fit STM32F746ZG:');
    // The weights alone are too large.
    const weights = footprint({ ram: kibi, flash: 1024 * kibi + 2, flashKind: 'estimated' });
    assert.equal(verdict(weights).lead, 'Does not fit STM32F746ZG:');

    const ram = footprint({ ram: 340 * kibi, flash: kibi, ramKind: 'estimated' });
    const least = (lowerBoundBytes: number) => ({ ...ram, memory: { ...ram.memory, lowerBoundBytes } });
    assert.equal(verdict(least(300 * kibi)).lead, 'Does not fit STM32F746ZG (estimated):');
    assert.equal(verdict(least(300 * kibi)).outcome, 'does-not-fit');
    assert.equal(verdict(least(300 * kibi), { ram: 20 * kibi, stack: 1 }).lead, 'Does not fit STM32F746ZG:');
    assert.equal(verdict(least(330 * kibi)).lead, 'Does not fit STM32F746ZG:');
  });

  it('is tight above 85 % of either limit', () => {
    assert.equal(verdict(footprint({ ram: 272 * kibi, flash: kibi })).outcome, 'fits');
    assert.equal(verdict(footprint({ ram: 272 * kibi + 1, flash: kibi })).outcome, 'tight');
    assert.equal(verdict(footprint({ ram: kibi, flash: 900 * kibi })).outcome, 'tight');
  });

  it('names operators that cannot run, whatever the sizes', () => {
    const layer = { kind: 'Foo', name: 'x', outputShape: [1], outputBytes: 1, weightBytes: 0, biasBytes: 0 };
    const cannotRun = [
      { node: 4, opType: 'Foo', reason: 'no kernel' },
      { node: 9, opType: 'Bar', reason: 'no kernel' },
    ];
    const of = footprint({ ram: 10 ** 9, flash: 1 }, { cannotRun, layers: [{ ...layer, from: [3, 4] }] });
    const { lead, detail, outcome, ram } = verdict(of);
    assert.equal(`${lead} ${detail}`, 'TFLM cannot run it: 2 operators, Foo at layer x, Bar.');
    assert.equal(outcome, 'cannot-run');
    assert.equal(ram.fits, false);
  });

  it('counts reserves in RAM, the arena alone for its region', () => {
    const of = footprint({ ram: 60 * kibi, flash: kibi });
    const { ram } = verdict(of, { ram: 250 * kibi, stack: 4 * kibi });
    assert.deepEqual([ram.bytes, ram.fits, ram.region], [314 * kibi, true, 'DTCM']);
    assert.equal(verdict(of, { ram: 260 * kibi, stack: kibi }).outcome, 'does-not-fit');
  });

  it('takes the weakest kind of the parts of a sum, and writes it', () => {
    const { flash, detail } = verdict(footprint({ ram: kibi, flash: 2048 * kibi, flashKind: 'estimated' }));
    assert.equal(flash.kind, 'estimated');
    assert.equal(detail, 'Flash is ~1.00 MiB short (~2.00 MiB of 1 MiB).');
  });

  it('never claims a fit from a lower bound', () => {
    const { outcome, ram } = verdict(footprint({ ram: kibi, flash: kibi, ramKind: 'lower bound' }));
    assert.equal(outcome, 'model-data-fits');
    assert.equal(ram.fits, undefined);
    const short = verdict(footprint({ ram: 321 * kibi, flash: kibi, ramKind: 'lower bound' }));
    assert.equal(short.detail, 'RAM is at least 1.0 KiB short (at least 321.0 KiB of 320 KiB).');
  });

  it('knows nothing where a size is not known', () => {
    const layers = [
      { kind: 'Other', name: 'odd', outputShape: undefined, outputBytes: 0, weightBytes: 0, biasBytes: 0, from: [0] },
    ];
    const { outcome, detail } = verdict(footprint({ ram: kibi, flash: kibi, ramKind: 'lower bound' }, { layers }));
    assert.equal(outcome, 'unknown');
    assert.match(detail, /size of odd is not known/);
  });

  it('gives no flash verdict for a chip without flash', () => {
    const without: Target = { ...f746, memories: f746.memories.filter(({ kind }) => kind !== 'flash') };
    const { outcome, detail } = runtimeVerdict(footprint({ ram: kibi, flash: kibi }), without, limitsOf(without));
    assert.equal(outcome, 'fits');
    assert.match(detail, /^319\.0 KiB of RAM stay free\. .*no flash verdict\.$/);
  });
});

describe('the region of an arena', () => {
  const f746 = targetNamed('STM32F746ZG');

  it('is the smallest that holds it, and adjacent regions together where one does not', () => {
    assert.equal(arenaRegion(f746, 10 * kibi), 'SRAM2');
    assert.equal(arenaRegion(f746, 64 * kibi), 'DTCM');
    assert.equal(arenaRegion(f746, 65 * kibi), 'SRAM1');
    assert.equal(arenaRegion(f746, 300 * kibi), 'DTCM + SRAM1 + SRAM2');
    assert.equal(arenaRegion(f746, 321 * kibi), undefined);
  });

  it('does not add up scattered regions', () => {
    const f407 = targetNamed('stm32f407vg');
    assert.equal(arenaRegion(f407, 128 * kibi), 'SRAM1+2');
    assert.equal(arenaRegion(f407, 129 * kibi), undefined);
  });

  it('lies outside the chip only when that is asked for', () => {
    const s3 = targetNamed('esp32s3');
    assert.equal(arenaRegion(s3, 1024 * kibi), undefined);
    assert.equal(arenaRegion(s3, 1024 * kibi, true), 'PSRAM');
  });
});

describe('the usual runtime of a target', () => {
  for (const [target, runtime] of [
    ['rp2040', 'tflm-cmsis-nn-m0'],
    ['stm32f103c8', 'tflm-cmsis-nn-m0'],
    ['nrf52840', 'tflm-cmsis-nn-m4'],
    ['STM32F746ZG', 'tflm-cmsis-nn-m4'],
    ['rp2350', 'tflm-cmsis-nn-m4'],
    ['stm32n657x0', 'tflm-cmsis-nn-m55'],
    ['ra8d1', 'tflm-cmsis-nn-m55'],
    ['esp32s3', 'esp-dl'],
    ['imx93', 'onnxruntime-mobile'],
  ] as const) {
    it(`of ${target} is ${runtime}`, () => {
      assert.equal(chosenRuntime('', targetNamed(target))?.id, runtime);
      assert.equal(runtimesByTarget(targetNamed(target))[0]?.id, runtime);
    });
  }

  it('gives way to what is set', () => {
    assert.equal(chosenRuntime('onnx2c', targetNamed('rp2040'))?.id, 'onnx2c');
    assert.equal(chosenRuntime('none', targetNamed('rp2040')), undefined);
    assert.equal(chosenRuntime('', undefined), undefined);
  });
});
