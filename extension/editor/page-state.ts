import type { PageState, PageTarget, PrecisionId } from '../../webview/protocol';
import type { WhatIfSchemeId } from '../quantize/what-if-scheme';
import type { RuntimeFootprint } from '../runtimes/measure';
import type { Runtime } from '../runtimes/runtime';
import { limitsOf, regionsText } from '../targets/limits';
import { runtimeVerdict } from '../targets/runtime-verdict';
import type { Reserves, Target } from '../targets/target';
import { runtimesByTarget } from '../targets/target-runtimes';
import { type Verdict, verdictFor } from '../targets/verdict';
import type { Analysis, SchemeSummary } from '../worker/analysis';
import type { PlannedScheme } from '../worker/calls';
import { comparedChips, type PinnedChip } from './compared-chips';
import { figureKey, footprintOn, improvementsKey, type KnownFigures, targetKey } from './known-figures';
import type { WhatIfView } from './wanted-what-if';
import type { KnownWhatIf } from './what-if';
import { whatIfTable } from './what-if-rows';

/** What the host knows of one opened model. */
export interface KnownModel {
  readonly analysis: Analysis;
  /** The schemes that were chosen to be shown. */
  readonly plans: ReadonlyMap<WhatIfSchemeId, PlannedScheme>;
  readonly whatIf: KnownWhatIf;
}

/** What a model is held against. */
export interface FitChoices {
  readonly target: Target | undefined;
  readonly externalRam: boolean;
  /** undefined: the model's data alone counts. */
  readonly runtime: Runtime | undefined;
  readonly reserves: Reserves;
}

export interface Choices extends FitChoices {
  /** Where the target comes from, when the workspace says it. */
  readonly targetFrom?: string;
  readonly precision: PrecisionId;
  /** What was shown before `precision` was chosen; absent: the file. */
  readonly shownBefore?: PrecisionId;
  readonly pinned: readonly PinnedChip[];
  readonly view: WhatIfView;
}

/** Everything the page shows, from what is known and chosen. Pure. */
export function pageState(known: KnownModel, figures: KnownFigures, choices: Choices, revision: number): PageState {
  const { target, externalRam, runtime } = choices;
  const shown = new Shown(known, figures, choices);
  const { precision } = shown;
  const analysis = shown.analysisOf(precision) ?? known.analysis;
  const fileVerdict = shown.verdictOf('as-in-file', known.analysis);
  const { rows: schemes, table } = whatIfTable({
    analysis: known.analysis,
    whatIf: known.whatIf,
    view: choices.view,
    chips: comparedChips(choices, choices.pinned),
    runtime,
    fileFootprint: footprintOn(figures, runtime?.id, 'as-in-file'),
  });
  const footprint = footprintOn(figures, runtime?.id, precision);
  const improvements = runtime && figures.improvements.get(improvementsKey(runtime.id, precision, target?.id));
  const onTarget = target && figures.targets.get(targetKey(target, runtime?.id, precision));
  return {
    revision,
    target: target && { ...pageTarget(target, externalRam), ...(choices.targetFrom && { from: choices.targetFrom }) },
    precision,
    filePrecision: known.analysis.precision,
    analysis,
    verdict: shown.verdictOf(precision, analysis),
    schemes,
    whatIf: table,
    ...(runtime && { runtime: labelled(runtime) }),
    runtimes: runtimesByTarget(target).map(labelled),
    ...(footprint && { runtimeFootprint: footprint }),
    ...(improvements && { improvements }),
    ...(onTarget?.latency && { latency: onTarget.latency }),
    ...(onTarget?.accelerator && { accelerator: onTarget.accelerator }),
    ramReserveBytes: choices.reserves.ram + choices.reserves.stack,
    suggestion:
      fileVerdict?.outcome === 'does-not-fit' || fileVerdict?.outcome === 'cannot-run'
        ? suggestion(schemes, runtime !== undefined)
        : undefined,
  };
}

/** The verdict of a footprint on the runtime, or while there is none of the model's data; undefined without a target. */
export function fitVerdict(
  analysis: Analysis,
  footprint: RuntimeFootprint | undefined,
  { target, externalRam, reserves }: FitChoices,
): Verdict | undefined {
  if (!target) return undefined;
  const limits = limitsOf(target, { externalRam });
  return footprint
    ? runtimeVerdict(footprint, target, limits, { reserves, externalRam })
    : verdictFor(analysis, target, limits);
}

function pageTarget(target: Target, externalRam: boolean): PageTarget {
  const limits = limitsOf(target, { externalRam });
  return {
    id: target.id,
    name: target.name,
    core: target.core,
    ...(target.reviewed === false && { regions: regionsText(target) }),
    flashLimit: limits.flash,
    ramLimit: limits.ram,
  };
}

function labelled({ id, label }: Runtime) {
  return { id, label };
}

/** What each precision shows. */
class Shown {
  constructor(
    private readonly known: KnownModel,
    private readonly figures: KnownFigures,
    private readonly choices: Choices,
  ) {}

  /** The chosen precision; until all its figures are there the one before it, so that they change together. */
  get precision(): PrecisionId {
    const { precision, shownBefore = 'as-in-file' } = this.choices;
    return [precision, shownBefore].find((id) => this.isComplete(id)) ?? 'as-in-file';
  }

  /** Of the file, or of the file that a scheme would write. */
  analysisOf(precision: PrecisionId): Analysis | undefined {
    if (precision === 'as-in-file') return this.known.analysis;
    const plan = this.known.plans.get(precision);
    return plan?.kind === 'ready' ? plan.analysis : undefined;
  }

  verdictOf(precision: PrecisionId, analysis: Analysis): Verdict | undefined {
    return fitVerdict(analysis, footprintOn(this.figures, this.choices.runtime?.id, precision), this.choices);
  }

  private isComplete(precision: PrecisionId): boolean {
    const { runtime } = this.choices;
    if (this.analysisOf(precision) === undefined) return false;
    return runtime === undefined || this.figures.figures.has(figureKey(runtime.id, precision));
  }
}

/** The first scheme that can be written and fits where the file does not: the one that changes least stands first. */
function suggestion(schemes: readonly SchemeSummary[], onRuntime: boolean): PageState['suggestion'] {
  for (const { id, label, state } of schemes) {
    if (id === 'as-in-file' || state.kind !== 'ready' || !state.verdict || state.fileBytes === undefined) continue;
    // Lower bounds that stand there until the runtime is measured promise nothing.
    if (onRuntime && state.ramKind === undefined) continue;
    const { outcome, reasons } = state.verdict;
    if (outcome === 'fits' || outcome === 'tight') return { id, label, text: reasons[0] ?? 'it fits' };
    if (outcome === 'model-data-fits') return { id, label, text: reasons.join('; ') };
  }
  return undefined;
}
