import type { InferenceEngine } from '../../inference/engine';
import { type RunnableModel, runSample, withSession } from '../calibration/observation';
import { tensorNumbers } from '../calibration/tensor-numbers';
import type { SampleSource } from '../calibration-data/samples';
import { eachInputRow } from './input-rows';
import type { LinearLayer } from './linear-layers';

/** A layer with more inputs has a matrix that takes too much memory and time. */
export const mostInputs = 2048;
/** Bytes of all matrices that are held at once. */
const mostBytes = 2 ** 27;
/** Multiplications that the matrices of a layer may take for one sample. */
const workPerSample = 2 ** 23;
const mostRows = 256;
const fewestRows = 4;

/** Sums over rows x of inputs. */
export interface InputMoments {
  readonly layer: LinearLayer;
  /** Sum of x x^T of each group: `inputs` x `inputs` numbers, row by row. */
  readonly grams: readonly Float64Array[];
  /** Rows summed up. */
  readonly rows: number;
}

/** What the weights of layers are multiplied by, from runs of the float model; the layers are gone through in batches, so that memory is bounded. */
export class InputMomentSource {
  readonly #batches: readonly (readonly LinearLayer[])[];
  #current: { readonly batch: readonly LinearLayer[]; readonly moments: Promise<readonly InputMoments[]> } | undefined;
  /** Layers that are too large. */
  readonly tooLarge: readonly LinearLayer[];

  constructor(
    private readonly model: RunnableModel,
    layers: readonly LinearLayer[],
    private readonly work: {
      readonly engine: InferenceEngine;
      readonly samples: SampleSource;
      readonly signal?: AbortSignal | undefined;
    },
  ) {
    this.tooLarge = layers.filter(({ inputs }) => inputs > mostInputs);
    this.#batches = batchesOf(layers.filter(({ inputs }) => inputs <= mostInputs));
  }

  /** No layer is known. */
  get isEmpty(): boolean {
    return this.#batches.length === 0;
  }

  /** undefined for what is no weight of a layer, for too large ones, and where no input came by. Rejects with EngineRefused. */
  async of(weightName: string): Promise<InputMoments | undefined> {
    const batch = this.#batches.find((each) => each.some((layer) => layer.weightName === weightName));
    if (!batch) return undefined;
    if (this.#current?.batch !== batch) this.#current = { batch, moments: this.#collect(batch) };
    const moments = (await this.#current.moments).find(({ layer }) => layer.weightName === weightName);
    return moments && moments.rows > 0 ? moments : undefined;
  }

  async #collect(batch: readonly LinearLayer[]): Promise<readonly InputMoments[]> {
    const { engine, samples, signal } = this.work;
    const sums = batch.map((layer) => ({
      layer,
      grams: Array.from({ length: layer.groups }, () => new Float64Array(layer.inputs ** 2)),
      rows: 0,
    }));
    const names = [...new Set(batch.map(({ input }) => input))];
    await withSession(engine, this.model, [], async ({ inputs, outputs }) => {
      const known = new Set([...inputs, ...outputs].map(({ name }) => name));
      const inner = names.filter((name) => !known.has(name));
      await withSession(engine, this.model, inner, async (session) => {
        for await (const sample of samples.samples()) {
          signal?.throwIfAborted();
          const results = await runSample(session, sample);
          for (const sum of sums) {
            const tensor = results.get(sum.layer.input) ?? sample.feeds.get(sum.layer.input);
            if (tensor?.dataType === 'FLOAT') addRows(sum, tensor.dims, tensorNumbers(tensor));
          }
        }
      });
    });
    for (const { grams, layer } of sums) for (const gram of grams) mirror(gram, layer.inputs);
    return sums;
  }
}

function batchesOf(layers: readonly LinearLayer[]): readonly (readonly LinearLayer[])[] {
  const batches: LinearLayer[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const layer of layers) {
    const own = layer.groups * layer.inputs ** 2 * Float64Array.BYTES_PER_ELEMENT;
    if (bytes + own > mostBytes) {
      batches.push([]);
      bytes = 0;
    }
    batches.at(-1)?.push(layer);
    bytes += own;
  }
  return batches;
}

function addRows(
  sum: { readonly layer: LinearLayer; readonly grams: readonly Float64Array[]; rows: number },
  dims: readonly number[],
  values: ArrayLike<number>,
): void {
  const { inputs, groups } = sum.layer;
  const affordable = Math.floor(workPerSample / (groups * inputs ** 2));
  const most = Math.min(Math.max(affordable, fewestRows), mostRows);
  eachInputRow(sum.layer, dims, values, most, (group, row) => {
    const gram = sum.grams[group];
    if (!gram || !row.every(Number.isFinite)) return;
    if (group === 0) sum.rows++;
    for (let i = 0; i < inputs; i++) {
      const value = row[i] ?? 0;
      if (value === 0) continue;
      for (let j = i; j < inputs; j++) gram[i * inputs + j] = (gram[i * inputs + j] ?? 0) + value * (row[j] ?? 0);
    }
  });
}

function mirror(gram: Float64Array, size: number): void {
  for (let i = 0; i < size; i++) for (let j = 0; j < i; j++) gram[i * size + j] = gram[j * size + i] ?? 0;
}
