import type { InPlacePair, PlannedBuffer } from '../../../../extension/budget/planners/buffers';

// A second reading of the published rules, as plain as can be: one object a buffer, no order kept that can be computed again.

export interface Placed extends PlannedBuffer {
  readonly index: number;
  readonly size: number;
  offset: number;
}

const meets = (a: PlannedBuffer, b: PlannedBuffer) => a.first <= b.last && b.first <= a.last;
const sixteen = (bytes: number) => bytes + ((16 - (bytes % 16)) % 16);

function offsetsOf(placed: readonly Placed[], count: number): number[] {
  return Array.from({ length: count }, (_, index) => placed.find((buffer) => buffer.index === index)?.offset ?? 0);
}

/** TFLM: a reverse fill and a bubble sort of sizes, then gap after gap in the list sorted by offset. */
export function referenceTflm(
  buffers: readonly PlannedBuffer[],
  pins: readonly (number | undefined)[] = [],
): { readonly offsets: number[]; readonly head: number } {
  const filled: Placed[] = buffers.map((buffer, index) => ({
    ...buffer,
    index,
    size: sixteen(buffer.bytes),
    offset: -1,
  }));
  const online = filled.filter(({ index, size }) => size > 0 && pins[index] === undefined).reverse();
  let swapped = true;
  while (swapped) {
    swapped = false;
    for (let at = 1; at < online.length; at++) {
      const [left, right] = [online[at - 1], online[at]];
      if (left && right && left.size < right.size) {
        [online[at - 1], online[at]] = [right, left];
        swapped = true;
      }
    }
  }
  const list: Placed[] = [];
  const insert = (buffer: Placed) => {
    const before = list.filter(({ offset }) => offset <= buffer.offset).length;
    list.splice(before, 0, buffer);
  };
  for (const buffer of filled) {
    const pin = pins[buffer.index];
    if (pin === undefined || buffer.size === 0) continue;
    buffer.offset = pin;
    insert(buffer);
  }
  for (const buffer of online) {
    let candidate = 0;
    for (const other of list.filter((placed) => meets(placed, buffer))) {
      if (other.offset - candidate >= buffer.size) break;
      candidate = Math.max(candidate, other.offset + other.size);
    }
    buffer.offset = candidate;
    insert(buffer);
  }
  return {
    offsets: offsetsOf(list, buffers.length),
    head: Math.max(0, ...list.map(({ offset, size }) => offset + size)),
  };
}

/** TVM USMP greedy_by_size on one pool without limit. */
export function referenceTvm(buffers: readonly PlannedBuffer[]): number[] {
  const sized = buffers
    .map((buffer, index): Placed => ({ ...buffer, index, size: buffer.bytes, offset: 0 }))
    .filter(({ size }) => size > 0);
  const conflicts = (buffer: Placed) => sized.filter((other) => other !== buffer && meets(buffer, other));
  const comesFirst = (a: Placed, b: Placed) => {
    if (a.size !== b.size) return a.size > b.size;
    if (conflicts(a).length !== conflicts(b).length) return conflicts(a).length > conflicts(b).length;
    return a.name > b.name;
  };
  const order: Placed[] = [];
  for (const buffer of sized) {
    const at = order.findIndex((other) => comesFirst(buffer, other));
    order.splice(at === -1 ? order.length : at, 0, buffer);
  }
  const done: Placed[] = [];
  for (const buffer of order) {
    for (const other of done.filter((placed) => meets(placed, buffer))) {
      const next = sixteen(other.offset + other.size);
      if (next > buffer.offset) buffer.offset = next;
    }
    done.push(buffer);
  }
  return offsetsOf(done, buffers.length);
}

/** onnx2c: replays the nodes; returns the union of each buffer and the bytes of all unions. */
export function referenceOnnx2c(buffers: readonly PlannedBuffer[]): {
  readonly unions: number[];
  readonly bytes: number;
} {
  const unions: number[] = new Array(buffers.length).fill(-1);
  const occupants: (number | undefined)[] = [];
  const sizes: number[] = [];
  const end = Math.max(0, ...buffers.map(({ last }) => last));
  for (let step = 0; step <= end; step++) {
    for (const [index, { first, bytes }] of buffers.entries()) {
      if (first !== step) continue;
      let free = 0;
      while (free < occupants.length && occupants[free] !== undefined) free++;
      occupants[free] = index;
      sizes[free] = Math.max(sizes[free] ?? 0, bytes);
      unions[index] = free;
    }
    for (const [union, occupant] of occupants.entries()) {
      if (occupant !== undefined && buffers[occupant]?.last === step) occupants[union] = undefined;
    }
  }
  return { unions, bytes: sizes.reduce((sum, bytes) => sum + bytes, 0) };
}

/**
 * Runs a plan on real memory: at each step, what is born writes its mark over its bytes, then everything live is read back.
 * An output that may be written in place takes its input's bytes when it starts where that starts; the rest of the input must
 * stay untouched by others to the end of the step. Returns whether every buffer kept its bytes.
 */
export function survivesMemory(
  buffers: readonly PlannedBuffer[],
  offsets: readonly number[],
  arenaBytes: number,
  inPlace: readonly InPlacePair[],
): boolean {
  const memory = new Int32Array(arenaBytes).fill(-1);
  const overwritten = new Map<number, number>();
  const steps = [...new Set(buffers.flatMap(({ first, last }) => [first, last]))].sort((a, b) => a - b);
  for (const step of steps) {
    const born = [...buffers.keys()].filter(
      (index) => buffers[index]?.first === step && (buffers[index]?.bytes ?? 0) > 0,
    );
    for (const index of born) {
      const taken = inPlace.find(
        ({ input, output }) =>
          output === index &&
          buffers[input]?.last === step &&
          offsets[input] === offsets[output] &&
          sixteen(buffers[input]?.bytes ?? 0) >= sixteen(buffers[output]?.bytes ?? 0) &&
          // Its input holds what it wrote itself, not what it took over at this very step.
          !(buffers[input]?.first === step && overwritten.has(input)) &&
          ![...overwritten.values()].includes(input),
      );
      if (taken) overwritten.set(index, taken.input);
    }
    const expected = new Map<number, number>();
    for (const [index, { bytes, first, last }] of buffers.entries()) {
      if (step < first || step > last) continue;
      for (let byte = 0; byte < bytes; byte++) {
        const at = (offsets[index] ?? 0) + byte;
        if (at >= arenaBytes) return false;
        const holder = expected.get(at);
        const legal =
          holder === undefined ||
          (buffers[index]?.first === step && overwritten.get(index) === holder) ||
          (buffers[holder]?.first === step && overwritten.get(holder) === index);
        if (!legal) return false;
        expected.set(at, index);
        memory[at] = index;
      }
    }
    for (const [at, index] of expected) if (memory[at] !== index) return false;
  }
  return true;
}
