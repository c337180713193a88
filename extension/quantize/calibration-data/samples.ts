import type { EngineTensor } from '../../inference/engine';

/** What one run of a model takes. */
export interface Sample {
  /** Where it comes from, such as `digits.npz[3]` or `cat.png`. */
  readonly name: string;
  readonly feeds: ReadonlyMap<string, EngineTensor>;
  /** Samples in it; more than 1 only for models whose first dimension is fixed. */
  readonly count: number;
  /** Class indices by the key they stand under (`y`, or the name of an output), one for each sample. */
  readonly labels: ReadonlyMap<string, readonly number[]>;
}

/** Inputs for a model. */
export interface SampleSource {
  /** Made up: ranges and errors measured on it say little of real data, and a person must be told. */
  readonly synthetic: boolean;
  /** Samples it holds; undefined where it is known only after reading. */
  readonly total: number | undefined;
  /** The same samples in the same order each time; one is in memory at a time. Rejects with CalibrationDataRefused. */
  samples(): AsyncGenerator<Sample, void>;
}
