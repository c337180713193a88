import type { Memory } from './target';

/**
 * Bytes of the largest on-chip RAM with consecutive addresses, from the addresses of the regions; the largest region where addresses
 * are not known. undefined without RAM on the chip.
 */
export function contiguousRam(memories: readonly Memory[]): number | undefined {
  let largest: number | undefined;
  const placed: { readonly start: number; readonly end: number }[] = [];
  for (const { kind, bytes, start } of memories) {
    if (kind !== 'sram' && kind !== 'tcm') continue;
    largest = Math.max(largest ?? 0, bytes);
    const address = start === undefined ? Number.NaN : Number(start);
    if (!Number.isNaN(address)) placed.push({ start: address, end: address + bytes });
  }
  placed.sort((a, b) => a.start - b.start);
  let run: { readonly start: number; readonly end: number } | undefined;
  for (const region of placed) {
    run = run && run.end === region.start ? { start: run.start, end: region.end } : region;
    largest = Math.max(largest ?? 0, run.end - run.start);
  }
  return largest;
}
