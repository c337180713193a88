import type { InferenceEngine } from '../inference/engine';
import { withSession } from '../quantize/calibration/observation';
import type { QuantizationSource } from '../quantize/plan';
import type { Recipe } from '../quantize/recipe';
import { type CalibrationInputs, refusing, samplesFor } from './open-inputs';
import type { DataDescription } from './recipe-calls';
import { runnableSource } from './runnable-model';

/**
 * Reads all samples as calibration will, without running the model on them, and counts them. Throws CalibrationDataRefused for data that does not fit, with
 * both shapes, QuantizationRefused for a model that the engine does not load, and the signal's reason.
 */
export async function describeData(
  source: QuantizationSource,
  recipe: Recipe,
  inputs: NonNullable<CalibrationInputs>,
  engine: InferenceEngine,
  signal?: AbortSignal,
): Promise<DataDescription> {
  const values = await refusing(async () =>
    withSession(engine, await runnableSource(source), [], async (session) => session.inputs),
  );
  let samples = 0;
  for await (const sample of samplesFor(inputs, values, recipe, source).samples()) {
    signal?.throwIfAborted();
    samples += sample.count;
  }
  return { samples, inputs: values.map(({ name, dims, dataType }) => ({ name, shape: dims, dataType })) };
}
