import { join } from 'node:path';
import type { Io } from '../../../extension/cli/io';
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
  options: { readonly color?: boolean; readonly signal?: AbortSignal; readonly longTail?: boolean } = {},
): Promise<CommandResult> {
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
    longTail:
      options.longTail === false ? async () => undefined : longTailBeside(join(project, 'extension', 'targets')),
    interrupt: () => options.signal ?? new AbortController().signal,
  };
  return { exitCode: await run(argv, io), out, err };
}
