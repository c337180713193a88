import { rareSchemes, usualSchemes, type WhatIfSchemeId } from '../quantize/what-if-scheme';
import type { Verdict } from '../targets/verdict';
import type { Analysis } from '../worker/analysis';
import type { RowId, WantedWhatIf } from './what-if';

/** Of models with more nodes, schemes are worked out when somebody asks for it: one may take the worker more than a second. */
const mostNodesUnasked = 2000;

/** Errors of weights are measured unasked up to this many bytes of constants: all of them are read for every scheme. */
const mostBytesUnasked = 64 * 2 ** 20;

/** What a page shows of the what-if table, and what was asked for on it. */
export interface WhatIfView {
  readonly summaryShown: boolean;
  /** The rare schemes too. */
  readonly allSchemes: boolean;
  /** Somebody asked for the schemes of a large model. */
  readonly asked: boolean;
  /** Schemes whose weights somebody asked to measure. */
  readonly measure: ReadonlySet<WhatIfSchemeId>;
}

/** A page that does not show the table. */
export const tableNotShown: WhatIfView = { summaryShown: false, allSchemes: false, asked: false, measure: new Set() };

/** The schemes that have a row, in the order of the table. */
export function shownSchemes({ allSchemes }: Pick<WhatIfView, 'allSchemes'>): readonly WhatIfSchemeId[] {
  return allSchemes ? [...usualSchemes, ...rareSchemes] : usualSchemes;
}

/** True where schemes are not worked out before somebody asks for it. */
export function waitsToBeAsked({ model }: Pick<Analysis, 'model'>, { asked }: Pick<WhatIfView, 'asked'>): boolean {
  return !asked && model.nodeCount > mostNodesUnasked;
}

/** True where the error of weights is not measured before somebody asks for it. */
export function measuresOnRequest({ totals }: Pick<Analysis, 'totals'>): boolean {
  return totals.constantBytes > mostBytesUnasked;
}

/**
 * What the table needs now; undefined: nothing. It comes after the model's own figures, and only while the table is shown or a file that
 * does not fit looks for a scheme that does.
 */
export function wantedWhatIf(
  analysis: Analysis,
  view: WhatIfView,
  now: {
    /** The figures of header and meters are there. */
    readonly shownIsKnown: boolean;
    readonly fileVerdict: Verdict | undefined;
    /** Ids of the runtimes of all chips. */
    readonly runtimes: readonly string[];
  },
): WantedWhatIf | undefined {
  const helps = now.fileVerdict?.outcome === 'does-not-fit' || now.fileVerdict?.outcome === 'cannot-run';
  if (!now.shownIsKnown || (!view.summaryShown && !helps)) return undefined;
  const schemes = waitsToBeAsked(analysis, view) ? [] : shownSchemes(view);
  const rows: readonly RowId[] = ['as-in-file', ...schemes];
  const unasked = view.summaryShown && !measuresOnRequest(analysis);
  return {
    schemes: rows,
    runtimes: [...new Set(now.runtimes)],
    errors: schemes.filter((id) => unasked || view.measure.has(id)),
  };
}
