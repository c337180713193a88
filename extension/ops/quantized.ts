import { type DataType, dataTypeFromCode } from '../model/data-type';
import { resolveAxis } from './axes';
import type { OpContext, OpDefinition, ValueFact } from './definition';
import { tensorFact } from './facts';

/** The type named by output_dtype; undefined when it is absent or 0. */
function statedType(context: OpContext): DataType | undefined {
  const code = context.attributes.int('output_dtype', 0);
  const dataType = dataTypeFromCode(code);
  if (code !== 0 && dataType === undefined) context.fault(`output_dtype is ${code}, which is no known type.`);
  return dataType;
}

/** The type of the zero point, else output_dtype, else UINT8. */
function inferQuantize(context: OpContext): readonly ValueFact[] {
  checkScale(context);
  const dataType = context.hasInput(2) ? context.dataType(2) : (statedType(context) ?? 'UINT8');
  return [tensorFact(dataType, context.shape(0))];
}

/** output_dtype, else the type of the scale, which before opset 19 could only be FLOAT. */
function inferDequantize(context: OpContext): readonly ValueFact[] {
  checkScale(context);
  const scale = context.dataType(1);
  const implied = context.node.domain === 'ai.onnx' && context.opset < 19 ? 'FLOAT' : scale;
  // A scale that is a bare exponent is no type to compute in: the node must then name one.
  const dataType = statedType(context) ?? (implied === 'FLOAT8E8M0' ? undefined : implied);
  return [tensorFact(dataType, context.shape(0))];
}

/** A scale per channel must have the channels of its axis. */
function checkScale(context: OpContext): void {
  const shape = context.shape(0);
  const scale = context.shape(1);
  if (shape === undefined || scale?.length !== 1 || scale[0] === 1 || shape.length < 2) return;
  const axis = resolveAxis(context, context.attributes.int('axis', 1), shape.length);
  const channels = axis === undefined ? null : (shape[axis] ?? null);
  if (typeof channels === 'number' && typeof scale[0] === 'number' && channels !== scale[0]) {
    context.fault(`There are ${scale[0]} scales for the ${channels} channels of axis ${axis}.`);
  }
}

function inferDynamicQuantize(context: OpContext): readonly ValueFact[] {
  return [tensorFact('UINT8', context.shape(0)), tensorFact('FLOAT', []), tensorFact('UINT8', [])];
}

/** Conversions between real and quantized numbers. They have no multiply-accumulates. */
export const quantizedOperators: readonly OpDefinition[] = [
  { domain: 'ai.onnx', type: 'QuantizeLinear', since: 10, infer: inferQuantize },
  { domain: 'ai.onnx', type: 'DequantizeLinear', since: 10, infer: inferDequantize },
  { domain: 'ai.onnx', type: 'DynamicQuantizeLinear', since: 11, infer: inferDynamicQuantize },
  { domain: 'com.microsoft', type: 'QuantizeLinear', since: 1, infer: inferQuantize },
  { domain: 'com.microsoft', type: 'DequantizeLinear', since: 1, infer: inferDequantize },
];
