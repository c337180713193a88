import type { DataType } from '../../model/data-type';
import { QuantizationRefused } from '../plan';
import { rangeParameters } from '../weights/integer-format';

/** The range of a tensor over the calibration samples. */
export interface Range {
  readonly minimum: number;
  readonly maximum: number;
}

export type Ranges = ReadonlyMap<string, Range>;

/** The static schemes: what activations and weights become. */
export type StaticSchemeId = 'int8' | 'uint8' | 'int16' | 'int16x8';

/** Whole numbers that activations become. */
export interface ActivationType {
  readonly dataType: DataType & ('INT8' | 'UINT8' | 'INT16');
  readonly lowest: number;
  readonly highest: number;
  readonly symmetric: boolean;
}

/**
 * Symmetric signed types leave out their lowest number, as onnxruntime does. int16x8 is symmetric always, as the kernels of
 * microcontrollers that compute it want it.
 */
export function activationType(scheme: StaticSchemeId, wanted: 'asymmetric' | 'symmetric'): ActivationType {
  const symmetric = wanted === 'symmetric' || scheme === 'int16x8';
  switch (scheme) {
    case 'uint8':
      return { dataType: 'UINT8', lowest: 0, highest: 255, symmetric };
    case 'int8':
      return { dataType: 'INT8', lowest: symmetric ? -127 : -128, highest: 127, symmetric };
    default:
      return { dataType: 'INT16', lowest: symmetric ? -32767 : -32768, highest: 32767, symmetric };
  }
}

/** Scale and zero point of an activation. Throws QuantizationRefused where its range is missing or is not finite. */
export function activationParameters(
  name: string,
  ranges: Ranges | undefined,
  type: ActivationType,
): { readonly scale: number; readonly zeroPoint: number } {
  if (!ranges) throw new QuantizationRefused('This scheme needs the ranges of activations: calibrate the model first.');
  const range = ranges.get(name);
  if (!range) throw new QuantizationRefused(`Calibration gave no range for ${name}.`);
  if (!Number.isFinite(range.minimum) || !Number.isFinite(range.maximum) || range.minimum > range.maximum) {
    throw new QuantizationRefused(
      `${name} goes from ${range.minimum} to ${range.maximum} on the calibration data; such a range cannot be quantized.`,
    );
  }
  return rangeParameters(range, type);
}
