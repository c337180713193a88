import type { EngineTensor, InferenceEngine } from '../../inference/engine';
import type { Sample, SampleSource } from '../calibration-data/samples';
import { ChannelStatistics, type ChannelSummary } from './channel-statistics';
import { graphValues, observationGroups, type RunnableModel, runSample, withSession } from './observation';
import type { RangeRules } from './range-methods';
import { type TensorRange, TensorStatistics } from './tensor-statistics';

export interface CollectOptions extends RangeRules {
  /** Tensors of which numbers per channel are wanted, and the axis that the channels are on (negative: from the last). */
  readonly channels?: ReadonlyMap<string, number>;
  /** Bytes of a tensor, so that not too many are held at once. */
  readonly sizeOf?: (tensor: string) => number | undefined;
  readonly signal?: AbortSignal;
  /** Gets runs done, and runs in all where the number is known. */
  readonly progress?: (done: number, total: number | undefined) => void;
}

/** What calibration learns of a model: measured over `samples` inputs. */
export interface Calibration {
  readonly ranges: ReadonlyMap<string, TensorRange>;
  readonly channels: ReadonlyMap<string, ChannelSummary>;
  /** The number of samples. */
  readonly samples: number;
  /** The samples were made up: the ranges say little of real data. */
  readonly synthetic: boolean;
}

interface Observer {
  add(tensor: EngineTensor): void;
}

/**
 * Runs the model on all samples and gives the ranges of `tensors` (inputs, results of nodes). Memory does not grow with the number of samples; with many
 * tensors the samples are run several times. Rejects with EngineRefused where the engine does not run the model, with CalibrationDataRefused for the
 * data, and with Error (a sentence) for a tensor that the model does not compute.
 */
export async function collectRanges(
  engine: InferenceEngine,
  model: RunnableModel,
  tensors: readonly string[],
  source: SampleSource,
  options: CollectOptions,
): Promise<Calibration> {
  const values = await graphValues(model);
  const statistics = new Map(tensors.map((name) => [name, new TensorStatistics(options)]));
  const channels = new Map(
    Array.from(options.channels ?? [], ([name, axis]) => [name, new ChannelStatistics(name, axis)]),
  );
  const names = [...new Set([...statistics.keys(), ...channels.keys()])];
  const unknown = names.find((name) => !values.inputs.has(name) && !values.results.has(name));
  if (unknown !== undefined) throw new Error(`The model computes no tensor ${unknown}, so that it has no range.`);

  const inner = names.filter((name) => values.results.has(name) && !values.outputs.has(name));
  const groups = observationGroups(inner, options.sizeOf);
  let samples = 0;
  let done = 0;
  for (const [index, group] of groups.entries()) {
    options.signal?.throwIfAborted();
    // Inputs and outputs are there in every pass, and count in one.
    const edges = index === 0 ? names.filter((name) => values.inputs.has(name) || values.outputs.has(name)) : [];
    const observed = [...edges, ...group].map((name) => ({
      name,
      observers: [statistics.get(name), channels.get(name)].filter((observer) => observer !== undefined),
    }));
    samples = 0;
    await withSession(engine, model, group, async (session) => {
      for await (const sample of source.samples()) {
        options.signal?.throwIfAborted();
        observe(observed, sample, await runSample(session, sample));
        samples += sample.count;
        done++;
        options.progress?.(done, source.total === undefined ? undefined : source.total * groups.length);
      }
    });
  }
  return {
    ranges: new Map(Array.from(statistics, ([name, tensor]) => [name, tensor.range()])),
    channels: new Map(Array.from(channels, ([name, tensor]) => [name, tensor.summary()])),
    samples,
    synthetic: source.synthetic,
  };
}

function observe(
  observed: readonly { readonly name: string; readonly observers: readonly Observer[] }[],
  sample: Sample,
  results: ReadonlyMap<string, EngineTensor>,
): void {
  for (const { name, observers } of observed) {
    const tensor = results.get(name) ?? sample.feeds.get(name);
    if (tensor) for (const observer of observers) observer.add(tensor);
  }
}
