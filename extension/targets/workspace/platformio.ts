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
  const chip = config.option(environment, 'board_build.mcu');
  const guess = detection.guess({
    kind: 'platformio',
    file,
    line: board.line,
    named: board.value,
    lookUp: [...(chip ? [chip.value] : []), board.value],
  });
  const option = (name: string) => config.option(environment, name);
  const own = await projectBudgets(detection, file, option);
  const ofBoard = boardBudgets(detection, guess, file, board);
  const flashBudget = own.flash ?? ofBoard.flash;
  const ramBudget = own.ram ?? ofBoard.ram;
  return { ...guess, ...(flashBudget && { flashBudget }), ...(ramBudget && { ramBudget }) };
}

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
  const partition =
    table && /\.csv$/i.test(table.value)
      ? await partitionBudget(detection, folder, table.value, { file, line: table.line })
      : undefined;
  return {
    flash: sizeOption(detection, file, option('board_upload.maximum_size')) ?? partition ?? regions?.flash,
    ram: sizeOption(detection, file, option('board_upload.maximum_ram_size')) ?? regions?.ram,
  };
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
