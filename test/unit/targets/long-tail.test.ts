import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { allTargets, findTarget, searchMatches, searchTargets } from '../../../extension/targets/catalogue';
import { limitsOf } from '../../../extension/targets/limits';
import { lazyLongTail, parseLongTail } from '../../../extension/targets/long-tail';

const KiB = 1024;
const text = readFileSync('extension/targets/long-tail.generated.json', 'utf8');
const more = { longTail: parseLongTail(text) };

function sizes(name: string): readonly (number | undefined)[] {
  const target = findTarget(name, more);
  assert.ok(target, name);
  const { flash, ram } = limitsOf(target);
  return [flash && flash.bytes / KiB, ram && ram.bytes / KiB];
}

function onChipRam(name: string): number {
  const target = findTarget(name, more);
  assert.ok(target, name);
  const regions = target.memories.filter(({ kind }) => kind === 'sram' || kind === 'tcm');
  return regions.reduce((sum, { bytes }) => sum + bytes, 0) / KiB;
}

describe('long tail', () => {
  it('holds thousands of chips in less than 600 KB', () => {
    assert.ok(text.length < 600_000);
    assert.ok(more.longTail.size > 4000);
  });

  it('marks every chip as unreviewed, with regions and their source', () => {
    for (const target of more.longTail.searchChips([], () => true)) {
      assert.equal(target.reviewed, false, target.name);
      assert.ok(target.memories.length > 0, target.name);
      assert.ok(
        target.memories.every(({ bytes }) => Number.isSafeInteger(bytes) && bytes > 0),
        target.name,
      );
      assert.ok(target.sources['memory'], target.name);
      assert.ok(target.core !== '', target.name);
    }
  });

  it('has no chip twice and none of the reviewed ones', () => {
    const names = more.longTail.searchChips([], () => true).map(({ id }) => id);
    assert.equal(new Set(names).size, names.length);
    for (const name of names) assert.equal(findTarget(name), undefined, name);
  });

  it('does not shadow the reviewed catalogue', () => {
    for (const target of allTargets()) assert.equal(findTarget(target.id, more), findTarget(target.id));
  });

  // Flash and the largest RAM in one piece, in KiB, from the vendors' data sheets.
  const known: Record<string, readonly [number | undefined, number]> = {
    STM32F407VE: [512, 128],
    STM32F429NI: [2048, 192],
    STM32G431KB: [128, 32],
    STM32L152RE: [512, 80],
    STM32F205RB: [128, 64],
    nRF52833: [512, 128],
    nRF52832_xxAB: [1024, 32],
    ATSAMD21G18A: [256, 32],
    ATSAME54P20A: [1024, 256],
    GD32F303RC: [256, 48],
    R7FA6M5BH: [2048, 512],
    'CY8C6347BZI-BLD53': [1024, 288],
    STM32WL55JC: [256, 64],
  };
  for (const [name, expected] of Object.entries(known)) {
    it(`knows the sizes of ${name}`, () => assert.deepEqual(sizes(name), expected));
  }

  it('counts memory that is seen at two addresses once', () => {
    // Secure and not secure, or for code and for data.
    assert.equal(onChipRam('STM32H562RG'), 640);
    assert.equal(onChipRam('STM32L552QE'), 256);
    assert.equal(onChipRam('nRF52833'), 128);
    assert.equal(onChipRam('esp32c61'), 320);
    assert.deepEqual(sizes('STM32F746ZE'), [512, 320]);
  });

  it('knows the spot checks that the reviewed catalogue gives through a sister chip', () => {
    const h7s3 = findTarget('nucleo_h7s3l8', more);
    const ram = h7s3?.memories.filter(({ kind }) => kind === 'sram' || kind === 'tcm') ?? [];
    assert.equal(
      ram.reduce((sum, { bytes }) => sum + bytes, 0),
      616 * KiB,
    );
    const p4 = findTarget('esp32p4', more)?.memories.find(({ name }) => name.startsWith('L2MEM'));
    assert.equal(p4?.bytes, 768 * KiB);
    // No flash in the chip: what there is belongs to the board.
    const n6 = findTarget('STM32N657X0', more);
    assert.ok(n6?.memories.every(({ kind }) => kind !== 'flash'));
  });

  it('lists each split of a chip whose memory is split between flash and RAM', () => {
    const splits = searchTargets('CH32V307WCU6', more).map(({ name, memories }) => {
      return [name, memories.reduce((sum, { kind, bytes }) => (kind === 'sram' ? sum + bytes : sum), 0) / KiB];
    });
    assert.deepEqual(Object.fromEntries(splits.slice(1)), {
      CH32V307WCU6_c128_r192: 192,
      CH32V307WCU6_c192_r128: 128,
      CH32V307WCU6_c224_r96: 96,
      CH32V307WCU6_c288_r32: 32,
    });
  });

  it('counts memory that a program splits as it likes once, and no window of addresses', () => {
    const rams = {
      MIMXRT1010: 128,
      MIMXRT1015: 128,
      MIMXRT1020: 256,
      MIMXRT1040: 512,
      MIMXRT1060: 1024,
      MIMXRT1064: 1024,
    };
    for (const [name, expected] of Object.entries(rams)) assert.equal(onChipRam(name), expected, name);
    assert.equal(onChipRam('MIMXRT595S'), 5 * 1024);
    assert.equal(onChipRam('MIMXRT533S'), 3 * 1024);
    assert.deepEqual(sizes('MIMXRT1064'), [4096, 512]);
    assert.deepEqual(sizes('MIMXRT1170'), [undefined, 1024]);
    for (const { name, vendor } of more.longTail.searchChips([], () => true)) {
      if (vendor === 'NXP') assert.ok(onChipRam(name) <= 5 * 1024, name);
    }
  });

  it('takes no last address for a size, and no flash for data for one for programs', () => {
    for (const { name, memories } of more.longTail.searchChips([], () => true)) {
      for (const { name: region, bytes } of memories) assert.notEqual(bytes % 1024, 1023, `${name} ${region}`);
    }
    assert.deepEqual(sizes('STM32G491CETxZ')[0], 496);
    assert.deepEqual(sizes('MB9BF516R')[0], 512);
    assert.deepEqual(sizes('S32K344')[0], 3968);
  });

  it('has the published RAM where a list has a part of it, or more', () => {
    const rams = { GD32VF103CBT6: 32, CC1314R10: 256, CC2674P10: 256, MAX32690: 896, LM3S6965: 64, MAX32665: 560 };
    for (const [name, expected] of Object.entries(rams)) assert.deepEqual(sizes(name)[1], expected, name);
    assert.match(findTarget('CC1314R10', more)?.sources['memory'] ?? '', /data sheet/);
  });

  it('says where its sources disagree', () => {
    assert.match(findTarget('STM32U5F9NJ', more)?.notes ?? '', /RAM: the pack; probe-rs says 3008 KiB/);
  });

  it('finds chips with any package suffix', () => {
    assert.equal(findTarget('STM32F407VET6', more)?.name, 'STM32F407VE');
    assert.equal(findTarget('STM32F407VETx', more)?.name, 'STM32F407VE');
    assert.equal(findTarget('STM32L151R8T6A', more)?.name, 'STM32L151R8TxA');
    assert.equal(findTarget('gd32f303rct6', more)?.name, 'GD32F303RC');
    assert.equal(findTarget('nRF52833_xxAA', more)?.name, 'nRF52833');
  });

  it('does not choose between variants', () => {
    // xxAA, xxAB and xxAC differ.
    assert.equal(findTarget('nRF51822', more), undefined);
    assert.ok(searchTargets('nRF51822', more).length >= 3);
  });

  it('finds the chip of a board by id or name', () => {
    assert.equal(findTarget('nucleo_f746zg', more)?.id, 'stm32f746zg');
    assert.equal(findTarget('Arduino Nano 33 BLE', more)?.id, 'nrf52840');
    assert.equal(findTarget('adafruit_feather_m0', more)?.name, 'ATSAMD21G18A');
    const [first] = searchMatches('Arduino Nano 33 BLE', more);
    assert.equal(first?.target.id, 'nrf52840');
    assert.equal(first?.board, 'Arduino Nano 33 BLE (nano33ble)');
  });

  it('gives the linker budget of a board whose chip is in no list, and says so', () => {
    const target = findTarget('genericGD32F205RC', more);
    assert.deepEqual(sizes('genericGD32F205RC'), [256, 128]);
    assert.match(target?.notes ?? '', /linker scripts/);
    assert.equal(target?.reviewed, false);
  });

  it('searches by size', () => {
    const found = searchTargets('at least 256K RAM', more);
    assert.ok(found.length > 500);
    for (const target of found) assert.ok((limitsOf(target).ram?.bytes ?? 0) >= 256 * KiB, target.name);
    assert.ok(found.some(({ id }) => id === 'nrf52840'));
    assert.ok(!found.some(({ id }) => id === 'stm32f401re'));
  });

  it('takes as many as are asked for, the same as without a limit', () => {
    for (const query of ['at least 256K RAM', 'nordic', 'nucleo', 'stm32 flash 64k']) {
      assert.deepEqual(searchMatches(query, more, 40), searchMatches(query, more).slice(0, 40), query);
    }
  });

  it('knows sizes with their relation behind them', () => {
    const names = (query: string) => searchTargets(query, more).map(({ id }) => id);
    assert.ok(names('256K RAM or more').length > 100);
    assert.deepEqual(names('256K RAM or more'), names('at least 256K RAM'));
    assert.deepEqual(names('stm32 RAM 8K or less'), names('stm32 RAM at most 8K'));
  });

  it('searches by core and size together', () => {
    for (const query of ['cortex-m4 512k flash', 'flash >= 512 KiB cortex-m4', 'Cortex-M4, with 0.5M of flash']) {
      const found = searchTargets(query, more);
      assert.ok(found.length > 100, query);
      assert.equal(found[0]?.reviewed, undefined, query);
      for (const target of found) {
        assert.match(target.core, /Cortex-M4/, query);
        assert.ok((limitsOf(target).flash?.bytes ?? 0) >= 512 * KiB, query);
      }
    }
    for (const target of searchTargets('stm32 ram at most 8K', more)) {
      assert.ok((limitsOf(target).ram?.bytes ?? 0) <= 8 * KiB, target.name);
    }
  });

  it('lists the reviewed catalogue first, then the long tail', () => {
    const found = searchTargets('nordic', more);
    const kinds = found.map(({ reviewed }) => reviewed !== false);
    assert.ok(kinds.includes(true) && kinds.includes(false));
    assert.equal(kinds.lastIndexOf(true), kinds.indexOf(false) - 1);
  });

  it('puts own targets before all others', () => {
    const [nordic] = allTargets().filter(({ id }) => id === 'nrf52840');
    assert.ok(nordic);
    const own = [{ ...nordic, name: 'Ours', aliases: [] }];
    assert.equal(findTarget('nrf52840', { own })?.name, 'Ours');
    assert.equal(searchTargets('nrf52840', { own, ...more })[0]?.name, 'Ours');
    assert.equal(searchTargets('', { own })[0]?.name, 'Ours');
  });

  it('finds nothing for words that occur nowhere', () => {
    assert.deepEqual(searchTargets('nothing like this', more), []);
    assert.deepEqual(searchTargets('/', more), []);
  });

  it('is read once, at the first use, and again after a failure', async () => {
    let reads = 0;
    const load = lazyLongTail(async () => {
      reads += 1;
      if (reads === 1) throw new Error('not there');
      return text;
    });
    assert.equal(reads, 0);
    await assert.rejects(load(), /not there/);
    assert.equal(await load(), await load());
    assert.equal(reads, 2);
  });
});
