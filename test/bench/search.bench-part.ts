import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { searchMatches } from '../../extension/targets/catalogue';
import { parseLongTail } from '../../extension/targets/long-tail';
import { runMeasured } from './measured-process';
import { type BenchLine, leastTime, printPart } from './report';

/** What people type into the search for a chip: a family, a vendor, a board, sizes. */
const queries = [
  'stm32f4',
  'nxp',
  'nucleo',
  'at least 256K RAM',
  '256K RAM or more',
  'cortex-m4 512k flash',
  'ram >= 1M',
];
/** As many as the list of the editor shows. */
const most = 300;
const processes = 5;

/** Searching the long list of devices: the first result in a new process, file and all, and what every further key costs. */
export async function benchSearch(folder: string): Promise<void> {
  const longTail = parseLongTail(readFileSync('extension/targets/long-tail.generated.json', 'utf8'));
  const script = join(dirname(process.argv[1] ?? ''), 'search-once.main.cjs');
  const lines: BenchLine[] = [];
  for (const query of queries) {
    let first = Number.POSITIVE_INFINITY;
    for (let run = 0; run < processes; run++) {
      const { standardOutput } = await runMeasured(folder, script, [query, String(most)]);
      first = Math.min(first, Number(standardOutput));
    }
    const again = await leastTime(5, () => searchMatches(query, { longTail }, most));
    lines.push({ name: `"${query}", first of a process`, value: first, unit: 'ms', goal: 30 });
    lines.push({ name: `"${query}", after that`, value: again, unit: 'ms' });
  }
  printPart(`search among ${longTail.size.toLocaleString('en-US')} chips`, lines);
}
