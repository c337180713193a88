import type { Dim } from '../model/dimension';
import { binaryShape, broadcastInputs, mergeShapes } from './broadcast';
import type { KnownElements, OpContext, OpDefinition, ValueFact } from './definition';
import {
  addElements,
  compareElements,
  divideElements,
  isNonNegative,
  maximumElements,
  minimumElements,
  moduloElements,
  multiplyElements,
  powerElements,
  represent,
  roundHalfEven,
  subtractElements,
} from './element-arithmetic';
import { define, scalarElement, tensorFact } from './facts';
import { combineElements, mapElements } from './known-elements';

type Operation = (values: readonly Dim[], context: OpContext) => Dim;

/** One input, and an output of its type and shape. */
function unary(type: string, since: number, operation?: (value: Dim) => Dim): OpDefinition {
  return define(type, since, (context) => {
    const dataType = context.dataType(0);
    const elements = operation && mapElements(context.elements(0), (value) => represent(dataType, operation(value)));
    return [tensorFact(dataType, context.shape(0), elements)];
  });
}

/** A function of numbers, left alone where the value is symbolic. */
function ofNumbers(operation: (value: number) => number): (value: Dim) => Dim {
  return (value) => (typeof value === 'number' ? operation(value) : null);
}

/** A rounding function: whole values, also symbolic ones, stay as they are. */
function rounding(operation: (value: number) => number): (value: Dim) => Dim {
  return (value) => (typeof value === 'number' ? operation(value) : value);
}

/** Two inputs under the broadcasting rules of the opset. */
function binary(type: string, since: number, operation?: Operation): OpDefinition {
  return define(type, since, (context) => [binaryFact(context, operation)]);
}

function binaryFact(context: OpContext, operation: Operation | undefined): ValueFact {
  const dataType = context.dataType(0) ?? (context.node.opType === 'Pow' ? undefined : context.dataType(1));
  return tensorFact(dataType, binaryShape(context), operation && combined(context, 2, operation));
}

/** Any number of inputs, broadcast together (before opset 8 all of one shape). */
function variadic(type: string, since: number, operation?: Operation): OpDefinition {
  return define(type, since, (context) => {
    const indices = Array.from({ length: context.inputCount }, (_, index) => index);
    let dataType = context.dataType(0);
    for (const index of indices) dataType ??= context.dataType(index);
    if (context.opset < 8) {
      const shape = indices.map((index) => context.shape(index)).reduce(mergeShapes, undefined);
      return [tensorFact(dataType, shape, operation && combined(context, context.inputCount, operation))];
    }
    const shape = context.inputCount === 0 ? undefined : broadcastInputs(context, indices);
    return [tensorFact(dataType, shape, operation && combined(context, context.inputCount, operation))];
  });
}

/** The elements of the result, where those of all inputs are known and plain broadcasting holds. */
function combined(context: OpContext, count: number, operation: Operation): KnownElements | undefined {
  const inputs: KnownElements[] = [];
  for (let index = 0; index < count; index++) {
    const known = context.elements(index);
    if (known === undefined) return undefined;
    inputs.push(known);
  }
  const [first] = inputs;
  if (first === undefined) return undefined;
  // The `axis` attribute of old broadcasting aligns shapes in its own way; only what cannot be misread is followed.
  if (context.opset < 7 && !inputs.every(({ dims }) => sameNumbers(dims, first.dims) || dims.length === 0))
    return undefined;
  const dataType = context.dataType(0);
  return combineElements(inputs, (values) => represent(dataType, operation(values, context)));
}

function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((number, index) => number === b[index]);
}

/** An operation on two values, folded over all of them. */
function fold(operation: (a: Dim, b: Dim) => Dim): Operation {
  return ([first = null, ...rest]) => rest.reduce(operation, first);
}

/** The second input (or what is in the attributes) never changes the shape of the first. */
function likeFirst(type: string, since: number): OpDefinition {
  return define(type, since, (context) => [tensorFact(context.dataType(0), context.shape(0))]);
}

