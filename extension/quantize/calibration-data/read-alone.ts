import type { EngineTensor, EngineValue } from '../../inference/engine';
import { bitsPerElement, storedBytes } from '../../model/data-type';
import type { ByteSource } from '../../onnx/byte-source';
import { allBytes, PieceReader, rangeOf } from './byte-pieces';
import { CalibrationDataRefused, type CalibrationFileKind } from './calibration-files';
import { readCsv } from './csv';
import { countsSamples, type FittingOptions, fitSample } from './fit-sample';
import type { FittedSample, ReadingContext } from './fitted-sample';
import { imageTensor } from './image';
import { openNpy } from './npy';
import { decodePng } from './png';
import type { Preprocessing } from './preprocessing';
import { decodeWav } from './wav';

/** A whole image or recording is held in memory. */
const largestWholeFile = 2 ** 28;

const noLabels: ReadonlyMap<string, number> = new Map();

/** The samples of a file that serves a single input. Throws CalibrationDataRefused. */
export async function* readAlone(
  kind: Exclude<CalibrationFileKind, 'npz'>,
  name: string,
  bytes: ByteSource,
  input: EngineValue,
  context: ReadingContext,
): AsyncGenerator<FittedSample, void> {
  const fitted = (
    tensor: EngineTensor,
    sampleName: string,
    labels: FittedSample['labels'] = noLabels,
    options: FittingOptions = {},
  ): FittedSample => ({
    name: sampleName,
    tensors: new Map([[input.name, fitSample(tensor, input, context.preprocessing, sampleName, options)]]),
    labels,
  });
  switch (kind) {
    case 'npy': {
      const array = await openNpy(name, rangeOf(bytes, 0, bytes.size));
      const { dataType, dims } = array;
      if (!countsSamples(dims, input, name)) {
        yield fitted({ dataType, dims, data: await array.whole() }, name);
        return;
      }
      let index = 0;
      for await (const data of array.rows())
        yield fitted({ dataType, dims: dims.slice(1), data }, `${name}[${index++}]`);
      return;
    }
    case 'png':
    case 'jpg': {
      const decode = kind === 'png' ? decodePng : context.decodeJpeg;
      const image = await decode(await wholeFile(name, bytes), name);
      const withSize = (resize: Preprocessing['resize']) => {
        const { tensor, channelAxis } = imageTensor(image, input, { ...context.preprocessing, resize });
        return fitted(tensor, name, noLabels, { round: true, channelAxis });
      };
      const { resize } = context.preprocessing;
      if (resize === 'none' && !fits(() => withSize('none')) && fits(() => withSize('nearest'))) {
        const size = `${image.width}x${image.height}`;
        throw new CalibrationDataRefused(
          `${name} is ${size}, which is not the size of the input ${input.name} ([${input.dims.map((dim) => dim ?? '?')}]); --resize bilinear makes it fit.`,
        );
      }
      yield withSize(resize);
      return;
    }
    case 'wav': {
      const recording = decodeWav(await wholeFile(name, bytes), name);
      yield fitted(context.preprocessing.audioLength === 'fit' ? withLength(recording, input) : recording, name);
      return;
    }
    case 'csv':
      for await (const { line, values, label } of readCsv(name, rangeOf(bytes, 0, bytes.size))) {
        const labels = label === undefined ? noLabels : new Map([['y', label]]);
        yield fitted(values, `${name}, line ${line}`, labels);
      }
      return;
    case 'raw': {
      let index = 0;
      for await (const tensor of rawSamples(name, bytes, input)) yield fitted(tensor, `${name}[${index++}]`);
    }
  }
}

function fits(read: () => FittedSample): boolean {
  try {
    read();
    return true;
  } catch (error) {
    if (error instanceof CalibrationDataRefused) return false;
    throw error;
  }
}

async function wholeFile(name: string, bytes: ByteSource): Promise<Uint8Array> {
  const all = bytes.size <= largestWholeFile && (await allBytes(rangeOf(bytes, 0, bytes.size)));
  if (!all)
    throw new CalibrationDataRefused(`${name} has ${bytes.size} bytes; a sample of more than 256 MiB is not read.`);
  return all;
}

/** Cut, or filled with zeros, to the number of elements that the input takes; as it is where that is open. */
function withLength(recording: EngineTensor, input: EngineValue): EngineTensor {
  const dims = input.dims.slice(1);
  const fixed = dims.filter((dim) => typeof dim === 'number');
  if (fixed.length < dims.length || dims.length === 0) return recording;
  const length = fixed.reduce((product, dim) => product * dim, 1);
  const data = new Uint8Array(length * Float32Array.BYTES_PER_ELEMENT);
  data.set(recording.data.subarray(0, data.length));
  return { dataType: 'FLOAT', dims: [length], data };
}

/** Raw binary: the elements of the input, sample after sample, little-endian. */
async function* rawSamples(name: string, bytes: ByteSource, input: EngineValue): AsyncGenerator<EngineTensor, void> {
  const { dataType } = input;
  const dims = input.dims.slice(1).filter((dim) => typeof dim === 'number');
  if (dataType === undefined || !(bitsPerElement(dataType) >= 8) || dims.length !== input.dims.length - 1) {
    throw new CalibrationDataRefused(
      `${name}: raw data needs an input of a fixed shape, but ${input.name} is [${input.dims.map((dim) => dim ?? '?')}]; use .npy.`,
    );
  }
  const sampleBytes = storedBytes(
    dataType,
    dims.reduce((product, dim) => product * dim, 1),
  );
  if (sampleBytes === 0 || bytes.size === 0 || bytes.size % sampleBytes !== 0) {
    throw new CalibrationDataRefused(
      `${name} has ${bytes.size} bytes, which is no multiple of the ${sampleBytes} bytes that one sample of ${input.name} takes ([${dims}] ${dataType}).`,
    );
  }
  const reader = new PieceReader(rangeOf(bytes, 0, bytes.size));
  try {
    for (let data = await reader.read(sampleBytes); data; data = await reader.read(sampleBytes)) {
      yield { dataType, dims, data };
    }
  } finally {
    await reader.close();
  }
}
