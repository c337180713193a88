import type { Tensor } from '../../model/model';
import type { TensorData } from '../../onnx/edit';
import type { ModelBytes } from '../../onnx/tensor-data';
import { Once, readValues } from '../tensor-values';
import { packCodes } from '../weights/pack-codes';
import { float32Bytes, type QuantizedTensor } from '../weights/quantized-tensor';
import { roundHalfToEven } from '../weights/rounding';

/** Numbers of int32 from -(2^31 - 1) to 2^31 - 1. */
const int32Codes = 2 ** 32 - 2;
const smallestInt32 = -(2 ** 31);
const largestInt32 = 2 ** 31 - 1;

/** A bias as int32 with zero point 0. Its scale is that of the sum it is added to: scale of the input times scale of the weight. */
export class QuantizedBias {
  readonly #values: Once<Float64Array>;
  readonly #scales: Once<Float32Array>;

  constructor(
    private readonly bias: Tensor,
    bytes: ModelBytes,
    private readonly inputScale: () => Promise<number>,
    private readonly weight: QuantizedTensor,
    private readonly beta: number,
  ) {
    this.#values = new Once(() => readValues(bias, bytes));
    this.#scales = new Once(() => this.#multiply());
  }

  elements(name: string): TensorData {
    const { dims, elementCount } = this.bias;
    const produce = async function* (this: QuantizedBias) {
      yield packCodes(await this.#codes(), 'INT32');
    };
    const byteLength = elementCount * 4;
    return { name, dataType: 'INT32', dims, byteLength, deferred: true, produce: () => produce.call(this) };
  }

  scales(name: string): TensorData {
    const { count, dims } = this.weight.groups;
    const produce = async function* (this: QuantizedBias) {
      yield float32Bytes(await this.#scales.get());
    };
    return { name, dataType: 'FLOAT', dims, byteLength: count * 4, deferred: true, produce: () => produce.call(this) };
  }

  async #multiply(): Promise<Float32Array> {
    const input = await this.inputScale();
    const { scales } = await this.weight.parameters();
    return scales.map((scale) => Math.fround(Math.fround(input * scale) * Math.fround(this.beta)));
  }

  async #codes(): Promise<Int32Array> {
    const scales = await this.#scales.get();
    const values = await this.#values.get();
    return Int32Array.from(values, (value, index) => {
      const exact = value / (scales[scales.length === 1 ? 0 : index] ?? 1);
      return Number.isNaN(exact) ? 0 : Math.min(Math.max(roundHalfToEven(exact), smallestInt32), largestInt32);
    });
  }
}

/**
 * Weight scales made larger where the bias would not fit into int32 otherwise: the scale of the bias is at least
 * 1.0001 * 2 * |b| / (2^32 - 2). Source: onnxruntime.quantization, QDQQuantizer._adjust_weight_scale_for_int32_bias.
 */
export async function raisedForBias(
  scales: Float32Array,
  bias: Tensor,
  bytes: ModelBytes,
  inputScale: number,
): Promise<Float32Array> {
  const values = await readValues(bias, bytes);
  const smallest = (magnitude: number) => (1.0001 * 2 * magnitude) / int32Codes;
  const largestOfAll = values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  return scales.map((scale, channel) => {
    const magnitude = scales.length === 1 ? largestOfAll : Math.abs(values[channel] ?? 0);
    const candidate = inputScale * scale;
    const ratio = smallest(magnitude) / candidate;
    return candidate > 0 && ratio > 1 && Number.isFinite(ratio) ? Math.fround(scale * ratio) : scale;
  });
}
