import type { SampleSource } from '../calibration-data/samples';

/** With fewer, methods are fitted to the samples that they are judged by. */
const fewestToSplit = 16;
/** The fewest and most samples of each, and the multiplications that running them all once may take. */
const toFit = { fewest: 8, most: 64, work: 2 ** 33 };
const toJudge = { fewest: 8, most: 32, work: 2 ** 32 };

/** Samples that methods are fitted to, and others that decide whether they help. */
export interface SplitSamples {
  readonly fit: SampleSource;
  readonly judge: SampleSource;
  /** False where there are too few: both are the same samples. */
  readonly apart: boolean;
}

/**
 * Every second sample to judge by, the others to fit to; the same samples each time. The larger the model (`work`: multiplications of a run), the fewer they
 * are, so that the time does not depend on how many there are.
 */
export async function splitSamples(source: SampleSource, work: number): Promise<SplitSamples> {
  const most = (limits: typeof toFit) => Math.min(limits.most, Math.max(limits.fewest, Math.floor(limits.work / work)));
  let count = 0;
  for await (const _ of source.samples()) if (++count >= fewestToSplit) break;
  const apart = count >= fewestToSplit;
  return {
    fit: part(source, most(toFit), (index) => !apart || index % 2 === 0),
    judge: part(source, most(toJudge), (index) => !apart || index % 2 === 1),
    apart,
  };
}

function part(source: SampleSource, most: number, isIn: (index: number) => boolean): SampleSource {
  return {
    synthetic: source.synthetic,
    total: undefined,
    async *samples() {
      let [index, taken] = [0, 0];
      for await (const sample of source.samples()) {
        if (!isIn(index++)) continue;
        yield sample;
        if (++taken >= most) return;
      }
    },
  };
}
