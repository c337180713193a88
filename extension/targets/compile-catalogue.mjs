// Compiles the curated table of chips into catalogue.json, the data that ships: `node extension/targets/compile-catalogue.mjs PATH`.
import { readFileSync, writeFileSync } from 'node:fs';

const [path] = process.argv.slice(2);
if (!path) {
  console.error('usage: node extension/targets/compile-catalogue.mjs PATH_OF_CURATED_JSON');
  process.exit(2);
}

const nonVolatile = ['flash', 'rram', 'mram'];

/**
 * What the table has wrong, by id, with who says so. `memory`: regions that stand in the place of those named in `instead`; `contiguous`: the
 * largest RAM with consecutive addresses, in bytes.
 */
const KiB = 1024;
const corrections = {
  // The linker script that the table follows leaves the last 4 KiB out; they are RAM all the same.
  nrf5340: {
    instead: ['RAM', 'RAM1'],
    memory: [{ name: 'RAM', kind: 'sram', bytes: 512 * KiB, start: '0x20000000' }],
    contiguous: 512 * KiB,
    source: 'Zephyr dts/arm/nordic/nrf5340_cpuapp_qkaa.dtsi (sram0: 512 KiB)',
  },
  // The same with its last 8 KiB. What the modem library takes is for the project to say.
  nrf9160: {
    instead: ['RAM'],
    memory: [
      { name: 'RAM', kind: 'sram', bytes: 256 * KiB, start: '0x20000000', note: 'some of it is shared with the modem' },
    ],
    contiguous: 256 * KiB,
    source: 'Zephyr dts/arm/nordic/nrf9160_sica.dtsi (sram0: 256 KiB)',
  },
  // OCRAM1 ends where OCRAM2 begins.
  mimxrt1176: {
    instead: [],
    memory: [],
    contiguous: 1024 * KiB,
    source: 'Zephyr dts/arm/nxp/imxrt/imxrt11xx/nxp_rt1170.dtsi (OCRAM1 and OCRAM2: 512 KiB each, one after the other)',
  },
  alif_e7: alifBanks('AE722F80F55D5LS'),
  alif_e3: alifBanks('AE302F80F55D5LE'),
};

/** The table has one region for five that lie apart. */
function alifBanks(device) {
  const bank = (name, size, start) => ({ name, kind: 'sram', bytes: size * KiB, start });
  return {
    instead: ['SRAM6-9 (E7: SRAM6 2M,7 0.5M,8 2M,9 0.75M)'],
    memory: [
      bank('SRAM9', 768, '0x60000000'),
      bank('SRAM6_A', 1024, '0x62000000'),
      bank('SRAM6_B', 1024, '0x62400000'),
      bank('SRAM7', 512, '0x63000000'),
      bank('SRAM8', 2048, '0x63200000'),
    ],
    contiguous: 4096 * KiB,
    source: `AlifSemiconductor.Ensemble.pdsc 2.0.2, memories of ${device}`,
  };
}

function corrected(row) {
  const correction = corrections[row.id];
  if (!correction) return row;
  const { instead, memory: regions, contiguous, source } = correction;
  for (const name of instead) {
    if (!row.memory.some((region) => region.name === name))
      throw new Error(`${row.id}: no memory "${name}" to correct`);
  }
  return {
    ...row,
    memory: [...row.memory.filter(({ name }) => !instead.includes(name)), ...regions],
    largest_contiguous_ram_bytes: contiguous,
    sources: { ...row.sources, memory: `${row.sources.memory}; ${source}` },
  };
}

function memory({ name, kind, bytes, start, note }) {
  return { name, kind, bytes, ...(start && { start }), ...(note && { note }) };
}

function target(row) {
  const stored = row.memory.filter(({ kind }) => nonVolatile.includes(kind)).reduce((sum, { bytes }) => sum + bytes, 0);
  if (stored !== row.onchip_nvm_bytes) {
    throw new Error(
      `${row.id}: memories hold ${stored} non-volatile bytes, onchip_nvm_bytes says ${row.onchip_nvm_bytes}`,
    );
  }
  return {
    id: row.id,
    name: row.name,
    vendor: row.vendor,
    core: row.core,
    ...(row.clock_hz && { clockHz: row.clock_hz }),
    memories: row.memory.map(memory),
    ...(row.largest_contiguous_ram_bytes && { largestContiguousRamBytes: row.largest_contiguous_ram_bytes }),
    ...(row.accelerator && { accelerator: row.accelerator.name }),
    runtimes: row.runtimes,
    sources: row.sources,
    confidence: row.confidence,
    aliases: row.match,
    ...(row.notes && { notes: row.notes }),
  };
}

const targets = JSON.parse(readFileSync(path, 'utf8')).map(corrected).map(target);
const indented = JSON.stringify(targets, undefined, 2);
// Lists of names on one line where they fit, as the formatter of the project has them.
const text = indented.replace(/^( *"\w+": )\[\n([^[\]{}]*?)\n *\]/gm, (whole, key, items) => {
  const line = `${key}[${items.trim().replace(/,\n\s*/g, ', ')}]`;
  return line.length < 120 ? line : whole;
});
writeFileSync(new URL('catalogue.json', import.meta.url), `${text}\n`);
