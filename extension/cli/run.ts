import { version } from '../../package.json';
import { check } from './check';
import { compare } from './compare';
import { type CommandName, commandNames, helpText } from './help';
import { inspect } from './inspect';
import { type ExitCode, type Io, UsageError } from './io';
import { quantize } from './quantize';
import { runtimes } from './runtimes';
import { printable } from './table';
import { targets } from './targets';

const commands: Readonly<Record<CommandName, (argv: readonly string[], io: Io) => Promise<ExitCode>>> = {
  inspect,
  check,
  quantize,
  compare,
  targets,
  runtimes,
};

/** Runs the command line `argv` (without node and script) and returns the exit code. Never rejects for bad usage or bad input. */
export async function run(argv: readonly string[], io: Io): Promise<ExitCode> {
  const [word, ...rest] = argv;
  const command = commandNames.find((name) => name === word);
  if (word === '--version' || word === '-v') {
    io.out(`${version}\n`);
    return 0;
  }
  if (word === '--help' || word === '-h' || word === 'help') {
    io.out(helpText(commandNames.find((name) => name === rest[0])));
    return 0;
  }
  if (!command) {
    io.err(word === undefined ? helpText() : `thimble: unknown command "${printable(word)}"; see thimble --help.\n`);
    return 2;
  }
  // Arguments after `--` are files, whatever they look like.
  const options = rest.includes('--') ? rest.slice(0, rest.indexOf('--')) : rest;
  if (options.includes('--help') || options.includes('-h')) {
    io.out(helpText(command));
    return 0;
  }
  try {
    return await commands[command](rest, io);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    io.err(`thimble ${command}: ${printable(error.message)}\nSee thimble ${command} --help.\n`);
    return 2;
  }
}
