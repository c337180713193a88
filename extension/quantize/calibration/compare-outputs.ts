import type { EngineTensor, InferenceEngine, InferenceSession } from '../../inference/engine';
import { convertElements } from '../calibration-data/convert-elements';
import type { Sample, SampleSource } from '../calibration-data/samples';
import { graphValues, observationGroups, type RunnableModel, runSample, withSession } from './observation';
import { labelsOf, OutputComparison, type OutputError } from './output-error';

export interface MeasureOptions {
  /** Tensors inside the graph that are compared as well, where both models compute one of that name. */
  readonly tensors?: readonly string[];
  /** Such a tensor is compared with that of its name and this suffix, where the changed model has one. */
  readonly changedSuffix?: string;
  readonly sizeOf?: (tensor: string) => number | undefined;
  readonly signal?: AbortSignal;
  readonly progress?: (done: number, total: number | undefined) => void;
}

/** Measured over `samples` inputs. */
export interface Measurement {
  readonly outputs: readonly OutputError[];
  /** Of the tensors inside, in the order they were asked for. */
  readonly tensors: readonly OutputError[];
  /** Outputs, and tensors asked for, that only one of the models has. */
  readonly unmatched: readonly string[];
  readonly samples: number;
  readonly synthetic: boolean;
}

/**
 * Runs two models on the same samples, one sample at a time, and measures how far the outputs of the changed one are from those of the reference.
 * Rejects with EngineRefused, CalibrationDataRefused, or Error (a sentence) where an output has another shape.
 */
export async function compareOutputs(
  engine: InferenceEngine,
  reference: RunnableModel,
  changed: RunnableModel,
  source: SampleSource,
  options: MeasureOptions = {},
): Promise<Measurement> {
  const [before, after] = [await graphValues(reference), await graphValues(changed)];
  const outputs = [...before.outputs].filter((name) => after.outputs.has(name));
  const wanted = [...new Set(options.tensors)].filter((name) => !before.outputs.has(name));
  const nameInChanged = (name: string) => {
    const suffixed = `${name}${options.changedSuffix ?? ''}`;
    return !after.outputs.has(name) && after.results.has(suffixed) ? suffixed : name;
  };
  const inner = wanted.filter(
    (name) => before.results.has(name) && after.results.has(nameInChanged(name)) && !after.outputs.has(name),
  );
  const groups = observationGroups(inner, (name) => {
    const size = options.sizeOf?.(name);
    return size === undefined ? undefined : 2 * size;
  });
  const comparisons = new Map([
    ...outputs.map((name) => [name, new OutputComparison(name, true)] as const),
    ...inner.map((name) => [name, new OutputComparison(name, false)] as const),
  ]);
  let samples = 0;
  let done = 0;
  for (const [index, group] of groups.entries()) {
    options.signal?.throwIfAborted();
    const names = index === 0 ? [...outputs, ...group] : group;
    samples = 0;
    const pass = async (original: InferenceSession, other: InferenceSession) => {
      for await (const sample of source.samples()) {
        options.signal?.throwIfAborted();
        const expected = await runSample(original, sample);
        const actual = await runSample(other, sample, feedsFor(other, sample));
        compareAll(names, comparisons, sample, expected, (name) => actual.get(nameInChanged(name)));
        samples += sample.count;
        done++;
        options.progress?.(done, source.total === undefined ? undefined : source.total * groups.length);
      }
    };
    await withSession(engine, reference, group, (original) =>
      withSession(engine, changed, group.map(nameInChanged), (other) => pass(original, other)),
    );
  }
  const results = (names: readonly string[]) => names.flatMap((name) => comparisons.get(name)?.result() ?? []);
  return {
    outputs: results(outputs),
    tensors: results(inner),
    unmatched: [
      ...[...before.outputs, ...wanted].filter((name) => !comparisons.has(name)),
      ...[...after.outputs].filter((name) => !before.outputs.has(name)),
    ],
    samples,
    synthetic: source.synthetic,
  };
}

function compareAll(
  names: readonly string[],
  comparisons: ReadonlyMap<string, OutputComparison>,
  sample: Sample,
  expected: ReadonlyMap<string, EngineTensor>,
  actual: (name: string) => EngineTensor | undefined,
): void {
  const labels = labelsOf(sample, expected);
  for (const name of names) {
    const [original, other] = [expected.get(name), actual(name)];
    if (original && other) comparisons.get(name)?.add(original, other, labels.get(name));
  }
}

/** The sample in the types that the changed model's inputs have: a float16 model may take float16. */
export function feedsFor(session: InferenceSession, sample: Sample): Sample['feeds'] {
  const feeds = new Map<string, EngineTensor>();
  for (const [name, tensor] of sample.feeds) {
    const type = session.inputs.find((input) => input.name === name)?.dataType;
    feeds.set(
      name,
      type === undefined || type === tensor.dataType ? tensor : convertElements(tensor, type, sample.name),
    );
  }
  return feeds;
}
