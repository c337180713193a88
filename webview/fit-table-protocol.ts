import type { FigureKind } from '../extension/targets/verdict';
import type { WhatIfCell } from '../extension/worker/analysis';
import type { PageChip, WhatIfFromPage } from './what-if-protocol';

/** What a model needs, in bytes, as far as it can be believed. */
export interface FitFigure {
  readonly bytes: number;
  readonly kind: FigureKind;
}

/** What is known of a model of the folder. */
export type FitRowState =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'measuring' }
  | { readonly kind: 'unreadable'; readonly reason: string }
  | {
      readonly kind: 'ready';
      readonly parameters: number;
      /** On the runtime of the row's own chip, without reserves; of the model's data alone where there is none. */
      readonly flash: FitFigure;
      readonly ram: FitFigure;
      /** One for each chip, in their order. */
      readonly cells: readonly WhatIfCell[];
    };

/** A model of the folder on each chip. */
export interface FitRow {
  /** Relative to the folder. */
  readonly path: string;
  /** The position of the chip that the model is held against elsewhere: that of its project. Absent: none is chosen for it. */
  readonly own?: number;
  readonly state: FitRowState;
}

/** How far the check has come. `left out`: models beyond those that one table shows. */
export interface FitProgress {
  readonly kind: 'running' | 'stopped' | 'done';
  readonly leftOut: number;
}

export type ToFitTable =
  | {
      readonly type: 'table';
      readonly folder: string;
      readonly chips: readonly PageChip[];
      readonly rows: readonly FitRow[];
      readonly progress: FitProgress;
    }
  /** One row of the table, by its path. */
  | { readonly type: 'row'; readonly row: FitRow }
  | { readonly type: 'progress'; readonly progress: FitProgress };

export type FromFitTable =
  | { readonly type: 'ready' }
  | { readonly type: 'open'; readonly path: string }
  | { readonly type: 'stop' }
  /** Go on with what was stopped, or begin again where all is done. */
  | { readonly type: 'check' }
  | { readonly type: 'copy'; readonly text: string }
  | Extract<WhatIfFromPage, { readonly type: 'pin-chip' | 'unpin-chip' | 'move-chip' | 'set-target' }>;
