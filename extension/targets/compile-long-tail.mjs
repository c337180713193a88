// Compiles the device lists of CMSIS packs, probe-rs and PlatformIO into long-tail.generated.json, the unreviewed rest of the
// catalogue: `node extension/targets/compile-long-tail.mjs FOLDER`, where FOLDER holds cmsis-devices.json, probe-rs-variants.json and
// platformio-boards.json.
//
// Which source is believed follows how often each agrees with the vendor's own data for 1,564 STM32 chips: flash 1420/1431 (probe-rs)
// and 1326/1351 (packs); RAM 1097/1351 (packs) and 1125/1431 (probe-rs). So flash comes from probe-rs, RAM from the pack unless
// PlatformIO's figure for the chip agrees with probe-rs; core and clock are in the packs only.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const [folder] = process.argv.slice(2);
if (!folder) {
  console.error('usage: node extension/targets/compile-long-tail.mjs FOLDER_OF_DEVICE_LISTS');
  process.exit(2);
}
const read = (name) => JSON.parse(readFileSync(join(folder, name), 'utf8'));
const packs = read('cmsis-devices.json');
const variants = read('probe-rs-variants.json');
const boards = read('platformio-boards.json').filter(({ mcu }) => mcu);
const { findTarget } = await load('catalogue.ts');
const { normalizePart, isPackageVariant } = await load('part-number.ts');

async function load(file) {
  const entry = fileURLToPath(new URL(file, import.meta.url));
  const { outputFiles } = await build({ entryPoints: [entry], bundle: true, write: false, format: 'esm' });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);
}

const kinds = ['flash', 'mram', 'sram', 'tcm'];

// Longest prefix first where one begins another.
const vendors = [
  [/^(stm32|spear)/i, 'STMicroelectronics'],
  [/^(cy|psc|pse|xmc|tle|mb9|pmg|s6e|fm|wlc|eva|ccg|barrot)/i, 'Infineon'],
  [/^(nrf)/i, 'Nordic Semiconductor'],
  [/^(esp)/i, 'Espressif'],
  [/^(rp2)/i, 'Raspberry Pi'],
  [/^(at32)/i, 'Artery'],
  [/^(atsam|pic32|sam|mec17|lm3s?x|atmega|at9)/i, 'Microchip'],
  [/^(lm3s|tm4c|msp|cc\d|am26|tms)/i, 'Texas Instruments'],
  [/^(efm32|efr32|rm21)/i, 'Silicon Labs'],
  [/^(gd32)/i, 'GigaDevice'],
  [/^(ch\d|ch32)/i, 'WCH'],
  [/^(lpc|mcx|mimx|imx|mk|s32k|ol23|kinetis)/i, 'NXP'],
  [/^(r7|ra\d)/i, 'Renesas'],
  [/^(max)/i, 'Analog Devices'],
  [/^(aduc)/i, 'Analog Devices'],
  [/^(ht32|ht50|hf50)/i, 'Holtek'],
  [/^(hpm)/i, 'HPMicro'],
  [/^(hk32)/i, 'HK Microchip'],
  [/^(py32)/i, 'Puya'],
  [/^(ae\d|a[bcd]\d)/i, 'Alif Semiconductor'],
  [/^(pac5)/i, 'Qorvo'],
  [/^(fe310|fu5|fu7)/i, 'SiFive'],
  [/^(hc32)/i, 'XHSC'],
  [/^(sf32)/i, 'SiFli'],
  [/^(w7500)/i, 'WIZnet'],
  [/^(va[14])/i, 'Vorago'],
  [/^(cw32)/i, 'Wuhan Xinyuan'],
  [/^(asr)/i, 'ASR'],
  [/^(air)/i, 'Luat'],
  [/^(swm)/i, 'Synwit'],
  [/^(earlgrey)/i, 'OpenTitan'],
  [/^(t32)/i, 'Trident IoT'],
  [/^(nuclei)/i, 'Nuclei'],
];
const vendorOf = (name) => vendors.find(([pattern]) => pattern.test(name))?.[1] ?? '';

