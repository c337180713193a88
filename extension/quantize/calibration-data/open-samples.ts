import type { EngineTensor, EngineValue } from '../../inference/engine';
import {
  type CalibrationBytes,
  CalibrationDataRefused,
  type CalibrationFile,
  calibrationFileKind,
  supportedKinds,
} from './calibration-files';
import { batchSize, stackSamples } from './fit-sample';
import type { FittedSample, ReadingContext } from './fitted-sample';
import type { ImageDecoder } from './image';
import { decodeJpeg } from './jpeg';
import { defaultPreprocessing, type Preprocessing } from './preprocessing';
import { readAlone } from './read-alone';
import { readNpz } from './read-npz';
import type { Sample, SampleSource } from './samples';

export interface SampleOptions {
  readonly preprocessing?: Preprocessing;
  /** Decodes .jpg in place of the decoder that is built in. */
  readonly decodeJpeg?: ImageDecoder;
  /** At most so many samples are read, from the first on. */
  readonly limit?: number;
}

/**
 * Samples for a model's inputs from files, in the order of the files. Nothing is read before the first sample is asked for, and one sample is in
 * memory at a time. A model whose first dimension is a fixed number gets so many samples a run; a rest too small for a run is left out.
 * Throws CalibrationDataRefused when no file is given.
 */
export function openSamples(
  files: readonly CalibrationFile[],
  inputs: readonly EngineValue[],
  options: SampleOptions = {},
): SampleSource {
  if (files.length === 0) throw new CalibrationDataRefused('There is no calibration data: no file was given.');
  const context: ReadingContext = {
    inputs,
    preprocessing: options.preprocessing ?? defaultPreprocessing,
    decodeJpeg: options.decodeJpeg ?? decodeJpeg,
  };
  return {
    synthetic: false,
    total: files.every(({ name }) => isOneSample(name))
      ? Math.min(files.length, options.limit ?? files.length)
      : undefined,
    samples: () => runsOf(files, context, options.limit ?? Number.POSITIVE_INFINITY),
  };
}

function isOneSample(name: string): boolean {
  const kind = calibrationFileKind(name);
  return kind === 'png' || kind === 'jpg' || kind === 'wav';
}

async function* runsOf(
  files: readonly CalibrationFile[],
  context: ReadingContext,
  limit: number,
): AsyncGenerator<Sample, void> {
  let read = 0;
  let runs = 0;
  let waiting: FittedSample[] = [];
  let wanted = 1;
  for await (const sample of samplesOf(files, context)) {
    if (read === limit) break;
    read++;
    waiting.push(sample);
    wanted = runSize(sample, context.inputs);
    if (waiting.length < wanted) continue;
    yield runOf(waiting);
    runs++;
    waiting = [];
  }
  if (runs > 0) return;
  throw new CalibrationDataRefused(
    read === 0
      ? `${files[0]?.name} holds no samples.`
      : `The model takes ${wanted} samples at once, but the calibration data holds ${read}; give at least ${wanted}.`,
  );
}

async function* samplesOf(
  files: readonly CalibrationFile[],
  context: ReadingContext,
): AsyncGenerator<FittedSample, void> {
  for (const file of files) {
    const bytes = await file.open();
    try {
      yield* readFile(file, bytes, context);
    } finally {
      await bytes.close();
    }
  }
}

function readFile(
  { name, inflateRaw }: CalibrationFile,
  bytes: CalibrationBytes,
  context: ReadingContext,
): AsyncGenerator<FittedSample, void> {
  const kind = calibrationFileKind(name);
  if (kind === undefined) throw new CalibrationDataRefused(`${name} is no calibration data; give ${supportedKinds}.`);
  if (kind === 'npz') return readNpz(name, bytes, context, inflateRaw);
  const [input, ...others] = context.inputs;
  if (!input || others.length > 0) {
    const names = context.inputs.map((value) => value.name).join(', ');
    throw new CalibrationDataRefused(
      input
        ? `The model has the inputs ${names}; ${name} gives only one array. Put one array for each into an .npz.`
        : 'The model has no inputs, so that there is nothing to calibrate with.',
    );
  }
  return readAlone(kind, name, bytes, input, context);
}

/** How many samples make a run. Throws where an input takes one run's data as a whole and another puts samples together. */
function runSize(sample: FittedSample, inputs: readonly EngineValue[]): number {
  let size = 1;
  for (const input of inputs) {
    if (sample.tensors.get(input.name)?.kind === 'sample') size = Math.max(size, batchSize(input));
  }
  const whole = size > 1 && inputs.find((input) => sample.tensors.get(input.name)?.kind === 'run');
  if (whole) {
    throw new CalibrationDataRefused(
      `The model takes ${size} samples at once, but its input ${whole.name} is no batch; give data of that model's whole input shape.`,
    );
  }
  return size;
}

function runOf(samples: readonly FittedSample[]): Sample {
  const [first] = samples;
  const last = samples.at(-1);
  if (!first || !last) throw new RangeError('a run needs a sample');
  const feeds = new Map<string, EngineTensor>();
  for (const [input, { kind, tensor }] of first.tensors) {
    const all = samples.flatMap(({ tensors }) => tensors.get(input)?.tensor ?? []);
    feeds.set(input, kind === 'run' ? tensor : stackSamples(all, last.name));
  }
  const labels = new Map<string, readonly number[]>();
  for (const key of first.labels.keys()) {
    const values = samples.flatMap((sample) => sample.labels.get(key) ?? []);
    if (values.length === samples.length) labels.set(key, values);
  }
  return {
    name: samples.length === 1 ? first.name : `${first.name} to ${last.name}`,
    feeds,
    count: samples.length,
    labels,
  };
}
