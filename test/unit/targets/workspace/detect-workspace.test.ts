import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { findTarget } from '../../../../extension/targets/catalogue';
import { parseLongTail } from '../../../../extension/targets/long-tail';
import { detectWorkspace } from '../../../../extension/targets/workspace/detect-workspace';
import type { WorkspaceFiles } from '../../../../extension/targets/workspace/files';
import { workspacePatterns } from '../../../../extension/targets/workspace/files';
import { memoriesOf } from '../../../../extension/targets/workspace/keil';
import { partsInRange } from '../../../../extension/targets/workspace/stm32cubemx';
import { fixtureWorkspace, memoryFiles } from '../../../fixtures/workspace-files';

const longTail = parseLongTail(readFileSync('extension/targets/long-tail.generated.json', 'utf8'));

function detect(files: WorkspaceFiles) {
  return detectWorkspace(files, {
    findTarget: (text) => findTarget(text, { longTail }),
    findBoard: longTail.board,
  });
}

function detectTexts(texts: Readonly<Record<string, string>>) {
  return detect(memoryFiles(texts));
}

/** Chip, text for people, line, flash and RAM budget of what is chosen. */
async function chosen(files: WorkspaceFiles) {
  const { chosen: guess } = await detect(files);
  return guess && [guess.target?.id, guess.how, guess.line, guess.flashBudget?.bytes, guess.ramBudget?.bytes];
}

async function codes(files: WorkspaceFiles) {
  return (await detect(files)).diagnostics.map(({ code, file, line }) => `${code} ${file}:${line}`);
}

