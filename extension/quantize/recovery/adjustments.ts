import type { PreparationPass } from '../preparation/pass';
import type { WeightFitter } from '../weights/weight-fitter';

/** What accuracy recovery changes of a plan. No size depends on it. */
export interface Adjustments {
  /** Changes of the float model, after its preparation. */
  readonly rewrites: readonly PreparationPass[];
  /** How weights become whole numbers; absent: by the scheme's own rule. */
  readonly fitter?: WeightFitter | undefined;
}
