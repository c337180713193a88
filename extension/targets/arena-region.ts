import type { Memory, Target } from './target';

interface Region {
  readonly name: string;
  readonly bytes: number;
}

/**
 * The name of the memory region that an arena of this size lies in: the smallest region, or run of regions with consecutive
 * addresses, that holds it whole. Memory for instructions is left out, and nothing counts as larger than the target's largest
 * contiguous RAM. undefined where no region holds it. `externalRam`: of the RAM outside the chip.
 */
export function arenaRegion(
  { memories, largestContiguousRamBytes = Number.POSITIVE_INFINITY }: Target,
  bytes: number,
  externalRam = false,
): string | undefined {
  const external = memories.filter(({ kind }) => kind === 'psram');
  const outside = externalRam && external.length > 0;
  const limit = outside ? Number.POSITIVE_INFINITY : largestContiguousRamBytes;
  const usable = outside ? external : memories.filter(holdsData);
  let best: Region | undefined;
  for (const region of [...usable, ...adjacentRuns(usable)]) {
    if (Math.min(region.bytes, limit) >= bytes && (!best || region.bytes < best.bytes)) best = region;
  }
  return best?.name;
}

/** On-chip RAM but the instruction memory of tightly coupled pairs, which code wants for itself. */
function holdsData({ kind, name }: Memory): boolean {
  return (kind === 'sram' || kind === 'tcm') && !(name.includes('ITCM') && !name.includes('DTCM'));
}

/** Every run of two or more regions with consecutive addresses, whole. */
function adjacentRuns(memories: readonly Memory[]): readonly Region[] {
  const placed = memories
    .flatMap(({ name, bytes, start }) => {
      const address = start === undefined ? Number.NaN : Number(start);
      return Number.isNaN(address) ? [] : [{ name, start: address, end: address + bytes }];
    })
    .sort((a, b) => a.start - b.start);
  const runs: Region[] = [];
  let names: string[] = [];
  let from = 0;
  let to = Number.NaN;
  const close = () => {
    if (names.length > 1) runs.push({ name: names.join(' + '), bytes: to - from });
  };
  for (const { name, start, end } of placed) {
    if (start === to) names.push(name);
    else {
      close();
      names = [name];
      from = start;
    }
    to = end;
  }
  close();
  return runs;
}
