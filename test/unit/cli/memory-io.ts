import { join } from 'node:path';
import type { Io } from '../../../extension/cli/io';
import { ownTargets } from '../../../extension/cli/own-targets';
import { run } from '../../../extension/cli/run';
import { longTailBeside } from '../../../extension/targets/node-long-tail';

export interface CommandResult {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
}

/** The project's folder, wherever a test goes. */
const project = process.cwd();

/** Runs the command line in this process and collects what it writes. */
export async function thimble(
  argv: readonly string[],
  options: {
    readonly color?: boolean;
    readonly signal?: AbortSignal;
    readonly longTail?: boolean;
    readonly folder?: string;
  } = {},
): Promise<CommandResult> {
  const longTail =
    options.longTail === false ? async () => undefined : longTailBeside(join(project, 'extension', 'targets'));
  let out = '';
  let err = '';
  const io: Io = {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    color: options.color ?? false,
    progress: false,
    longTail,
    ownTargets: async () => (options.folder === undefined ? undefined : ownTargets(options.folder, longTail)),
    interrupt: () => options.signal ?? new AbortController().signal,
  };
  return { exitCode: await run(argv, io), out, err };
}
