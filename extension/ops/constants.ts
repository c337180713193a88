import type { Dim, Shape } from '../model/dimension';
import type { OpContext, OpDefinition, ValueFact } from './definition';
import { define, lengthOfVector, tensorFact, unknownDims } from './facts';
import { followedCount, knownElements, knownVector, numericDims } from './known-elements';
import { constantFact, tensorElements } from './tensor-elements';

/** Operators whose output is a constant written in the node. */
export const constantOperators: readonly OpDefinition[] = [
  define('Constant', 1, inferConstant),
  define('ConstantOfShape', 9, inferConstantOfShape),
];

function inferConstant(context: OpContext): readonly (ValueFact | undefined)[] {
  const { attributes } = context;
  const tensor = attributes.tensor('value') ?? attributes.tensor('sparse_value');
  if (tensor) return [constantFact(tensor)];
  const integer = attributes.int('value_int');
  if (integer !== undefined) return [tensorFact('INT64', [], { dims: [], elements: [integer] })];
  const integers = attributes.ints('value_ints');
  if (integers) return [tensorFact('INT64', [integers.length], knownVector(integers))];
  const float = attributes.float('value_float');
  if (float !== undefined) return [tensorFact('FLOAT', [], { dims: [], elements: [finite(float)] })];
  const floats = attributes.floats('value_floats');
  if (floats) return [tensorFact('FLOAT', [floats.length], knownVector(floats.map(finite)))];
  if (attributes.has('value_string')) return [tensorFact('STRING', [])];
  const strings = attributes.strings('value_strings');
  if (strings) return [tensorFact('STRING', [strings.length])];
  context.fault('Constant has no value.');
  return [undefined];
}

function finite(value: number): Dim {
  return Number.isFinite(value) ? value : null;
}

function inferConstantOfShape(context: OpContext): readonly (ValueFact | undefined)[] {
  const value = context.attributes.tensor('value');
  const dataType = value ? value.dataType : 'FLOAT';
  const shape = shapeFromElements(context);
  const dims = numericDims(shape);
  const count = followedCount(shape);
  if (!dims || count === undefined) return [tensorFact(dataType, shape)];
  const fill = value ? (tensorElements(value)?.elements[0] ?? null) : 0;
  return [tensorFact(dataType, shape, knownElements(dims, Array<Dim>(count).fill(fill)))];
}

function shapeFromElements(context: OpContext): Shape | undefined {
  const elements = context.elements(0)?.elements;
  if (elements) {
    if (elements.some((dim) => typeof dim === 'number' && dim < 0))
      context.fault('The shape has a negative dimension.');
    return elements.map((dim) => (typeof dim === 'number' && dim < 0 ? null : dim));
  }
  const rank = lengthOfVector(context, 0);
  return rank === undefined ? undefined : unknownDims(rank);
}
