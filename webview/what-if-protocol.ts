import type { WhatIfSchemeId } from '../extension/quantize/what-if-scheme';
import type { FitFigures } from '../extension/targets/fit-figures';
import type { Reserves } from '../extension/targets/target';
import type { PageTarget, RuntimeChoice } from './protocol';

/** A column of the what-if table: the chosen chip or a pinned one. */
export interface PageChip {
  /** What the setting calls it; of a chosen chip that is not pinned, its id. */
  readonly key: string;
  /** The chip of the header; it stands first. */
  readonly chosen: boolean;
  readonly pinned: boolean;
  /** Absent: no chip is known by the name of the setting. */
  readonly target?: PageTarget;
  /** Absent: the model's data alone counts. */
  readonly runtime?: RuntimeChoice;
  /** Of the application, in bytes. */
  readonly reserves: Reserves;
}

/** The what-if table beside its rows, which are `schemes` of the state. */
export interface PageWhatIf {
  readonly chips: readonly PageChip[];
  /** What each row needs on each runtime, by id of the row and of the runtime: what a cell's explanation is made of. */
  readonly figures: Readonly<Record<string, Readonly<Record<string, FitFigures>>>>;
  /** The rare schemes have rows too. */
  readonly allSchemes: boolean;
  /** Somebody asked for the schemes of a large model; that work can be stopped. */
  readonly asked: boolean;
  /** How many rare schemes there are. */
  readonly rareSchemes: number;
}

export type WhatIfFromPage =
  /** Summary is the view in front, or no longer is. */
  | { readonly type: 'summary-shown'; readonly shown: boolean }
  | { readonly type: 'show-all-schemes'; readonly all: boolean }
  /** Work out the schemes of a model that is too large to do so unasked. */
  | { readonly type: 'work-out-schemes' }
  | { readonly type: 'stop-schemes' }
  | { readonly type: 'measure-weights'; readonly scheme: WhatIfSchemeId }
  | { readonly type: 'pin-chip' }
  | { readonly type: 'unpin-chip'; readonly key: string }
  /** `before`: the key of another pinned chip; undefined: to the end. */
  | { readonly type: 'move-chip'; readonly key: string; readonly before: string | undefined }
  /** Make a pinned chip the chosen one. */
  | { readonly type: 'set-target'; readonly id: string };
