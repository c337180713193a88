import type { DataType } from '../model/data-type';
import { type Dim, sameDim } from '../model/dimension';
import { binaryShape, broadcastInputs } from './broadcast';
import type { OpContext, OpDefinition } from './definition';
import { compareElements, isIntegerType } from './element-arithmetic';
import { define, tensorFact } from './facts';
import { combineElements, mapElements } from './known-elements';

/** A comparison or a logical operation of two inputs: BOOL. */
function predicate(type: string, since: number, decide: (a: Dim, b: Dim) => boolean | null): OpDefinition {
  return define(type, since, (context) => {
    const a = context.elements(0);
    const b = context.elements(1);
    const followed = a && b && (context.opset >= 7 || a.dims.length === b.dims.length);
    const elements = followed
      ? combineElements([a, b], ([left = null, right = null]) => truth(decide(left, right)))
      : undefined;
    return [tensorFact('BOOL', binaryShape(context), elements)];
  });
}

function truth(value: boolean | null): Dim {
  return value === null ? null : value ? 1 : 0;
}

function compare(holds: (sign: -1 | 0 | 1) => boolean): (a: Dim, b: Dim) => boolean | null {
  return (a, b) => {
    const sign = compareElements(a, b);
    if (sign !== null) return holds(sign);
    // A comparison with NaN is known: it is false.
    return Number.isNaN(a) || Number.isNaN(b) ? false : null;
  };
}

function and(a: Dim, b: Dim): boolean | null {
  if (a === 0 || b === 0) return false;
  return a === 1 && b === 1 ? true : null;
}

function or(a: Dim, b: Dim): boolean | null {
  if (a === 1 || b === 1) return true;
  return a === 0 && b === 0 ? false : null;
}

function exclusiveOr(a: Dim, b: Dim): boolean | null {
  return typeof a === 'number' && typeof b === 'number' ? a !== b : null;
}

/** A test of each element of one input: BOOL. */
function test(type: string, since: number, decide: (value: number, context: OpContext) => boolean): OpDefinition {
  return define(type, since, (context) => {
    const elements = mapElements(context.elements(0), (value) =>
      typeof value === 'number' ? truth(decide(value, context)) : null,
    );
    return [tensorFact('BOOL', context.shape(0), elements)];
  });
}

function isInfinite(value: number, context: OpContext): boolean {
  if (value === Infinity) return context.attributes.int('detect_positive', 1) !== 0;
  return value === -Infinity && context.attributes.int('detect_negative', 1) !== 0;
}

const where = define('Where', 9, (context) => {
  const dataType: DataType | undefined = context.dataType(1) ?? context.dataType(2);
  const condition = context.elements(0);
  const yes = context.elements(1);
  const no = context.elements(2);
  const elements =
    condition && yes && no
      ? combineElements([condition, yes, no], ([which = null, a = null, b = null]) => {
          if (which === 1) return a;
          if (which === 0) return b;
          return isIntegerType(dataType) && sameDim(a, b) ? a : null;
        })
      : undefined;
  return [tensorFact(dataType, broadcastInputs(context, [0, 1, 2]), elements)];
});

export const comparisonOperators: readonly OpDefinition[] = [
  predicate(
    'Equal',
    1,
    compare((sign) => sign === 0),
  ),
  predicate(
    'Greater',
    1,
    compare((sign) => sign > 0),
  ),
  predicate(
    'GreaterOrEqual',
    12,
    compare((sign) => sign >= 0),
  ),
  predicate(
    'Less',
    1,
    compare((sign) => sign < 0),
  ),
  predicate(
    'LessOrEqual',
    12,
    compare((sign) => sign <= 0),
  ),
  predicate('And', 1, and),
  predicate('Or', 1, or),
  predicate('Xor', 1, exclusiveOr),
  test('Not', 1, (value) => value === 0),
  test('IsNaN', 9, Number.isNaN),
  test('IsInf', 10, isInfinite),
  where,
];
