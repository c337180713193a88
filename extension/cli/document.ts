import type { Diagnostic } from '../model/diagnostic';
import { dimToJson } from '../model/dimension';
import type { MemoryVerdict, Verdict } from '../targets/verdict';
import type { AnalysedModel } from '../worker/analyse';
import type { TargetFigures } from '../worker/target-figures';
import { shapeAsData, typeWord } from '../worker/value-summary';
import { type OnRuntime, runtimeDocument } from './runtime-document';
import { targetDocument } from './target-report';

/** Grows when a field changes its meaning or goes away; new fields do not change it. */
export const schemaVersion = 1;

/**
 * The JSON document of `inspect`. Bytes, elements and MACs are exact unless their field says otherwise; null stands for what is
 * not known or does not apply.
 */
export function inspectDocument(
  file: string,
  { analysis, shapes }: AnalysedModel,
  extras: {
    readonly verdict: Verdict | undefined;
    readonly onRuntime: OnRuntime | undefined;
    readonly onTarget: TargetFigures | undefined;
    readonly withTensors: boolean;
  },
) {
  const { verdict, onRuntime, onTarget, withTensors } = extras;
  const { totals, peak } = analysis;
  return {
    schemaVersion,
    file,
    fileBytes: analysis.file.bytes,
    externalBytes: analysis.file.externalBytes,
    model: {
      ...analysis.model,
      irVersion: analysis.model.irVersion ?? null,
      inputs: analysis.model.inputs.map(valueDocument),
      outputs: analysis.model.outputs.map(valueDocument),
    },
    bindings: Object.fromEntries(analysis.bindables.map(({ key, value }) => [key, value ?? null])),
    totals,
    layers: analysis.layers.map((layer) => ({
      index: layer.index,
      step: layer.step,
      name: layer.name,
      opType: layer.opType,
      domain: layer.domain,
      outputs: layer.outputs,
      parameters: layer.parameters,
      weightBytes: layer.weightBytes,
      quantizationBytes: layer.quantizationBytes,
      macs: layer.macs ?? null,
      elementOperations: layer.elementOperations ?? null,
      bytesRead: layer.bytesRead ?? null,
      bytesWritten: layer.bytesWritten ?? null,
      activationBytes: layer.activationBytes ?? null,
      liveBytes: layer.liveBytes,
      ...(layer.unknown !== undefined && { unknown: layer.unknown }),
      ...(layer.remark !== undefined && { remark: layer.remark }),
    })),
    peak: peak
      ? {
          step: peak.step,
          layer: peak.layer,
          bytes: peak.bytes,
          tensors: peak.tensors.map(({ name, bytes, role, shape }) => ({ name, bytes, role, shape: shape ?? null })),
        }
      : null,
    ...(onRuntime && runtimeDocument(onRuntime)),
    ...(onTarget && targetDocument(onTarget)),
    ...(verdict && { verdict: verdictDocument(verdict) }),
    diagnostics: analysis.diagnostics.map(diagnosticDocument),
    ...(withTensors && {
      tensors: [...shapes.graph.values].map(([name, value]) => ({
        name,
        dataType: typeWord(value.type),
        shape: shapeAsData(value.type) ?? null,
        origin: value.origin,
        ...(value.reason !== undefined && { reason: value.reason }),
        ...(value.shapeUpperBound && { shapeUpperBound: value.shapeUpperBound.map(dimToJson) }),
      })),
    }),
  };
}

/** A verdict: both memories with bytes, limit and kind of figure, and the outcome with its reasons. */
export function verdictDocument(verdict: Verdict) {
  return {
    target: verdict.targetId === '' ? null : verdict.targetId,
    outcome: verdict.outcome,
    flash: memoryDocument(verdict.flash),
    ram: memoryDocument(verdict.ram),
    reasons: verdict.reasons,
  };
}

/** What stands for a file that could not be read, where there are several. */
export function errorDocument(file: string, error: string) {
  return { schemaVersion, file, error };
}

function memoryDocument({ bytes, limit, kind, limitLabel, fits, region }: MemoryVerdict) {
  return {
    bytes,
    limit: limit ?? null,
    kind,
    limitLabel: limitLabel ?? null,
    fits: fits ?? null,
    ...(region !== undefined && { region }),
  };
}

function valueDocument(value: AnalysedModel['analysis']['model']['inputs'][number]) {
  return { name: value.name, dataType: value.dataType, shape: value.shape ?? null };
}

/** A diagnostic with its place, where it has one. */
export function diagnosticDocument({ severity, code, message, place }: Diagnostic) {
  return { severity, code, message, ...(place && { place }) };
}