// probe-rs knows the architecture only; where a family has one core, that core is named.
const familyCores = [
  [
    /^stm32(f3|f4|l4|g4|wb(?!a|0)|wl)|^nrf52|^atsam(d51|e5|4|g)|^gd32(f3|f4|e1|c)|^at32|^xmc4|^tm4c|^msp432|^lpc54/i,
    'Cortex-M4',
  ],
  [
    /^efm32(gg11|tg11|pg1)|^efr32(bg1|mg1)|^s32k14[2-8]|^cc(13|26)[145]2|^r7fa(4m1|4w1|6m[123]|6t1)|^max326|^pic32cx/i,
    'Cortex-M4',
  ],
  [/^stm32(f7|h7)|^atsam(e70|s70|v7)|^mimxrt1|^s32k3/i, 'Cortex-M7'],
  [
    /^stm32(u3|u5|l5|h5|wba)|^lpc55|^mimxrt[56]\d\d|^mcxn|^mcxa|^nrf(53|91|54)|^cc(1314|1354|2674)|^r7fa(4m[23]|4e|6m[45]|6e)|^psc3|^rp23/i,
    'Cortex-M33',
  ],
  // The second series of Silicon Labs; GigaDevice's E5.
  [/^ef[rm]32\w{2}2\d|^gd32e5/i, 'Cortex-M33'],
  [/^r7fa2|^gd32(e23|l23)/i, 'Cortex-M23'],
  [/^r7(fa8|ja8|ka8)/i, 'Cortex-M85'],
  [/^stm32n6/i, 'Cortex-M55'],
  [/^(stm32[cgul]0|atsam[cdl][^5]|rp2040|lpc8|mspm0|cc23)/i, 'Cortex-M0+'],
  [/^nrf51/i, 'Cortex-M0'],
];
const architectures = {
  armv6m: 'Armv6-M (Cortex-M0 or Cortex-M0+)',
  armv7m: 'Cortex-M3',
  armv7em: 'Armv7E-M (Cortex-M4 or Cortex-M7)',
  armv8m: 'Armv8-M (Cortex-M23, Cortex-M33, Cortex-M55 or Cortex-M85)',
  armv7r: 'Armv7-R',
  armv7a: 'Armv7-A',
  armv8a: 'Armv8-A',
  riscv: 'RISC-V',
  riscv64: 'RISC-V (64 bits)',
  xtensa: 'Xtensa',
};

const strength = (core) => Number(/M(\d+)/.exec(core)?.[1] ?? 0);

function packCore({ processors }) {
  const names = processors.map(({ core, fpu }) => {
    if (/M7/.test(core) && fpu === 'DP_FPU') return `${core} (DP FPU)`;
    if (/M7/.test(core) && fpu === 'SP_FPU') return `${core} (SP FPU)`;
    return /M(4|33)$/.test(core) && (fpu === 'SP_FPU' || fpu === '1') ? `${core}F` : core;
  });
  return [...new Set(names)].sort((a, b) => strength(b) - strength(a)).join(' + ');
}

function variantCore({ variant, cores }) {
  const family = familyCores.find(([pattern]) => pattern.test(variant))?.[1];
  return family ?? [...new Set(cores.map((core) => architectures[core] ?? core))].join(' + ');
}

/** Some packs give the last offset for the size: 0x3BFFF is 0x3C000. */
function region(name, kind, size, start) {
  return { name: name ?? '', kind, bytes: size % 1024 === 1023 ? size + 1 : size, start: Number(start) };
}

const KiB = 1024;

/**
 * NXP's i.MX RT: one FlexRAM is split by the program into ITCM, DTCM and OCRAM, and probe-rs gives each of them all of it, or the window of
 * addresses. FlexRAM and what is beside it in KiB, from NXP's fact sheets (i.MX RT1010 and RT1015 128 KB, RT1020 256 KB, RT1040 and RT1050
 * 512 KB, RT1060 and RT1064 1 MB) and Zephyr's dts/arm/nxp/imxrt (nxp_rt1160.dtsi, nxp_rt1170.dtsi).
 */
