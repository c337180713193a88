import type { EngineTensor } from '../../inference/engine';
import { CalibrationDataRefused } from './calibration-files';

const pcm = 1;
const ieeeFloat = 3;
/** The real format stands in the first two bytes of the subformat. */
const extensible = 0xfffe;

interface Format {
  readonly code: number;
  readonly channels: number;
  readonly bits: number;
}

/**
 * The samples of a WAV file as a FLOAT tensor [frames]: PCM of 8, 16, 24 or 32 bits in [-1, 1), or 32-bit float; channels are averaged.
 * Source: Multimedia Programming Interface and Data Specifications 1.0. Throws CalibrationDataRefused.
 */
export function decodeWav(bytes: Uint8Array, name: string): EngineTensor {
  const refuse = (reason: string) => new CalibrationDataRefused(`${name} cannot be read as WAV: ${reason}.`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const word = (at: number) => String.fromCharCode(...bytes.subarray(at, at + 4));
  if (word(0) !== 'RIFF' || word(8) !== 'WAVE') throw refuse('it does not begin like one');
  let format: Format | undefined;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const length = view.getUint32(at + 4, true);
    const start = at + 8;
    if (word(at) === 'data') {
      if (!format) throw refuse('its format comes after its data');
      // A recorder that was cut off leaves a length of 0xffffffff: what is there is taken.
      return samplesOf(view, format, start, Math.min(start + length, bytes.length), refuse);
    }
    if (start + length > bytes.length) throw refuse('it ends within a chunk');
    if (word(at) === 'fmt ') format = readFormat(view, start, length, refuse);
    at = start + length + (length % 2);
  }
  throw refuse('it has no data');
}

function readFormat(view: DataView, start: number, length: number, refuse: (reason: string) => Error): Format {
  if (length < 16) throw refuse('its format is damaged');
  const declared = view.getUint16(start, true);
  const code = declared === extensible && length >= 26 ? view.getUint16(start + 24, true) : declared;
  const channels = view.getUint16(start + 2, true);
  const bits = view.getUint16(start + 14, true);
  const known = code === pcm ? [8, 16, 24, 32].includes(bits) : code === ieeeFloat && bits === 32;
  if (!known || channels === 0) {
    throw refuse(
      `format ${code} with ${bits} bits and ${channels} channels is not read; save it as PCM or 32-bit float`,
    );
  }
  return { code, channels, bits };
}

function samplesOf(
  view: DataView,
  { code, channels, bits }: Format,
  start: number,
  end: number,
  refuse: (reason: string) => Error,
): EngineTensor {
  const width = bits / 8;
  const frames = Math.floor((end - start) / (width * channels));
  if (frames === 0) throw refuse('it holds no samples');
  const read = sampleReader(view, code, bits);
  const values = new Float32Array(frames);
  for (let frame = 0; frame < frames; frame++) {
    let sum = 0;
    for (let channel = 0; channel < channels; channel++) sum += read(start + (frame * channels + channel) * width);
    values[frame] = sum / channels;
  }
  return { dataType: 'FLOAT', dims: [frames], data: new Uint8Array(values.buffer) };
}

function sampleReader(view: DataView, code: number, bits: number): (at: number) => number {
  if (code === ieeeFloat) return (at) => view.getFloat32(at, true);
  switch (bits) {
    // Eight bits are unsigned, all others signed.
    case 8:
      return (at) => (view.getUint8(at) - 128) / 2 ** 7;
    case 16:
      return (at) => view.getInt16(at, true) / 2 ** 15;
    case 24:
      return (at) => (view.getUint16(at, true) + view.getInt8(at + 2) * 2 ** 16) / 2 ** 23;
    default:
      return (at) => view.getInt32(at, true) / 2 ** 31;
  }
}
