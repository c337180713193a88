import { allRuntimes } from '../runtimes/runtimes';
import { runtimesArguments } from './arguments';
import { schemaVersion } from './document';
import type { ExitCode, Io } from './io';
import { jsonText } from './json-text';
import { textTable } from './table';

/** `thimble runtimes`: the ids that --runtime takes. */
export async function runtimes(argv: readonly string[], io: Io): Promise<ExitCode> {
  const { json } = runtimesArguments(argv);
  const all = allRuntimes();
  if (json) {
    const list = all.map(({ id, label, precisions, references = [] }) => ({ id, label, precisions, references }));
    io.out(jsonText({ schemaVersion, runtimes: list }, 'indented'));
    return 0;
  }
  const rows = all.map(({ id, label, precisions }) => [id, label, precisions.join(', ')]);
  io.out(textTable([{ head: 'ID' }, { head: 'Runtime' }, { head: 'Plans' }], rows));
  return 0;
}