const flexRams = [
  [/^mimxrt101[05]/i, 128, []],
  [/^mimxrt1020/i, 256, []],
  [/^mimxrt10[45]0/i, 512, []],
  [/^mimxrt106[04]/i, 512, [['OCRAM2', 512, 0x20200000]]],
  [/^mimxrt1160/i, 512, [['OCRAM', 256, 0x20340000]]],
  [/^mimxrt1170/i, 512, [['OCRAM1 + OCRAM2', 1024, 0x20240000]]],
];

function flexRamOf(variant) {
  const found = flexRams.find(([pattern]) => pattern.test(variant));
  if (!found) return undefined;
  const [, flexRam, others] = found;
  return [
    region('FlexRAM (ITCM, DTCM and OCRAM, as the program splits it)', 'tcm', flexRam * KiB, 0x20000000),
    ...others.map(([name, size, start]) => region(name, 'sram', size * KiB, start)),
  ];
}

const ramKind = (name) => (/tcm|ccm|^[id]lm\d/i.test(name ?? '') ? 'tcm' : 'sram');
// Backup domains hold no arena; graphics windows are addresses without memory; the others are not part of the chip or not for programs.
const notRam =
  /bkp|backup|gfxmm|psram|sdram|usb|alias|secure\)|instruction bus|uncached|network|ppca|rom$|icode$|code bus/i;
const notFlash =
  /otp|legacy|^sys|^vnd|^opt|^rom$|bootrom|dflash|uicr|romcp|alias|itcm|secure$|external|flexspi|xspi|xpi|xip|spi flash|data|eeprom|max address|cbus/i;

/** Arm and RISC-V chips see memory outside the package there; such a region is a window of addresses, not a size. */
const largestFlash = 16 * 1024 * 1024;
/** Of Infineon's FM3 and FM4, for data (memory map of their hardware manuals). */
const workFlash = 0x200c0000;
const outside = (start) => start >= 0x60000000 && start < 0xa0000000;

function packRam({ device, memories }) {
  const found = memories
    .filter(({ access, name }) => access?.includes('w') && !(notRam.test(name) && name !== 'SRAM-secure'))
    .filter(
      ({ alias, name }) =>
        !(alias && memories.some((other) => other.name === alias && other.name !== name)) || /FSBL/.test(name),
    )
    .map(({ name, size, start }) => region(name.replace(/_NS$|-non-secure$/, ''), ramKind(name), size, start));
  // The boot program of an STM32N6 is loaded into AXISRAM2, which the pack describes only by the two parts it uses.
  if (!/^stm32n6/i.test(device)) return tidy(found);
  return tidy([...found.filter(({ name }) => !/FSBL/.test(name)), region('AXISRAM2', 'sram', 0x100000, 0x24100000)]);
}

function packFlash({ device, memories }) {
  if (/^stm32n6/i.test(device)) return [];
  return tidy(
    memories
      .filter(({ access, name }) => access && !access.includes('w') && !notFlash.test(name))
      .map(({ name, size, start }) => region(name, /mram/i.test(name) ? 'mram' : 'flash', size, start))
      .filter(({ start, kind }) => kind === 'mram' || !outside(start))
      .filter(({ start }) => start !== workFlash)
      .filter(
        ({ name }) => !(name.endsWith('_S') && memories.some((other) => other.name === `${name.slice(0, -2)}_NS`)),
      ),
  );
}

/** RAM in one piece from 0x20000000, in KiB, where probe-rs has more than the chip or a part of it, and who says so. */
const publishedRams = [
  [/^gd32vf103.b/i, 32, 'GD32VF103 data sheet'],
  [/^gd32vf103.8/i, 20, 'GD32VF103 data sheet'],
  [/^cc(?:1314r|1354[rp]|2674[rp])10/i, 256, 'Texas Instruments data sheet'],
  [/^max32690/i, 896, 'Zephyr dts/arm/adi/max32/max32690.dtsi, eight banks in a row'],
  [/^lm3s6965$/i, 64, 'Texas Instruments data sheet'],
];
const publishedRam = (variant) => publishedRams.find(([pattern]) => pattern.test(variant));

