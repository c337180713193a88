/** A tensor or scratch buffer that a planner places: its bytes and the steps during which it must keep its content. */
export interface PlannedBuffer {
  readonly name: string;
  /** Bytes, not yet rounded up to the alignment. */
  readonly bytes: number;
  /** Steps in execution order, both inclusive. */
  readonly first: number;
  readonly last: number;
}

export interface ArenaPlan {
  /** The planner's name, as people know it. */
  readonly planner: string;
  /** Bytes that every size is rounded up to. */
  readonly alignment: number;
  /** The largest offset + bytes rounded up to the alignment. */
  readonly arenaBytes: number;
  /** Bytes from the start of the arena, by index of the buffer; 0 for buffers of 0 bytes, which take no room. */
  readonly offsets: readonly number[];
}

/** Indices of two buffers: the operator that makes `output` can write it over `input`, its last reader. */
export interface InPlacePair {
  readonly input: number;
  readonly output: number;
}

/** Bytes rounded up to a multiple of the alignment. */
export function alignUp(bytes: number, alignment: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}

/**
 * True when `output` may start where `input` starts: the input dies at the step at which the output is born, and the output,
 * both rounded up to the alignment, is not larger.
 */
export function mayShare(input: PlannedBuffer, output: PlannedBuffer, alignment: number): boolean {
  return (
    input !== output &&
    input.last === output.first &&
    output.bytes > 0 &&
    alignUp(output.bytes, alignment) <= alignUp(input.bytes, alignment)
  );
}

/** Steps fit 32-bit integers, which planners rely on. */
const mostSteps = 2 ** 31 - 1;

/**
 * Throws RangeError for buffers that no planner can place: sizes or steps that are no whole numbers, a last step before the first.
 */
export function requirePlannable(buffers: readonly PlannedBuffer[], alignment: number): void {
  if (!Number.isSafeInteger(alignment) || alignment < 1) {
    throw new RangeError(`An alignment is a whole number of bytes from 1 on, not ${alignment}.`);
  }
  for (const { name, bytes, first, last } of buffers) {
    if (!Number.isSafeInteger(bytes) || bytes < 0) {
      throw new RangeError(`Buffer ${name}: ${bytes} bytes is no size; give a whole number from 0 on.`);
    }
    if (!Number.isInteger(first) || !Number.isInteger(last) || first < 0 || last < first || last > mostSteps) {
      throw new RangeError(
        `Buffer ${name}: steps ${first} to ${last} are no lifetime; give whole numbers from 0 to ${mostSteps}, first <= last.`,
      );
    }
  }
}

/** The plan with these offsets: its arena is the largest end, sizes rounded up to the alignment. */
export function planOf(
  planner: string,
  buffers: readonly PlannedBuffer[],
  alignment: number,
  offsets: readonly number[],
): ArenaPlan {
  let arenaBytes = 0;
  for (const [index, { bytes }] of buffers.entries()) {
    if (bytes > 0) arenaBytes = Math.max(arenaBytes, (offsets[index] ?? 0) + alignUp(bytes, alignment));
  }
  return { planner, alignment, arenaBytes, offsets };
}
