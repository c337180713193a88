import type { EngineValue } from '../../inference/engine';
import type { ByteSource } from '../../onnx/byte-source';
import { toFloat64 } from '../../onnx/tensor-data';
import { CalibrationDataRefused, type InflateRaw } from './calibration-files';
import { type FittedTensor, fitSample } from './fit-sample';
import type { FittedSample, ReadingContext } from './fitted-sample';
import { type NpyArray, openNpy } from './npy';
import { readZip } from './zip';

/**
 * The samples of an .npz: its keys are input names (for a model of one input also `x`, or the only array), the first axis counts samples. Another array of
 * whole numbers, one a sample, is labels. Throws CalibrationDataRefused.
 */
export async function* readNpz(
  name: string,
  bytes: ByteSource,
  { inputs, preprocessing }: ReadingContext,
  inflateRaw?: InflateRaw,
): AsyncGenerator<FittedSample, void> {
  const arrays = await arraysOf(name, bytes, inflateRaw);
  const used = new Map<EngineValue, NpyArray>();
  for (const input of inputs) used.set(input, arrayFor(name, input, inputs, arrays));
  const counts = new Set(Array.from(used.values(), ({ dims }) => dims[0]));
  const [count] = counts;
  if (counts.size !== 1 || count === undefined) {
    const shapes = Array.from(used.values(), (array) => `${array.name} [${array.dims}]`).join(', ');
    throw new CalibrationDataRefused(
      `${name}: the first axis must count samples, the same number in each array, but there are ${shapes}.`,
    );
  }
  const taken = new Set(used.values());
  const labels = [...arrays].filter(([, array]) => !taken.has(array) && isLabels(array, count));
  const rows = Array.from(used, ([input, array]) => ({ input, array, rows: array.rows() }));
  const labelRows = labels.map(([key, array]) => ({ key, array, rows: array.rows() }));
  try {
    for (let index = 0; index < count; index++) {
      const tensors = new Map<string, FittedTensor>();
      for (const { input, array, rows: source } of rows) {
        const row = { dataType: array.dataType, dims: array.dims.slice(1), data: await nextOf(source, name) };
        tensors.set(input.name, fitSample(row, input, preprocessing, `${array.name}[${index}]`));
      }
      const values = new Map<string, number>();
      for (const { key, array, rows: source } of labelRows) {
        const [value] = toFloat64(array.dataType, await nextOf(source, name), 1);
        if (value !== undefined && Number.isSafeInteger(value)) values.set(key, value);
      }
      yield { name: `${name}[${index}]`, tensors, labels: values };
    }
    // Past the last row stands the checksum.
    for (const { rows: source } of [...rows, ...labelRows]) await source.next();
  } finally {
    for (const { rows: source } of [...rows, ...labelRows]) await source.return();
  }
}

async function arraysOf(
  name: string,
  bytes: ByteSource,
  inflateRaw: InflateRaw | undefined,
): Promise<ReadonlyMap<string, NpyArray>> {
  const arrays = new Map<string, NpyArray>();
  for (const entry of await readZip(bytes, name, inflateRaw)) {
    if (!entry.name.endsWith('.npy')) continue;
    const key = entry.name.slice(0, -'.npy'.length);
    arrays.set(key, await openNpy(`${name}: ${key}`, entry));
  }
  return arrays;
}

function arrayFor(
  name: string,
  input: EngineValue,
  inputs: readonly EngineValue[],
  arrays: ReadonlyMap<string, NpyArray>,
): NpyArray {
  const named = arrays.get(input.name);
  if (named) return named;
  const [only] = arrays.values();
  const array = inputs.length === 1 ? (arrays.get('x') ?? (arrays.size === 1 ? only : undefined)) : undefined;
  if (array) return array;
  const keys = arrays.size === 0 ? 'no arrays' : `the arrays ${[...arrays.keys()].join(', ')}`;
  throw new CalibrationDataRefused(
    `${name} has ${keys}, but none for the input ${input.name}; name an array so${inputs.length === 1 ? ', or x' : ''}.`,
  );
}

function isLabels({ dataType, dims }: NpyArray, count: number): boolean {
  return dims[0] === count && dims.slice(1).every((dim) => dim === 1) && dataType !== 'BOOL';
}

async function nextOf(rows: AsyncGenerator<Uint8Array, void>, name: string): Promise<Uint8Array> {
  const next = await rows.next();
  if (next.done) throw new CalibrationDataRefused(`${name} ends early; the file is incomplete.`);
  return next.value;
}
