import type { EngineValue } from '../../inference/engine';
import type { FittedTensor } from './fit-sample';
import type { ImageDecoder } from './image';
import type { Preprocessing } from './preprocessing';

/** One sample, fitted to every input but not yet put together with others. */
export interface FittedSample {
  readonly name: string;
  readonly tensors: ReadonlyMap<string, FittedTensor>;
  readonly labels: ReadonlyMap<string, number>;
}

/** What reading a file needs. */
export interface ReadingContext {
  readonly inputs: readonly EngineValue[];
  readonly preprocessing: Preprocessing;
  readonly decodeJpeg: ImageDecoder;
}
