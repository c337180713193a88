import type { ByteSource, ExternalFiles } from '../onnx/byte-source';
import type { RunnableModel } from '../quantize/calibration/observation';
import { QuantizationRefused, type QuantizationSource } from '../quantize/plan';
import type { RecipePlan } from './plan-recipe';

/** Larger models are not loaded: WebAssembly has 4 GiB, and a session takes about three times the file. */
const largestBytes = 2 ** 30;

/** A model with its data files in memory, for the engine. Throws QuantizationRefused above 1 GiB, or where a data file is missing. */
export async function runnableSource({ model, bytes }: QuantizationSource): Promise<RunnableModel> {
  const files = model.source.externalFiles;
  assertSize(
    model.source.fileName,
    files.reduce((sum, { byteLength = 0 }) => sum + byteLength, bytes.source.size),
  );
  const externalData = await Promise.all(
    files.map(async ({ path }) => ({ path, data: await dataOf(path, bytes.externalFiles) })),
  );
  return { bytes: await wholeOf(bytes.source), externalData };
}

/** The same for a file that is planned and not yet written. */
export async function runnablePlan({
  file,
  dataFile,
  dataFileName,
}: Pick<RecipePlan, 'file' | 'dataFile' | 'dataFileName'>): Promise<RunnableModel> {
  assertSize('The quantized model', file.size + (dataFile?.size ?? 0));
  return {
    bytes: await wholeOf(file),
    ...(dataFile &&
      dataFileName !== undefined && { externalData: [{ path: dataFileName, data: await wholeOf(dataFile) }] }),
  };
}

function assertSize(name: string, bytes: number): void {
  if (bytes > largestBytes) {
    throw new QuantizationRefused(`${name} has ${bytes} bytes with its data; the engine runs models up to 1 GiB.`);
  }
}

async function dataOf(path: string, files: ExternalFiles | undefined): Promise<Uint8Array> {
  const file = await files?.open(path);
  if (!file) throw new QuantizationRefused(`The data file ${path} is not there; put it beside the model.`);
  return wholeOf(file);
}

function wholeOf(source: ByteSource): Promise<Uint8Array> {
  return source.read(0, source.size);
}
