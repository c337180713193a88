import { add, type Dim, floorDivide, multiply, type Shape, subtract } from '../model/dimension';
import { resolveAxis } from './axes';
import type { OpContext, OpDefinition } from './definition';
import { define, scalarElement, tensorFact, unknownDims, withDim } from './facts';

const fourierTransform = define('DFT', 17, (context) => {
  const dataType = context.dataType(0);
  const input = context.shape(0);
  return [tensorFact(dataType, input && transformedShape(context, input))];
});

function transformedShape(context: OpContext, input: Shape): Shape {
  const rank = input.length;
  const oneSided = context.attributes.int('onesided', 0) !== 0;
  const inverse = context.attributes.int('inverse', 0) !== 0;
  // The inverse of a one-sided spectrum is a real signal.
  const toReal = oneSided && inverse;
  const parts = toReal ? 1 : 2;
  // A full transform keeps every size, whichever axis it is on.
  if (!oneSided && !context.hasInput(1)) return withDim(input, rank - 1, parts);
  const given = transformAxis(context);
  const axis = given === null ? undefined : resolveAxis(context, given, rank);
  if (axis === undefined) return [...unknownDims(Math.max(rank - 1, 0)), parts];
  const dim = input[axis] ?? null;
  const ownLength = toReal ? multiply(2, subtract(dim, 1)) : dim;
  const length = context.hasInput(1) ? scalarElement(context, 1) : ownLength;
  const size = oneSided && !inverse ? halfSpectrum(length) : length;
  return input.map((old, at) => (at === axis ? size : at === rank - 1 ? parts : old));
}

/** The axis is an attribute in opset 17 and an input from 20 on; null when it is not known. */
function transformAxis(context: OpContext): number | null {
  if (context.opset < 20) return context.attributes.int('axis', 1);
  if (!context.hasInput(2)) return -2;
  const axis = scalarElement(context, 2);
  return typeof axis === 'number' ? axis : null;
}

/** Of a real signal's spectrum only floor(n/2) + 1 values are kept: the others mirror them. */
function halfSpectrum(length: Dim): Dim {
  return add(floorDivide(length, 2), 1);
}

const shortTimeTransform = define('STFT', 17, (context) => {
  const signal = context.shape(0);
  const step = scalarElement(context, 1);
  const window = context.hasInput(2) ? context.shape(2)?.[0] : undefined;
  const frame = context.hasInput(3) ? scalarElement(context, 3) : (window ?? null);
  const frames = add(floorDivide(subtract(signal?.[1] ?? null, frame), step), 1);
  const bins = context.attributes.int('onesided', 1) !== 0 ? halfSpectrum(frame) : frame;
  return [tensorFact(context.dataType(0), [signal?.[0] ?? null, frames, bins, 2])];
});

/** A window function: its length is the value of the input. */
function windowFunction(type: string): OpDefinition {
  return define(type, 17, (context) => [tensorFact(outputType(context), [scalarElement(context, 0)])]);
}

function outputType(context: OpContext) {
  return context.attributes.has('output_datatype') ? context.attributes.dataType('output_datatype') : 'FLOAT';
}

const melWeights = define('MelWeightMatrix', 17, (context) => [
  tensorFact(outputType(context), [halfSpectrum(scalarElement(context, 1)), scalarElement(context, 0)]),
]);

export const signalOperators: readonly OpDefinition[] = [
  fourierTransform,
  shortTimeTransform,
  windowFunction('BlackmanWindow'),
  windowFunction('HammingWindow'),
  windowFunction('HannWindow'),
  melWeights,
];
