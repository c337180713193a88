import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Diagnostic } from '../../extension/model/diagnostic';
import { MemoryByteSource } from '../../extension/onnx/byte-source';
import { readModel } from '../../extension/onnx/read-model';
import type { QuantizationSource } from '../../extension/quantize/plan';
import { inferShapes } from '../../extension/shapes/infer-shapes';

/** Where other people's models are, beside the project. */
export const shared = join(process.cwd(), '..', 'shared');

/** A model as the quantizer takes it. Throws UnreadableModel. */
export async function openModel(folder: string, fileName: string): Promise<QuantizationSource> {
  const source = new MemoryByteSource(await readFile(join(folder, fileName)));
  const externalFiles = { open: async (path: string) => new MemoryByteSource(await readFile(join(folder, path))) };
  const model = await readModel(source, { fileName, externalFiles });
  return { model, shapes: inferShapes(model), bytes: { source, externalFiles } };
}

/** What keeps a model from being rewritten. */
export function faultsOf({ model, shapes }: QuantizationSource): readonly Diagnostic[] {
  return [...model.diagnostics, ...shapes.diagnostics].filter(({ severity }) => severity === 'error');
}
