import { type ArenaPlan, alignUp, type PlannedBuffer, planOf, requirePlannable } from './buffers';
import { Packing } from './packing';

export interface TflmGreedyOptions {
  /** Bytes; TFLM's MicroArenaBufferAlignment() is 16. */
  readonly alignment?: number;
  /** Offsets that the model's OfflineMemoryAllocation metadata pins, in bytes by index of the buffer; undefined: not pinned. */
  readonly pinnedOffsets?: readonly (number | undefined)[];
}

/**
 * The plan of TensorFlow Lite Micro's greedy planner, exact for these buffers (tensorflow/lite/micro/memory_planner/
 * greedy_memory_planner.cc). `buffers` stand in the order in which TFLM adds them: tensors by index, then scratch buffers in
 * order of request. Pinned buffers are placed first, in that order; the rest by descending size, of equal sizes the later added
 * first; each goes into the lowest gap that holds it between the placed buffers that live at the same time.
 * Throws RangeError for impossible buffers.
 */
export function planTflmGreedy(buffers: readonly PlannedBuffer[], options: TflmGreedyOptions = {}): ArenaPlan {
  const { alignment = 16, pinnedOffsets = [] } = options;
  requirePlannable(buffers, alignment);
  const sizes = buffers.map(({ bytes }) => alignUp(bytes, alignment));
  const planned = [...buffers.keys()].filter((index) => (sizes[index] ?? 0) > 0);
  const pinned = planned.filter((index) => pinnedOffsets[index] !== undefined);
  const free = planned
    .filter((index) => pinnedOffsets[index] === undefined)
    .sort((a, b) => (sizes[b] ?? 0) - (sizes[a] ?? 0) || b - a);
  const offsets =
    (pinned.length === 0 ? placeSparse(buffers, alignment, free) : undefined) ??
    placeFirstFit(buffers, sizes, [...pinned, ...free], pinnedOffsets);
  return planOf('TensorFlow Lite Micro greedy', buffers, alignment, offsets);
}

/** What `placeFirstFit` gives, sooner, for many buffers of which few live at the same time; undefined for others. */
function placeSparse(
  buffers: readonly PlannedBuffer[],
  alignment: number,
  order: readonly number[],
): readonly number[] | undefined {
  if (order.length < 1000) return undefined;
  const packing = Packing.of(buffers, alignment, new Int32Array(buffers.length).fill(-1), 40 * order.length);
  if (!packing) return undefined;
  const bodyOf = new Map(packing.members.map(([buffer = 0], body) => [buffer, body]));
  const offsets = new Float64Array(packing.count);
  packing.place(
    Int32Array.from(order, (buffer) => bodyOf.get(buffer) ?? 0),
    offsets,
  );
  return packing.bufferOffsets(offsets, buffers.length);
}

/**
 * Offsets in bytes by index of the buffer, when buffers are placed in this order, each in the lowest gap between those that are
 * placed and live at the same time. `sizes` are the bytes each takes. Buffers that are not in `order` get 0.
 */
function placeFirstFit(
  buffers: readonly PlannedBuffer[],
  sizes: readonly number[],
  order: readonly number[],
  pinnedOffsets: readonly (number | undefined)[] = [],
): readonly number[] {
  const offsets = new Array<number>(buffers.length).fill(0);
  // What is placed, by ascending offset. A walk over typed arrays is quick enough: ten thousand buffers stay in the cache.
  const firsts = new Int32Array(order.length);
  const lasts = new Int32Array(order.length);
  const starts = new Float64Array(order.length);
  const ends = new Float64Array(order.length);
  let count = 0;
  for (const index of order) {
    const buffer = buffers[index];
    if (!buffer) continue;
    const { first, last } = buffer;
    const size = sizes[index] ?? 0;
    let offset = pinnedOffsets[index];
    if (offset === undefined) {
      offset = 0;
      for (let other = 0; other < count; other++) {
        const end = ends[other] ?? 0;
        // First what ends too low to matter, since a processor foretells that more often than whether lifetimes meet.
        if (end <= offset || ((last - (firsts[other] ?? 0)) | ((lasts[other] ?? 0) - first)) < 0) continue;
        if ((starts[other] ?? 0) - offset >= size) break;
        offset = end;
      }
    }
    offsets[index] = offset;
    const position = positionAfter(starts, count, offset);
    for (const list of [firsts, lasts, starts, ends]) list.copyWithin(position + 1, position, count);
    firsts[position] = first;
    lasts[position] = last;
    starts[position] = offset;
    ends[position] = offset + size;
    count++;
  }
  return offsets;
}

/** The first position whose start lies above the offset. */
function positionAfter(starts: Float64Array, count: number, offset: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle + 1;
    else high = middle;
  }
  return low;
}
