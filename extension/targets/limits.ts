import { formatBytes } from '../model/format';
import type { Limit, Limits, Memory, MemoryKind, Target } from './target';

const internalStorage: readonly MemoryKind[] = ['flash', 'rram', 'mram'];
const onChipRam: readonly MemoryKind[] = ['sram', 'tcm'];

/**
 * What a target offers to a model, in bytes (published figures). RAM: the largest contiguous on-chip RAM, or the largest on-chip
 * region where that is not known, or the board's external RAM when `externalRam` asks for it. Flash: the non-volatile memory
 * inside the chip, else the board's external flash. What a project leaves to a program wins over both.
 */
export function limitsOf(target: Target, options: { readonly externalRam?: boolean } = {}): Limits {
  const { projectLimits } = target;
  const ram = projectLimits?.ram ?? ramLimit(target);
  return {
    flash: projectLimits?.flash ?? flashLimit(target),
    ram: options.externalRam ? (externalRamLimit(target) ?? ram) : ram,
  };
}

function flashLimit(target: Target): Limit | undefined {
  const internal = target.memories.filter(({ kind }) => internalStorage.includes(kind));
  if (internal.length > 0) {
    return { bytes: sum(internal), label: `internal ${[...new Set(internal.map(storageName))].join(' + ')}` };
  }
  const external = target.memories.filter(({ kind }) => kind === 'external-flash');
  return external.length > 0 ? { bytes: sum(external), label: 'external flash of the board' } : undefined;
}

function ramLimit(target: Target): Limit | undefined {
  if (target.largestContiguousRamBytes !== undefined) {
    return { bytes: target.largestContiguousRamBytes, label: 'largest contiguous on-chip RAM' };
  }
  const region = largest(target.memories.filter(({ kind }) => onChipRam.includes(kind)));
  return region && { bytes: region.bytes, label: `largest on-chip RAM region (${region.name})` };
}

function externalRamLimit(target: Target): Limit | undefined {
  const region = largest(target.memories.filter(({ kind }) => kind === 'psram'));
  return region && { bytes: region.bytes, label: `external RAM (${region.name})` };
}

function storageName({ kind }: Memory): string {
  return kind === 'flash' ? kind : kind.toUpperCase();
}

function largest(memories: readonly Memory[]): Memory | undefined {
  return memories.reduce<Memory | undefined>(
    (best, memory) => (best && best.bytes >= memory.bytes ? best : memory),
    undefined,
  );
}

function sum(memories: readonly Memory[]): number {
  return memories.reduce((total, { bytes }) => total + bytes, 0);
}

/** All memory of a target in words: of a chip whose regions nobody has looked over, all are shown. */
export function regionsText({ memories }: Target): string {
  return memories.map(({ name, bytes }) => `${name} ${formatBytes(bytes)}`).join(' · ');
}
