import type { EngineTensor, EngineValue } from '../../inference/engine';
import { CalibrationDataRefused } from './calibration-files';
import { convertElements } from './convert-elements';
import { normalise, type Preprocessing } from './preprocessing';

/** A tensor as an input takes it. `sample`: without the batch axis, to be put together with others; `run`: complete. */
export interface FittedTensor {
  readonly kind: 'sample' | 'run';
  readonly tensor: EngineTensor;
}

export interface FittingOptions {
  /** Numbers for an integer input are rounded. */
  readonly round?: boolean;
  /** Where the channels are, for data of which that is known; undefined: there is one. */
  readonly channelAxis?: number | undefined;
}

type WantedDims = EngineValue['dims'];

/**
 * Fits one piece of data to an input: preprocessing, shape, element type. The shape may differ in axes of 1, and in being flattened.
 * Throws CalibrationDataRefused, with both shapes, where it does not fit.
 */
export function fitSample(
  tensor: EngineTensor,
  input: EngineValue,
  preprocessing: Preprocessing,
  name: string,
  options: FittingOptions = {},
): FittedTensor {
  const { dataType } = input;
  if (dataType === undefined) throw new CalibrationDataRefused(`The input ${input.name} is no tensor of a known type.`);
  const placed = place(tensor.dims, input.dims);
  if (!placed) throw new CalibrationDataRefused(mismatch(tensor.dims, input, name));
  const normalised = normalise(tensor, dataType, preprocessing, name, options);
  const converted = convertElements(normalised, dataType, name, options.round);
  return { kind: placed.kind, tensor: { ...converted, dims: placed.dims } };
}

/** The sentence for data of the wrong shape. */
export function mismatch(dims: readonly number[], input: EngineValue, name: string): string {
  const wanted = input.dims.map((dim) => dim ?? '?').join(',');
  const type = input.dataType?.toLowerCase().replace(/^float$/, 'float32') ?? 'another type';
  return `The input ${input.name} wants [${wanted}] ${type}, ${name} gives [${dims.join(',')}].`;
}

/**
 * Whether an array of its own (not one of an .npz, whose first axis always counts samples) is many samples or one: the closest reading wins.
 * Throws CalibrationDataRefused, with both shapes, where neither fits.
 */
export function countsSamples(dims: readonly number[], input: EngineValue, name: string): boolean {
  const rows = dims.slice(1);
  const { dims: wanted } = input;
  const batchless = wanted.slice(1);
  if (dims.length > 0 && wanted.length > 0 && matchExactly(rows, batchless)) return true;
  if (matchExactly(dims, wanted) || (wanted.length > 0 && matchExactly(dims, batchless))) return false;
  if (dims.length > 0 && place(rows, wanted)) return true;
  if (place(dims, wanted)) return false;
  throw new CalibrationDataRefused(mismatch(dims, input, name));
}

function place(
  dims: readonly number[],
  wanted: WantedDims,
): { readonly kind: FittedTensor['kind']; readonly dims: readonly number[] } | undefined {
  // An input that declares no rank takes anything; that it has a batch axis is the convention.
  if (wanted.length === 0) return { kind: 'sample', dims };
  const batchless = wanted.slice(1);
  for (const match of [matchExactly, matchLoosely]) {
    const sample = match(dims, batchless);
    if (sample) return { kind: 'sample', dims: sample };
    const run = match(dims, wanted);
    if (run) return { kind: 'run', dims: run };
  }
  return undefined;
}

function matchExactly(dims: readonly number[], wanted: WantedDims): readonly number[] | undefined {
  return dims.length === wanted.length &&
    dims.every((dim, axis) => typeof wanted[axis] !== 'number' || wanted[axis] === dim)
    ? dims
    : undefined;
}

/** The dims that are fed when axes of 1, or flattening, make the difference. */
function matchLoosely(dims: readonly number[], wanted: WantedDims): readonly number[] | undefined {
  const given = dims.filter((dim) => dim !== 1);
  const significant = wanted.filter((dim) => dim !== 1);
  if (matchExactly(given, significant)) {
    let next = 0;
    return wanted.map((dim) => (dim === 1 ? 1 : (given[next++] ?? 1)));
  }
  const fixed = wanted.filter((dim) => typeof dim === 'number');
  const isFlattened = given.length <= 1 || significant.length <= 1;
  const isSameCount =
    fixed.reduce((product, dim) => product * dim, 1) === dims.reduce((product, dim) => product * dim, 1);
  return isFlattened && isSameCount && fixed.length === wanted.length ? fixed : undefined;
}

/** How many samples one run takes: the fixed first dimension of the input, 1 where it is open. */
export function batchSize(input: EngineValue): number {
  const [first] = input.dims;
  return typeof first === 'number' && first > 0 ? first : 1;
}

/** Samples put together along a new first axis. Throws CalibrationDataRefused where their shapes differ. */
export function stackSamples(tensors: readonly EngineTensor[], name: string): EngineTensor {
  const [first] = tensors;
  if (!first) throw new RangeError('no samples to put together');
  const data = new Uint8Array(first.data.length * tensors.length);
  for (const [index, tensor] of tensors.entries()) {
    if (tensor.dims.join() !== first.dims.join()) {
      throw new CalibrationDataRefused(
        `${name} has another shape than the samples it shares a run with: [${tensor.dims}], not [${first.dims}].`,
      );
    }
    data.set(tensor.data, index * first.data.length);
  }
  return { dataType: first.dataType, dims: [tensors.length, ...first.dims], data };
}
