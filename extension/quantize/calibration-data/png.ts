import { CalibrationDataRefused } from './calibration-files';
import { type DecodedImage, largestImagePixels } from './image';
import { crc32, inflate } from './inflate';

/** Deflate makes at most 1,032 bytes of one; a header that promises more than the file can hold is not believed. */
const largestExpansion = 1032;

interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colourType: number;
  /** Samples of one pixel as stored: 1 for a palette. */
  readonly samples: 1 | 2 | 3 | 4;
}

interface Chunk {
  readonly type: string;
  readonly data: Uint8Array;
}

/** Decodes a PNG image of any type and depth. Throws CalibrationDataRefused for a damaged or an interlaced one. Source: PNG (Third Edition), W3C. */
export async function decodePng(bytes: Uint8Array, name: string): Promise<DecodedImage> {
  const refuse = (reason: string) => new CalibrationDataRefused(`${name} cannot be read as PNG: ${reason}.`);
  const chunks = readChunks(bytes, refuse);
  const header = readHeader(chunks[0], refuse);
  const data = chunks.filter(({ type }) => type === 'IDAT').map((chunk) => chunk.data);
  const rowBytes = Math.ceil((header.width * header.samples * header.depth) / 8);
  const expected = (rowBytes + 1) * header.height;
  const compressed = data.reduce((sum, part) => sum + part.length, 0);
  if (header.width * header.height > largestImagePixels || expected > compressed * largestExpansion) {
    throw refuse(`${header.width} x ${header.height} pixels are not in it, or too many`);
  }
  const filtered = await inflateInto(data, expected, refuse);
  unfilter(filtered, header, rowBytes, refuse);
  const palette = chunks.find(({ type }) => type === 'PLTE')?.data;
  return pixelsOf(filtered, header, rowBytes, palette, refuse);
}

function readChunks(bytes: Uint8Array, refuse: (reason: string) => Error): readonly Chunk[] {
  const signature = [137, 80, 78, 71, 13, 10, 26, 10];
  if (!signature.every((byte, index) => bytes[index] === byte)) throw refuse('it does not begin like one');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks: Chunk[] = [];
  let at = signature.length;
  while (at + 12 <= bytes.length) {
    const length = view.getUint32(at);
    if (at + 12 + length > bytes.length) throw refuse('it ends within a chunk');
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (view.getUint32(at + 8 + length) !== crc32(0, bytes.subarray(at + 4, at + 8 + length))) {
      throw refuse(`its ${type} chunk does not match its checksum`);
    }
    if (type === 'IEND') return chunks;
    chunks.push({ type, data: bytes.subarray(at + 8, at + 8 + length) });
    at += 12 + length;
  }
  throw refuse('its end is missing');
}

function readHeader(chunk: Chunk | undefined, refuse: (reason: string) => Error): Header {
  if (chunk?.type !== 'IHDR' || chunk.data.length !== 13) throw refuse('its header is missing');
  const view = new DataView(chunk.data.buffer, chunk.data.byteOffset, chunk.data.byteLength);
  const [depth, colourType, compression, filter, interlace] = chunk.data.subarray(8);
  if (interlace !== 0) throw refuse('it is interlaced; save it without interlacing');
  const samples = ([1, undefined, 3, 1, 2, undefined, 4] as const)[colourType ?? 1];
  const depths = colourType === 0 ? [1, 2, 4, 8, 16] : colourType === 3 ? [1, 2, 4, 8] : [8, 16];
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  if (samples === undefined || depth === undefined || colourType === undefined || !depths.includes(depth)) {
    throw refuse(`its colour type ${colourType} with ${depth} bits is not known`);
  }
  if (compression !== 0 || filter !== 0 || width === 0 || height === 0) throw refuse('its header is damaged');
  return { width, height, depth, colourType, samples };
}

async function inflateInto(
  parts: readonly Uint8Array[],
  expected: number,
  refuse: (reason: string) => Error,
): Promise<Uint8Array> {
  async function* feed() {
    yield* parts;
  }
  const result = new Uint8Array(expected);
  let filled = 0;
  try {
    for await (const piece of inflate(feed(), 'deflate')) {
      result.set(piece.subarray(0, expected - filled), filled);
      filled += Math.min(piece.length, expected - filled);
      if (filled === expected) break;
    }
  } catch (error) {
    throw refuse(`its image data is damaged (${error instanceof Error ? error.message : String(error)})`);
  }
  if (filled < expected) throw refuse('its image data ends early');
  return result;
}

/** Undoes the filter of every row, in place; the first byte of a row names the filter. */
function unfilter(data: Uint8Array, header: Header, rowBytes: number, refuse: (reason: string) => Error): void {
  const pixelBytes = Math.max(1, (header.samples * header.depth) / 8);
  for (let row = 0; row < header.height; row++) {
    const start = row * (rowBytes + 1) + 1;
    const filter = data[start - 1] ?? 0;
    if (filter > 4) throw refuse(`row ${row} has the unknown filter ${filter}`);
    for (let index = 0; filter !== 0 && index < rowBytes; index++) {
      const at = start + index;
      const left = index >= pixelBytes ? (data[at - pixelBytes] ?? 0) : 0;
      const above = row > 0 ? (data[at - rowBytes - 1] ?? 0) : 0;
      const diagonal = row > 0 && index >= pixelBytes ? (data[at - rowBytes - 1 - pixelBytes] ?? 0) : 0;
      data[at] = (data[at] ?? 0) + predicted(filter, left, above, diagonal);
    }
  }
}

function predicted(filter: number, left: number, above: number, diagonal: number): number {
  if (filter === 1) return left;
  if (filter === 2) return above;
  if (filter === 3) return (left + above) >> 1;
  const estimate = left + above - diagonal;
  const [toLeft, toAbove, toDiagonal] = [left, above, diagonal].map((value) => Math.abs(estimate - value));
  if ((toLeft ?? 0) <= (toAbove ?? 0) && (toLeft ?? 0) <= (toDiagonal ?? 0)) return left;
  return (toAbove ?? 0) <= (toDiagonal ?? 0) ? above : diagonal;
}

function pixelsOf(
  data: Uint8Array,
  header: Header,
  rowBytes: number,
  palette: Uint8Array | undefined,
  refuse: (reason: string) => Error,
): DecodedImage {
  const { width, height, depth, samples } = header;
  const perRow = width * samples;
  const read = (row: number, index: number): number => {
    const start = row * (rowBytes + 1) + 1;
    if (depth === 8) return data[start + index] ?? 0;
    if (depth === 16) return (data[start + 2 * index] ?? 0) * 256 + (data[start + 2 * index + 1] ?? 0);
    const bit = index * depth;
    return ((data[start + (bit >> 3)] ?? 0) >> (8 - depth - (bit & 7))) & ((1 << depth) - 1);
  };
  if (header.colourType === 3) {
    if (!palette || palette.length % 3 !== 0) throw refuse('its palette is missing');
    const values = new Uint8Array(width * height * 3);
    for (let pixel = 0; pixel < width * height; pixel++) {
      const from = 3 * read(Math.floor(pixel / width), pixel % width);
      if (from >= palette.length) throw refuse('a pixel lies outside its palette');
      values.set(palette.subarray(from, from + 3), 3 * pixel);
    }
    return { width, height, channels: 3, values };
  }
  const values = new Float32Array(perRow * height);
  const scale = 255 / (2 ** depth - 1);
  for (let row = 0, to = 0; row < height; row++) {
    for (let index = 0; index < perRow; index++) values[to++] = read(row, index) * scale;
  }
  return { width, height, channels: samples, values };
}
