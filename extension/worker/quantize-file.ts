import { basename, dirname, join, resolve } from 'node:path';
import type { Model } from '../model/model';
import { writePlannedFiles } from '../onnx/node-write';
import type { QuantizationPlan, QuantizationSource } from '../quantize/plan';
import { planQuantization } from '../quantize/quantize-model';
import type { SchemeId } from '../quantize/scheme';
import type { QuantizationOutcome, ReviewedSizes } from './calls';
import { checkUpgrade } from './check-upgrade';

export interface QuantizeFileRequest {
  readonly source: QuantizationSource;
  /** The source model on disk; its folder holds its data files. */
  readonly sourcePath: string;
  readonly scheme: SchemeId;
  readonly outputPath: string;
  /** Replace an existing output. */
  readonly overwrite: boolean;
  /** What a person saw and agreed to; another plan is not written. */
  readonly reviewed?: ReviewedSizes;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Plans for this output name: the data file's name stands in the model and so counts in its size. */
export function planForOutput(
  request: Pick<QuantizeFileRequest, 'source' | 'scheme' | 'outputPath'>,
): Promise<QuantizationPlan> {
  return planQuantization(request.source, request.scheme, { fileName: basename(request.outputPath) });
}

/**
 * Plans, proves the upgrade where there is one by running both models, and writes the quantized file (and its data file) beside and
 * by renaming. Throws QuantizationRefused, or an Error with one sentence; nothing is left half-written.
 */
export async function quantizeFile(request: QuantizeFileRequest): Promise<QuantizationOutcome> {
  const { source, sourcePath, outputPath, signal } = request;
  const plan = await planForOutput(request);
  if (request.reviewed && !hasSizes(plan, request.reviewed)) {
    throw new Error(
      `${basename(sourcePath)} changed since the review, so nothing was written; quantize it again to see what would be.`,
    );
  }
  const comparison = plan.upgraded && (await checkUpgrade(source, plan.upgraded, signal));
  const dataPath = plan.dataFileName === undefined ? undefined : join(dirname(outputPath), plan.dataFileName);
  const written = await writePlannedFiles({
    model: plan.file,
    modelPath: outputPath,
    ...(plan.dataFile && dataPath !== undefined && { data: plan.dataFile, dataPath }),
    forbidden: filesOf(source.model, sourcePath),
    overwrite: request.overwrite,
    ...(signal && { signal }),
    ...(request.onProgress && { progress: request.onProgress }),
  });
  return {
    modelPath: outputPath,
    dataPath,
    predictedFileBytes: plan.predictedFileBytes,
    writtenFileBytes: written.modelBytes,
    writtenExternalBytes: written.dataBytes,
    passes: plan.passes,
    left: plan.left,
    comparison,
  };
}

function hasSizes(plan: QuantizationPlan, { fileBytes, externalBytes }: ReviewedSizes): boolean {
  return plan.predictedFileBytes === fileBytes && plan.predictedExternalBytes === externalBytes;
}

/** The model file and every data file it names: none of them may be written to. */
function filesOf(model: Model, sourcePath: string): string[] {
  const folder = dirname(resolve(sourcePath));
  return [resolve(sourcePath), ...model.source.externalFiles.map((file) => resolve(folder, file.path))];
}
