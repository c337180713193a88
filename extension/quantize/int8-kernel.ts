/** Which scale an element has: elements follow each other in runs with one scale, and the scales come round in turn. */
export interface ChannelLayout {
  readonly channels: number;
  /** Elements that follow each other with the same scale. */
  readonly run: number;
}

/** What was lost in a piece of a weight: sums of squares of the weight and of its error, over the elements that are finite. */
export interface PieceError {
  readonly signal: number;
  readonly noise: number;
  readonly maxAbsoluteError: number;
  /** Elements that are NaN or infinite. */
  readonly notFinite: number;
}

const largestCode = 127;
/** Float32 bit patterns without their sign: from this one on, infinities and NaN. Below it they are ordered as the magnitudes are. */
const infinityPattern = 0x7f800000;
/** Adding and taking away 1.5 * 2^52 leaves a number without its fraction, rounded half to even as float64 sums are. */
const roundsToInteger = 1.5 * 2 ** 52;

/**
 * Elements that one call works on at most. A loop over a whole piece would be compiled while it runs ("on-stack replacement"), and V8
 * then makes code that takes three times as long as that of a function which is called often.
 */
const longestStretch = 4096;

/**
 * Raises `magnitudes` (float32 patterns, by channel; other threads may raise them too) to the largest finite magnitudes of a
 * piece, given as float32 patterns, that begins at element `position`.
 */
export function raiseMagnitudes(
  patterns: Int32Array,
  position: number,
  layout: ChannelLayout,
  magnitudes: Int32Array,
): void {
  const { channels, run } = layout;
  if (run > 1) {
    for (const { start, end, channel } of stretches(patterns.length, position, layout)) {
      raise(magnitudes, channel, largestOf(patterns, start, end));
    }
    return;
  }
  const columns = Math.min(channels, patterns.length);
  const largest = new Int32Array(columns);
  for (let start = 0; start < patterns.length; start += columns) {
    for (let column = 0; column < columns; column += longestStretch) {
      const end = Math.min(column + longestStretch, columns, patterns.length - start);
      raiseColumns(patterns, start, column, end, largest);
    }
  }
  for (const [column, magnitude] of largest.entries()) raise(magnitudes, (position + column) % channels, magnitude);
}

function raiseColumns(patterns: Int32Array, start: number, column: number, end: number, largest: Int32Array): void {
  for (let index = column; index < end; index++) {
    const magnitude = (patterns[start + index] ?? 0) & 0x7fffffff;
    if (magnitude > (largest[index] ?? 0) && magnitude < infinityPattern) largest[index] = magnitude;
  }
}

function largestOf(patterns: Int32Array, start: number, end: number): number {
  let largest = 0;
  for (let index = start; index < end; index++) {
    const magnitude = (patterns[index] ?? 0) & 0x7fffffff;
    if (magnitude > largest && magnitude < infinityPattern) largest = magnitude;
  }
  return largest;
}

function raise(magnitudes: Int32Array, channel: number, magnitude: number): void {
  let known = Atomics.load(magnitudes, channel);
  while (known < magnitude) {
    const found = Atomics.compareExchange(magnitudes, channel, known, magnitude);
    if (found === known) return;
    known = found;
  }
}

interface Stretch {
  readonly start: number;
  readonly end: number;
  /** Of the first element. With runs of 1 the channel goes up by 1 from element to element, else it is the same for all. */
  readonly channel: number;
}

/** A piece that begins at element `position`, cut where the channel changes or, with runs of 1, where it begins anew. */
function* stretches(length: number, position: number, { channels, run }: ChannelLayout): Generator<Stretch> {
  for (let start = 0; start < length; ) {
    const channel = Math.floor((position + start) / run) % channels;
    const left = run === 1 ? channels - channel : run - ((position + start) % run);
    const end = Math.min(length, start + Math.min(left, longestStretch));
    yield { start, end, channel };
    start = end;
  }
}

/**
 * Writes the int8 codes of a piece that begins at element `position`: value / scale, rounded half to even; NaN becomes 0, infinities
 * the ends of the range. A scale must be the largest finite magnitude of its channel / 127, rounded to float32, or larger.
 */
export function quantizePiece(
  values: Float32Array,
  position: number,
  layout: ChannelLayout,
  scales: Float32Array,
  codes: Int8Array,
): PieceError {
  const sums = new Float64Array(4);
  const step = layout.run === 1 ? 1 : 0;
  for (const { start, end, channel } of stretches(values.length, position, layout)) {
    quantizeStretch(values, start, end, scales, channel, step, codes, sums);
  }
  const [signal = 0, noise = 0, maxAbsoluteError = 0, notFinite = 0] = sums;
  return { signal, noise, maxAbsoluteError, notFinite };
}

/** `sums`: signal, noise, largest error and count of what is not finite, in locals while the loop runs. */
function quantizeStretch(
  values: Float32Array,
  start: number,
  end: number,
  scales: Float32Array,
  firstChannel: number,
  step: number,
  codes: Int8Array,
  sums: Float64Array,
): void {
  let signal = sums[0] ?? 0;
  let noise = sums[1] ?? 0;
  let largest = sums[2] ?? 0;
  let notFinite = sums[3] ?? 0;
  for (let index = start, channel = firstChannel; index < end; index++, channel += step) {
    const value = values[index] ?? 0;
    if (Math.abs(value) < Number.POSITIVE_INFINITY) {
      const scale = scales[channel] ?? 1;
      const code = value / scale + roundsToInteger - roundsToInteger;
      codes[index] = code;
      const difference = Math.abs(value - Math.fround(code * scale));
      signal += value * value;
      noise += difference * difference;
      if (difference > largest) largest = difference;
    } else {
      codes[index] = value > 0 ? largestCode : value < 0 ? -largestCode : 0;
      notFinite++;
    }
  }
  sums[0] = signal;
  sums[1] = noise;
  sums[2] = largest;
  sums[3] = notFinite;
}