describe('workspace detection', () => {
  const fixtures: Record<string, readonly unknown[]> = {
    'zephyr-hwmv2': [
      'nrf5340',
      'this workspace: nrf5340dk/nrf5340/cpuapp (build/app/zephyr/.config)',
      6,
      0xe4000,
      448 * 1024,
    ],
    'zephyr-old': ['stm32f746zg', 'this workspace: nucleo_f746zg (build/zephyr/.config)', 2, 1024 * 1024, 256 * 1024],
    'esp-idf-custom': ['esp32s3', 'this workspace: esp32s3 (sdkconfig)', 7, 2560 * 1024, undefined],
    'esp-idf-defaults': ['esp32c3', 'this workspace: esp32c3 (sdkconfig.defaults)', 1, 1024 * 1024, undefined],
    'platformio-extends': [
      'stm32f746zg',
      'this workspace: nucleo_f746zg (platformio.ini)',
      15,
      (1024 - 32) * 1024,
      256 * 1024 - 16,
    ],
    'platformio-esp32': ['esp32s3', 'this workspace: esp32-s3-devkitc-1 (platformio.ini)', 3, 0x300000, 327_680],
    stm32cubemx: ['stm32f746zg', 'this workspace: STM32F746ZGT6 (firmware.ioc)', 4, 1024 * 1024, 320 * 1024],
    csolution: ['stm32u585ai', 'this workspace: STM32U585AIIx (vision.csolution.yml)', 10, undefined, undefined],
    'csolution-board': ['mcxn947', 'this workspace: FRDM-MCXN947 (nxp.csolution.yml)', 4, undefined, undefined],
    keil: ['stm32f103c8', 'this workspace: STM32F103C8 (blinky.uvprojx)', 9, undefined, undefined],
    'rust-probe': ['nrf52840', 'this workspace: nRF52840_xxAA (.cargo/config.toml)', 3, 868 * 1024, 225 * 1024],
    'rust-embed': ['stm32f411ce', 'this workspace: STM32F411CEUx (Embed.toml)', 5, undefined, undefined],
    'rust-list': ['rp2040', 'this workspace: RP2040 (.cargo/config.toml)', 6, undefined, undefined],
    'linker-include': [undefined, 'this workspace: memory of its linker script (app.ld)', 4, 630 * 1024, 256 * 1024],
    stm32cubeide: [
      'stm32l476rg',
      'this workspace: STM32L476RG, from the name of its linker script (STM32L476RGTX_FLASH.ld)',
      5,
      1024 * 1024,
      96 * 1024,
    ],
    'arduino-nano': ['nrf52840', 'this workspace: arduino:mbed_nano:nano33ble (sketch.yaml)', 1, undefined, undefined],
    'arduino-profiles': [
      'stm32h747xi',
      'this workspace: arduino:mbed_giga:giga (sketch.yaml)',
      8,
      undefined,
      undefined,
    ],
    launch: ['stm32f429zi', 'this workspace: STM32F429ZI (.vscode/launch.json)', 11, undefined, undefined],
  };
  for (const [name, expected] of Object.entries(fixtures)) {
    it(`knows the chip of ${name}`, async () => {
      assert.deepEqual(await chosen(fixtureWorkspace(name)), expected);
      const { diagnostics } = await detect(fixtureWorkspace(name));
      assert.deepEqual(
        diagnostics.filter(({ severity }) => severity !== 'note'),
        [],
      );
    });
  }

  it('chooses nothing where the workspace names several chips, and lists them', async () => {
    for (const name of ['platformio-two-boards', 'two-projects']) {
      const detection = await detect(fixtureWorkspace(name));
      assert.equal(detection.chosen, undefined, name);
      assert.equal(detection.guesses.filter(({ target }) => target).length, 2, name);
    }
  });

  it('offers the chips a range of part numbers may mean', async () => {
    const { chosen: guess, guesses } = await detect(fixtureWorkspace('stm32cubemx-range'));
    assert.equal(guess, undefined);
    assert.equal(guesses[0]?.confidence, 'ambiguous');
    assert.deepEqual(
      guesses[0]?.alternatives.map(({ id }) => id),
      ['stm32f401rd', 'stm32f401re'],
    );
    assert.deepEqual(partsInRange('STM32F103C(8-B)Tx'), [
      'STM32F103C8Tx',
      'STM32F103C9Tx',
      'STM32F103CATx',
      'STM32F103CBTx',
    ]);
  });

  it('lets a debug configuration decide within such a range', async () => {
    const detection = await detectTexts({
      'app.ioc': 'Mcu.Name=STM32F401R(D-E)Tx\n',
      '.vscode/launch.json': '{"configurations": [{"type": "cortex-debug", "device": "STM32F401RE"}]}',
    });
    assert.equal(detection.chosen?.target?.id, 'stm32f401re');
  });

  it('lets stronger sources of a project override weaker ones, but not those of another project', async () => {
    const launch = '{"configurations": [{"type": "cortex-debug", "device": "STM32F429ZI"}]}';
    const ini = '[env:x]\nboard = nucleo_f746zg\n';
    const same = await detectTexts({ 'platformio.ini': ini, '.vscode/launch.json': launch });
    assert.equal(same.chosen?.target?.id, 'stm32f746zg');
    const other = await detectTexts({ 'a/platformio.ini': ini, 'b/.vscode/launch.json': launch });
    assert.equal(other.chosen, undefined);
  });

  it('decides nothing from linker scripts that differ', async () => {
    const memory = (size: string) => `MEMORY { FLASH (rx) : ORIGIN = 0, LENGTH = ${size} }`;
    const detection = await detectTexts({
      'platformio.ini': '[env:x]\nboard = nucleo_f746zg\n',
      'a.ld': memory('1M'),
      'b.ld': memory('512K'),
    });
    assert.equal(detection.chosen?.target?.id, 'stm32f746zg');
    assert.equal(detection.chosen?.flashBudget, undefined);
  });

  it('takes sizes that platformio.ini sets, and those of the board', async () => {
    const ini =
      '[env:x]\nboard = nucleo_f746zg\nboard_upload.maximum_size = 500000\nboard_upload.maximum_ram_size = 0x10000\n';
    const own = await chosen(memoryFiles({ 'platformio.ini': ini }));
    assert.deepEqual(own?.slice(3), [500_000, 65_536]);
    // The SoftDevice of the nRF52840 boards with a bootloader.
    const board = await chosen(memoryFiles({ 'platformio.ini': '[env:x]\nboard = adafruit_feather_nrf52840\n' }));
    assert.equal(board?.[0], 'nrf52840');
    assert.equal(board?.[3], 815_104);
  });

  it('does not take the memory of the chip for that of its second processor', async () => {
    const { chosen: guess, guesses } = await detectTexts({
      'build/zephyr/.config': 'CONFIG_BOARD_TARGET="nrf5340dk/nrf5340/cpunet"\nCONFIG_SRAM_SIZE=64\n',
    });
    assert.equal(guess, undefined);
    assert.equal(guesses[0]?.target, undefined);
    assert.equal(guesses[0]?.ramBudget?.bytes, 64 * 1024);
  });

  it('reads start and size, or first and last address, in Keil projects', async () => {
    assert.deepEqual(memoriesOf('IRAM(0x20000000,0x5000) IROM(0x8000000-0x800FFFF) CLOCK(8000000)'), [
      { name: 'IRAM', bytes: 0x5000 },
      { name: 'IROM', bytes: 0x10000 },
    ]);
    const { guesses } = await detect(fixtureWorkspace('keil-unknown'));
    assert.equal(guesses[0]?.ramBudget?.bytes, 8192);
    assert.equal(guesses[0]?.flashBudget?.bytes, 65536);
  });

  it('ignores runners that are commented out, and options of other keys', async () => {
    const config = '# runner = "probe-rs run --chip STM32F103C8"\n[build]\nrustflags = ["--chip", "RP2040"]\n';
    assert.deepEqual((await detectTexts({ '.cargo/config.toml': config })).guesses, []);
  });

  it('knows part numbers in the options of an Arduino board', async () => {
    const fqbn = (text: string) => chosen(memoryFiles({ 'sketch.yaml': `default_fqbn: ${text}\n` }));
    assert.equal((await fqbn('STMicroelectronics:stm32:Nucleo_64:pnum=NUCLEO_F401RE'))?.[0], 'stm32f401re');
    assert.equal((await fqbn('STMicroelectronics:stm32:GenF1:pnum=GENERIC_F103C8TX'))?.[0], 'stm32f103c8');
    assert.equal((await fqbn('esp32:esp32:esp32s3'))?.[0], 'esp32s3');
    assert.deepEqual(await codes(memoryFiles({ 'sketch.yaml': 'default_fqbn: nonsense\n' })), [
      'invalid-fqbn sketch.yaml:1',
    ]);
  });

  it('does not guess the target of ESP-IDF defaults that name none', async () => {
    assert.deepEqual((await detectTexts({ 'sdkconfig.defaults': 'CONFIG_SPIRAM=y\n' })).guesses, []);
  });

  it('ignores files of dependencies', async () => {
    const detection = await detectTexts({ 'node_modules/x/platformio.ini': '[env:x]\nboard = nucleo_f746zg\n' });
    assert.deepEqual(detection.guesses, []);
  });
});

