import { constants } from 'node:os';
import { longTailBeside } from '../targets/node-long-tail';
import type { Io } from './io';
import { ownTargets } from './own-targets';
import { run } from './run';

const { stdout, stderr, env } = process;

// A reader such as `head` may close the pipe early: the rest of the document is then not wanted, the exit code still is.
for (const stream of [stdout, stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

const longTail = longTailBeside(__dirname);

const io: Io = {
  out: (text) => {
    stdout.write(text);
  },
  err: (text) => {
    stderr.write(text);
  },
  color: stdout.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb',
  progress: stderr.isTTY === true,
  interrupt() {
    const controller = new AbortController();
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(name, () => {
        controller.abort();
        // A second one ends the process at once.
        process.once(name, () => process.exit(128 + constants.signals[name]));
      });
    }
    return controller.signal;
  },
  longTail,
  ownTargets: () => ownTargets(process.cwd(), longTail),
};

run(process.argv.slice(2), io).then(
  (exitCode) => {
    process.exitCode = exitCode;
  },
  (error: unknown) => {
    stderr.write(
      `thimble: unexpected error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
    process.exitCode = 2;
  },
);
