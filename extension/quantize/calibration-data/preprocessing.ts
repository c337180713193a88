import type { EngineTensor } from '../../inference/engine';
import { dataTypeKind } from '../../model/data-type';
import { toFloat64 } from '../../onnx/tensor-data';
import { CalibrationDataRefused } from './calibration-files';

/**
 * What is done with data on its way into an input; plain data, so that it can be kept and repeated. `layout`, `resize` and `colourOrder` are
 * for image files; numbers become (value * scale - mean) / std on every float input, whatever file they come from. Images are 0..255.
 */
export interface Preprocessing {
  /** `auto`: channels stand where the input has 1, 3 or 4. */
  readonly layout: 'auto' | 'NCHW' | 'NHWC';
  readonly resize: 'none' | 'bilinear' | 'nearest';
  readonly colourOrder: 'RGB' | 'BGR';
  readonly scale: number;
  /** One number for all channels, or one for each. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** `fit`: a recording is cut, or filled up with zeros, at its end. */
  readonly audioLength: 'exact' | 'fit';
}

export const defaultPreprocessing: Preprocessing = {
  layout: 'auto',
  resize: 'none',
  colourOrder: 'RGB',
  scale: 1,
  mean: [0],
  std: [1],
  audioLength: 'exact',
};

/**
 * Preprocessing from stored data; what is absent is as in `defaultPreprocessing`.
 * Throws CalibrationDataRefused (a sentence) for a field that is not known or has no sensible value.
 */
export function parsePreprocessing(value: unknown): Preprocessing {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new CalibrationDataRefused(
      'Preprocessing must be an object such as {"scale": 0.00392, "mean": [0.5], "std": [0.5]}.',
    );
  }
  const fields = new Map<string, unknown>(Object.entries(value));
  const unknown = [...fields.keys()].find((name) => !Object.hasOwn(defaultPreprocessing, name));
  if (unknown !== undefined) {
    throw new CalibrationDataRefused(
      `Preprocessing has no field ${unknown}; there are ${Object.keys(defaultPreprocessing).join(', ')}.`,
    );
  }
  return {
    layout: choice(fields, 'layout', ['auto', 'NCHW', 'NHWC'], defaultPreprocessing.layout),
    resize: choice(fields, 'resize', ['none', 'bilinear', 'nearest'], defaultPreprocessing.resize),
    colourOrder: choice(fields, 'colourOrder', ['RGB', 'BGR'], defaultPreprocessing.colourOrder),
    scale: numbers(fields, 'scale', [defaultPreprocessing.scale])[0] ?? defaultPreprocessing.scale,
    mean: numbers(fields, 'mean', defaultPreprocessing.mean),
    std: numbers(fields, 'std', defaultPreprocessing.std),
    audioLength: choice(fields, 'audioLength', ['exact', 'fit'], defaultPreprocessing.audioLength),
  };
}

function choice<Choice extends string>(
  fields: ReadonlyMap<string, unknown>,
  name: string,
  choices: readonly Choice[],
  otherwise: Choice,
): Choice {
  const value = fields.get(name);
  if (value === undefined) return otherwise;
  const found = choices.find((candidate) => candidate === value);
  if (found !== undefined) return found;
  throw new CalibrationDataRefused(
    `Preprocessing: ${name} is ${JSON.stringify(value)}; it can be ${choices.join(', ')}.`,
  );
}

function numbers(fields: ReadonlyMap<string, unknown>, name: string, otherwise: readonly number[]): readonly number[] {
  const value = fields.get(name);
  if (value === undefined) return otherwise;
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  const result = list.filter((item) => typeof item === 'number').filter((item) => Number.isFinite(item));
  const mayBeZero = name === 'mean';
  const single = name === 'scale' && result.length !== 1;
  if (result.length === 0 || result.length !== list.length || single || (!mayBeZero && result.includes(0))) {
    throw new CalibrationDataRefused(
      `Preprocessing: ${name} is ${JSON.stringify(value)}; give ${single ? 'a number' : 'numbers'}${mayBeZero ? '' : ' other than 0'}.`,
    );
  }
  return result;
}

/**
 * (value * scale - mean) / std of a tensor without batch axis, for an input of type `wanted`; integer inputs (indices, masks) stay as they are.
 * Channels are on `channelAxis` (undefined: there is one); without it on the last axis for NHWC, else on the first one that has as many as mean or std.
 * Throws CalibrationDataRefused where mean or std do not have one number a channel.
 */
export function normalise(
  tensor: EngineTensor,
  wanted: EngineTensor['dataType'],
  preprocessing: Preprocessing,
  name: string,
  place: { readonly channelAxis?: number | undefined } = {},
): EngineTensor {
  const { scale, mean, std } = preprocessing;
  const isIdentity = scale === 1 && mean.every((number) => number === 0) && std.every((number) => number === 1);
  if (isIdentity || dataTypeKind(wanted) !== 'float') return tensor;
  const axis = 'channelAxis' in place ? place.channelAxis : likelyChannelAxis(tensor.dims, preprocessing);
  const channels = axis === undefined ? 1 : (tensor.dims[axis] ?? 1);
  for (const [what, list] of [
    ['mean', mean],
    ['std', std],
  ] as const) {
    if (list.length !== 1 && list.length !== channels) {
      throw new CalibrationDataRefused(
        `Preprocessing has ${list.length} numbers for ${what}, but ${name} gives [${tensor.dims}] with ${channels} channels; give one number, or one a channel.`,
      );
    }
  }
  const inner = axis === undefined ? 1 : tensor.dims.slice(axis + 1).reduce((product, dim) => product * dim, 1);
  const count = tensor.dims.reduce((product, dim) => product * dim, 1);
  const values = toFloat64(tensor.dataType, tensor.data, count);
  for (const [index, value] of values.entries()) {
    const channel = Math.floor(index / inner) % channels;
    values[index] = (value * scale - (mean[channel] ?? mean[0] ?? 0)) / (std[channel] ?? std[0] ?? 1);
  }
  return { dataType: 'DOUBLE', dims: tensor.dims, data: new Uint8Array(values.buffer) };
}

function likelyChannelAxis(dims: readonly number[], { layout, mean, std }: Preprocessing): number {
  const last = dims.length - 1;
  const channels = Math.max(mean.length, std.length);
  if (layout === 'NHWC') return last;
  return layout === 'auto' && dims[0] !== channels && dims[last] === channels ? last : 0;
}
