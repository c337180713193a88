import { footprintOf } from '../budget/footprint';
import { EngineRefused, type EngineValue, type InferenceEngine } from '../inference/engine';
import { runSample, withSession } from '../quantize/calibration/observation';
import type { CalibrationFile } from '../quantize/calibration-data/calibration-files';
import { openSamples } from '../quantize/calibration-data/open-samples';
import type { SampleSource } from '../quantize/calibration-data/samples';
import { syntheticSamples } from '../quantize/calibration-data/synthetic-samples';
import { QuantizationRefused, type QuantizationSource } from '../quantize/plan';
import type { Recipe } from '../quantize/recipe';
import type { OpenInputs } from './recover-accuracy';
import { runnableSource } from './runnable-model';

/** Where the inputs of calibration and measurement come from; `limit`: samples at most, from the first on. */
export type CalibrationInputs =
  | {
      readonly kind: 'files';
      readonly files: readonly CalibrationFile[];
      readonly paths: readonly string[];
      readonly limit?: number | undefined;
    }
  | { readonly kind: 'random'; readonly count?: number | undefined; readonly limit?: number | undefined }
  | undefined;

/** Made-up inputs where nobody says how many: fewer of a model that takes long, since they say nothing of real data anyway. */
const mostMadeUp = 32;
const leastMadeUp = 4;
const macsForMadeUp = 2e10;

function madeUpCount({ model, shapes }: QuantizationSource): number {
  const { macs } = footprintOf(model, shapes).totals;
  return Math.max(leastMadeUp, Math.min(mostMadeUp, Math.floor(macsForMadeUp / Math.max(1, macs))));
}

/** The inputs that fit the source; it is run on the first of them, so that what cannot be run is known before the work begins. */
export async function openInputs(
  source: QuantizationSource,
  recipe: Recipe,
  inputs: NonNullable<CalibrationInputs>,
  engine: InferenceEngine,
): Promise<OpenInputs> {
  const model = await runnableSource(source);
  return refusing(() =>
    withSession(engine, model, [], async (session) => {
      const samples = samplesFor(inputs, session.inputs, recipe, source);
      for await (const sample of samples.samples()) {
        await runSample(session, sample);
        break;
      }
      return { model, samples };
    }),
  );
}

/** The samples of the inputs, for a model that takes `values`. */
export function samplesFor(
  inputs: NonNullable<CalibrationInputs>,
  values: readonly EngineValue[],
  { preprocessing, seed }: Recipe,
  source: QuantizationSource,
): SampleSource {
  const { limit } = inputs;
  if (inputs.kind === 'files') {
    return openSamples(inputs.files, values, {
      ...(preprocessing && { preprocessing }),
      ...(limit !== undefined && { limit }),
    });
  }
  const { count = madeUpCount(source) } = inputs;
  return syntheticSamples(values, {
    seed,
    count: Math.min(count, limit ?? count),
    sizes: (symbol) => source.shapes.bindables.find(({ key }) => key === symbol)?.value,
  });
}

/** The engine's refusal as a sentence on the model. */
export async function refusing<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof EngineRefused)) throw error;
    throw new QuantizationRefused(
      `The engine (onnxruntime-web) does not run the model, which calibration needs: ${error.message}`,
    );
  }
}
