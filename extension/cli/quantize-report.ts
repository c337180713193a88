import { formatBytes, formatWhole } from '../model/format';
import type { OutputError } from '../quantize/calibration/output-error';
import { type Recipe, recipeToJson } from '../quantize/recipe';
import type { WritableSchemeId } from '../quantize/scheme';
import type { WeightError } from '../quantize/weight-error';
import type { Verdict } from '../targets/verdict';
import type { AnalysedModel } from '../worker/analyse';
import type { RecipePlan } from '../worker/plan-recipe';
import type { RecipeMeasurement } from '../worker/quantize-recipe';
import type { RecoveryStep } from '../worker/recover-accuracy';
import { schemaVersion, verdictDocument } from './document';
import type { Io } from './io';
import type { QuantizeArguments } from './quantize-arguments';
import { type Fitted, fitDocument, fitText } from './quantize-fit';
import { type OnRuntime, runtimeDocument } from './runtime-document';
import { runtimeReport } from './runtime-report';
import { makeStyle } from './style';
import { printable } from './table';
import { verdictText } from './text-report';

/** What came of the command; `written` is absent in a dry run. */
export interface QuantizeResult {
  readonly output: string;
  readonly recipe: Recipe;
  readonly plan: RecipePlan;
  readonly written?: {
    readonly fileBytes: number;
    readonly externalBytes: number | undefined;
    readonly dataPath: string | undefined;
    readonly comparison: string | undefined;
  };
  readonly measurement: RecipeMeasurement;
  readonly recovery: readonly RecoveryStep[];
  readonly warnings: readonly string[];
  readonly weightError: WeightError;
  readonly before: AnalysedModel;
  readonly after: AnalysedModel;
}

/** What the result needs, beside what it is: where a runtime and a target are named. */
export interface Judgement {
  readonly verdict: Verdict | undefined;
  readonly onRuntime: OnRuntime | undefined;
  readonly fitted?: Fitted | undefined;
}

/** The JSON document of `quantize`. Errors are measured; null stands for what does not apply. */
export function quantizeDocument(
  options: QuantizeArguments,
  result: QuantizeResult,
  { verdict, onRuntime, fitted }: Judgement,
) {
  const { plan, recipe, written, before, after, weightError, measurement } = result;
  const packed = packedSize(plan);
  return {
    schemaVersion,
    file: options.file,
    output: result.output,
    scheme: recipe.scheme,
    dryRun: options.dryRun,
    recipe: recipeToJson(recipe),
    sourceFileBytes: before.analysis.file.bytes,
    predictedFileBytes: plan.predictedFileBytes,
    predictedExternalBytes: plan.predictedExternalBytes ?? null,
    ...(written && {
      writtenFileBytes: written.fileBytes,
      writtenExternalBytes: written.externalBytes ?? null,
      dataFile: written.dataPath ?? null,
      comparison: written.comparison ?? null,
    }),
    changes: plan.passes,
    passes: plan.passes,
    skippedPasses: plan.skippedPasses,
    left: plan.left,
    warnings: result.warnings,
    weightError: {
      sqnrDb: weightError.sqnrDb ?? null,
      tensors: weightError.tensors,
      overflows: weightError.overflows,
      underflows: weightError.underflows,
    },
    ...(packed && { packedWeights: { bytes: packed.bytes, bytesInFile: packed.bytesInFile } }),
    recovery: result.recovery.map(({ beforeDb, afterDb, ...step }) => ({
      ...step,
      beforeDb: beforeDb ?? null,
      afterDb: afterDb ?? null,
    })),
    calibrationSamples: measurement.samples,
    syntheticInputs: measurement.synthetic,
    outputs: measurement.outputs.map(outputDocument),
    layers: measurement.layers.map((layer) => ({
      ...layer,
      sqnrDb: layer.sqnrDb ?? null,
      cosine: layer.cosine ?? null,
      maxAbsoluteError: layer.maxAbsoluteError ?? null,
    })),
    totals: { before: before.analysis.totals, after: after.analysis.totals },
    ...(fitted && { fit: fitDocument(fitted) }),
    ...(onRuntime && runtimeDocument(onRuntime)),
    ...(verdict && { verdict: verdictDocument(verdict) }),
  };
}

function outputDocument({ top1, labelled, ...error }: OutputError) {
  return {
    name: error.name,
    sqnrDb: error.sqnrDb ?? null,
    cosine: error.cosine ?? null,
    maxAbsoluteError: error.maxAbsoluteError,
    elements: error.elements,
    notFinite: error.notFinite,
    ...(top1 && { top1Agreement: top1.agreeing / top1.rows }),
    ...(labelled && {
      accuracy: {
        source: labelled.reference / labelled.rows,
        quantized: labelled.changed / labelled.rows,
        samples: labelled.rows,
      },
    }),
  };
}

