/** What one run shows: a figure, the goal it is held against where there is one, and how it was got. */
export interface BenchLine {
  readonly name: string;
  readonly value: number;
  readonly unit: 'ms' | 'x' | 'MB' | 'MB/s' | 'us/node' | 'B/tensor';
  /** A figure above it (below it for MB/s) misses the goal. */
  readonly goal?: number;
}

/** Prints figures under a heading, as they come in: a run takes minutes. */
export function printPart(title: string, lines: readonly BenchLine[]): void {
  process.stdout.write(`\n${title}\n`);
  const width = lines.reduce((longest, { name }) => Math.max(longest, name.length), 0);
  for (const { name, value, unit, goal } of lines) {
    const figure = `${value.toFixed(decimalsFor(value))} ${unit}`.padStart(16);
    process.stdout.write(`  ${name.padEnd(width)}${figure}${goal === undefined ? '' : verdict(value, unit, goal)}\n`);
  }
}

function verdict(value: number, unit: BenchLine['unit'], goal: number): string {
  const atLeast = unit === 'MB/s';
  const reached = atLeast ? value >= goal : value <= goal;
  return `   goal ${atLeast ? 'at least' : 'at most'} ${goal} ${unit}: ${reached ? 'reached' : 'MISSED'}`;
}

function decimalsFor(value: number): number {
  return value >= 100 ? 0 : value >= 10 ? 1 : 2;
}

/** The middle of the sorted numbers; of an even count, the lower one. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
}

/** Least milliseconds of `runs` runs: what the work takes when nothing else is in its way. */
export async function leastTime(runs: number, work: () => unknown): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let run = 0; run < runs; run++) {
    const start = performance.now();
    await work();
    least = Math.min(least, performance.now() - start);
  }
  return least;
}
