import { storedBytes } from '../../model/data-type';
import type { Tensor } from '../../model/model';
import type { TensorData } from '../../onnx/edit';
import { type ModelBytes, readTensorChunks, toFloat64 } from '../../onnx/tensor-data';
import type { TensorError } from '../plan';
import { Once } from '../tensor-values';
import { type Grouping, type Groups, groupsOf } from './grouping';
import { type IntegerFormat, type Parameters, type Statistics, thresholdOf } from './integer-format';
import { packCodes } from './pack-codes';
import { longestSummedRow, type SummedRows, sumKeepingCodes } from './sum-rounding';
import type { FittedWeight, WeightFitter } from './weight-fitter';

export interface QuantizedTensorOptions {
  /** Makes scales larger where something else asks for it. */
  readonly raise?: (scales: Float32Array) => Promise<Float32Array>;
  /** Chooses scales and codes; it knows the weight by the name of its value. */
  readonly fitter?: { readonly by: WeightFitter; readonly name: string } | undefined;
  /** Codes that nothing else chose keep the sums of these rows, each of which has one scale; absent: the nearest codes. */
  readonly rows?: SummedRows | undefined;
}

/** A float32 tensor as whole numbers with scales. Elements are read when they are asked for; memory stays at one piece and the scales. */
export class QuantizedTensor {
  readonly groups: Groups;
  readonly #fitted: Once<FittedWeight>;

  constructor(
    readonly tensor: Tensor,
    private readonly bytes: ModelBytes,
    private readonly grouping: Grouping,
    readonly format: IntegerFormat,
    private readonly options: QuantizedTensorOptions = {},
  ) {
    this.groups = groupsOf(tensor.dims, grouping);
    this.#fitted = new Once(() => this.#fit());
  }

