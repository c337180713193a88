import assert from 'node:assert/strict';
import { allTargets, findTarget, searchTargets } from '../../../extension/targets/catalogue';
import { limitsOf } from '../../../extension/targets/limits';

const KiB = 1024;

function limitsIn(text: string, options?: { externalRam: boolean }) {
  const target = findTarget(text);
  assert.ok(target, text);
  const { flash, ram } = limitsOf(target, options);
  return {
    flash: flash && flash.bytes / KiB,
    ram: ram && ram.bytes / KiB,
    flashLabel: flash?.label,
    ramLabel: ram?.label,
  };
}

describe('catalogue', () => {
  it('holds 87 targets with unique ids, each with sources', () => {
    const targets = allTargets();
    assert.equal(targets.length, 87);
    assert.equal(new Set(targets.map(({ id }) => id)).size, 87);
    for (const { id, sources } of targets) assert.ok(sources['memory'], id);
  });

  it('finds every target by its id, its name and its part numbers in any case', () => {
    for (const target of allTargets()) {
      assert.equal(findTarget(target.id)?.id, target.id);
      assert.equal(findTarget(target.id.toUpperCase())?.id, target.id);
      assert.equal(findTarget(target.name)?.id, target.id);
    }
  });

  it('finds the chip of every board, whichever row lists it first', () => {
    for (const { aliases } of allTargets()) {
      for (const alias of aliases) {
        const found = findTarget(alias);
        assert.ok(found?.aliases.includes(alias), alias);
      }
    }
  });

  const variants: Record<string, readonly string[]> = {
    stm32f746zg: ['STM32F746ZGT6', 'STM32F746ZGTx', 'STM32F746ZGT6U', 'stm32f746zgtx', 'STM32F746ZG'],
    stm32u585ai: ['STM32U585AIIx', 'STM32U585AII6Q', 'STM32U585AIIxQ'],
    stm32f103c8: ['STM32F103C8T6', 'STM32F103C8Tx'],
    stm32n657x0: ['STM32N657X0H3Q', 'STM32N657X0HxQ'],
    nrf52840: ['nRF52840-QIAA', 'nRF52840_xxAA', 'nrf52840-QIAA-R7', 'NRF52840QIAA'],
    nrf52832: ['nRF52832_xxAA'],
    nrf5340: ['nRF5340_xxAA', 'nRF5340-QKAA'],
    nrf9160: ['nRF9160-SICA'],
    esp32: ['ESP32-WROOM-32', 'ESP32-WROVER-E', 'ESP32-D0WD-V3'],
    esp32s3: ['ESP32-S3-WROOM-1', 'ESP32-S3-WROOM-1-N16R8', 'ESP32-S3-MINI-1', 'ESP32-S3FN8', 'ESP32-S3R8'],
    esp32c3: ['ESP32-C3-MINI-1', 'ESP32-C3FH4'],
    esp32c2: ['ESP8684'],
    rp2040: ['RP2040B2', 'rp2040', 'RPI_PICO'],
    rp2350: ['RP2350A', 'RP2350B'],
    mimxrt1062: ['MIMXRT1062DVL6A', 'MIMXRT1062DVL6B'],
    mcxn947: ['MCXN947VDFT'],
    lpc55s69: ['LPC55S69JBD100'],
    max78000: ['MAX78000EXG+'],
    efr32mg24: ['EFR32MG24B310F1536IM48'],
    ch32v307vc: ['CH32V307VCT6', 'CH32V307VC'],
    samd51p20: ['ATSAMD51P20A-AU'],
  };
  for (const [id, texts] of Object.entries(variants)) {
    it(`knows ${texts.join(', ')} as ${id}`, () => {
      for (const text of texts) assert.equal(findTarget(text)?.id, id, text);
    });
  }

  it('does not take a part with other memories for one it knows', () => {
    // Half the flash; half the memories; other chips; nothing.
    for (const text of [
      'STM32F746ZE',
      'STM32F103CBT6',
      'nRF52832_xxAB',
      'nRF52833',
      'ESP32-S31',
      'ESP32-H4',
      'RP2354',
      '',
      'stm32',
      'xyz',
    ]) {
      assert.equal(findTarget(text), undefined, text);
    }
  });

  it('ranks a search by how well id, name, alias, vendor and core match', () => {
    assert.equal(searchTargets('esp32')[0]?.id, 'esp32');
    assert.equal(searchTargets('f746')[0]?.id, 'stm32f746zg');
    assert.equal(searchTargets('nano33ble')[0]?.id, 'nrf52840');
    assert.equal(searchTargets('STM32F746ZGT6')[0]?.id, 'stm32f746zg');
    const cores = searchTargets('nordic m33');
    assert.ok(cores.length > 2);
    assert.ok(cores.every(({ vendor, core }) => /nordic/i.test(vendor) && core.includes('M33')));
    assert.deepEqual(searchTargets('nothing like this'), []);
    assert.equal(searchTargets(' ').length, 87);
  });
});

