import { basename } from 'node:path';
import { type ByteSource, type ExternalFiles, MemoryByteSource } from '../onnx/byte-source';
import { externalFilesBeside, type FileByteSource, openFile } from '../onnx/node-files';
import type { QuantizationPlan, QuantizationSource } from '../quantize/plan';
import { QuantizationRefused } from '../quantize/plan';
import { planQuantization, planSchemeFile } from '../quantize/quantize-model';
import { defaultOutputName } from '../quantize/scheme';
import { plannedAs as planOf, type WhatIfSchemeId } from '../quantize/what-if-scheme';
import { type AnalysedModel, analyseModel } from './analyse';
import type { Bindings, ModelOrigin } from './calls';

/** A model opened by the editor: its structure is kept, its weights stay on disk. */
export interface ModelSession {
  readonly opened: OpenedModel;
  readonly bindings: ReadonlyMap<string, number>;
  readonly analysed: AnalysedModel;
  /** Plans by scheme, made when first asked for. */
  readonly plans: Map<WhatIfSchemeId, Promise<PlannedModel>>;
}

export interface PlannedModel {
  readonly plan: Omit<QuantizationPlan, 'scheme' | 'upgraded'>;
  readonly analysed: AnalysedModel;
}

/** The bytes of a model and the name of its file. */
export interface OpenedModel {
  readonly fileName: string;
  readonly source: ByteSource;
  readonly externalFiles?: ExternalFiles;
  close(): Promise<void>;
}

/** Opens a model's bytes. Throws the file system's error when it cannot be opened. */
export async function openOrigin(origin: ModelOrigin): Promise<OpenedModel> {
  if (origin.kind === 'bytes') {
    return { fileName: origin.fileName, source: new MemoryByteSource(origin.bytes), close: async () => {} };
  }
  const file: FileByteSource = await openFile(origin.path);
  const externalFiles = externalFilesBeside(origin.path);
  return {
    fileName: basename(origin.path),
    source: file,
    externalFiles,
    close: async () => {
      await Promise.all([file.close(), externalFiles.close()]);
    },
  };
}

/** Reads and measures a model. The caller closes `opened` when this throws. */
export async function startSession(
  opened: OpenedModel,
  bindings: Bindings,
  signal?: AbortSignal,
): Promise<ModelSession> {
  const sizes = new Map(bindings);
  return { opened, bindings: sizes, analysed: await analyseModel(opened, sizes, signal), plans: new Map() };
}

/** The model as the quantizer takes it. Throws QuantizationRefused when the model has faults. */
export function quantizationSource(session: ModelSession): QuantizationSource {
  const { model, shapes } = session.analysed;
  const fault = model.diagnostics.find((diagnostic) => diagnostic.severity === 'error');
  if (fault) throw new QuantizationRefused(`The model has a fault and is not rewritten: ${fault.message}`);
  return { model, shapes, bytes: session.opened };
}

/** Of models with more nodes the last plan alone is kept: a plan holds the structure of a whole file. */
const mostNodesKept = 5000;

/** The plan of a scheme with the footprint of the file it would write; planned once where the model is not large. */
export function planned(session: ModelSession, scheme: WhatIfSchemeId): Promise<PlannedModel> {
  const known = session.plans.get(scheme);
  if (known) return known;
  if (session.analysed.analysis.model.nodeCount > mostNodesKept) session.plans.clear();
  const made = plannedAs(session, scheme, defaultOutputName(session.opened.fileName, planOf(scheme).scheme));
  session.plans.set(scheme, made);
  // A failed plan is not kept: the cause may be gone next time.
  made.catch(() => session.plans.delete(scheme));
  return made;
}

/** The plan of a scheme for a file of this name, with its footprint; not kept. */
export async function plannedAs(
  session: ModelSession,
  scheme: WhatIfSchemeId,
  fileName: string,
): Promise<PlannedModel> {
  const plan = await planFor(quantizationSource(session), scheme, { fileName });
  const { dataFile } = plan;
  const analysed = await analyseModel(
    {
      fileName,
      source: plan.file.structure,
      ...(dataFile && { externalFiles: { open: async () => dataFile.structure } }),
    },
    session.bindings,
  );
  return { plan, analysed };
}

/** float16 and int8-weights as they are written without a recipe; the others with the passes that come before a scheme, unproved. */
function planFor(
  source: QuantizationSource,
  id: WhatIfSchemeId,
  output: { readonly fileName: string },
): Promise<PlannedModel['plan']> {
  if (id === 'float16' || id === 'int8-weights') return planQuantization(source, id, output);
  const { scheme, options } = planOf(id);
  if (scheme === 'float16') throw new RangeError('float16 has no variants');
  return planSchemeFile(source, { scheme, options }, output);
}
