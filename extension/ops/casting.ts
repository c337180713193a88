import { bitsPerElement, type DataType, dataTypeKind, isDataType } from '../model/data-type';
import type { Dim } from '../model/dimension';
import type { OpContext, OpDefinition } from './definition';
import { isExact, represent } from './element-arithmetic';
import { define, tensorFact } from './facts';
import { mapElements } from './known-elements';

const cast = define('Cast', 1, (context) => [castFact(context, castTarget(context))]);

const castLike = define('CastLike', 15, (context) => [castFact(context, context.dataType(1))]);

function castFact(context: OpContext, to: DataType | undefined) {
  const from = context.dataType(0);
  const elements = from && to && mapElements(context.elements(0), (value) => convert(from, to, value));
  return tensorFact(to, context.shape(0), elements);
}

/** Before opset 6 `to` was the name of the type. */
function castTarget(context: OpContext): DataType | undefined {
  if (context.opset >= 6) return context.attributes.dataType('to');
  const name = context.attributes.string('to')?.toUpperCase();
  return name !== undefined && isDataType(name) ? name : undefined;
}

/** A value as another type holds it: fractions are cut off, what does not fit is not known. */
function convert(from: DataType, to: DataType, value: Dim): Dim {
  if (from === to) return value;
  const target = dataTypeKind(to);
  if (typeof value !== 'number') return target === 'bool' ? null : represent(to, value);
  if (target === 'bool') return value === 0 ? 0 : 1;
  if (!isExact(value)) return null;
  if (target === 'signed' || target === 'unsigned') return represent(to, Math.trunc(value));
  return represent(to, value);
}

const bitCast = define('BitCast', 26, (context) => {
  const from = context.dataType(0);
  const to = context.attributes.dataType('to');
  if (from !== undefined && to !== undefined && bitsPerElement(from) !== bitsPerElement(to)) {
    context.fault(`BitCast from ${from} to ${to}: the two types have elements of different widths.`);
  }
  return [tensorFact(to, context.shape(0))];
});

export const castingOperators: readonly OpDefinition[] = [cast, castLike, bitCast];
