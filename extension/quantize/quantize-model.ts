import type { Diagnostic } from '../model/diagnostic';
import { type DataPlacement, type ModelEdits, rewriteModel } from '../onnx/edit';
import { annotateShapes } from './annotate-shapes';
import { applyEdits, type EditedSource } from './edited-source';
import { fileGrowth, growthReport } from './file-growth';
import { planFloat16 } from './float16';
import { hasInt8Weights, perAxisOpset, planInt8Weights } from './int8-weights';
import type { QuantizationOptions } from './options';
import { type PassReport, type QuantizationPlan, QuantizationRefused, type QuantizationSource } from './plan';
import { type IntegerSchemeId, type PlannedScheme, planScheme, type SchemeBasis, schemeBasis } from './plan-scheme';
import type { FoldedStatistics } from './preparation/fold-affine';
import type { Adjustments } from './recovery/adjustments';
import type { SchemeId } from './scheme';
import type { Ranges } from './static/activation-type';
import { planUpgrade } from './upgrade';

/** From this IR version on, an initializer need not be a graph input: what every scheme that adds initializers relies on. */
const smallestIr = 4;
/** The first IR version whose files import opsets. */
const firstIrWithOpsets = 3;

/**
 * Plans the quantized file: which weights change, its exact size, and the file itself, readable before it is written.
 * `output.fileName` is the name it will have; the name of its data file follows from it. No weight is read.
 * Throws QuantizationRefused where the model is faulty or an operator cannot be brought to the opset that the scheme needs.
 */
export async function planQuantization(
  source: QuantizationSource,
  scheme: SchemeId,
  output: { readonly fileName: string },
  options: Pick<QuantizationOptions, 'annotateShapes'> = { annotateShapes: false },
): Promise<QuantizationPlan> {
  assertSound(source);
  const upgrade = (await needsUpgrade(source, scheme)) ? await upgraded(source) : undefined;
  const basis = upgrade?.source ?? source;
  const planned = await (scheme === 'float16' ? planFloat16(basis) : planInt8Weights(basis));

  const annotated = options.annotateShapes ? await annotateShapes(basis, planned.edits) : undefined;
  const files = await plannedFiles(source, basis, annotated?.edits ?? planned.edits, output);
  const growth = fileGrowth(source, basis, files);
  return {
    scheme,
    passes: [...(upgrade?.passes ?? []), ...planned.passes, ...(annotated?.passes ?? []), ...growthReport(growth)],
    growth,
    converted: planned.converted,
    left: planned.left,
    ...files,
    upgraded: upgrade?.file,
  };
}

/** A scheme with options, and with the ranges of activations where they are known. */
export interface SchemeRequest {
  readonly scheme: IntegerSchemeId;
  readonly options: QuantizationOptions;
  readonly ranges?: Ranges | undefined;
  /** Preparation passes to leave out. */
  readonly skippedPasses?: ReadonlySet<string> | undefined;
  /** What accuracy recovery changes. */
  readonly adjustments?: Adjustments | undefined;
}

/** The quantized file of a scheme other than float16. */
export interface SchemeFilePlan extends Omit<QuantizationPlan, 'scheme' | 'upgraded'> {
  readonly scheme: IntegerSchemeId;
  /** The model that the scheme was applied to: calibration runs it. */
  readonly prepared: QuantizationSource;
  /** Of batch normalization that was folded, by values of `prepared`. */
  readonly statistics: ReadonlyMap<string, FoldedStatistics>;
  /** Tensors of `prepared` whose ranges are needed; empty where there are none. */
  readonly activations: readonly string[];
  /** The model after each pass that must compute what the source computes, in order. */
  readonly steps: PlannedScheme['steps'];
}

/**
 * Plans the quantized file with the opset upgrade and the preparation passes. Its size does not depend on ranges; without those that a static scheme
 * needs, reading or writing the file throws QuantizationRefused. Throws QuantizationRefused where planQuantization does.
 */
export async function planSchemeFile(
  source: QuantizationSource,
  request: SchemeRequest,
  output: { readonly fileName: string },
): Promise<SchemeFilePlan> {
  assertSound(source);
  return planOnBasis(source, await schemeBasis(source, request), request, output);
}

/** The same on a basis that was made before, which any number of plans can share. */
export async function planOnBasis(
  source: QuantizationSource,
  basis: SchemeBasis,
  request: SchemeRequest,
  output: { readonly fileName: string },
): Promise<SchemeFilePlan> {
  assertSound(source);
  const { scheme, options } = request;
  const planned = await planScheme(source, basis, scheme, options, request);
  const annotated = options.annotateShapes ? await annotateShapes(planned.source, planned.edits) : undefined;
  const files = await plannedFiles(source, planned.source, annotated?.edits ?? planned.edits, output);
  const growth = fileGrowth(source, planned.source, files);
  return {
    scheme,
    passes: [...planned.passes, ...(annotated?.passes ?? []), ...growthReport(growth)],
    growth,
    converted: planned.converted,
    left: planned.left,
    ...files,
    prepared: planned.source,
    statistics: basis.statistics,
    activations: planned.activations,
    steps: planned.steps,
  };
}

type PlannedFiles = Pick<
  QuantizationPlan,
  'predictedFileBytes' | 'predictedExternalBytes' | 'file' | 'dataFile' | 'dataFileName'
>;

/** A model with data files gets one data file beside it, any other none. */
async function plannedFiles(
  original: QuantizationSource,
  { model, bytes }: QuantizationSource,
  edits: ModelEdits,
  output: { readonly fileName: string },
): Promise<PlannedFiles> {
  const dataFileName = `${output.fileName}.data`;
  const hasDataFile = original.model.source.externalFiles.length > 0;
  const placement: DataPlacement = hasDataFile ? { kind: 'external', path: dataFileName } : { kind: 'inline' };
  const result = await rewriteModel(model, bytes.source, edits, placement, bytes.externalFiles);
  const dataFile = result.data && result.data.size > 0 ? result.data : undefined;
  return {
    predictedFileBytes: result.model.size,
    predictedExternalBytes: dataFile?.size,
    file: result.model,
    dataFile,
    dataFileName: dataFile && dataFileName,
  };
}

/**
 * int8-weights needs the axis of DequantizeLinear. In float16 all opsets will do, but a file older than IR 3 says neither its opset nor
 * the types of its attributes, which newer IR versions ask for.
 */
async function needsUpgrade(source: QuantizationSource, scheme: SchemeId): Promise<boolean> {
  if (scheme === 'int8-weights') return hasInt8Weights(source);
  return (
    (source.model.irVersion ?? firstIrWithOpsets) < firstIrWithOpsets &&
    (await planFloat16(source)).converted.length > 0
  );
}

/** The source at an opset whose DequantizeLinear has an axis; undefined when it is there already. */
async function upgraded(
  source: QuantizationSource,
): Promise<(EditedSource & { readonly passes: readonly PassReport[] }) | undefined> {
  const plan = await planUpgrade(source, perAxisOpset);
  if (!plan) return undefined;
  const irVersion = Math.max(source.model.irVersion ?? smallestIr, smallestIr);
  const edits = { ...plan.edits, ...(irVersion !== source.model.irVersion && { irVersion }) };
  return { ...(await applyEdits(source, edits)), passes: plan.passes };
}

function assertSound({ model, shapes }: QuantizationSource): void {
  const isFault = (diagnostic: Diagnostic) => diagnostic.severity === 'error';
  const fault = model.diagnostics.find(isFault) ?? shapes.diagnostics.find(isFault);
  if (fault) throw new QuantizationRefused(`${model.source.fileName} cannot be quantized: ${fault.message}`);
}
