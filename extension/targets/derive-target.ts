import { contiguousRam } from './contiguous-ram';
import type { Memory, MemoryKind, Target } from './target';

/** Thrown by `withoutBytes` when more is to be taken away than there is. */
export class NotEnoughMemoryError extends Error {
  constructor(
    readonly memory: 'flash' | 'ram',
    readonly availableBytes: number,
  ) {
    super(`there are only ${availableBytes} bytes of ${memory}`);
    this.name = 'NotEnoughMemoryError';
  }
}

const inside: readonly MemoryKind[] = ['flash', 'rram', 'mram'];
const ram: readonly MemoryKind[] = ['sram', 'tcm'];

/**
 * The target without the bytes that something else takes, such as a radio stack: from the flash in the chip (else the flash of the
 * board), region by region, and from the RAM an arena would lie in. What is taken from where in a region is not known, so a
 * shrunk region has no address. Throws NotEnoughMemoryError.
 */
export function withoutBytes(target: Target, minus: { readonly flash: number; readonly ram: number }): Target {
  const internal = target.memories.some(({ kind }) => inside.includes(kind));
  const storage: readonly MemoryKind[] = internal ? inside : ['external-flash'];
  const withoutFlash = shrink(target.memories, storage, minus.flash, 'flash');
  const memories = shrink(withoutFlash, ram, minus.ram, 'ram');
  const before = target.largestContiguousRamBytes ?? contiguousRam(target.memories);
  const { largestContiguousRamBytes: _, ...rest } = target;
  if (before === undefined) return { ...rest, memories };
  // What is taken comes from the piece the arena would lie in, unless another piece is then larger.
  if (minus.ram > before) throw new NotEnoughMemoryError('ram', before);
  const largest = Math.max(before - minus.ram, minus.ram === 0 ? before : (contiguousRam(memories) ?? 0));
  return { ...rest, memories, largestContiguousRamBytes: Math.min(largest, before) };
}

/** Takes bytes from the regions of these kinds, the largest first. */
function shrink(
  memories: readonly Memory[],
  kinds: readonly MemoryKind[],
  bytes: number,
  name: 'flash' | 'ram',
): readonly Memory[] {
  const regions = memories.filter(({ kind }) => kinds.includes(kind)).sort((a, b) => b.bytes - a.bytes);
  const available = regions.reduce((sum, region) => sum + region.bytes, 0);
  if (bytes > available) throw new NotEnoughMemoryError(name, available);
  const taken = new Map<Memory, number>();
  let left = bytes;
  for (const region of regions) {
    const part = Math.min(left, region.bytes);
    if (part > 0) taken.set(region, part);
    left -= part;
  }
  return memories.flatMap((memory) => {
    const part = taken.get(memory);
    if (part === undefined) return [memory];
    const { start: _, ...rest } = memory;
    return part === memory.bytes ? [] : [{ ...rest, bytes: memory.bytes - part }];
  });
}
