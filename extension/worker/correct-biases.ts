import type { InferenceEngine } from '../inference/engine';
import { MemoryByteSource } from '../onnx/byte-source';
import { readModel } from '../onnx/read-model';
import { collectRanges } from '../quantize/calibration/collect-ranges';
import type { RunnableModel } from '../quantize/calibration/observation';
import type { SampleSource } from '../quantize/calibration-data/samples';
import type { PreparationPass } from '../quantize/preparation/pass';
import { biasShifts, quantizedSum } from '../quantize/recovery/bias-correction';
import { channelAxis, type LinearLayer, linearLayers } from '../quantize/recovery/linear-layers';
import { hasSizeOf, type RecipePlan } from './plan-recipe';
import { runnablePlan, runnableSource } from './runnable-model';

/** The layers are taken in so many stages at most: each runs the quantized model over the samples. */
const mostStages = 12;

export interface BiasCorrection {
  readonly engine: InferenceEngine;
  readonly samples: SampleSource;
  readonly signal: AbortSignal | undefined;
  readonly progress: (done: number, total: number) => void;
  /** The plan with one more change of the float model. */
  replan(pass: PreparationPass): Promise<RecipePlan>;
}

/**
 * Empirical bias correction (Nagel et al. 2019, arXiv:1906.04721, section 4.2): to each bias is added what the mean of its channel lost by quantization,
 * measured on the samples between the float and the quantized model, from the first layers to the last, so that later ones are measured behind
 * corrected ones. Layers without a bias stay.
 */
export async function correctBiases(
  plan: RecipePlan,
  work: BiasCorrection,
): Promise<RecipePlan | 'no biases' | 'another size'> {
  const layers = linearLayers(plan.prepared.model).filter(({ bias }) => bias !== undefined);
  if (layers.length === 0) return 'no biases';
  const expected = await channelMeans(work, await runnableSource(plan.prepared), layers, (layer) => layer.bias?.output);
  const shifts = new Map<string, Float64Array>();
  let current = plan;
  const perStage = Math.ceil(layers.length / mostStages);
  for (let start = 0; start < layers.length; start += perStage) {
    work.signal?.throwIfAborted();
    work.progress(start, layers.length);
    const runnable = await runnablePlan(current);
    const quantized = await readModel(new MemoryByteSource(runnable.bytes), { fileName: 'The quantized model' });
    const stage = layers.slice(start, start + perStage);
    const actual = await channelMeans(work, runnable, stage, (layer) => quantizedSum(layer, quantized));
    for (const layer of stage) {
      const [wanted, reached] = [expected.get(layer), actual.get(layer)];
      if (!layer.bias || !wanted || !reached || wanted.length !== layer.outputs) continue;
      shifts.set(
        layer.bias.name,
        wanted.map((mean, channel) => mean - (reached[channel] ?? mean)),
      );
    }
    current = await work.replan(biasShifts(shifts));
    if (!hasSizeOf(current, plan)) return 'another size';
  }
  work.progress(layers.length, layers.length);
  return current;
}

/** Means of the channels of a value of each layer. */
async function channelMeans(
  { engine, samples, signal }: BiasCorrection,
  model: RunnableModel,
  layers: readonly LinearLayer[],
  nameOf: (layer: LinearLayer) => string | undefined,
): Promise<ReadonlyMap<LinearLayer, Float64Array>> {
  const axes = new Map<string, number>();
  for (const layer of layers) {
    const value = nameOf(layer);
    if (value !== undefined) axes.set(value, channelAxis(layer));
  }
  const { channels } = await collectRanges(engine, model, [], samples, {
    method: 'minmax',
    channels: axes,
    ...(signal && { signal }),
  });
  return new Map(
    layers.flatMap((layer): [LinearLayer, Float64Array][] => {
      const mean = channels.get(nameOf(layer) ?? '')?.mean;
      return mean ? [[layer, mean]] : [];
    }),
  );
}
