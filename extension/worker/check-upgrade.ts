import { compareModels } from '../inference/compare-models';
import { loadWasmFromDisk } from '../inference/node-wasm';
import { createWebEngine } from '../inference/web-engine';
import type { PlannedFile } from '../onnx/edit';
import { QuantizationRefused, type QuantizationSource } from '../quantize/plan';

/** External data up to this many bytes is loaded to compare with; the models together must fit WebAssembly's memory. */
const largestExternalBytes = 2 ** 29;

/**
 * Runs source and upgraded model on the same made-up input and gives one sentence on the outcome. Throws QuantizationRefused when
 * they differ: an upgrade must not change what a model computes.
 */
export async function checkUpgrade(
  source: QuantizationSource,
  upgraded: PlannedFile,
  signal: AbortSignal | undefined,
): Promise<string> {
  const { bytes, model, shapes } = source;
  const needed = model.source.externalFiles.reduce((sum, { byteLength = 0 }) => sum + byteLength, 0);
  if (needed > largestExternalBytes) return notCompared('its data is too large to load');
  const externalData = await Promise.all(
    model.source.externalFiles.map(async ({ path }) => {
      const file = await bytes.externalFiles?.open(path);
      return { path, data: file ? await file.read(0, file.size) : new Uint8Array() };
    }),
  );
  const result = await compareModels(bytes.source, upgraded, {
    engine: createWebEngine(loadWasmFromDisk),
    sizes: (symbol) => shapes.bindables.find(({ key }) => key === symbol)?.value,
    externalData,
    ...(signal && { signal }),
  });
  if (!result.compared) return notCompared(result.reason);
  if (!result.equal) {
    throw new QuantizationRefused(
      `The upgrade to opset 13 changes the outputs by up to ${result.maxAbsoluteDifference}; nothing was written.`,
    );
  }
  return `The upgraded model gives the outputs of the source (${result.outputs} compared on one input, measured).`;
}

function notCompared(reason: string): string {
  return `The upgraded model was not compared with the source: ${reason.replace(/\.$/, '')}.`;
}