describe('limits', () => {
  // Published sizes, KiB: the spot checks a catalogue must pass, as far as they are sizes of one contiguous region.
  const spotChecks: readonly (readonly [string, number, number])[] = [
    ['STM32F401RE', 512, 96],
    ['STM32F746ZG', 1024, 320],
    ['STM32H743ZI', 2048, 512],
    ['STM32L4R5ZI', 2048, 640],
    ['STM32U585AI', 2048, 768],
    ['STM32U5G9ZJ', 4096, 3008],
    ['STM32G474RE', 512, 128],
    ['nRF52840', 1024, 256],
    ['nRF5340', 1024, 512],
    ['nRF9160', 1024, 256],
    ['MIMXRT1176', 16384, 1024],
    ['AE722F80F55D5', 5632, 4096],
    ['nRF54L15', 1524, 256],
    ['RA8D1', 2016, 896],
  ];
  for (const [name, flash, ram] of spotChecks) {
    it(`gives ${name} ${flash} KiB of flash and ${ram} KiB of RAM`, () => {
      const limits = limitsIn(name);
      assert.deepEqual([limits.flash, limits.ram], [flash, ram]);
    });
  }

  // Totals of all on-chip RAM, KiB, among them the regions that are no part of the largest piece.
  const totals: readonly (readonly [string, number])[] = [
    ['STM32F746ZG', 336],
    ['STM32H743ZI', 1056],
    ['STM32U585AI', 784],
    ['STM32U5G9ZJ', 3024],
    ['ESP32-S3', 512],
    ['ESP32-C3', 400],
    ['RP2040', 264],
    ['RP2350', 520],
    ['RT1062', 1024],
    ['RA8D1', 1024],
  ];
  for (const [name, ram] of totals) {
    it(`lists ${ram} KiB of on-chip RAM for ${name}`, () => {
      const target = findTarget(name) ?? searchTargets(name)[0];
      const regions = target?.memories.filter(({ kind }) => kind === 'sram' || kind === 'tcm') ?? [];
      assert.equal(
        regions.reduce((sum, { bytes }) => sum + bytes, 0),
        ram * KiB,
      );
    });
  }

  it('lists the memory that ESP32-P4 shares with its cache whole, and does not count all of it as free', () => {
    const shared = findTarget('esp32p4')?.memories.find(({ name }) => name.startsWith('L2MEM'));
    assert.equal(shared?.bytes, 768 * KiB);
    assert.equal(limitsIn('esp32p4').ram, 512);
  });

  it('takes the external flash of the board where the chip has none, and says so', () => {
    assert.deepEqual(limitsIn('rp2040'), {
      flash: 2048,
      ram: 264,
      flashLabel: 'external flash of the board',
      ramLabel: 'largest contiguous on-chip RAM',
    });
    assert.equal(limitsIn('STM32N657X0').ram, 4224);
    assert.equal(limitsIn('nrf54l15').flashLabel, 'internal RRAM');
  });

  it('counts external RAM only when it is chosen', () => {
    assert.equal(limitsIn('esp32s3').ram, 416);
    assert.equal(limitsIn('esp32s3', { externalRam: true }).ram, 8192);
    assert.equal(limitsIn('stm32f746zg', { externalRam: true }).ram, 320);
  });

  it('falls back to the largest region of the chip, never to the memory of an accelerator', () => {
    assert.equal(limitsIn('max78002').ram, 384);
    assert.match(limitsIn('max78002').ramLabel ?? '', /largest on-chip RAM region \(SRAM\)/);
    assert.deepEqual(limitsIn('coral_edgetpu').ram, undefined);
    assert.deepEqual(limitsIn('coral_edgetpu').flash, undefined);
  });
});
