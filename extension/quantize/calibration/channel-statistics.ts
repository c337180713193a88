import type { EngineTensor } from '../../inference/engine';
import { tensorNumbers } from './tensor-numbers';

/** One number for each channel, over all samples; elements that are not finite are left out. */
export interface ChannelSummary {
  readonly axis: number;
  readonly mean: Float64Array;
  readonly minimum: Float64Array;
  readonly maximum: Float64Array;
}

/** Sums along an axis of a tensor while samples pass. */
export class ChannelStatistics {
  #sums = new Float64Array();
  #counts = new Float64Array();
  #minimum = new Float64Array();
  #maximum = new Float64Array();

  /** `axis` may be negative: counted from the last one. */
  constructor(
    private readonly name: string,
    private readonly axis: number,
  ) {}

  /** Throws Error (a sentence) where the tensor has no such axis, or another length along it than before. */
  add(tensor: EngineTensor): void {
    const { dims } = tensor;
    const axis = this.axis < 0 ? dims.length + this.axis : this.axis;
    const channels = dims[axis];
    if (channels === undefined) throw new Error(`${this.name} is [${dims}] and has no axis ${this.axis}.`);
    if (this.#sums.length === 0) this.#start(channels);
    if (this.#sums.length !== channels) {
      throw new Error(`${this.name} has ${channels} channels in one sample and ${this.#sums.length} in another.`);
    }
    const inner = dims.slice(axis + 1).reduce((product, dim) => product * dim, 1);
    const values = tensorNumbers(tensor);
    for (let start = 0, channel = 0; start < values.length; start += inner) {
      this.#addRun(values.subarray(start, start + inner), channel);
      channel = channel + 1 === channels ? 0 : channel + 1;
    }
  }

  /** A channel of which no finite element came by has the mean 0 and the range 0 to 0. */
  summary(): ChannelSummary {
    const seen = (numbers: Float64Array) =>
      numbers.map((number, channel) => ((this.#counts[channel] ?? 0) > 0 ? number : 0));
    return {
      axis: this.axis,
      mean: seen(this.#sums.map((sum, channel) => sum / (this.#counts[channel] ?? 1))),
      minimum: seen(this.#minimum),
      maximum: seen(this.#maximum),
    };
  }

  #start(channels: number): void {
    this.#sums = new Float64Array(channels);
    this.#counts = new Float64Array(channels);
    this.#minimum = new Float64Array(channels).fill(Number.POSITIVE_INFINITY);
    this.#maximum = new Float64Array(channels).fill(Number.NEGATIVE_INFINITY);
  }

  #addRun(values: Float32Array | Float64Array, channel: number): void {
    let [sum, count] = [0, 0];
    let minimum = this.#minimum[channel] ?? 0;
    let maximum = this.#maximum[channel] ?? 0;
    for (let index = 0; index < values.length; index++) {
      const value = values[index] ?? 0;
      if (!Number.isFinite(value)) continue;
      sum += value;
      count++;
      if (value < minimum) minimum = value;
      if (value > maximum) maximum = value;
    }
    this.#sums[channel] = (this.#sums[channel] ?? 0) + sum;
    this.#counts[channel] = (this.#counts[channel] ?? 0) + count;
    this.#minimum[channel] = minimum;
    this.#maximum[channel] = maximum;
  }
}
