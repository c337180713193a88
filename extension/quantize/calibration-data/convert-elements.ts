import type { EngineTensor } from '../../inference/engine';
import { bitsPerElement, type DataType, dataTypeKind } from '../../model/data-type';
import { toFloat64 } from '../../onnx/tensor-data';
import { float16Bits } from '../float16-bits';
import { CalibrationDataRefused } from './calibration-files';

/**
 * The tensor with elements of type `to`. `round`: numbers for an integer type are rounded first.
 * Throws CalibrationDataRefused for a number that the type does not have (a fraction in an integer type, too large), for NaN and infinity; `name` says whose.
 */
export function convertElements(tensor: EngineTensor, to: DataType, name: string, round = false): EngineTensor {
  const { dataType, dims } = tensor;
  const isFloat = dataTypeKind(to) === 'float';
  if (dataType === to && !isFloat) return tensor;
  const count = dims.reduce((product, dim) => product * dim, 1);
  const values = toFloat64(dataType, tensor.data, count);
  const bytes = bitsPerElement(to) / 8;
  const data = new Uint8Array(count * bytes);
  const write = writerOf(to, new DataView(data.buffer));
  if (!write)
    throw new CalibrationDataRefused(`${name} would go into an input of type ${to}, which takes no such data.`);
  for (const [index, given] of values.entries()) {
    if (!Number.isFinite(given)) {
      const all = values.reduce((sum, value) => sum + (Number.isFinite(value) ? 0 : 1), 0);
      throw new CalibrationDataRefused(
        `${name} holds ${all} of ${count} values that are NaN or infinite, the first (${given}) at element ${index}; take it out of the calibration data.`,
      );
    }
    const value = round && !isFloat ? Math.round(given) : given;
    if (!isFloat && !inRange(to, value)) {
      throw new CalibrationDataRefused(
        `${name} holds ${given} at element ${index}, but the input takes ${to} numbers only.`,
      );
    }
    write(index, value);
  }
  return { dataType: to, dims, data };
}

function inRange(type: DataType, value: number): boolean {
  if (!Number.isInteger(value)) return false;
  if (type === 'BOOL') return value === 0 || value === 1;
  const bits = bitsPerElement(type);
  return dataTypeKind(type) === 'unsigned'
    ? value >= 0 && value < 2 ** bits
    : value >= -(2 ** (bits - 1)) && value < 2 ** (bits - 1);
}

function writerOf(type: DataType, view: DataView): ((index: number, value: number) => void) | undefined {
  switch (type) {
    case 'FLOAT':
      return (index, value) => view.setFloat32(4 * index, value, true);
    case 'DOUBLE':
      return (index, value) => view.setFloat64(8 * index, value, true);
    case 'FLOAT16':
      return (index, value) => view.setUint16(2 * index, float16Bits(value), true);
    case 'INT8':
    case 'UINT8':
    case 'BOOL':
      return (index, value) => view.setUint8(index, value);
    case 'INT16':
    case 'UINT16':
      return (index, value) => view.setUint16(2 * index, value, true);
    case 'INT32':
    case 'UINT32':
      return (index, value) => view.setUint32(4 * index, value, true);
    case 'INT64':
    case 'UINT64':
      return (index, value) => view.setBigUint64(8 * index, BigInt.asUintN(64, BigInt(value)), true);
    default:
      return undefined;
  }
}
