import type { Detection } from './detection';
import { folderOf } from './files';
import type { Budget, WorkspaceGuess } from './guess';
import { type KconfigEntry, kconfigNumber, parseKconfig } from './kconfig';

/** Processors beside the one that applications run on; the memories of the chip's row are not theirs. */
const secondaryProcessor =
  /^(?:cpunet|cpurad|cpuflpr|cpuppr|cpu1|cpuhpucore|m0|m0p|m4|cm4|cm0p|appcpu|lpcore|hpcore_1)$/;

/** Boards that stand for no chip: emulators, and Zephyr as a program of the computer it is built on. */
const emulated = /^(?:native_|qemu_|unit_testing|nsim|fvp_|mps[23]_|xenvm)/;

/** Zephyr builds: `.config` of an image names board and chip and the memory that devicetree gives it. */
export async function detectZephyr(detection: Detection): Promise<readonly WorkspaceGuess[]> {
  const guesses: WorkspaceGuess[] = [];
  for (const path of await detection.find('**/zephyr/.config')) {
    const text = await detection.read(path);
    if (text === undefined) continue;
    const config = parseKconfig(text);
    // The bootloader of the same board is built beside the application.
    if (config.get('CONFIG_MCUBOOT')?.value === 'y') continue;
    const named = ['CONFIG_BOARD_TARGET', 'CONFIG_BOARD', 'CONFIG_SOC']
      .map((name) => config.get(name))
      .find((entry) => entry !== undefined && entry.value !== '');
    if (!named || emulated.test(named.value)) continue;
    guesses.push(
      detection.guess({
        kind: 'zephyr',
        file: path,
        line: named.line,
        projectFolder: projectOf(path),
        named: named.value,
        lookUp: namesOf(config, named.value),
        flashBudget: flashBudget(detection, path, config),
        ramBudget: ramBudget(detection, path, config),
      }),
    );
  }
  return guesses;
}

function namesOf(config: ReadonlyMap<string, KconfigEntry>, named: string): readonly string[] {
  const [board = '', ...qualifiers] = named.split('/');
  // The sizes of the image are known all the same.
  if (qualifiers.some((qualifier) => secondaryProcessor.test(qualifier)) || /_(?:cpunet|cpurad|m4|cm4)$/.test(board)) {
    return [];
  }
  const parts = ['CONFIG_SOC_PART_NUMBER', 'CONFIG_SOC'].map((name) => config.get(name)?.value ?? '');
  return [
    named,
    ...qualifiers.slice(0, 1),
    ...parts,
    board.replace(/@.*$/, ''),
    board.replace(/_cpuapp(?:_ns)?$|_ns$/, ''),
  ].filter((name) => name !== '');
}

/** The folder above `build`. */
function projectOf(path: string): string {
  const build = /^(.*?)(?:^|\/)(?:build|_build|twister-out)[^/]*\//.exec(path);
  return build?.[1] ?? folderOf(folderOf(path));
}

function flashBudget(
  detection: Detection,
  file: string,
  config: ReadonlyMap<string, KconfigEntry>,
): Budget | undefined {
  const slot = config.get('CONFIG_FLASH_LOAD_SIZE');
  const slotBytes = kconfigNumber(slot);
  if (slot && slotBytes !== undefined && slotBytes > 0) {
    return { bytes: slotBytes, label: 'code partition (CONFIG_FLASH_LOAD_SIZE)', file, line: slot.line };
  }
  return kibibytes(detection, file, config, 'CONFIG_FLASH_SIZE');
}

function ramBudget(detection: Detection, file: string, config: ReadonlyMap<string, KconfigEntry>): Budget | undefined {
  return kibibytes(detection, file, config, 'CONFIG_SRAM_SIZE');
}

function kibibytes(
  detection: Detection,
  file: string,
  config: ReadonlyMap<string, KconfigEntry>,
  name: string,
): Budget | undefined {
  const entry = config.get(name);
  const size = kconfigNumber(entry);
  if (!entry) return undefined;
  if (size === undefined || size < 0) {
    const [code, fault] = size === undefined ? ['invalid-size', 'is no number'] : ['negative-size', 'is negative'];
    detection.report('error', code, `${name} ${fault}: ${entry.value}.`, file, entry.line);
    return undefined;
  }
  return size === 0 ? undefined : { bytes: size * 1024, label: name, file, line: entry.line };
}
