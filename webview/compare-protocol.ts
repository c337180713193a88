import type { WhatIfCell } from '../extension/worker/analysis';
import type { ComparedLayer, Comparison } from '../extension/worker/comparison';

/** A model that can stand on either side of the comparison. */
export interface CompareChoice {
  readonly id: string;
  readonly label: string;
  /** Not written: its figures are those of a plan. */
  readonly planned: boolean;
}

/** A chip with the verdicts on both sides. */
export interface ComparedChip {
  readonly name: string;
  /** The chip of the header. */
  readonly chosen: boolean;
  readonly before: WhatIfCell;
  readonly after: WhatIfCell;
}

/** Errors of the outputs, as a quantization measured them. */
export interface MeasuredOutputs {
  /** Signal to quantization noise in decibels, of the output that is hit worst; absent where nothing differs. */
  readonly sqnrDb?: number;
  readonly samples: number;
  /** The inputs were made up. */
  readonly synthetic: boolean;
}

/** Everything the Compare view shows beside the layers, which come on their own. */
export interface CompareState {
  readonly choices: readonly CompareChoice[];
  /** Ids of choices. */
  readonly before: string;
  /** undefined: nothing to compare with has been chosen yet. */
  readonly after: string | undefined;
  /** Id of the choice that is this file's last commit; undefined where there is none. */
  readonly committed: string | undefined;
  readonly busy: boolean;
  /** The sentence of why there is no comparison. */
  readonly problem: string | undefined;
  readonly comparison: Omit<Comparison, 'layers'> | undefined;
  /** Names the layers that belong to the comparison. */
  readonly version: number;
  readonly chips: readonly ComparedChip[];
  readonly outputs: MeasuredOutputs | undefined;
}

export interface CompareLayers {
  readonly version: number;
  readonly layers: readonly ComparedLayer[];
}

export type CompareToPage =
  | { readonly type: 'compare'; readonly state: CompareState }
  /** Follows the totals of the same version. */
  | ({ readonly type: 'compare-layers' } & CompareLayers);

export type CompareFromPage =
  /** The view is in front, or no longer is. */
  | { readonly type: 'compare-shown'; readonly shown: boolean }
  | { readonly type: 'compare-choose'; readonly side: 'before' | 'after'; readonly id: string }
  /** Asks in a list of the editor what is to stand on that side. */
  | { readonly type: 'compare-ask'; readonly side: 'before' | 'after' }
  | { readonly type: 'compare-swap' }
  | { readonly type: 'compare-reload' };
