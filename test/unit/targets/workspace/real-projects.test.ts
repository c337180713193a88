import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { findTarget } from '../../../../extension/targets/catalogue';
import { parseLongTail } from '../../../../extension/targets/long-tail';
import { detectWorkspace } from '../../../../extension/targets/workspace/detect-workspace';
import { memoryFiles } from '../../../fixtures/workspace-files';

const longTail = parseLongTail(readFileSync('extension/targets/long-tail.generated.json', 'utf8'));

interface Project {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  /** Chip ("memory": that of a linker script alone), flash and RAM budget in KiB; "nothing" where none may be chosen. */
  readonly expected: string;
  /** Diagnostics but notes; absent: none. */
  readonly faults?: readonly string[];
}

/** Projects as the tools write them. A wrong guess is worse than none. */
const projects: readonly Project[] = [
  {
    name: 'Zephyr with sysbuild, for the non-secure side, with CRLF and a byte order mark',
    files: {
      'build/fw/zephyr/.config':
        '\uFEFFCONFIG_BOARD="nrf5340dk"\r\nCONFIG_BOARD_TARGET="nrf5340dk/nrf5340/cpuapp/ns"\r\nCONFIG_SOC="nrf5340"\r\nCONFIG_FLASH_SIZE=1024\r\nCONFIG_FLASH_LOAD_SIZE=0x0\r\nCONFIG_SRAM_SIZE=256\r\n',
      'build/fw/CMakeCache.txt': 'BOARD:STRING=nrf5340dk',
      'prj.conf': 'CONFIG_FPU=y\n',
    },
    expected: 'nrf5340 1024 256',
  },
  {
    name: 'Zephyr built for two boards',
    files: {
      'build/zephyr/.config': 'CONFIG_BOARD="nucleo_f746zg"\nCONFIG_FLASH_SIZE=1024\nCONFIG_SRAM_SIZE=256\n',
      'build_esp/zephyr/.config': 'CONFIG_BOARD_TARGET="esp32s3_devkitc/esp32s3/procpu"\nCONFIG_SRAM_SIZE=345\n',
    },
    expected: 'nothing',
  },
  {
    name: 'a Zephyr board of one’s own, whose SoC name leaves the flash size open',
    files: {
      'app/build/zephyr/.config':
        'CONFIG_BOARD="our_sensor"\nCONFIG_BOARD_TARGET="our_sensor/stm32u585xx"\nCONFIG_SOC="stm32u585xx"\nCONFIG_SOC_SERIES="stm32u5"\nCONFIG_FLASH_SIZE=2048\nCONFIG_SRAM_SIZE=768\n',
    },
    expected: 'nothing',
    faults: ['unknown-board app/build/zephyr/.config:2'],
  },
  {
    name: 'Zephyr as a program of this computer',
    files: {
      'build/zephyr/.config':
        'CONFIG_BOARD_TARGET="native_sim/native/64"\nCONFIG_SOC="native"\nCONFIG_FLASH_SIZE=0\nCONFIG_SRAM_SIZE=65536\n',
    },
    expected: 'nothing',
  },
  {
    name: 'Zephyr in an emulator',
    files: {
      'build/zephyr/.config': 'CONFIG_BOARD="qemu_cortex_m3"\nCONFIG_SOC="lm3s6965"\nCONFIG_SRAM_SIZE=64\n',
    },
    expected: 'nothing',
  },
  {
    name: 'a Zephyr build that names its SoC alone',
    files: {
      'build/zephyr/.config': 'CONFIG_BOARD=""\nCONFIG_SOC="stm32l4r5xx"\nCONFIG_SRAM_SIZE=640\n',
    },
    expected: 'nothing',
    faults: ['unknown-board build/zephyr/.config:2'],
  },
  {
    name: 'ESP-IDF with two OTA slots of different sizes',
    files: {
      sdkconfig:
        '#\n# Automatically generated\n#\nCONFIG_IDF_TARGET_ARCH="xtensa"\nCONFIG_IDF_TARGET="esp32"\nCONFIG_PARTITION_TABLE_CUSTOM=y\nCONFIG_PARTITION_TABLE_CUSTOM_FILENAME="partitions.csv"\nCONFIG_PARTITION_TABLE_FILENAME="partitions.csv"\n',
      'partitions.csv':
        '# Name,   Type, SubType, Offset,  Size, Flags\r\nnvs,data,nvs,,0x4000,\r\notadata,data,ota,,0x2000\r\nota_0,app,ota_0,0x10000,1600K,\r\nota_1,app,ota_1,,1536K\r\ncoredump,data,coredump,,64K\r\n',
    },
    expected: 'esp32 1536 -',
  },
  {
    name: 'ESP-IDF with its own table of two OTA slots',
    files: {
      sdkconfig:
        'CONFIG_IDF_TARGET="esp32c6"\n# CONFIG_PARTITION_TABLE_SINGLE_APP is not set\nCONFIG_PARTITION_TABLE_TWO_OTA=y\nCONFIG_PARTITION_TABLE_FILENAME="partitions_two_ota.csv"\n',
    },
    expected: 'esp32c6 1024 -',
  },
  {
    name: 'ESP-IDF defaults for two chips, of which one is named',
    files: {
      'sdkconfig.defaults': 'CONFIG_IDF_TARGET="esp32s3"\nCONFIG_SPIRAM=y\n',
      'sdkconfig.defaults.esp32': 'CONFIG_X=y\n',
    },
    expected: 'esp32s3 1024 -',
  },
  {
    name: 'ESP-IDF with an old configuration, and a library’s example',
    files: {
      sdkconfig: 'CONFIG_IDF_TARGET="esp32s2"\nCONFIG_PARTITION_TABLE_SINGLE_APP=y\n',
      'sdkconfig.old': 'CONFIG_IDF_TARGET="esp32"\n',
      'components/lib/examples/get-started/sdkconfig.defaults': 'CONFIG_IDF_TARGET="esp32c3"\n',
    },
    expected: 'esp32s2 1024 -',
  },
  {
    name: 'ESP-IDF with a partition for tests beside the application',
    files: {
      sdkconfig:
        'CONFIG_IDF_TARGET="esp32s3"\nCONFIG_PARTITION_TABLE_CUSTOM=y\nCONFIG_PARTITION_TABLE_CUSTOM_FILENAME="main/parts.csv"\n',
      'main/parts.csv': 'factory, app, factory, 0x10000, 3M\nuf2, app, test, , 256K\n',
    },
    expected: 'esp32s3 3072 -',
  },
  {
    name: 'PlatformIO with default_envs, extends over two sections, comments and CRLF',
    files: {
      'platformio.ini':
        '; PlatformIO\r\n[platformio]\r\ndefault_envs = release\r\n\r\n[env]\r\nframework = arduino\r\n[common]\r\nboard = nucleo_l476rg ; on the desk\r\nplatform = ststm32\r\n[env:debug]\r\nextends = common\r\nbuild_type = debug\r\n[env:release]\r\nextends = env:debug\r\nbuild_type = release\r\n',
    },
    expected: 'stm32l476rg - -',
  },
  {
    name: 'PlatformIO with another chip on the board',
    files: {
      'platformio.ini':
        '[env:custom]\nplatform = ststm32\nboard = genericSTM32F103C8\nboard_build.mcu = stm32f103cbt6\nboard_upload.maximum_size = 131072\n',
    },
    expected: 'stm32f103cb 128 -',
  },
  {
    name: 'PlatformIO with environments in other files',
    files: {
      'platformio.ini': '[platformio]\nextra_configs = boards/*.ini\n[env]\nframework=arduino\n',
      'boards/teensy.ini': '[env:teensy41]\nboard = teensy41\nplatform=teensy\n',
    },
    expected: 'nothing',
  },
  {
    name: 'PlatformIO with a reference, and a partition table of the framework',
    files: {
      'platformio.ini': `[vars]\nb = esp32dev\n[env:x]\nboard = \${vars.b}\nboard_build.partitions = min_spiffs.csv\n`,
    },
    expected: 'esp32 1920 -',
  },
  {
    name: 'PlatformIO with a board of the tools’ environment',
    files: {
      'platformio.ini': `[env:x]\nboard = \${sysenv.BOARD}\n`,
    },
    expected: 'nothing',
  },
  {
    name: 'PlatformIO with the environment’s name for the board',
    files: {
      'platformio.ini': `[env:pico]\nboard = \${this.__env__}\nplatform = raspberrypi\n`,
    },
    expected: 'rp2040 - 256',
  },
  {
    name: 'PlatformIO with an environment for tests on this computer',
    files: {
      'platformio.ini': '[env:pico]\nboard = pico\n[env:native]\nplatform = native\n',
    },
    expected: 'rp2040 - 256',
  },
  {
    name: 'PlatformIO with a board of the project’s own',
    files: {
      'platformio.ini': '[env:x]\nboard = my_board\n',
      'boards/my_board.json':
        '{"build":{"mcu":"stm32f407vgt6"},"upload":{"maximum_size":1048576,"maximum_ram_size":131072}}',
    },
    expected: 'stm32f407vg - -',
  },
  {
    name: 'PlatformIO with a byte order mark',
    files: {
      'platformio.ini': '\uFEFF[env:a]\nboard = pico\n',
    },
    expected: 'rp2040 - 256',
  },
  {
    name: 'PlatformIO with sections that extend each other',
    files: {
      'platformio.ini': '[a]\nextends = b\n[b]\nextends = a\n[env:x]\nextends = a\nboard = pico\n',
    },
    expected: 'nothing',
    faults: ['extends-cycle platformio.ini:4'],
  },
  {
    name: 'CubeMX for two cores, each with its linker script',
    files: {
      'h7.ioc':
        '#MicroXplorer Configuration settings - do not modify\r\nMcu.CPN=STM32H747XIH6\r\nMcu.Context0=CortexM7\r\nMcu.Context1=CortexM4\r\nMcu.Name=STM32H747XIHx\r\nMcu.UserName=STM32H747XIHx\r\n',
      'CM7/STM32H747XIHX_FLASH.ld':
        'MEMORY\n{\nFLASH (rx) : ORIGIN = 0x08000000, LENGTH = 1024K\nRAM_D1 (xrw) : ORIGIN = 0x24000000, LENGTH = 512K\nITCMRAM (xrw) : ORIGIN=0x00000000, LENGTH=64K\n}\n',
      'CM4/STM32H747XIHX_FLASH.ld':
        'MEMORY\n{\nFLASH (rx) : ORIGIN = 0x08100000, LENGTH = 1024K\nRAM (xrw) : ORIGIN = 0x10000000, LENGTH = 288K\n}\n',
    },
    expected: 'stm32h747xi 1024 -',
  },
  {
    name: 'CubeMX with a name that is no range',
    files: {
      'x.ioc': 'Mcu.Name=STM32G071RBTx\n',
    },
    expected: 'stm32g071rb - -',
  },
  {
    name: 'CubeMX with a range and the part itself',
    files: {
      'x.ioc': 'Mcu.Name=STM32F401R(B-C)Tx\nMcu.UserName=STM32F401RCTx\n',
    },
    expected: 'stm32f401rc - -',
  },
  {
    name: 'CubeMX with a board alone',
    files: {
      'x.ioc': 'board=NUCLEO-F446RE\nMcu.Family=STM32F4\n',
    },
    expected: 'nothing',
  },
  {
    name: 'csolution with a board layer, and a simulator',
    files: {
      'p.csolution.yml':
        'solution:\n  created-for: CMSIS-Toolbox@2.6.0\n  target-types:\n    # the board\n    - type: Board\n      board: STMicroelectronics::B-U585I-IOT02A\n      variables:\n        - Board-Layer: $SolutionDir()$/Board/B-U585I/Board.clayer.yml\n    - type: AVH\n      device: ARM::SSE-300-MPS3\n  projects:\n    - project: p.cproject.yml\n',
      'Board/B-U585I/Board.clayer.yml': 'layer:\n  for-device: STM32U585AIIx\n',
    },
    expected: 'stm32u585ai - -',
  },
  {
    name: 'csolution with the name of a processor, and CRLF',
    files: {
      'a.csolution.yml':
        'solution:\r\n  target-types:\r\n    - type: HW\r\n      device: NXP::LPC55S69JBD100:cm33_core0\r\n  build-types:\r\n    - type: Debug\r\n',
    },
    expected: 'lpc55s69 - -',
  },
  {
    name: 'csolution that says the device in two files',
    files: {
      'a.csolution.yml': 'solution:\n  target-types:\n    - type: A\n      device: STM32F746NGHx\n',
      'x.cproject.yml': 'project:\n  device: STMicroelectronics::STM32F746NGHx\n',
    },
    expected: 'stm32f746ng - -',
  },
  {
    name: 'Keil with two targets for one device, on one line',
    files: {
      'MDK/p.uvprojx':
        '\uFEFF<?xml version="1.0" encoding="UTF-8" standalone="no" ?>\r\n<Project>\r\n<Targets><Target><TargetOption><TargetCommonOption>\r\n<Device>STM32F407VGTx</Device>\r\n<Vendor>STMicroelectronics</Vendor>\r\n<Cpu>IRAM(0x20000000,0x20000) IRAM2(0x10000000,0x10000) IROM(0x08000000,0x100000) CPUTYPE("Cortex-M4") FPU2 CLOCK(12000000) ELITTLE</Cpu>\r\n</TargetCommonOption></TargetOption></Target><Target><Device>STM32F407VGTx</Device></Target></Targets></Project>',
    },
    expected: 'stm32f407vg - -',
  },
  {
    name: 'Keil with NXP’s placeholders for the package',
    files: {
      'p.uvprojx': '<Device>MIMXRT1062xxxxB</Device>\n<Cpu>IRAM(0x20000000,0x20000)</Cpu>',
    },
    expected: 'mimxrt1062 - -',
  },
  {
    name: 'Keil for a GD32',
    files: {
      'p.uvprojx':
        '<Device>GD32F303CC</Device>\n<Cpu>IRAM(0x20000000,0x00C000) IROM(0x08000000,0x040000) CPUTYPE("Cortex-M4")</Cpu>',
    },
    expected: 'gd32f303cc - -',
  },
  {
    name: 'Keil for a core without a chip',
    files: {
      'p.uvprojx': '<Device>ARMCM4</Device>\n<Cpu>IROM(0x00000000,0x80000) IRAM(0x20000000,0x20000)</Cpu>',
    },
    expected: 'nothing',
    faults: ['unknown-board p.uvprojx:1'],
  },
  {
    name: 'Rust with a runner that is commented out, and memory.x',
    files: {
      '.cargo/config.toml':
        '[target.\'cfg(all(target_arch = "arm", target_os = "none"))\']\n#runner = "probe-rs run --chip STM32F303VCTx"\nrunner = "probe-rs run --chip STM32F411CEUx --connect-under-reset"\n\n[build]\ntarget = "thumbv7em-none-eabihf"\n',
      'memory.x':
        'MEMORY\n{\n  /* NOTE K = KiBi = 1024 bytes */\n  FLASH : ORIGIN = 0x08000000, LENGTH = 512K\n  RAM : ORIGIN = 0x20000000, LENGTH = 128K\n}\n',
    },
    expected: 'stm32f411ce 512 128',
  },
  {
    name: 'Rust for an RP2040 with memory.x alone',
    files: {
      '.cargo/config.toml':
        '[target.thumbv6m-none-eabi]\nrunner = "elf2uf2-rs -d"\n[build]\ntarget = "thumbv6m-none-eabi"\n',
      'memory.x':
        'MEMORY {\n    BOOT2 : ORIGIN = 0x10000000, LENGTH = 0x100\n    FLASH : ORIGIN = 0x10000100, LENGTH = 2048K - 0x100\n    RAM   : ORIGIN = 0x20000000, LENGTH = 264K\n}\n',
    },
    expected: 'memory 2047.75 264',
  },
  {
    name: 'Rust with profiles in Embed.toml',
    files: {
      'Embed.toml':
        '[default.probe]\nprotocol = "Swd"\n[default.general]\nchip = "nRF52840_xxAA"\n[release.general]\nchip = "nRF52833_xxAA"\n',
    },
    expected: 'nrf52840 - -',
  },
  {
    name: 'Rust with espflash',
    files: {
      '.cargo/config.toml': '[target.xtensa-esp32s3-none-elf]\nrunner = "espflash flash --monitor --chip esp32s3"\n',
    },
    expected: 'esp32s3 - -',
  },
  {
    name: 'Rust with runners for two chips',
    files: {
      '.cargo/config.toml':
        '[target.thumbv7em-none-eabihf]\nrunner = "probe-rs run --chip nRF52840_xxAA"\n[target.thumbv6m-none-eabi]\nrunner = "probe-rs run --chip RP2040"\n',
    },
    expected: 'nothing',
  },
  {
    name: 'a linker script with symbols and arithmetic',
    files: {
      'app.ld':
        '/* CRLF */\r\n_flash = 0x80000;\r\n_boot = DEFINED(BOOT) ? 0x4000 : 16K;\r\nMEMORY\r\n{\r\n FLASH (rx) : ORIGIN = 0x08000000 + _boot, LENGTH = _flash - _boot - (2 * 4K)\r\n RAM (xrw) : ORIGIN = 0x20000000, LENGTH = 96K << 0\r\n}\r\n',
    },
    expected: 'memory 488 96',
  },
  {
    name: 'a linker script of the Pico SDK',
    files: {
      'memmap_custom.ld':
        'MEMORY\n{\n FLASH(rx) : ORIGIN = 0x10000000, LENGTH = 2048k\n RAM(rwx) : ORIGIN =  0x20000000, LENGTH = 256k\n SCRATCH_X(rwx) : ORIGIN = 0x20040000, LENGTH = 4k\n SCRATCH_Y(rwx) : ORIGIN = 0x20041000, LENGTH = 4k\n}\n',
    },
    expected: 'memory 2048 256',
  },
  {
    name: 'a linker script beside a SoftDevice',
    files: {
      'armgcc/ble_app_gcc_nrf52.ld':
        'SEARCH_DIR(.)\nGROUP(-lgcc -lc -lnosys)\nMEMORY\n{\n  FLASH (rx) : ORIGIN = 0x26000, LENGTH = 0x5a000\n  RAM (rwx) :  ORIGIN = 0x20002260, LENGTH = 0xdda0\n}\nSECTIONS {}\nINCLUDE "nrf_common.ld"\n',
    },
    expected: 'memory 360 55.40625',
  },
  {
    name: 'an Arduino sketch with a default profile',
    files: {
      'sketch.yaml':
        'profiles:\r\n  nanorp:\r\n    notes: testing\r\n    fqbn: arduino:mbed_nano:nanorp2040connect\r\n    platforms:\r\n      - platform: arduino:mbed_nano (4.0.2)\r\n  esp:\r\n    fqbn: esp32:esp32:esp32s3:FlashSize=8M,PartitionScheme=default_8MB\r\ndefault_profile: nanorp\r\n',
    },
    expected: 'rp2040 - -',
  },
  {
    name: 'an Arduino sketch with a default board',
    files: {
      'sketch.yaml': 'default_fqbn: arduino:renesas_uno:minima\ndefault_port: /dev/ttyACM0\ndefault_protocol: serial\n',
    },
    expected: 'ra4m1 - -',
  },
  {
    name: 'an Arduino sketch with a part number among its options',
    files: {
      'sketch.yaml': 'default_fqbn: STMicroelectronics:stm32:Nucleo_144:pnum=NUCLEO_H743ZI2,upload_method=swdMethod\n',
    },
    expected: 'stm32h743zi - -',
  },
  {
    name: 'files of Arduino tools that name no board of the sketch',
    files: {
      '.vscode/arduino.json': '{"board":"arduino:mbed_nano:nano33ble"}',
      'arduino-cli.yaml': 'board_manager:\n',
    },
    expected: 'nothing',
  },
  {
    name: 'launch.json with comments, trailing commas and CRLF',
    files: {
      '.vscode/launch.json':
        '{\r\n  // Use IntelliSense\r\n  "version": "0.2.0",\r\n  "configurations": [\r\n    {\r\n      "name": "Debug", "type": "cortex-debug", "device": "STM32H743ZI", /* J-Link */ \r\n    },\r\n    { "type": "cppdbg", "device": "x" },\r\n  ],\r\n}\r\n',
    },
    expected: 'stm32h743zi - -',
  },
  {
    name: 'launch.json for both cores of an nRF5340',
    files: {
      '.vscode/launch.json':
        '\uFEFF{"configurations":[{"type":"cortex-debug","device":"nRF5340_xxAA_APP"},{"type":"cortex-debug","device":"nRF5340_xxAA_NET"}]}',
    },
    expected: 'nrf5340 - -',
  },
  {
    name: 'launch.json of probe-rs',
    files: {
      '.vscode/launch.json': '{"configurations":[{"type":"probe-rs-debug","request":"launch","chip":"esp32c3"}]}',
    },
    expected: 'esp32c3 - -',
  },
  {
    name: 'launch.json that names one chip twice',
    files: {
      '.vscode/launch.json':
        '{"configurations":[{"type":"cortex-debug","servertype":"openocd","device":"RP2040","configFiles":["interface/cmsis-dap.cfg","target/rp2040.cfg"]},{"type":"cortex-debug","device":"rp2040_m0_0"}]}',
    },
    expected: 'rp2040 - -',
  },
];

describe('detection in projects as tools write them', () => {
  for (const { name, files, expected, faults = [] } of projects) {
    it(`${expected === 'nothing' ? 'chooses nothing in' : `finds ${expected} in`} ${name}`, async () => {
      const { chosen, diagnostics } = await detectWorkspace(memoryFiles(files), {
        findTarget: (text) => findTarget(text, { longTail }),
        findBoard: longTail.board,
      });
      const size = (budget: { readonly bytes: number } | undefined) => (budget ? String(budget.bytes / 1024) : '-');
      const found = chosen && `${chosen.target?.id ?? 'memory'} ${size(chosen.flashBudget)} ${size(chosen.ramBudget)}`;
      assert.equal(found ?? 'nothing', expected);
      assert.deepEqual(
        diagnostics
          .filter(({ severity }) => severity !== 'note')
          .map(({ code, file, line }) => `${code} ${file}:${line}`),
        faults,
      );
    });
  }
});