/** The report for a person. */
export function quantizeText(
  options: QuantizeArguments,
  result: QuantizeResult,
  { verdict, onRuntime, fitted }: Judgement,
  io: Io,
): string {
  const { written, before, after, plan, recipe, measurement } = result;
  const style = makeStyle(io.color);
  const { file } = before.analysis;
  const lines = [
    `${style.bold(printable(written ? result.output : `${options.file}, as ${recipe.scheme} (nothing written)`))}\n`,
    `  file     ${size(file.bytes, file.externalBytes)} → ${size(plan.predictedFileBytes, plan.predictedExternalBytes)}\n`,
    `  flash    ${flash(before)} → ${flash(after)}: all constants; graph and runtime not counted\n`,
    `  weights  ${weightText(recipe.scheme, result.weightError)}\n`,
    ...packedLine(plan),
    ...(written?.comparison ? [`  ${plan.upgraded ? 'upgrade ' : 'prepared'} ${printable(written.comparison)}\n`] : []),
    ...measurement.outputs.map((output) => `  output   ${outputText(output, measurement)}\n`),
  ];
  for (const { pass, changes } of plan.passes) {
    if (changes.length === 0) continue;
    lines.push(`${pass}\n`, ...changes.map((change) => `  ${printable(change)}\n`));
  }
  if (plan.left.length > 0) {
    lines.push('left as they are\n');
    lines.push(...plan.left.map(({ name, reason }) => `  ${printable(name)}: ${printable(reason)}\n`));
  }
  if (fitted) lines.push(fitText(fitted));
  if (onRuntime) lines.push(runtimeReport(onRuntime));
  if (verdict) lines.push(verdictText(verdict, style));
  return lines.join('');
}

function size(bytes: number, external: number | undefined): string {
  const exact = bytes < 1024 ? '' : ` (${formatWhole(bytes)} bytes)`;
  return `${formatBytes(bytes)}${exact}${external ? ` + ${formatBytes(external)} external data` : ''}`;
}

/** The measured error of all converted weights. */
function weightText(scheme: WritableSchemeId, error: WeightError): string {
  if (error.tensors === 0) return 'none converted';
  const ratio =
    error.sqnrDb === undefined ? 'no error' : `${error.sqnrDb.toFixed(1)} dB signal to error (SQNR, measured)`;
  const outside = outOfRange(scheme, error);
  return outside === undefined ? ratio : `${ratio}; ${outside.slice(0, -1)}`;
}

/** A sentence on the weights that the new type cannot hold; undefined where every value fits. */
export function outOfRange(scheme: WritableSchemeId, { overflows, underflows }: WeightError): string | undefined {
  const limits = scheme === 'float16' ? 'are above 65,504 in magnitude and limited to it' : 'are no finite numbers';
  const parts = [
    ...(overflows > 0 ? [`${formatWhole(overflows)} weight values ${limits}`] : []),
    ...(underflows > 0
      ? [`${formatWhole(underflows)} non-zero weight values are too small for ${scheme} and vanish`]
      : []),
  ];
  return parts.length > 0 ? `${parts.join('; ')}.` : undefined;
}

/** Bytes of the converted weights, packed and as they are in the file; undefined where the file holds them packed. */
function packedSize({ converted }: RecipePlan): { readonly bytes: number; readonly bytesInFile: number } | undefined {
  if (!converted.some(({ packedBytes }) => packedBytes !== undefined)) return undefined;
  return {
    bytes: converted.reduce((sum, { packedBytes, bytesAfter }) => sum + (packedBytes ?? bytesAfter), 0),
    bytesInFile: converted.reduce((sum, { bytesAfter }) => sum + bytesAfter, 0),
  };
}

/** What the file carries where it has no type as small as the codes need, and what they would take packed. */
function packedLine(plan: RecipePlan): readonly string[] {
  const packed = packedSize(plan);
  if (!packed) return [];
  const inFile = formatBytes(packed.bytesInFile);
  const carried =
    plan.scheme === 'codebook'
      ? `the file carries the table's values in float32, ${inFile}, since ONNX has no type for a codebook`
      : plan.scheme === 'int2-weights'
        ? `the file carries INT4, ${inFile}, since ONNX has INT2 from opset 25 on`
        : `the file carries INT8 codes, ${inFile}, since ONNX has no type for ${plan.scheme} weights at this opset`;
  return [
    `  packed   ${formatBytes(packed.bytes)} (${formatWhole(packed.bytes)} bytes) of weights, computed; ${carried}\n`,
  ];
}

function outputText(output: OutputError, { samples, synthetic }: RecipeMeasurement): string {
  const { name, sqnrDb, cosine, maxAbsoluteError, top1, labelled } = output;
  const percent = (part: number, rows: number) => `${((100 * part) / rows).toFixed(1)} %`;
  return [
    `${printable(name)}: ${sqnrDb === undefined ? 'no SQNR' : `${sqnrDb.toFixed(1)} dB`}`,
    ...(cosine === undefined ? [] : [`cosine ${cosine.toFixed(6)}`]),
    `largest error ${maxAbsoluteError.toPrecision(3)}`,
    ...(top1 ? [`same first class in ${percent(top1.agreeing, top1.rows)}`] : []),
    ...(labelled
      ? [`right ${percent(labelled.changed, labelled.rows)} (before ${percent(labelled.reference, labelled.rows)})`]
      : []),
    `measured on ${formatWhole(samples)} ${synthetic ? 'MADE-UP inputs' : 'calibration samples'}`,
  ].join(', ');
}

function flash({ analysis }: AnalysedModel): string {
  return `at least ${formatBytes(analysis.totals.constantBytes)}`;
}
