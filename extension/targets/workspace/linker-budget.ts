import type { Budget } from './guess';
import type { LinkerRegion } from './linker-script';

type Sized = LinkerRegion & { readonly length: number };

/**
 * The flash and RAM that regions leave to a program. RAM: the largest region, since an arena lies in one. Flash: regions in a row
 * count as one; undefined when several pieces could be meant.
 */
export function budgetsOf(regions: readonly LinkerRegion[]): {
  readonly flash: Budget | undefined;
  readonly ram: Budget | undefined;
} {
  const sort = (use: 'flash' | 'ram') => onChip(regions.filter((region) => useOf(region) === use));
  return { flash: flashBudget(sort('flash')), ram: ramBudget(sort('ram')) };
}

/** What a region is for, by its name, else by its attributes; undefined where neither says it. */
function useOf({ name, attributes, length }: LinkerRegion): 'flash' | 'ram' | undefined {
  if (length === 0) return undefined;
  if (/flash|(?:^|_)(?:[ip]?rom\d*$|rram|mram)/i.test(name)) return 'flash';
  if (/ram|tcm|ccm|ocm/i.test(name)) return 'ram';
  const allowed = attributes.toLowerCase().split('!')[0] ?? '';
  if (allowed.includes('w')) return 'ram';
  return /[rx]/.test(allowed) ? 'flash' : undefined;
}

/** Without memory outside the chip, unless there is no other. */
function onChip(regions: readonly LinkerRegion[]): readonly LinkerRegion[] {
  const inside = regions.filter(
    ({ name, origin }) => !/sdram|psram|hyper|[oq]spi|octo|quad|xip|(?:^|_)ext/i.test(name) && !outside(origin ?? 0),
  );
  return inside.length > 0 ? inside : regions;
}

/** Where Arm's memory map has RAM and devices outside the chip. */
function outside(origin: number): boolean {
  return (origin >= 0x60000000 && origin < 0xa0000000) || (origin >= 0xc0000000 && origin < 0xe0000000);
}

function ramBudget(regions: readonly LinkerRegion[]): Budget | undefined {
  // One unknown length may be the largest.
  if (!allSized(regions)) return undefined;
  const largest = regions.reduce<Sized | undefined>(
    (best, region) => (best && best.length >= region.length ? best : region),
    undefined,
  );
  return largest && budget([largest], largest.length);
}

function flashBudget(regions: readonly LinkerRegion[]): Budget | undefined {
  const main = regions.find(({ name }) => /^(?:flash|rom|irom|rram|mram)$/i.test(name));
  const candidates = main ? [main] : regions;
  if (!allSized(candidates) || candidates.length === 0) return undefined;
  const sorted = [...candidates].sort((a, b) => (a.origin ?? 0) - (b.origin ?? 0));
  let end: number | undefined;
  for (const { origin, length } of sorted) {
    if (sorted.length > 1 && (origin === undefined || (end !== undefined && origin !== end))) return undefined;
    end = (origin ?? 0) + length;
  }
  return budget(
    sorted,
    sorted.reduce((sum, { length }) => sum + length, 0),
  );
}

function allSized(regions: readonly LinkerRegion[]): regions is readonly Sized[] {
  return regions.every(({ length }) => length !== undefined);
}

function budget(regions: readonly Sized[], bytes: number): Budget | undefined {
  const [first] = regions;
  if (!first) return undefined;
  const names = regions.map(({ name }) => name).join(' + ');
  return { bytes, label: `region ${names} of ${first.file}`, file: first.file, line: first.line };
}
