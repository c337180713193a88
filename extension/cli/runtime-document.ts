import type { RuntimeFootprint } from '../runtimes/measure';
import type { Reserves } from '../targets/target';
import type { PrecisionChoice } from './runtime-arguments';

/** What a model needs on a runtime, in one precision, with what the application keeps. */
export interface OnRuntime {
  readonly footprint: RuntimeFootprint;
  readonly precision: PrecisionChoice;
  readonly reserves: Reserves;
}

/** The figures of a runtime in JSON; bytes. `kind` says how far a figure can be believed. */
export function runtimeDocument({ footprint, precision, reserves }: OnRuntime) {
  const { memory, flash } = footprint;
  return {
    runtime: { id: footprint.runtime.id, label: footprint.runtime.label },
    precision,
    memory: {
      planner: memory.planner,
      kind: memory.kind,
      ...(memory.kinds && { kinds: memory.kinds }),
      arenaBytes: memory.arenaBytes,
      persistentBytes: memory.persistentBytes,
      scratchBytes: memory.scratchBytes,
      inputOutputBytes: memory.inputOutputBytes,
      usedBytes: memory.usedBytes,
      minimumArenaBytes: memory.minimumArenaBytes,
      lowerBoundBytes: memory.lowerBoundBytes,
      alignment: memory.alignment,
      tensors: memory.tensors.map(({ name, bytes, offset, first, last, role }) => ({
        name,
        bytes,
        offset,
        first,
        last,
        role,
      })),
    },
    flash: {
      totalBytes: flash.totalBytes,
      parts: flash.parts.map(({ part, bytes, kind, source }) => ({ part, bytes, kind, source })),
    },
    reserves,
    cannotRun: footprint.cannotRun.map(({ node, opType, reason }) => ({ node, opType, reason })),
    notes: footprint.notes,
  };
}
