import type { Tensor } from '../../model/model';
import type { Grouping, Groups } from './grouping';
import type { IntegerFormat, Parameters } from './integer-format';

/** A weight that is about to become whole numbers. */
export interface WeightToFit {
  /** The value that its users take. */
  readonly name: string;
  readonly tensor: Tensor;
  readonly grouping: Grouping;
  readonly groups: Groups;
  readonly format: IntegerFormat;
  /** The scales that the format itself finds, from the largest magnitudes. */
  base(): Promise<Parameters>;
  /** The elements from the first on; each call reads them anew, one piece in memory at a time. */
  values(): AsyncIterable<Float64Array>;
}

export interface FittedWeight {
  readonly parameters: Parameters;
  /** The code of every element; absent: that nearest to it. They are left aside where something makes a scale larger. */
  readonly codes?: Int8Array;
}

/** Chooses scales, or codes too, in place of a format's own rule. Dimensions and types stay, and so does every size. */
export interface WeightFitter {
  /** undefined: by the format's own rule. */
  fit(weight: WeightToFit): Promise<FittedWeight | undefined>;
}
