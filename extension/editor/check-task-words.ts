/** A task of type `thimble` as it stands in tasks.json. */
export interface CheckTaskDefinition {
  readonly type: 'thimble';
  /** Patterns of model files, relative to the folder. */
  readonly models?: string | readonly string[];
  readonly target?: string;
  readonly runtime?: string;
  readonly precision?: string;
  readonly maxFlash?: string;
  readonly maxRam?: string;
  /** Sizes of symbolic dimensions, such as `batch=1`. */
  readonly dim?: readonly string[];
}

export const taskType = 'thimble';

/** The patterns of a task: every model of the folder where it names none. */
export function modelPatterns({ models }: CheckTaskDefinition): readonly string[] {
  if (models === undefined) return ['**/*.onnx'];
  return typeof models === 'string' ? [models] : models;
}

/**
 * The words of `thimble check` for a task. `target`: what the editor has chosen, taken where the task names neither a chip nor limits. Throws Error, one
 * sentence, where nothing is left to check against, or no file.
 */
export function checkTaskWords(
  definition: CheckTaskDefinition,
  files: readonly string[],
  target: string | undefined,
): readonly string[] {
  const { runtime, precision, maxFlash, maxRam, dim = [] } = definition;
  const chip = definition.target ?? (maxFlash === undefined && maxRam === undefined ? target : undefined);
  if (chip === undefined && maxFlash === undefined && maxRam === undefined) {
    throw new Error('The task names no target and no limits, and no chip is chosen: add "target" to it in tasks.json.');
  }
  if (files.length === 0) throw new Error(`No file matches ${modelPatterns(definition).join(', ')}.`);
  return [
    'check',
    ...option('--target', chip),
    ...option('--max-flash', maxFlash),
    ...option('--max-ram', maxRam),
    ...option('--runtime', runtime),
    ...option('--precision', precision),
    ...dim.flatMap((text) => ['--dim', text]),
    '--',
    ...files,
  ];
}

function option(name: string, value: string | undefined): readonly string[] {
  return value === undefined ? [] : [name, value];
}
