import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { benchGraphSize } from './graph-size.bench-part';
import { benchLargeFile } from './large-file.bench-part';
import { benchLatency } from './latency.bench-part';
import { benchLiveEstimate } from './live-estimate.bench-part';
import { benchOnScreen } from './on-screen.bench-part';
import { benchPlanners } from './planners.bench-part';
import { benchSearch } from './search.bench-part';
import { benchStartUp } from './start-up.bench-part';
import { benchVerdictMatrix } from './verdict-matrix.bench-part';

/** Each part prints what it measured. Times are of this machine; goals compare figures of one run. */
const parts = {
  'start-up': benchStartUp,
  'on-screen': benchOnScreen,
  'graph-size': benchGraphSize,
  'large-file': benchLargeFile,
  planners: async () => {
    process.stdout.write('\nplanners\n');
    benchPlanners();
  },
  latency: benchLatency,
  'live-estimate': benchLiveEstimate,
  'verdict-matrix': benchVerdictMatrix,
  search: benchSearch,
} satisfies Record<string, (folder: string) => Promise<void>>;

async function main(): Promise<void> {
  const wanted = process.argv.slice(2);
  const folder = mkdtempSync(join(tmpdir(), 'thimble-bench-'));
  try {
    for (const [name, part] of Object.entries(parts)) {
      if (wanted.length === 0 || wanted.includes(name)) await part(folder);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
