import type { RuntimeFootprint } from '../../extension/runtimes/measure';
import type { MeterPart } from '../charts/meter';
import { formatBytes, formatCount } from '../format';

/**
 * What must be reserved in RAM, in parts whose sum it is. Scratch lies in the arena and is no part of its own; a runtime whose plan is
 * only one of many it may make counts the arena it cannot go below.
 */
export function ramParts(
  { memory, runtime }: Pick<RuntimeFootprint, 'memory' | 'runtime'>,
  reserveBytes = 0,
): readonly MeterPart[] {
  const { kind, kinds, minimumArenaBytes, persistentBytes, inputOutputBytes } = memory;
  const room = Math.max(0, minimumArenaBytes - persistentBytes - inputOutputBytes);
  const arena = Math.min(memory.arenaBytes, room);
  const planned = arena === memory.arenaBytes;
  // What rounding up to the alignment adds belongs to the structures that follow the arena.
  const rounding = room - arena < memory.alignment ? room - arena : 0;
  return [
    {
      name: 'arena',
      fill: 'activations',
      kind: kinds?.arena ?? kind,
      bytes: arena,
      explanation:
        (planned
          ? `Activations${memory.scratchBytes > 0 ? ' and scratch' : ''} as planned by ${memory.planner}, ${formatCount(memory.tensors.length)} buffers aligned to ${formatCount(memory.alignment)} bytes.`
          : 'The most that lives at one step; the arena itself grows as the runtime asks for it.') +
        (memory.scratchBytes > 0 ? ` Scratch of up to ${formatBytes(memory.scratchBytes)} is part of it.` : ''),
    },
    {
      name: 'persistent',
      fill: 'persistent',
      kind: kinds?.persistent ?? kind,
      bytes: persistentBytes + rounding,
      explanation: `What ${runtime.label} keeps as long as the model is loaded: structures, tables, and weights where it copies them.`,
    },
    {
      name: 'in and out',
      fill: 'buffers',
      kind,
      bytes: inputOutputBytes,
      explanation: 'Buffers for the inputs and outputs of the graph, outside the arena.',
    },
    {
      name: 'while loading',
      fill: 'loading',
      kind,
      bytes: room - arena - rounding,
      explanation: 'What loading the model needs above what is in use when it runs.',
    },
    {
      name: 'reserve',
      fill: 'reserve',
      kind: 'exact',
      bytes: reserveBytes,
      explanation: 'Kept for the stack and the application, as set.',
    },
  ];
}

/** Bytes of working memory that stay while the arena's content comes and goes. */
export function besideArena(footprint: RuntimeFootprint): number {
  return ramParts(footprint).reduce(
    (sum, { fill, bytes }) => (fill === 'persistent' || fill === 'buffers' ? sum + bytes : sum),
    0,
  );
}
