import { type SizeOf, valueBytes } from '../budget/sizes';
import { dimToJson } from '../model/dimension';
import type { ValueType } from '../model/model';
import type { ValueFact } from '../ops/definition';
import type { ValueSummary } from './analysis';

/** Name, element type, shape and bytes (unbound dimensions as in totals) of a value as plain data. */
export function summarizeValue(name: string, fact: ValueFact | undefined, sizeOf: SizeOf): ValueSummary {
  return { name, dataType: typeWord(fact?.type), shape: shapeAsData(fact?.type), bytes: valueBytes(fact, sizeOf) };
}

/** The ONNX name of a tensor's element type, or a word for other types: `sequence`, `map`, `unknown`. */
export function typeWord(type: ValueType | undefined): string {
  if (type?.kind === 'tensor' || type?.kind === 'sparse-tensor') return type.dataType ?? 'unknown';
  return type?.kind ?? 'unknown';
}

/** A tensor's shape with symbols as text; undefined when the rank is not known or the value is no tensor. */
export function shapeAsData(type: ValueType | undefined): readonly (number | string | null)[] | undefined {
  return type?.kind === 'tensor' || type?.kind === 'sparse-tensor' ? type.shape?.map(dimToJson) : undefined;
}
