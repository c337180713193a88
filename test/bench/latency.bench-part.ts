import { publishedLatencies } from '../../extension/targets/latency-evidence';
import { fitLatencies } from '../../extension/targets/latency-model';
import { type LeftOutRow, leaveOneOut, scoreOf } from '../fixtures/latency-evaluation';
import { leastTime } from './report';

/**
 * How good the latency estimates are: each published row estimated without the rows of its board, and what no estimate is given for.
 * The estimates are deterministic, so are these figures; only the time of the fit is of this machine.
 */
export async function benchLatency(): Promise<void> {
  const results = leaveOneOut();
  print('latency: each board left out in turn', results);
  const measured = results.filter(({ row }) => !row.computed);
  print('the same, rows measured on silicon only (without those that Vela computed)', measured);
  const series = leaveOneOut(({ system }) => (system.core.startsWith('Ethos') ? system.core : (system.board ?? '')));
  print('the same, of Ethos-U all configurations of a size left out together', series);
  print(
    'the same, each network left out in turn, boards kept',
    leaveOneOut(({ model }) => model),
    false,
  );
  write('\nlatency: by board (rows given, median error, in range)');
  for (const [board, rows] of groupsOf(results, ({ row }) => row.system.board ?? '')) {
    const score = scoreOf(rows);
    if (score.given > 0)
      write(
        `  ${board.padEnd(62)}${String(rows.length).padStart(4)}${percent(score.medianError)}${percent(score.inRange)}`,
      );
  }
  write('\nlatency: rows without an estimate');
  const absent = results.filter(({ estimate }) => !estimate);
  for (const [text, rows] of groupsOf(absent, ({ row, reason }) => `${row.system.board}, ${row.model}: ${reason}`)) {
    write(`  ${rows.length > 1 ? `${rows.length} x ` : ''}${text}`);
  }
  const fit = await leastTime(3, () => fitLatencies(publishedLatencies()));
  write(`\nlatency: fit to all rows ${fit.toFixed(0)} ms`);
}

/** `judged`: the goals are about this way of leaving rows out. */
function print(title: string, results: readonly LeftOutRow[], judged = true): void {
  const { rows, given, medianError, inRange, medianRatio } = scoreOf(results);
  const goal = (text: string, reached: boolean) => (judged ? `   goal ${text}: ${reached ? 'reached' : 'MISSED'}` : '');
  write(`\n${title} (${rows} int8 rows)`);
  write(`  estimate given            ${percent(given)}${goal('at least 70 %', given >= 0.7)}`);
  write(`  median relative error     ${percent(medianError)}${goal('at most 30 %', medianError <= 0.3)}`);
  write(`  range holds the truth     ${percent(inRange)}${goal('at least 80 %', inRange >= 0.8)}`);
  write(`  median upper / lower      ${medianRatio.toFixed(2).padStart(7)} x${goal('at most 3', medianRatio <= 3)}`);
}

function groupsOf<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1).padStart(7)} %`;
}

function write(line: string): void {
  process.stdout.write(`${line}\n`);
}
