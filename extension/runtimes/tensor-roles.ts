import { type DataType, dataTypeKind } from '../model/data-type';
import type { ConstantFact } from './facts';
import type { OperatorKind, TensorRole } from './lowered';

/** What a constant in this input of an operator is for. `fuses`: the converter knows operators; else floats of unknown ones are learned. */
export function roleOf(kind: OperatorKind, position: number, fact: ConstantFact, fuses: boolean): TensorRole {
  switch (kind) {
    case 'Conv2D':
    case 'DepthwiseConv2D':
    case 'TransposeConv':
    case 'FullyConnected':
      if (position === 1) return 'weight';
      return position === 2 ? 'bias' : 'constant';
    case 'Lstm':
      if (position === 1 || position === 2) return 'weight';
      return position === 3 ? 'bias' : 'constant';
    case 'Gather':
    case 'BatchMatMul':
    case 'Prelu':
      return dataTypeKind(fact.dataType) === 'float' || fact.scales > 0 ? 'weight' : 'constant';
    case 'Quantize':
    case 'Dequantize':
      return position > 0 ? 'quantization' : 'weight';
    case 'Other':
      // What an unknown operator keeps in floats is learned, as a rule.
      return fuses && !isFloat(fact.dataType) ? 'constant' : 'weight';
    default:
      return 'constant';
  }
}

/** True for integers that stand for real numbers in an activation. */
export function isQuantizedType(type: DataType): boolean {
  return type === 'INT8' || type === 'UINT8' || type === 'INT16' || type === 'UINT16';
}

/** True for floating-point types; false where the type is not known. */
export function isFloat(type: DataType | undefined): boolean {
  return type !== undefined && dataTypeKind(type) === 'float';
}

/** True for elements that stand for real numbers, so that another precision changes them. */
export function isNumeric(type: DataType, role: TensorRole): boolean {
  return isFloat(type) || type === 'INT8' || type === 'UINT8' || (role === 'bias' && type === 'INT32');
}
