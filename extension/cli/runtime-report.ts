import { formatBytes } from '../model/format';
import { neededMemory } from '../targets/runtime-verdict';
import type { FigureKind } from '../targets/verdict';
import type { OnRuntime } from './runtime-document';
import { type Column, printable, textTable } from './table';

const columns: readonly Column[] = [{ head: '' }, { head: '' }, { head: '', align: 'right' }, { head: '' }];

/** A number of bytes with its kind: `~` before an estimate, "at least" before a lower bound. */
export function figureText(bytes: number, kind: FigureKind): string {
  if (kind === 'lower bound') return `at least ${formatBytes(bytes)}`;
  return `${kind === 'exact' || kind === 'measured' ? '' : '~'}${formatBytes(bytes)}`;
}

/** Flash and RAM on the runtime in parts, the planner, the operators that cannot run, and what was assumed. */
export function runtimeReport({ footprint, precision, reserves }: OnRuntime): string {
  const { memory, flash, runtime, cannotRun, notes } = footprint;
  const needed = neededMemory(footprint, reserves);
  const rows: string[][] = [['Flash', 'in all', figureText(needed.flash.bytes, needed.flash.kind), '']];
  for (const { part, bytes, kind } of flash.parts) rows.push(['', part, figureText(bytes, kind), kind]);
  rows.push(['RAM', 'in all', figureText(needed.ram.bytes, needed.ram.kind), '']);
  const { kinds = { arena: memory.kind, scratch: memory.kind, persistent: memory.kind } } = memory;
  const figure = (name: string, bytes: number, kind: FigureKind = memory.kind, remark: string = kind) =>
    rows.push(['', name, figureText(bytes, kind), remark]);
  figure(
    'arena',
    memory.arenaBytes,
    kinds.arena,
    `${kinds.arena}; ${memory.planner}; no plan for this order is below ${formatBytes(memory.lowerBoundBytes)}`,
  );
  if (memory.scratchBytes > 0) figure('  of it scratch', memory.scratchBytes, kinds.scratch);
  if (memory.persistentBytes > 0) figure('persistent', memory.persistentBytes, kinds.persistent);
  if (memory.inputOutputBytes > 0) figure('inputs and outputs', memory.inputOutputBytes);
  const rest = memory.minimumArenaBytes - memory.usedBytes;
  if (rest >= memory.alignment)
    figure('to load', rest, memory.kind, `${memory.kind}; ${formatBytes(memory.usedBytes)} in use when it runs`);
  for (const [name, bytes] of [
    ['reserve', reserves.ram],
    ['stack', reserves.stack],
  ] as const) {
    if (bytes > 0) rows.push(['', name, formatBytes(bytes), 'as set']);
  }
  const lines = cannotRun.map(({ opType, node, reason }) => `cannot run: ${opType} (node ${node}): ${reason}`);
  return [
    `${printable(runtime.label)}, ${precision === 'as-in-file' ? 'as in file' : `as ${precision}`}\n`,
    textTable(columns, rows).replace(/^[^\n]*\n/, ''),
    ...[...lines, ...notes].map((line) => `${printable(line)}\n`),
  ].join('');
}
