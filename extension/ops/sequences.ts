import { add, ceilDivide, type Dim, modulo, multiply, sameDim, subtract } from '../model/dimension';
import type { ValueType } from '../model/model';
import { resolveAxis } from './axes';
import { commonShape } from './broadcast';
import type { OpContext, OpDefinition, ValueFact } from './definition';
import { define, scalarElement, scalarFact, sequenceFact, tensorFact, withDim } from './facts';

/** The type of a sequence's elements; undefined when it is not known. */
function elementOf(context: OpContext, index: number): ValueType | undefined {
  const type = context.input(index)?.type;
  return type?.kind === 'sequence' ? type.element : undefined;
}

function lengthOf(context: OpContext, index: number): Dim {
  return context.input(index)?.length ?? null;
}

/** What two element types have in common. */
function commonType(a: ValueType | undefined, b: ValueType | undefined): ValueType | undefined {
  if (a?.kind !== 'tensor' || b?.kind !== 'tensor') return undefined;
  return { kind: 'tensor', dataType: a.dataType ?? b.dataType, shape: commonShape(a.shape, b.shape) };
}

const sequenceConstruct = define('SequenceConstruct', 11, (context) => {
  let element = context.input(0)?.type;
  for (let index = 1; index < context.inputCount; index++) element = commonType(element, context.input(index)?.type);
  return [sequenceFact(element, context.inputCount)];
});

const sequenceEmpty = define('SequenceEmpty', 11, (context) => {
  const dataType = context.attributes.has('dtype') ? context.attributes.dataType('dtype') : 'FLOAT';
  return [sequenceFact({ kind: 'tensor', dataType, shape: undefined }, 0)];
});

const sequenceAt = define('SequenceAt', 11, (context) => {
  const element = elementOf(context, 0);
  return [element === undefined ? undefined : { type: element }];
});

const sequenceInsert = define('SequenceInsert', 11, (context) => {
  const length = lengthOf(context, 0);
  const added = context.input(1)?.type;
  const element = length === 0 ? added : commonType(elementOf(context, 0), added);
  return [sequenceFact(element ?? elementTypeOnly(context), add(length, 1))];
});

/** The element type without its shape. */
function elementTypeOnly(context: OpContext): ValueType {
  return { kind: 'tensor', dataType: context.dataType(1), shape: undefined };
}

const sequenceErase = define('SequenceErase', 11, (context) => {
  const length = lengthOf(context, 0);
  if (length === 0) context.fault('SequenceErase of an empty sequence.');
  return [sequenceFact(elementOf(context, 0), length === 0 ? null : subtract(length, 1))];
});

const sequenceLength = define('SequenceLength', 11, (context) => [scalarFact('INT64', lengthOf(context, 0))]);

const splitToSequence = define('SplitToSequence', 11, (context) => {
  const dataType = context.dataType(0);
  const input = context.shape(0);
  const unknown: ValueType = { kind: 'tensor', dataType, shape: undefined };
  if (input === undefined) return [sequenceFact(unknown, null)];
  const axis = resolveAxis(context, context.attributes.int('axis', 0), input.length);
  if (axis === undefined) return [sequenceFact(unknown, null)];
  const dim = input[axis] ?? null;
  const tensor = (size: Dim): ValueType => ({ kind: 'tensor', dataType, shape: withDim(input, axis, size) });
  if (!context.hasInput(1)) {
    const dropped = context.attributes.int('keepdims', 1) === 0;
    const shape = dropped ? input.filter((_, at) => at !== axis) : withDim(input, axis, 1);
    return [sequenceFact({ kind: 'tensor', dataType, shape }, dim)];
  }
  const split = context.shape(1);
  if (split?.length === 0) {
    const size = scalarElement(context, 1);
    const even = sameDim(modulo(dim, size), 0);
    return [sequenceFact(tensor(even ? size : null), ceilDivide(dim, size))];
  }
  const sizes = context.elements(1)?.elements;
  const [first = null] = sizes ?? [];
  const equal = sizes?.every((size) => sameDim(size, first)) ?? false;
  return [sequenceFact(tensor(equal ? first : null), split?.length === 1 ? (split[0] ?? null) : null)];
});

const concatFromSequence = define('ConcatFromSequence', 11, (context) => {
  const element = elementOf(context, 0);
  if (element?.kind !== 'tensor') return [tensorFact(undefined, undefined)];
  const { dataType, shape } = element;
  const given = context.attributes.int('axis');
  if (shape === undefined || given === undefined) return [tensorFact(dataType, undefined)];
  const length = lengthOf(context, 0);
  const stacked = context.attributes.int('new_axis', 0) !== 0;
  const axis = resolveAxis(context, given, shape.length + (stacked ? 1 : 0));
  if (axis === undefined) return [tensorFact(dataType, undefined)];
  if (stacked) return [tensorFact(dataType, [...shape.slice(0, axis), length, ...shape.slice(axis)])];
  return [tensorFact(dataType, withDim(shape, axis, multiply(length, shape[axis] ?? null)))];
});

/** The body runs once for each element; every further input is a sequence of the same length or a tensor for all. */
const sequenceMap = define('SequenceMap', 17, (context) => {
  const length = lengthOf(context, 0);
  const inputs: ValueFact[] = [];
  for (let index = 0; index < context.inputCount; index++) {
    const fact = context.input(index);
    if (fact?.type?.kind === 'sequence') inputs.push({ type: fact.type.element });
    else inputs.push(fact ?? { type: undefined });
  }
  const { outputs } = context.subgraph('body', inputs, { iterations: length });
  return outputs.map((output) => sequenceFact(output.type, length));
});

export const sequenceOperators: readonly OpDefinition[] = [
  sequenceConstruct,
  sequenceEmpty,
  sequenceAt,
  sequenceInsert,
  sequenceErase,
  sequenceLength,
  splitToSequence,
  concatFromSequence,
  sequenceMap,
];
