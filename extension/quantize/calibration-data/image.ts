import type { EngineTensor, EngineValue } from '../../inference/engine';
import type { Preprocessing } from './preprocessing';

/** An image in rows of pixels, channels together (grey; grey and alpha; red, green, blue; the same and alpha), from 0 to 255 whatever its depth. */
export interface DecodedImage {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 2 | 3 | 4;
  readonly values: Uint8Array | Uint8ClampedArray | Float32Array;
}

/** Decodes an image file. Throws CalibrationDataRefused. */
export type ImageDecoder = (bytes: Uint8Array, name: string) => Promise<DecodedImage>;

/** More pixels are not decoded. */
export const largestImagePixels = 2 ** 26;

export interface PlacedImage {
  readonly tensor: EngineTensor;
  /** Undefined: one channel, without an axis. */
  readonly channelAxis: number | undefined;
}

/** Where an input wants height, width and channels; undefined: it takes any. */
interface Geometry {
  readonly layout: 'NCHW' | 'NHWC';
  readonly height: number | undefined;
  readonly width: number | undefined;
  readonly channels: number | undefined;
}

/**
 * The image as a FLOAT tensor without batch axis, resized, with the channels and in the layout that the input wants.
 * What does not agree is left as it is: the comparison of shapes then says so. Grey is copied into three channels, colours become
 * grey by the luma of ITU-R BT.601, alpha is dropped or added as 255.
 */
export function imageTensor(image: DecodedImage, input: EngineValue, preprocessing: Preprocessing): PlacedImage {
  const wanted = geometryOf(input, preprocessing.layout);
  const coloured = withChannels(image, wanted?.channels, preprocessing.colourOrder);
  const height = wanted?.height ?? image.height;
  const width = wanted?.width ?? image.width;
  const resized =
    preprocessing.resize === 'none' || (height === image.height && width === image.width)
      ? coloured
      : resize(coloured, width, height, preprocessing.resize);
  const layout = wanted?.layout ?? (preprocessing.layout === 'auto' ? 'NCHW' : preprocessing.layout);
  const { values, channels } = resized;
  if (layout === 'NHWC' || channels === 1) {
    const size = [resized.height, resized.width];
    return {
      tensor: floatTensor(channels === 1 ? size : [...size, channels], Float32Array.from(values)),
      channelAxis: channels === 1 ? undefined : 2,
    };
  }
  const pixels = resized.width * resized.height;
  const planes = new Float32Array(values.length);
  for (let channel = 0; channel < channels; channel++) {
    for (let pixel = 0; pixel < pixels; pixel++) {
      planes[channel * pixels + pixel] = values[pixel * channels + channel] ?? 0;
    }
  }
  return { tensor: floatTensor([channels, resized.height, resized.width], planes), channelAxis: 0 };
}

function floatTensor(dims: readonly number[], values: Float32Array): EngineTensor {
  return { dataType: 'FLOAT', dims, data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) };
}

function geometryOf({ dims }: EngineValue, layout: Preprocessing['layout']): Geometry | undefined {
  const size = (index: number) => {
    const dim = dims[index];
    return typeof dim === 'number' ? dim : undefined;
  };
  const isColour = (index: number) => [3, 4].includes(size(index) ?? 0);
  if (dims.length === 3 && !isColour(0) && !isColour(2)) {
    return { layout: 'NCHW', height: size(1), width: size(2), channels: 1 };
  }
  if (dims.length !== 4 && dims.length !== 3) return undefined;
  const first = dims.length - 3;
  const isChannels = (index: number) => isColour(index) || size(index) === 1;
  const guessed = isChannels(first + 2) && !isChannels(first) ? 'NHWC' : 'NCHW';
  return (layout === 'auto' ? guessed : layout) === 'NHWC'
    ? { layout: 'NHWC', height: size(first), width: size(first + 1), channels: size(first + 2) }
    : { layout: 'NCHW', channels: size(first), height: size(first + 1), width: size(first + 2) };
}

function withChannels(image: DecodedImage, wanted: number | undefined, order: 'RGB' | 'BGR'): DecodedImage {
  const natural = image.channels <= 2 ? 1 : 3;
  const channels = wanted === 1 || wanted === 3 || wanted === 4 ? wanted : natural;
  const pixels = image.width * image.height;
  const values = new Float32Array(pixels * channels);
  const { channels: given, values: source } = image;
  const isGrey = given <= 2;
  for (let pixel = 0; pixel < pixels; pixel++) {
    const at = pixel * given;
    const red = source[at] ?? 0;
    const green = isGrey ? red : (source[at + 1] ?? 0);
    const blue = isGrey ? red : (source[at + 2] ?? 0);
    const to = pixel * channels;
    if (channels === 1) {
      values[to] = isGrey ? red : 0.299 * red + 0.587 * green + 0.114 * blue;
      continue;
    }
    values[to] = order === 'RGB' ? red : blue;
    values[to + 1] = green;
    values[to + 2] = order === 'RGB' ? blue : red;
    if (channels === 4) values[to + 3] = given % 2 === 0 ? (source[at + given - 1] ?? 0) : 255;
  }
  return { ...image, channels, values };
}

/**
 * Pixel centres lie at halves (align_corners off) and nothing is averaged when an image shrinks, as in OpenCV and PyTorch; nearest takes
 * the pixel that the centre falls into, as in Pillow.
 */
function resize(image: DecodedImage, width: number, height: number, method: 'bilinear' | 'nearest'): DecodedImage {
  const { channels, values } = image;
  const taps = method === 'nearest' ? nearestTaps : bilinearTaps;
  const columns = taps(image.width, width);
  const rows = taps(image.height, height);
  const result = new Float32Array(width * height * channels);
  const at = (row: number, column: number, channel: number) =>
    values[(row * image.width + column) * channels + channel] ?? 0;
  let to = 0;
  for (const row of rows) {
    for (const column of columns) {
      for (let channel = 0; channel < channels; channel++) {
        const upper = mix(at(row.from, column.from, channel), at(row.from, column.to, channel), column.share);
        const lower = mix(at(row.to, column.from, channel), at(row.to, column.to, channel), column.share);
        result[to++] = mix(upper, lower, row.share);
      }
    }
  }
  return { width, height, channels, values: result };
}

interface Tap {
  readonly from: number;
  readonly to: number;
  /** Of `to`; the rest is that of `from`. */
  readonly share: number;
}

function mix(from: number, to: number, share: number): number {
  return from + (to - from) * share;
}

function nearestTaps(from: number, to: number): Tap[] {
  return Array.from({ length: to }, (_, index) => {
    const nearest = Math.min(from - 1, Math.floor(((index + 0.5) * from) / to));
    return { from: nearest, to: nearest, share: 0 };
  });
}

function bilinearTaps(from: number, to: number): Tap[] {
  return Array.from({ length: to }, (_, index) => {
    const centre = Math.min(from - 1, Math.max(0, ((index + 0.5) * from) / to - 0.5));
    const lower = Math.floor(centre);
    return { from: lower, to: Math.min(from - 1, lower + 1), share: centre - lower };
  });
}
