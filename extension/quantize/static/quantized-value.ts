import type { QuantizedTensor } from '../weights/quantized-tensor';
import type { ActivationType } from './activation-type';
import type { QuantizedNames } from './quantize-linear';

/** What stands for a value after quantization. */
export interface Quantized {
  readonly names: QuantizedNames;
  /** Names of the initializers that hold scale and zero point: its own, or those of the value it shares them with. */
  readonly parameters: { readonly scale: string; readonly zeroPoint: string };
  /** undefined: an activation. */
  readonly constant: QuantizedTensor | undefined;
  /** A constant in the form of weights, whose scale no activation can share. */
  readonly isWeight: boolean;
  /** Of an activation, and of a constant beside one. */
  readonly type: ActivationType;
  readonly axis: number | undefined;
  /** The tensor whose range counts. */
  readonly rangeOf: string;
}
