import { linesOf } from '../file-diagnostic';
import type { Detection } from './detection';
import { folderOf } from './files';
import type { WorkspaceGuess } from './guess';

/** Embedded Rust: the chip of the runner in `.cargo/config.toml`, or of `Embed.toml`. (`memory.x` is a linker script.) */
export async function detectRust(detection: Detection): Promise<readonly WorkspaceGuess[]> {
  const guesses: WorkspaceGuess[] = [];
  for (const file of await detection.find('**/.cargo/config.toml', '**/.cargo/config')) {
    const text = await detection.read(file);
    if (text === undefined) continue;
    // The folder of the project is the one above .cargo.
    const projectFolder = folderOf(folderOf(file));
    for (const { chip, line } of chipsOfRunners(text)) {
      guesses.push(detection.guess({ kind: 'rust', file, line, projectFolder, named: chip }));
    }
  }
  for (const file of await detection.find('**/Embed.toml')) {
    const text = await detection.read(file);
    if (text === undefined) continue;
    const chips = chipsOfProfiles(text);
    const usual = chips.filter(({ section }) => section === 'default.general');
    for (const { chip, line } of usual.length > 0 ? usual : chips) {
      guesses.push(detection.guess({ kind: 'rust', file, line, named: chip }));
    }
  }
  return guesses;
}

interface NamedChip {
  readonly chip: string;
  /** From 1. */
  readonly line: number;
}

/** `--chip NAME` of any runner: `"probe-rs run --chip X"`, `--chip=X`, or a list `["probe-rs", "run", "--chip", "X"]`. */
export function chipsOfRunners(text: string): readonly NamedChip[] {
  const found: NamedChip[] = [];
  let inRunner = false;
  let pending = false;
  for (const [index, raw] of linesOf(text).entries()) {
    const line = withoutComment(raw);
    const begins = /^\s*runner\s*=/.test(line);
    if (begins || /^\s*\[/.test(line.replace(/^\s*\[\s*"/, ''))) pending = false;
    inRunner = begins || (inRunner && !/^\s*(?:\[[\w.'"()-]+|[\w-]+\s*=)/.test(line));
    if (!inRunner) continue;
    // Quotes and commas part the words of a list.
    for (const word of line.replace(/^\s*runner\s*=/, '').split(/[\s"',[\]]+/)) {
      if (word === '') continue;
      const joined = /^--chip=(.+)$/.exec(word)?.[1];
      const chip = joined ?? (pending ? word : undefined);
      if (chip !== undefined) found.push({ chip, line: index + 1 });
      pending = word === '--chip';
    }
  }
  return found;
}

function chipsOfProfiles(text: string): readonly (NamedChip & { readonly section: string })[] {
  const found: (NamedChip & { section: string })[] = [];
  let section = '';
  for (const [index, raw] of linesOf(text).entries()) {
    const line = withoutComment(raw);
    section = /^\s*\[([^\]]+)\]\s*$/.exec(line)?.[1]?.trim() ?? section;
    const match = /^\s*(general\.)?chip\s*=\s*(["'])([^"']+)\2/.exec(line);
    if (!match?.[3]) continue;
    found.push({ chip: match[3], line: index + 1, section: match[1] ? `${section}.general` : section });
  }
  return found;
}

/** TOML comments; a `#` in a text in quotes is none. */
function withoutComment(line: string): string {
  let quote = '';
  for (const [index, character] of [...line].entries()) {
    if (quote !== '') quote = character === quote ? '' : quote;
    else if (character === '"' || character === "'") quote = character;
    else if (character === '#') return [...line].slice(0, index).join('');
  }
  return line;
}
