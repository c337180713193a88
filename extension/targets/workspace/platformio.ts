import { memberOf, parseJsonSource, textOf } from '../json-source';
import { limitsOf } from '../limits';
import { sizeOf } from '../size-text';
import { readLinkerScript } from './detect-linker-scripts';
import type { Detection } from './detection';
import { partitionBudget } from './esp-idf';
import { folderOf, resolvePath } from './files';
import type { Budget, WorkspaceGuess } from './guess';
import { budgetsOf } from './linker-budget';
import { PlatformIoConfig, type PlatformIoOption } from './platformio-config';

/** PlatformIO projects: the boards of the environments that are built by default. */
export async function detectPlatformIo(detection: Detection): Promise<readonly WorkspaceGuess[]> {
  const guesses: WorkspaceGuess[] = [];
  for (const file of await detection.find('**/platformio.ini')) {
    const text = await detection.read(file);
    if (text === undefined) continue;
    const config = new PlatformIoConfig(text);
    for (const environment of config.environments) {
      const board = config.option(environment, 'board');
      if (!board || board.value === '') continue;
      guesses.push(await guessFor(detection, file, config, environment, board));
    }
    for (const { code, message, line } of config.faults) detection.report('error', code, message, file, line);
  }
  return guesses;
}

async function guessFor(
  detection: Detection,
  file: string,
  config: PlatformIoConfig,
  environment: string,
  board: PlatformIoOption,
): Promise<WorkspaceGuess> {
  const option = (name: string) => config.option(environment, name);
  const chip = option('board_build.mcu')?.value ?? (await chipOfOwnBoard(detection, file, board.value));
  const guess = detection.guess({
    kind: 'platformio',
    file,
    line: board.line,
    named: board.value,
    lookUp: [...(chip ? [chip] : []), board.value],
  });
  const own = await projectBudgets(detection, file, option);
  const ofBoard = boardBudgets(detection, guess, file, board);
  const flashBudget = own.flash ?? ofBoard.flash;
  const ramBudget = own.ram ?? ofBoard.ram;
  return { ...guess, ...(flashBudget && { flashBudget }), ...(ramBudget && { ramBudget }) };
}

/** The chip of a board that the project defines in its folder `boards`; undefined where it does not. */
async function chipOfOwnBoard(detection: Detection, file: string, board: string): Promise<string | undefined> {
  const path = /^[\w.-]+$/.test(board) ? resolvePath(folderOf(file), `boards/${board}.json`) : undefined;
  const text = path === undefined ? undefined : await detection.read(path);
  if (text === undefined) return undefined;
  try {
    return textOf(memberOf(memberOf(parseJsonSource(text), 'build'), 'mcu'));
  } catch {
    // PlatformIO says what is wrong with it; here the board is not known then.
    return undefined;
  }
}

/**
 * The smallest app partition of the tables that the Arduino core for ESP32 brings, in bytes. Source: tools/partitions/*.csv of
 * arduino-esp32.
 */
const arduinoTables: Readonly<Record<string, number>> = {
  'default.csv': 0x140000,
  'default_8mb.csv': 0x330000,
  'default_16mb.csv': 0x640000,
  'min_spiffs.csv': 0x1e0000,
  'no_ota.csv': 0x200000,
  'huge_app.csv': 0x300000,
};

type Budgets = { readonly flash: Budget | undefined; readonly ram: Budget | undefined };

async function projectBudgets(
  detection: Detection,
  file: string,
  option: (name: string) => PlatformIoOption | undefined,
): Promise<Budgets> {
  const folder = folderOf(file);
  const script = option('board_build.ldscript');
  const path = script && resolvePath(folder, script.value);
  const parsed = path === undefined ? undefined : await readLinkerScript(detection, path);
  if (script && !parsed) {
    const message = `The linker script "${script.value}" is not in the workspace; its sizes are not known.`;
    detection.report('note', 'missing-linker-script', message, file, script.line);
  }
  const regions = parsed ? budgetsOf(parsed.regions) : undefined;
  const table = option('board_build.partitions');
  const partition = table && (await tableBudget(detection, file, table));
  return {
    flash: sizeOption(detection, file, option('board_upload.maximum_size')) ?? partition ?? regions?.flash,
    ram: sizeOption(detection, file, option('board_upload.maximum_ram_size')) ?? regions?.ram,
  };
}

/** A table of the project wins over one of the same name that the framework brings. */
async function tableBudget(detection: Detection, file: string, table: PlatformIoOption): Promise<Budget | undefined> {
  const { value, line } = table;
  if (!/\.csv$/i.test(value)) return undefined;
  const folder = folderOf(file);
  const brought = arduinoTables[value.toLowerCase()];
  const path = resolvePath(folder, value);
  const isOwn = path !== undefined && (await detection.read(path)) !== undefined;
  if (isOwn || brought === undefined) return partitionBudget(detection, folder, value, { file, line });
  return { bytes: brought, label: `app partition of ${value} of arduino-esp32`, file, line };
}

function sizeOption(detection: Detection, file: string, entry: PlatformIoOption | undefined): Budget | undefined {
  if (!entry) return undefined;
  const bytes = sizeOf(entry.value);
  if (bytes !== undefined) return { bytes, label: `maximum size in [${entry.section}]`, file, line: entry.line };
  const negative = entry.value.startsWith('-');
  const code = negative ? 'negative-size' : 'invalid-size';
  const fault = negative ? 'The size is negative' : 'This is no size in bytes';
  detection.report('error', code, `${fault}: ${entry.value}.`, file, entry.line);
  return undefined;
}

/**
 * What the board's linker scripts leave, where that is less than the chip has. Larger figures count RAM that is not in one piece, or
 * flash the chip's row does not have.
 */
function boardBudgets(
  detection: Detection,
  guess: WorkspaceGuess,
  file: string,
  { value, line }: PlatformIoOption,
): Budgets {
  const board = detection.lookups.findBoard?.(value);
  if (!board || !guess.target) return { flash: undefined, ram: undefined };
  const limits = limitsOf(guess.target);
  const smaller = (bytes: number | undefined, limit: number | undefined): Budget | undefined =>
    bytes !== undefined && limit !== undefined && bytes < limit
      ? { bytes, label: `PlatformIO's limit for ${board.name}`, file, line }
      : undefined;
  return { flash: smaller(board.flashBytes, limits.flash?.bytes), ram: smaller(board.ramBytes, limits.ram?.bytes) };
}
