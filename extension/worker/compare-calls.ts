import type { RecipeData } from '../quantize/recipe';
import type { WhatIfSchemeId } from '../quantize/what-if-scheme';
import type { JudgedFootprint } from '../targets/verdict';
import type { Comparison } from './comparison';
import type { FigureOnRuntime } from './what-if-calls';

/** A model of a comparison: an open one, or the file that a scheme or a recipe would make of it. */
export interface ComparedOrigin {
  readonly session: number;
  readonly scheme?: WhatIfSchemeId;
  readonly recipe?: RecipeData;
}

/** What verdicts on one of the two rest on. */
export interface ComparedFigures {
  readonly data: JudgedFootprint;
  /** By id of the runtime, without reserves. */
  readonly onRuntimes: Readonly<Record<string, FigureOnRuntime>>;
}

export interface CompareResult {
  readonly comparison: Comparison;
  readonly before: ComparedFigures;
  readonly after: ComparedFigures;
}

/** The call of the Compare view. */
export interface CompareCalls {
  /**
   * Compares two models. Flash, RAM and live bytes are those on `runtime`; without it, and where the runtime cannot measure one of them, those of the
   * models' data. `others`: runtimes that figures for verdicts are wanted of too. Rejects with the sentence of why a planned one cannot be made.
   */
  compare(request: {
    readonly before: ComparedOrigin;
    readonly after: ComparedOrigin;
    readonly runtime?: string;
    readonly others: readonly string[];
  }): Promise<CompareResult>;
}
