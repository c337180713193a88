import type { Detection } from './detection';
import { folderOf, resolvePath } from './files';
import type { Budget, WorkspaceGuess } from './guess';
import { type KconfigEntry, parseKconfig } from './kconfig';
import { parsePartitionTable } from './partition-table';

/**
 * The app partitions of the tables that ESP-IDF brings, in bytes. Source: components/partition_table/*.csv of ESP-IDF 5.
 */
const builtInTables: readonly { readonly option: string; readonly bytes: number }[] = [
  { option: 'CONFIG_PARTITION_TABLE_SINGLE_APP', bytes: 1024 * 1024 },
  { option: 'CONFIG_PARTITION_TABLE_SINGLE_APP_LARGE', bytes: 1500 * 1024 },
  { option: 'CONFIG_PARTITION_TABLE_TWO_OTA', bytes: 1024 * 1024 },
  { option: 'CONFIG_PARTITION_TABLE_TWO_OTA_LARGE', bytes: 1700 * 1024 },
];

type Settings = ReadonlyMap<string, KconfigEntry & { readonly file: string }>;

/** ESP-IDF projects: `sdkconfig`, else `sdkconfig.defaults` with those of its target, and the partition table. */
export async function detectEspIdf(detection: Detection): Promise<readonly WorkspaceGuess[]> {
  const guesses: WorkspaceGuess[] = [];
  const paths = await detection.find('**/sdkconfig', '**/sdkconfig.defaults', '**/sdkconfig.defaults.*');
  for (const folder of new Set(paths.map(folderOf))) {
    const prefix = folder === '' ? '' : `${folder}/`;
    const full = await read(detection, `${prefix}sdkconfig`);
    const defaults = full ?? (await read(detection, `${prefix}sdkconfig.defaults`));
    const target = defaults?.get('CONFIG_IDF_TARGET');
    // Without a target the defaults serve several chips, or ESP-IDF's own default, which nobody chose.
    if (!defaults || !target || target.value === '') continue;
    const special = full ? undefined : await read(detection, `${prefix}sdkconfig.defaults.${target.value}`);
    const settings = new Map([...defaults, ...(special ?? [])]);
    guesses.push(
      detection.guess({
        kind: 'esp-idf',
        file: target.file,
        line: target.line,
        projectFolder: folder,
        named: target.value,
        flashBudget: await flashBudget(detection, folder, settings, target.file),
      }),
    );
  }
  return guesses;
}

async function read(detection: Detection, file: string): Promise<Settings | undefined> {
  const text = await detection.read(file);
  if (text === undefined) return undefined;
  return new Map([...parseKconfig(text)].map(([name, entry]) => [name, { ...entry, file }]));
}

/** The smallest app partition: every update must fit it. */
async function flashBudget(
  detection: Detection,
  folder: string,
  settings: Settings,
  file: string,
): Promise<Budget | undefined> {
  if (settings.get('CONFIG_PARTITION_TABLE_CUSTOM')?.value === 'y') {
    const name = settings.get('CONFIG_PARTITION_TABLE_CUSTOM_FILENAME') ?? { value: 'partitions.csv', line: 1, file };
    return partitionBudget(detection, folder, name.value, { file: name.file, line: name.line });
  }
  const chosen = builtInTables.find(({ option }) => settings.get(option)?.value === 'y');
  const entry = chosen && settings.get(chosen.option);
  if (chosen && entry)
    return { bytes: chosen.bytes, label: 'app partition of the default table', file: entry.file, line: entry.line };
  const target = settings.get('CONFIG_IDF_TARGET');
  return { bytes: 1024 * 1024, label: 'app partition of the default table', file, line: target?.line ?? 1 };
}

/** The smallest app partition of a table, which is reported where it is missing or broken. */
export async function partitionBudget(
  detection: Detection,
  folder: string,
  name: string,
  namedAt: { readonly file: string; readonly line: number },
): Promise<Budget | undefined> {
  const path = resolvePath(folder, name);
  const text = path === undefined ? undefined : await detection.read(path);
  if (path === undefined || text === undefined) {
    const message = `The partition table "${name}" is not in the workspace; the flash of an app is not known.`;
    detection.report('warning', 'missing-partition-table', message, namedAt.file, namedAt.line);
    return undefined;
  }
  const { apps, faults } = parsePartitionTable(text);
  for (const { code, message, line } of faults) detection.report('error', code, message, path, line);
  const [first, ...others] = apps;
  if (!first || faults.length > 0) return undefined;
  const smallest = others.reduce((best, app) => (app.bytes < best.bytes ? app : best), first);
  return { bytes: smallest.bytes, label: `app partition ${smallest.name} of ${path}`, file: path, line: smallest.line };
}