  async parameters(): Promise<Parameters> {
    return (await this.#fitted.get()).parameters;
  }

  /** The codes as an initializer; the passes over the weight happen while it is written. */
  elements(name: string): TensorData {
    const { dataType } = this.format;
    const byteLength = storedBytes(dataType, this.tensor.elementCount);
    return {
      name,
      dataType,
      dims: this.tensor.dims,
      byteLength,
      deferred: true,
      produce: () => this.#produceElements(),
    };
  }

  scales(name: string): TensorData {
    const { count, dims } = this.groups;
    const produce = async function* (this: QuantizedTensor) {
      const { scales } = await this.parameters();
      yield float32Bytes(scales);
    };
    return { name, dataType: 'FLOAT', dims, byteLength: count * 4, deferred: true, produce: () => produce.call(this) };
  }

  zeroPoints(name: string): TensorData {
    const { count, dims } = this.groups;
    const { dataType, hasZeroPoint } = this.format;
    const byteLength = storedBytes(dataType, count);
    const produce = async function* (this: QuantizedTensor) {
      const zeroPoints = hasZeroPoint ? (await this.parameters()).zeroPoints : new Int32Array(count);
      yield packCodes(zeroPoints, dataType);
    };
    return { name, dataType, dims, byteLength, deferred: true, produce: () => produce.call(this) };
  }

  /** Compares with the float weight; elements that are not finite are left out of the sums and counted as overflows. */
  async measure(signal?: AbortSignal): Promise<TensorError> {
    signal?.throwIfAborted();
    const { scales, zeroPoints } = await this.parameters();
    const group = this.groups.walk();
    const sums = { signal: 0, noise: 0, maxAbsoluteError: 0, overflows: 0, underflows: 0 };
    for await (const { values, codes } of this.#coded(signal)) {
      for (const [position, value] of values.entries()) {
        const index = group();
        if (!Number.isFinite(value)) {
          sums.overflows++;
          continue;
        }
        const code = codes[position] ?? 0;
        const error = Math.abs(value - Math.fround((code - (zeroPoints[index] ?? 0)) * (scales[index] ?? 1)));
        sums.signal += value * value;
        sums.noise += error * error;
        if (error > sums.maxAbsoluteError) sums.maxAbsoluteError = error;
      }
    }
    return sums;
  }

  async *#produceElements(): AsyncGenerator<Uint8Array> {
    for await (const { codes } of this.#coded()) yield packCodes(codes, this.format.dataType);
  }

  /** The elements with their codes, from the first on. */
  async *#coded(signal?: AbortSignal): AsyncGenerator<{ readonly values: Float64Array; readonly codes: Int32Array }> {
    const { parameters, codes: fitted } = await this.#fitted.get();
    const { rows } = this.options;
    const { largestCode } = this.format;
    const group = this.groups.walk();
    if (rows && !fitted && largestCode !== undefined && rows.length <= longestSummedRow) {
      for await (const values of inRows(this.#values(signal), rows.length)) {
        const codes = new Int32Array(values.length);
        for (let start = 0; start < values.length; start += rows.length) {
          const row = values.subarray(start, start + rows.length);
          let index = 0;
          for (let element = 0; element < row.length; element++) index = group();
          codes.set(sumKeepingCodes(row, parameters.scales[index] ?? 1, rows.window, largestCode), start);
        }
        yield { values, codes };
      }
      return;
    }
    let position = 0;
    for await (const values of this.#values(signal)) {
      const codes = new Int32Array(values.length);
      for (let index = 0; index < values.length; index++) {
        const current = group();
        codes[index] = fitted ? (fitted[position++] ?? 0) : this.format.code(values[index] ?? 0, parameters, current);
      }
      yield { values, codes };
    }
  }

  async #fit(): Promise<FittedWeight> {
    const { tensor, grouping, groups, format } = this;
    const base = async () => format.fit(await this.#statistics());
    const { fitter, raise } = this.options;
    const weight = { name: fitter?.name ?? '', tensor, grouping, groups, format, base, values: () => this.#values() };
    const fitted = (await fitter?.by.fit(weight)) ?? { parameters: await base() };
    if (!raise) return fitted;
    const scales = await raise(fitted.parameters.scales);
    const isRaised = scales.some((scale, group) => scale !== fitted.parameters.scales[group]);
    return isRaised ? { parameters: { ...fitted.parameters, scales } } : fitted;
  }

  async #statistics(): Promise<Statistics> {
    const { count: groups } = this.groups;
    const statistics = {
      count: new Float64Array(groups),
      minimum: new Float64Array(groups),
      maximum: new Float64Array(groups),
      sumOfMagnitudes: new Float64Array(groups),
      largeCount: new Float64Array(groups),
      largeSum: new Float64Array(groups),
    };
    const { count, minimum, maximum, sumOfMagnitudes, largeCount, largeSum } = statistics;
    const group = this.groups.walk();
    for await (const values of this.#values()) {
      for (const value of values) {
        const index = group();
        if (!Number.isFinite(value)) continue;
        count[index] = (count[index] ?? 0) + 1;
        sumOfMagnitudes[index] = (sumOfMagnitudes[index] ?? 0) + Math.abs(value);
        if (value < (minimum[index] ?? 0)) minimum[index] = value;
        if (value > (maximum[index] ?? 0)) maximum[index] = value;
      }
    }
    if (!this.format.needsLarge) return statistics;
    const again = this.groups.walk();
    for await (const values of this.#values()) {
      for (const value of values) {
        const index = again();
        const magnitude = Math.abs(value);
        const isLarge = magnitude > thresholdOf(sumOfMagnitudes[index] ?? 0, count[index] ?? 0);
        if (!isLarge || !Number.isFinite(value)) continue;
        largeCount[index] = (largeCount[index] ?? 0) + 1;
        largeSum[index] = (largeSum[index] ?? 0) + magnitude;
      }
    }
    return statistics;
  }

  async *#values(signal?: AbortSignal): AsyncGenerator<Float64Array> {
    for await (const chunk of readTensorChunks(this.tensor, this.bytes)) {
      signal?.throwIfAborted();
      yield toFloat64('FLOAT', chunk, chunk.length / 4);
    }
  }
}

/** The same elements in pieces of whole rows. */
async function* inRows(pieces: AsyncIterable<Float64Array>, length: number): AsyncGenerator<Float64Array> {
  let left = new Float64Array(0);
  for await (const piece of pieces) {
    const joined = new Float64Array(left.length + piece.length);
    joined.set(left);
    joined.set(piece, left.length);
    const whole = joined.length - (joined.length % length);
    if (whole > 0) yield joined.subarray(0, whole);
    left = joined.slice(whole);
  }
  if (left.length > 0) yield left;
}

/** Float32 numbers as raw_data. */
export function float32Bytes(values: ArrayLike<number>): Uint8Array {
  const view = new DataView(new ArrayBuffer(values.length * 4));
  for (let index = 0; index < values.length; index++) view.setFloat32(index * 4, values[index] ?? 0, true);
  return new Uint8Array(view.buffer);
}
