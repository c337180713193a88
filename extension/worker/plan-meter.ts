import type { EngineTensor, InferenceEngine } from '../inference/engine';
import { collectRanges } from '../quantize/calibration/collect-ranges';
import { feedsFor } from '../quantize/calibration/compare-outputs';
import { type RunnableModel, runSample, withSession } from '../quantize/calibration/observation';
import { labelsOf, OutputComparison, type OutputError } from '../quantize/calibration/output-error';
import type { Sample } from '../quantize/calibration-data/samples';
import type { QuantizationSource } from '../quantize/plan';
import type { Recipe } from '../quantize/recipe';
import type { Range, Ranges } from '../quantize/static/activation-type';
import { type CalibrationInputs, openInputs, refusing } from './open-inputs';
import type { OpenInputs } from './recover-accuracy';
import { runnableSource } from './runnable-model';

/** Samples and the source's outputs on them stay in memory up to this many bytes: plans are measured on as many samples as fit. */
const largestKeptBytes = 2 ** 28;

/** A sample with what the source gives for it. */
interface KnownSample {
  readonly sample: Sample;
  readonly expected: ReadonlyMap<string, EngineTensor>;
}

/** Measures many plans of one model on the same inputs: the source is run once, and the range of each activation is found once. */
export class PlanMeter {
  readonly #ranges = new Map<string, Range>();

  private constructor(
    private readonly engine: InferenceEngine,
    private readonly inputs: OpenInputs,
    private readonly known: readonly KnownSample[],
  ) {}

  /** Runs the source on the inputs. Throws QuantizationRefused, CalibrationDataRefused. */
  static async open(
    source: QuantizationSource,
    recipe: Recipe,
    inputs: NonNullable<CalibrationInputs>,
    engine: InferenceEngine,
    signal?: AbortSignal,
  ): Promise<PlanMeter> {
    const opened = await openInputs(source, recipe, inputs, engine);
    const known: KnownSample[] = [];
    let bytes = 0;
    await refusing(() =>
      withSession(engine, opened.model, [], async (session) => {
        for await (const sample of opened.samples.samples()) {
          signal?.throwIfAborted();
          const expected = await runSample(session, sample);
          bytes += bytesOf(sample.feeds) + bytesOf(expected);
          if (bytes > largestKeptBytes && known.length > 0) break;
          known.push({ sample, expected });
        }
      }),
    );
    return new PlanMeter(engine, opened, known);
  }

  /** Samples that plans are measured on. */
  get samples(): number {
    return this.known.reduce((sum, { sample }) => sum + sample.count, 0);
  }

  get synthetic(): boolean {
    return this.inputs.samples.synthetic;
  }

  /** The ranges of activations of the prepared model, by the recipe's method; those asked for before are not looked for again. */
  async ranges(
    prepared: QuantizationSource,
    names: readonly string[],
    { scheme, options, calibrationMethod }: Recipe,
    signal?: AbortSignal,
  ): Promise<Ranges> {
    const missing = names.filter((name) => !this.#ranges.has(name));
    if (missing.length > 0) {
      const model = await runnableSource(prepared);
      const { ranges } = await refusing(() =>
        collectRanges(this.engine, model, missing, this.inputs.samples, {
          method: calibrationMethod,
          bits: scheme === 'int16' || scheme === 'int16x8' ? 16 : 8,
          symmetric: options.activations === 'symmetric' || scheme === 'int16x8',
          ...(signal && { signal }),
        }),
      );
      for (const [name, range] of ranges) this.#ranges.set(name, range);
    }
    return this.#ranges;
  }

  /** How far a model's outputs are from the source's. Rejects with EngineRefused where the engine does not run it. */
  async errors(model: RunnableModel, signal?: AbortSignal): Promise<readonly OutputError[]> {
    const comparisons = new Map<string, OutputComparison>();
    await withSession(this.engine, model, [], async (session) => {
      for (const { sample, expected } of this.known) {
        signal?.throwIfAborted();
        const actual = await runSample(session, sample, feedsFor(session, sample));
        const labels = labelsOf(sample, expected);
        for (const [name, reference] of expected) {
          const changed = actual.get(name);
          if (!changed || reference.strings) continue;
          const comparison = comparisons.get(name) ?? new OutputComparison(name, true);
          comparisons.set(name, comparison);
          comparison.add(reference, changed, labels.get(name));
        }
      }
    });
    return [...comparisons.values()].map((comparison) => comparison.result());
  }
}

function bytesOf(tensors: ReadonlyMap<string, EngineTensor>): number {
  let bytes = 0;
  for (const { data } of tensors.values()) bytes += data.byteLength;
  return bytes;
}

/** Mean over the outputs of squared error over squared value: 0 where nothing differs, 1 where an output is lost. */
export function relativeNoise(outputs: readonly OutputError[]): number {
  if (outputs.length === 0) return 0;
  const each = outputs.map(({ sqnrDb, maxAbsoluteError, notFinite, elements }) => {
    if (notFinite > 0 && notFinite === elements) return 1;
    return sqnrDb === undefined ? (maxAbsoluteError > 0 ? 1 : 0) : 10 ** (-sqnrDb / 10);
  });
  return each.reduce((sum, noise) => sum + noise, 0) / each.length;
}

/** A relative noise as a ratio of signal to noise in decibels; undefined where there is none. */
export function noiseToDb(noise: number): number | undefined {
  return noise > 0 ? -10 * Math.log10(noise) : undefined;
}
