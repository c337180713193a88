import type { WhatIfSchemeId } from '../quantize/what-if-scheme';
import type { FitFigures } from '../targets/fit-figures';
import type { JudgedFootprint } from '../targets/verdict';

/** What a runtime needs for the planned file of a scheme, or why that cannot be said. */
export type FigureOnRuntime =
  | { readonly kind: 'ready'; readonly figures: FitFigures }
  | { readonly kind: 'refused'; readonly reason: string };

/** A scheme in figures that do not grow with the model. */
export type WhatIfFigures =
  | {
      readonly kind: 'ready';
      /** Of the file as it would be written; both together are all of it. */
      readonly fileBytes: number;
      readonly externalBytes: number | undefined;
      /** Of the weights that change: in the source, in the file, and with codes packed as tightly as their values allow. */
      readonly convertedBytes: { readonly before: number; readonly inFile: number; readonly packed: number };
      /** The model's data alone: lower bounds on any runtime. */
      readonly data: JudgedFootprint;
      /** By id of the runtime. */
      readonly onRuntimes: Readonly<Record<string, FigureOnRuntime>>;
    }
  | { readonly kind: 'refused'; readonly reason: string };

/** The calls of the what-if table. */
export interface WhatIfCalls {
  /** Plans a scheme once and measures it on runtimes (ids), from the graph alone. `scheme` absent: the file itself. */
  whatIf(request: {
    readonly session: number;
    readonly scheme?: WhatIfSchemeId;
    readonly runtimes: readonly string[];
  }): Promise<WhatIfFigures>;
}