/** Where the sizes of a variant come from. */
function variantSource(device) {
  const [, , publisher] = publishedRam(device.variant) ?? [];
  const ram = publisher ?? (flexRamOf(device.variant) ? 'NXP fact sheet' : undefined);
  return ram === undefined ? variantName(device) : `${variantName(device)}; RAM: ${ram}`;
}

function variantRam({ variant, ram, cores }) {
  const flexRam = flexRamOf(variant);
  if (flexRam) return flexRam;
  const published = publishedRam(variant);
  if (published) return [region('RAM', 'sram', published[1] * KiB, 0x20000000)];
  const named = ram.filter(({ name, alias }) => !alias && !notRam.test(name ?? ''));
  const kept = named.length > 0 ? named : ram.filter(({ alias }) => !alias);
  const regions = kept.map(({ name, size, start }) =>
    // The nRF51 and nRF52 see their RAM for code at 0x00800000 too, and programs use it for data at 0x20000000.
    region(name, ramKind(name), size, /^nrf5[12]/i.test(variant) && Number(start) === 0x800000 ? 0x20000000 : start),
  );
  if (!cores.includes('armv8m')) return tidy(regions);
  // Armv8-M sees the same memory once more for secure programs, with bit 28 of the address set.
  return tidy(
    regions.filter(
      ({ start, bytes }) =>
        !(
          (start & 0x10000000) !== 0 &&
          regions.some((other) => other.bytes === bytes && other.start === start - 0x10000000)
        ),
    ),
  );
}

function variantFlash({ variant, nvm, cores }) {
  // The one i.MX RT of its time with a flash in its package (fact sheet: 4 MB).
  if (/^mimxrt1064/i.test(variant)) return [region('flash in the package', 'flash', 4096 * KiB, 0x70000000)];
  // Espressif's entries are the addressable range of a flash outside the chip.
  if (/^esp|^rp2|^stm32n6|^fe310|^fu/i.test(variant) || cores.some((core) => /r$/.test(core))) return [];
  const kept = nvm.filter(
    ({ name, alias, start, size }) =>
      !alias &&
      size <= largestFlash &&
      Number(start) !== workFlash &&
      !notFlash.test(name ?? '') &&
      !outside(Number(start)),
  );
  const largest = Math.max(0, ...kept.map(({ size }) => size));
  return tidy(
    // Small unnamed regions beside the flash are configuration registers.
    kept
      .filter(({ size }) => size >= 8192 || size === largest)
      .map(({ name, size, start }) => region(name, 'flash', size, start)),
  );
}

/** Sorted by address, without what lies inside another region, banks of flash in a row as one. */
function tidy(regions) {
  const sorted = [...regions].sort((a, b) => a.start - b.start || b.bytes - a.bytes);
  const kept = [];
  for (const next of sorted) {
    const last = kept.at(-1);
    if (last && next.start + next.bytes <= last.start + last.bytes) continue;
    if (last && next.kind === 'flash' && last.kind === 'flash' && last.start + last.bytes === next.start) {
      kept[kept.length - 1] = { ...last, name: 'FLASH', bytes: last.bytes + next.bytes };
    } else {
      kept.push({ ...next, name: next.name || (next.kind === 'flash' ? 'FLASH' : 'RAM') });
    }
  }
  return kept;
}

const total = (regions) => regions.reduce((sum, { bytes }) => sum + bytes, 0);

/** The part number without package: STM32F429ZITx and STM32F429ZIYx are both STM32F429ZI. */
function withoutPackage(name) {
  return /^(stm32)/i.test(name) ? name.replace(/[A-Z]x[A-Z]?\w?$/, '') : name;
}