const clip = define('Clip', 1, (context) => {
  const dataType = context.dataType(0);
  const [low, high] = clipLimits(context);
  const elements = mapElements(context.elements(0), (value) => {
    const raised = low === undefined ? value : maximumElements(value, low);
    return represent(dataType, high === undefined ? raised : minimumElements(raised, high));
  });
  return [tensorFact(dataType, context.shape(0), elements)];
});

/** The limits of a Clip: undefined where there is none, null where it is not known. */
function clipLimits(context: OpContext): [Dim | undefined, Dim | undefined] {
  if (context.opset < 11) return [context.attributes.float('min'), context.attributes.float('max')];
  return [
    context.hasInput(1) ? scalarElement(context, 1) : undefined,
    context.hasInput(2) ? scalarElement(context, 2) : undefined,
  ];
}

const swiGlu = define('SwiGLU', 28, (context) => [
  tensorFact(context.dataType(0) ?? context.dataType(1), mergeShapes(context.shape(0), context.shape(1))),
]);

function absolute(value: Dim): Dim {
  if (typeof value === 'number') return Math.abs(value);
  return isNonNegative(value) ? value : null;
}

function relu(value: Dim): Dim {
  return maximumElements(value, 0);
}

function sign(value: Dim): Dim {
  return compareElements(value, 0);
}

const divide: Operation = ([a = null, b = null], context) => divideElements(context.dataType(0), a, b);
const moduloOf: Operation = ([a = null, b = null], context) =>
  moduloElements(a, b, context.attributes.int('fmod', 0) !== 0);
const power: Operation = ([a = null, b = null]) => powerElements(a, b);

const activations = [
  ['Acos', 7],
  ['Acosh', 9],
  ['Asin', 7],
  ['Asinh', 9],
  ['Atan', 7],
  ['Atanh', 9],
  ['BitwiseNot', 18],
  ['Celu', 12],
  ['Cos', 7],
  ['Cosh', 9],
  ['Elu', 1],
  ['Erf', 9],
  ['Exp', 1],
  ['Gelu', 20],
  ['HardSigmoid', 1],
  ['HardSwish', 14],
  ['LeakyRelu', 1],
  ['Log', 1],
  ['Mish', 18],
  ['Selu', 1],
  ['Shrink', 9],
  ['Sigmoid', 1],
  ['Sin', 7],
  ['Sinh', 9],
  ['Softplus', 1],
  ['Softsign', 1],
  ['Swish', 24],
  ['Tan', 7],
  ['Tanh', 1],
  ['ThresholdedRelu', 1],
  // Experimental operators of opset 1, gone since opset 10.
  ['Affine', 1],
  ['ImageScaler', 1],
  ['ParametricSoftplus', 1],
  ['Scale', 1],
  ['ScaledTanh', 1],
] as const;

export const elementwiseOperators: readonly OpDefinition[] = [
  ...activations.map(([type, since]) => unary(type, since)),
  unary('Abs', 1, absolute),
  unary('Ceil', 1, rounding(Math.ceil)),
  unary('Floor', 1, rounding(Math.floor)),
  unary('Neg', 1, (value) => subtractElements(0, value)),
  unary(
    'Reciprocal',
    1,
    ofNumbers((value) => 1 / value),
  ),
  unary('Relu', 1, relu),
  unary('Round', 11, rounding(roundHalfEven)),
  unary('Sign', 9, sign),
  unary('Sqrt', 1, ofNumbers(Math.sqrt)),
  binary('Add', 1, fold(addElements)),
  binary('Sub', 1, fold(subtractElements)),
  binary('Mul', 1, fold(multiplyElements)),
  binary('Div', 1, divide),
  binary('Mod', 10, moduloOf),
  binary('Pow', 1, power),
  binary('BitShift', 11),
  binary('BitwiseAnd', 18),
  binary('BitwiseOr', 18),
  binary('BitwiseXor', 18),
  variadic('Max', 1, fold(maximumElements)),
  variadic('Min', 1, fold(minimumElements)),
  variadic('Sum', 1, fold(addElements)),
  variadic('Mean', 1),
  likeFirst('PRelu', 1),
  clip,
  swiGlu,
];
