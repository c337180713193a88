import type { DataType } from '../model/data-type';
import { ceilDivide, type Dim, maximum, type Shape, subtract } from '../model/dimension';
import type { KnownElements, OpContext, OpDefinition } from './definition';
import { isIntegerType, represent } from './element-arithmetic';
import { define, lengthOfVector, scalarElement, tensorFact, unknownDims } from './facts';
import { followedCount, knownVector } from './known-elements';

const range = define('Range', 11, (context) => {
  const dataType = context.dataType(0) ?? context.dataType(1) ?? context.dataType(2);
  const start = scalarElement(context, 0);
  const limit = scalarElement(context, 1);
  const step = scalarElement(context, 2);
  const count = rangeLength(dataType, start, limit, step);
  return [tensorFact(dataType, [count], rangeElements(dataType, start, step, count))];
});

/** max(ceil((limit - start) / step), 0). */
function rangeLength(dataType: DataType | undefined, start: Dim, limit: Dim, step: Dim): Dim {
  if (typeof step !== 'number' || step === 0) return null;
  if (typeof start === 'number' && typeof limit === 'number') {
    const span = isIntegerType(dataType) ? limit - start : represent(dataType, limit - start);
    if (typeof span !== 'number') return null;
    const count = Math.max(0, Math.ceil(span / step));
    return Number.isSafeInteger(count) ? count : null;
  }
  if (!Number.isInteger(step)) return null;
  const count = step > 0 ? ceilDivide(subtract(limit, start), step) : ceilDivide(subtract(start, limit), -step);
  return maximum(count, 0);
}

function rangeElements(dataType: DataType | undefined, start: Dim, step: Dim, count: Dim): KnownElements | undefined {
  const followed = followedCount([count]);
  if (followed === undefined || typeof start !== 'number' || typeof step !== 'number') return undefined;
  // Runtimes add the step again and again: for fractions the last bits depend on how.
  if (!Number.isInteger(start) || !Number.isInteger(step)) return undefined;
  return knownVector(Array.from({ length: followed }, (_, index) => represent(dataType, start + index * step)));
}

/** The `dtype` attribute, or else the type of the first input. */
function typeLikeInput(context: OpContext): DataType | undefined {
  return context.attributes.dataType('dtype') ?? (context.attributes.has('dtype') ? undefined : context.dataType(0));
}

/** A tensor with the shape of the first input, and its type unless `dtype` says otherwise. */
function likeInput(type: string, since: number): OpDefinition {
  return define(type, since, (context) => [tensorFact(typeLikeInput(context), context.shape(0))]);
}

/** A tensor whose shape is the `shape` attribute. */
function ofShape(type: string): OpDefinition {
  return define(type, 1, (context) => {
    const dataType = context.attributes.has('dtype') ? context.attributes.dataType('dtype') : 'FLOAT';
    return [tensorFact(dataType, soundShape(context, context.attributes.ints('shape')))];
  });
}

function soundShape(context: OpContext, shape: Shape | undefined): Shape | undefined {
  if (shape?.every((dim) => typeof dim !== 'number' || dim >= 0)) return shape;
  context.fault(`${context.node.opType} without a shape, or with a negative size in it.`);
  return undefined;
}

const multinomial = define('Multinomial', 7, (context) => {
  const dataType = context.attributes.has('dtype') ? context.attributes.dataType('dtype') : 'INT32';
  return [tensorFact(dataType, [context.shape(0)?.[0] ?? null, context.attributes.int('sample_size', 1)])];
});

/** Experimental operators of opset 1 that fill a tensor: its shape is an attribute, or comes with the input. */
function experimentalFill(type: string): OpDefinition {
  return define(type, 1, (context) => {
    const dataType = context.attributes.has('dtype') ? context.attributes.dataType('dtype') : 'FLOAT';
    return [tensorFact(dataType, filledShape(context))];
  });
}

function filledShape(context: OpContext): Shape | undefined {
  const more = context.attributes.ints('extra_shape') ?? [];
  if (!context.hasInput(0)) return context.attributes.ints('shape');
  if (context.attributes.int('input_as_shape', 0) === 0) {
    const shape = context.shape(0);
    return shape && [...shape, ...more];
  }
  const given = context.elements(0)?.elements;
  if (given !== undefined) return [...given, ...more];
  const rank = lengthOfVector(context, 0);
  return rank === undefined ? undefined : [...unknownDims(rank), ...more];
}

export const generatorOperators: readonly OpDefinition[] = [
  range,
  likeInput('Bernoulli', 15),
  likeInput('EyeLike', 9),
  likeInput('RandomNormalLike', 1),
  likeInput('RandomUniformLike', 1),
  ofShape('RandomNormal'),
  ofShape('RandomUniform'),
  multinomial,
  experimentalFill('ConstantFill'),
  experimentalFill('GivenTensorFill'),
];