const ramOfBoards = new Map();
for (const { mcu, ram_bytes } of boards) {
  const key = normalizePart(mcu);
  ramOfBoards.set(key, (ramOfBoards.get(key) ?? new Set()).add(ram_bytes));
}
function boardsSay(name, bytes) {
  const key = normalizePart(name);
  return [...ramOfBoards].some(([mcu, sizes]) => (mcu === key || isPackageVariant(mcu, key)) && sizes.has(bytes));
}

const variantOf = new Map();
for (const variant of variants) {
  for (const name of [variant.variant, ...variant.packages]) variantOf.set(normalizePart(name), variant);
}

const packName = ({ pack, version }) => `CMSIS pack ${pack.replace(/\.pdsc$/, '')} ${version}`;
const variantName = ({ file }) => `probe-rs ${file.split('/').at(-1)}`;

/** By name; the first pack that has a device is believed. */
const rows = new Map();
function add(name, row) {
  const key = normalizePart(name);
  if (!rows.has(key)) rows.set(key, { name, ...row });
}

const described = new Set();
for (const device of packs) {
  const variant = variantOf.get(normalizePart(device.device));
  const ownRam = packRam(device);
  const ownFlash = packFlash(device);
  let [flash, ram] = [ownFlash, ownRam];
  let source = packName(device);
  let note = '';
  if (variant) {
    described.add(variant);
    const otherFlash = variantFlash(variant);
    const otherRam = variantRam(variant);
    if (ownFlash.length === 0) flash = otherFlash;
    else if (otherFlash.length > 0 && total(otherFlash) !== total(ownFlash)) {
      flash = otherFlash;
      note = `flash: ${variantName(variant)}; the pack says ${total(ownFlash) / 1024} KiB`;
    }
    if (ownRam.length === 0) ram = otherRam;
    else if (otherRam.length > 0 && total(otherRam) !== total(ownRam)) {
      const confirmed = boardsSay(withoutPackage(device.device), total(otherRam));
      const [kept, other, who] = confirmed
        ? [otherRam, ownRam, `${variantName(variant)}; the pack`]
        : [ownRam, otherRam, 'the pack; probe-rs'];
      ram = kept;
      note = [note, `RAM: ${who} says ${total(other) / 1024} KiB`].filter(Boolean).join('; ');
    }
    source = `${source}; ${variantName(variant)}`;
  }
  const clock = Math.max(0, ...device.processors.map((processor) => processor.clock ?? 0));
  const row = { core: packCore(device), clock, memories: [...flash, ...ram], source, note };
  add(device.device, row);
}
for (const variant of variants) {
  // Chips that run Linux have no memory of their own to speak of.
  if (variant.cores.some((core) => /a$|64$/.test(core)) || /^imx7/i.test(variant.variant)) continue;
  // Debug doubles, reduced views and other boot modes of a chip that has a row of its own.
  if (described.has(variant) || /_(selfdebug|apponly|dual|lockstep|riscv|lp|ram)$/i.test(variant.variant)) continue;
  const memories = [...variantFlash(variant), ...variantRam(variant)];
  if (memories.length === 0) continue;
  add(variant.variant, { core: variantCore(variant), clock: 0, memories, source: variantSource(variant), note: '' });
}

// Packages of one part with the same memories are one row, under the part number.
const byPart = new Map();
for (const row of rows.values()) {
  const part = withoutPackage(row.name);
  byPart.set(part, [...(byPart.get(part) ?? []), row]);
}
const chips = [];
for (const [part, same] of byPart) {
  const memoriesOf = ({ memories }) => JSON.stringify(memories.map(({ kind, bytes }) => [kind, bytes]));
  // STM32G431CBTxZ: the letter after the x is a variant of its own.
  const usual = same.filter(({ name }) => /x$/.test(name));
  const plain = usual.length > 0 ? usual : same;
  const agreed = new Set(plain.map(memoriesOf)).size === 1 ? plain[0] : undefined;
  if (agreed) chips.push({ ...agreed, name: part });
  for (const row of same) if (!agreed || memoriesOf(row) !== memoriesOf(agreed)) chips.push(row);
}
// nRF52833_xxAA is what people call nRF52833 where no other variant exists.
const names = new Set(chips.map(({ name }) => name));
for (const chip of chips) {
  const short = chip.name.replace(/_xxAA$/, '');
  if (short !== chip.name && ![...names].some((name) => name !== chip.name && name.startsWith(short)))
    chip.name = short;
}

