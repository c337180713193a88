// Compiles the curated table of chips into catalogue.json, the data that ships: `node extension/targets/compile-catalogue.mjs PATH`.
import { readFileSync, writeFileSync } from 'node:fs';

const [path] = process.argv.slice(2);
if (!path) {
  console.error('usage: node extension/targets/compile-catalogue.mjs PATH_OF_CURATED_JSON');
  process.exit(2);
}

const nonVolatile = ['flash', 'rram', 'mram'];

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

const targets = JSON.parse(readFileSync(path, 'utf8')).map(target);
writeFileSync(new URL('catalogue.json', import.meta.url), `${JSON.stringify(targets, undefined, 2)}\n`);
