import type { Model } from '../model/model';
import { type ModelEdits, type PlannedFile, rewriteModel } from '../onnx/edit';
import { readModel } from '../onnx/read-model';
import { inferShapes } from '../shapes/infer-shapes';
import type { QuantizationSource } from './plan';

/** A model with edits applied, as the next pass sees it. */
export interface EditedSource {
  readonly source: QuantizationSource;
  /** The same as a file, which refers to the data files of the model it was made from. */
  readonly file: PlannedFile;
}

/**
 * Applies edits without writing anything: tensors of the result are produced when they are read.
 * Throws Error (a sentence) where the edits name something that is not there.
 */
export async function applyEdits(source: QuantizationSource, edits: ModelEdits): Promise<EditedSource> {
  const { model, bytes } = source;
  // Inline: external tensors go on referring to the source's data files until the last step gathers them.
  const { model: file } = await rewriteModel(model, bytes.source, edits, { kind: 'inline' }, bytes.externalFiles);
  const { fileName } = model.source;
  const read = await readModel(file.structure, {
    fileName,
    ...(bytes.externalFiles && { externalFiles: bytes.externalFiles }),
  });
  // In the source's IR version, an initializer that is also a graph input is a constant. Later passes have to go by that.
  const edited: Model = { ...read, ...(model.irVersion !== undefined && { irVersion: model.irVersion }) };
  const bindings = new Map<string, number>();
  for (const { key, value } of source.shapes.bindables) if (value !== undefined) bindings.set(key, value);
  return {
    source: { model: edited, shapes: inferShapes(edited, bindings), bytes: { ...bytes, source: file } },
    file,
  };
}
