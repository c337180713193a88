import { formatLimit } from '../model/format';
import { searchMatches, type TargetMatch } from '../targets/catalogue';
import { limitsOf } from '../targets/limits';
import type { Limit } from '../targets/target';
import { readOwnTargets, targetsArguments } from './arguments';
import { schemaVersion } from './document';
import type { ExitCode, Io } from './io';
import { jsonText } from './json-text';
import { type Column, csvTable, markdownTable, printable, textTable } from './table';

const columns: readonly Column[] = [
  { head: 'ID' },
  { head: 'Name' },
  { head: 'Core' },
  { head: 'Clock', align: 'right' },
  { head: 'Flash', align: 'right' },
  { head: 'RAM', align: 'right' },
  { head: 'Vendor' },
];

/** `thimble targets`: the reviewed catalogue, or what matches the words in it and in the long tail. 2 when nothing does. */
export async function targets(argv: readonly string[], io: Io): Promise<ExitCode> {
  const { words, format } = targetsArguments(argv);
  const longTail = words === '' ? undefined : await io.longTail();
  const own = await readOwnTargets(io);
  const found = searchMatches(words, { own, ...(longTail && { longTail }) });
  if (format === 'json') {
    io.out(jsonText({ schemaVersion, targets: found.map(document) }, 'indented'));
  } else if (format === 'csv') {
    const heads = ['id', 'name', 'vendor', 'core', 'clockHz', 'flashBytes', 'ramBytes', 'reviewed', 'board'];
    io.out(csvTable(heads, found.map(csvCells)));
  } else if (format === 'markdown') {
    io.out(markdownTable(columns, found.map(textCells)));
  } else if (found.length > 0) {
    io.out(textTable(columns, found.map(textCells)));
  }
  if (found.length > 0) return 0;
  io.err(`thimble: no target matches "${printable(words)}".\n`);
  return 2;
}

function document({ target, board }: TargetMatch) {
  const { flash, ram } = limitsOf(target);
  return { ...target, ...(board !== undefined && { board }), limits: { flash: flash ?? null, ram: ram ?? null } };
}

function csvCells({ target, board = '' }: TargetMatch): readonly string[] {
  const { flash, ram } = limitsOf(target);
  const { id, name, vendor, core, clockHz } = target;
  const sizes = [clockHz, flash?.bytes, ram?.bytes].map((size) => String(size ?? ''));
  return [id, name, vendor, core, ...sizes, target.reviewed === false ? 'no' : 'yes', board];
}

function textCells({ target, board }: TargetMatch): readonly string[] {
  const { flash, ram } = limitsOf(target);
  const clock = target.clockHz === undefined ? '–' : `${target.clockHz / 1e6} MHz`;
  // External flash is no part of the chip, and is marked so.
  const external = flash?.label.startsWith('external') ? ' ext.' : '';
  const remarks = [
    ...(board === undefined ? [] : [`on ${board}`]),
    ...(target.reviewed === false ? ['unreviewed'] : []),
  ];
  const name = remarks.length > 0 ? `${target.name} (${remarks.join(', ')})` : target.name;
  return [target.id, name, target.core, clock, `${limit(flash)}${external}`, limit(ram), target.vendor];
}

function limit(value: Limit | undefined): string {
  return value ? formatLimit(value.bytes) : '–';
}