describe('workspace detection with bad input', () => {
  it('reports faults at their lines and chooses nothing by them', async () => {
    const faults: Record<string, readonly string[]> = {
      'linker-broken': ['broken-linker-script broken.ld:4'],
      'platformio-cycle': ['extends-cycle platformio.ini:9', 'extends-cycle platformio.ini:2'],
      'unknown-board': ['unknown-board platformio.ini:3'],
    };
    for (const [name, expected] of Object.entries(faults)) {
      assert.deepEqual(await codes(fixtureWorkspace(name)), expected, name);
      assert.equal((await detect(fixtureWorkspace(name))).chosen, undefined, name);
    }
  });

  it('reports sizes that cannot be', async () => {
    const esp =
      'CONFIG_IDF_TARGET="esp32"\nCONFIG_PARTITION_TABLE_CUSTOM=y\nCONFIG_PARTITION_TABLE_CUSTOM_FILENAME="p.csv"\n';
    const cases: readonly (readonly [Readonly<Record<string, string>>, string])[] = [
      [
        { 'platformio.ini': '[env:x]\nboard = pico\nboard_upload.maximum_size = -5\n' },
        'negative-size platformio.ini:3',
      ],
      [
        { 'platformio.ini': '[env:x]\nboard = pico\nboard_upload.maximum_size = much\n' },
        'invalid-size platformio.ini:3',
      ],
      [{ sdkconfig: esp, 'p.csv': 'a, app, factory, , -1M\n' }, 'negative-size p.csv:1'],
      [{ sdkconfig: esp, 'p.csv': '# x\nfactory, app\n' }, 'broken-partition-table p.csv:2'],
      [{ sdkconfig: esp }, 'missing-partition-table sdkconfig:3'],
      [
        { 'build/zephyr/.config': 'CONFIG_BOARD="rpi_pico"\nCONFIG_SRAM_SIZE=-4\n' },
        'negative-size build/zephyr/.config:2',
      ],
      [{ '.vscode/launch.json': '{\n"configurations": [\n}' }, 'invalid-json .vscode/launch.json:3'],
    ];
    for (const [texts, expected] of cases) {
      const detection = await detectTexts(texts);
      assert.ok((await codes(memoryFiles(texts))).includes(expected), expected);
      assert.equal(detection.chosen?.flashBudget, undefined, expected);
    }
  });

  it('does not leave the workspace', async () => {
    const asked: string[] = [];
    const texts: Readonly<Record<string, string>> = {
      'platformio.ini':
        '[env:x]\nboard = pico\nboard_build.ldscript = ../../secret.ld\nboard_build.partitions = /etc/x.csv\n',
      'a.ld': 'INCLUDE ../../../outside.ld\nMEMORY { RAM : ORIGIN = 0, LENGTH = 4K }',
    };
    const files = memoryFiles(texts);
    await detect({
      find: files.find,
      read: (path) => {
        asked.push(path);
        return files.read(path);
      },
    });
    assert.ok(asked.every((path) => !path.startsWith('/') && !path.includes('..')));
  });

  it('bounds what it reads', async () => {
    const texts = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`p${index}/memory.x`, '']));
    let reads = 0;
    const files = memoryFiles(texts);
    await detect({
      find: files.find,
      read: (path) => {
        reads += 1;
        return files.read(path);
      },
    });
    assert.ok(reads <= 64);
    const large = memoryFiles({ 'platformio.ini': `[env:x]\nboard = pico\n${' '.repeat(5 * 1024 * 1024)}` });
    assert.deepEqual(await codes(large), ['file-too-large platformio.ini:1']);
  });

  it('survives references that explode', async () => {
    const body = Array.from({ length: 200 }, () => `\${a.x}`).join('');
    const detection = await detectTexts({ 'platformio.ini': `[a]\nx = ${body}\n[env:e]\nboard = \${a.x}\n` });
    assert.equal(detection.chosen, undefined);
  });

  it('survives any text in any of its files', async () => {
    const names = workspacePatterns.map((pattern) => pattern.replace(/^\*\*\//, '').replace(/\*/g, 'x'));
    const texts = [
      '',
      '\uFEFF',
      '\0\0\0',
      '{'.repeat(50_000),
      '[',
      '[[[',
      '=',
      ':\n:',
      'MEMORY {',
      '<Device>',
      'runner = [',
    ];
    for (const text of texts) {
      const detection = await detectTexts(Object.fromEntries(names.map((name) => [name, text])));
      assert.equal(detection.chosen, undefined);
    }
  });
});
