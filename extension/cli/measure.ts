import type { Target } from '../targets/target';
import type { AnalysedModel } from '../worker/analyse';
import { type OpenedModel, openOrigin, startSession } from '../worker/model-sessions';
import { measureSession } from '../worker/runtime-figures';
import { type TargetFigures, targetFigures } from '../worker/target-figures';
import { type RuntimeArguments, reservesFor, runtimeRequest } from './runtime-arguments';
import type { OnRuntime } from './runtime-document';

export interface MeasuredModel {
  readonly file: string;
  /** Of the file as it is. */
  readonly analysed: AnalysedModel;
  /** In the precision asked for; undefined without a runtime. */
  readonly onRuntime: OnRuntime | undefined;
  /** In the same precision, where there is a target: its accelerator, and with a runtime the latency. */
  readonly onTarget?: TargetFigures | undefined;
}

/** One model file of a command: measured, or the sentence that says why not. */
export type Measured = MeasuredModel | { readonly file: string; readonly error: string };

/** Reads and measures a file; whatever is wrong with it is returned, so that other files go on. */
export async function measureFile(
  file: string,
  options: {
    readonly bindings: ReadonlyMap<string, number>;
    readonly target: Target | undefined;
    readonly onRuntime: RuntimeArguments | undefined;
  },
): Promise<Measured> {
  const { target, onRuntime } = options;
  try {
    const opened = await openModel(file);
    try {
      const session = await startSession(opened, [...options.bindings]);
      const measured = onRuntime && {
        footprint: await measureSession(session, runtimeRequest(onRuntime, target)),
        precision: onRuntime.precision,
        reserves: reservesFor(onRuntime, target),
      };
      const onTarget =
        target &&
        (await targetFigures(session, {
          precision: 'as-in-file',
          ...(onRuntime && runtimeRequest(onRuntime, target)),
          target,
        }));
      return { file, analysed: session.analysed, onRuntime: measured, onTarget };
    } finally {
      await opened.close();
    }
  } catch (error) {
    return { file, error: errorSentence(file, error) };
  }
}

/** Opens a model file; the caller closes it. */
export function openModel(file: string): Promise<OpenedModel> {
  return openOrigin({ kind: 'file', path: file });
}

/** What went wrong with a file, as one line that names it. */
export function errorSentence(file: string, error: unknown): string {
  if (!(error instanceof Error)) return `${file}: ${String(error)}`;
  const [first = ''] = error.message.split('\n');
  // Errors of the reader name the file already, by its path or its last part.
  return first.startsWith(file) ? first : `${file}: ${withoutName(file, first)}`;
}

function withoutName(file: string, text: string): string {
  const name = file.split(/[\\/]/).at(-1) ?? file;
  return text.startsWith(`${name}: `) ? text.slice(name.length + 2) : text;
}