const unreviewed = chips
  .filter(({ name }) => findTarget(name) === undefined && findTarget(name.replace(/_xxAA$/, '')) === undefined)
  .sort((a, b) => (a.name < b.name ? -1 : 1));

const hexadecimal = (address) => `0x${address.toString(16).padStart(8, '0')}`;
const layouts = new Map();
for (const { name, core, clock, memories, source, note } of unreviewed) {
  const layout = {
    vendor: vendorOf(name),
    core,
    ...(clock > 0 && { clock }),
    memories: memories.map(({ name, kind, bytes, start }) => [name, kinds.indexOf(kind), bytes, hexadecimal(start)]),
    source,
    ...(note && { note }),
  };
  const key = JSON.stringify(layout);
  const entry = layouts.get(key) ?? { ...layout, names: [] };
  entry.names.push(name);
  layouts.set(key, entry);
}

const chipOf = new Map(unreviewed.map((chip) => [normalizePart(chip.name), chip]));
function chipNamed(mcu, board) {
  // PlatformIO names the Teensy 4's chip without its prefix.
  const part = normalizePart(mcu).replace(/^imxrt/, 'mimxrt');
  const curated = findTarget(part) ?? findTarget(`at${part}`);
  if (curated) return curated.id;
  for (const wanted of [part, `at${part}`, `${part}a`, `at${part}a`]) {
    // STM32G431CBU6 is one of STM32G431CBUx.
    const chip = chipOf.get(wanted) ?? chipOf.get(wanted.replace(/^(stm32\w{6}[a-z])\d/, '$1x'));
    if (chip) return chip.name;
    for (let length = wanted.length - 1; length >= 5; length -= 1) {
      const shorter = chipOf.get(wanted.slice(0, length));
      if (shorter && isPackageVariant(wanted, wanted.slice(0, length))) return shorter.name;
    }
  }
  // Several variants of the part exist: the one with the board's sizes, if only one has them.
  const fitting = unreviewed.filter(({ name, memories }) => {
    const flash = total(memories.filter(({ kind }) => kind === 'flash'));
    return (
      normalizePart(name).startsWith(part) && flash === board.flash_bytes && total(memories) - flash === board.ram_bytes
    );
  });
  return fitting.length === 1 ? fitting[0].name : '';
}

const sources = [...new Set(boards.map(({ source }) => source))];
const boardRows = boards
  .map((board) => [
    board.id,
    board.name,
    chipNamed(board.mcu, board),
    board.flash_bytes ?? 0,
    board.ram_bytes ?? 0,
    sources.indexOf(board.source),
    board.mcu,
  ])
  .map((row) => (row[2] === '' ? row : row.slice(0, 6)))
  .sort((a, b) => (a[0] < b[0] ? -1 : 1));

const lines = (list) => list.map((item) => JSON.stringify(item)).join(',\n');
const text = `{"kinds":${JSON.stringify(kinds)},\n"layouts":[\n${lines(
  [...layouts.values()].map(({ names, ...layout }) => ({ ...layout, names: names.join(' ') })),
)}\n],\n"boardSources":${JSON.stringify(sources)},\n"boards":[\n${lines(boardRows)}\n]}\n`;
writeFileSync(new URL('long-tail.generated.json', import.meta.url), text);
console.log(
  `${unreviewed.length} chips in ${layouts.size} layouts, ${boardRows.length} boards ` +
    `(${boardRows.filter((row) => row[2] === '').length} without a known chip), ${Math.ceil(text.length / 1024)} KiB`,
);
