import type { PageState, PageTarget, PrecisionId } from '../../webview/protocol';
import { type SchemeId, schemeIds, schemeLabel } from '../quantize/scheme';
import type { RuntimeFootprint } from '../runtimes/measure';
import type { Runtime } from '../runtimes/runtime';
import { limitsOf } from '../targets/limits';
import { neededMemory, runtimeVerdict, unsupportedText } from '../targets/runtime-verdict';
import type { Reserves, Target } from '../targets/target';
import { runtimesByTarget } from '../targets/target-runtimes';
import { type Verdict, verdictFor } from '../targets/verdict';
import type { Analysis, SchemeSummary } from '../worker/analysis';
import type { PlannedScheme, WeightError } from '../worker/calls';
import { figureKey, footprintOn, improvementsKey, type KnownFigures } from './known-figures';

/** What the host knows of one opened model. */
export interface KnownModel {
  readonly analysis: Analysis;
  readonly plans: ReadonlyMap<SchemeId, PlannedScheme>;
  readonly errors: ReadonlyMap<SchemeId, WeightError>;
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
}

/** Everything the page shows, from what is known and chosen. Pure. */
export function pageState(known: KnownModel, figures: KnownFigures, choices: Choices, revision: number): PageState {
  const { target, externalRam, runtime } = choices;
  const rows = new Rows(known, figures, choices);
  const schemes = rows.all();
  const precision = rows.canShow(choices.precision) ? choices.precision : 'as-in-file';
  const shown = rows.analysisOf(precision) ?? known.analysis;
  const fileVerdict = rows.verdictOf('as-in-file', known.analysis);
  const footprint = footprintOn(figures, runtime?.id, precision);
  const improvements = runtime && figures.improvements.get(improvementsKey(runtime.id, precision, target?.id));
  return {
    revision,
    target: target && { ...pageTarget(target, externalRam), ...(choices.targetFrom && { from: choices.targetFrom }) },
    precision,
    filePrecision: known.analysis.precision,
    analysis: shown,
    verdict: rows.verdictOf(precision, shown),
    schemes,
    ...(runtime && { runtime: labelled(runtime) }),
    runtimes: runtimesByTarget(target).map(labelled),
    ...(footprint && { runtimeFootprint: footprint }),
    ...(improvements && { improvements }),
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
    flashLimit: limits.flash,
    ramLimit: limits.ram,
  };
}

function labelled({ id, label }: Runtime) {
  return { id, label };
}

/** The rows of the what-if table: the file, what can be written, and int8 where the runtime can plan it. */
class Rows {
  constructor(
    private readonly known: KnownModel,
    private readonly figures: KnownFigures,
    private readonly choices: Choices,
  ) {}

  all(): readonly SchemeSummary[] {
    return [this.fileRow(), ...schemeIds.flatMap((id) => this.schemeRow(id)), ...this.int8Row()];
  }

  /** True when there is something to show in this precision. */
  canShow(precision: PrecisionId): boolean {
    if (precision !== 'int8') return this.analysisOf(precision) !== undefined;
    return footprintOn(this.figures, this.choices.runtime?.id, precision) !== undefined;
  }

  /** Of the file, or of the file that a scheme would write; int8 changes no graph. */
  analysisOf(precision: PrecisionId): Analysis | undefined {
    if (precision === 'as-in-file' || precision === 'int8') return this.known.analysis;
    const plan = this.known.plans.get(precision);
    return plan?.kind === 'ready' ? plan.analysis : undefined;
  }

  verdictOf(precision: PrecisionId, analysis: Analysis): Verdict | undefined {
    return fitVerdict(analysis, footprintOn(this.figures, this.choices.runtime?.id, precision), this.choices);
  }

  private fileRow(): SchemeSummary {
    const { analysis } = this.known;
    const { bytes, externalBytes } = analysis.file;
    return {
      id: 'as-in-file',
      label: `${analysis.precision} (file)`,
      state: {
        ...this.needed('as-in-file', analysis),
        fileBytes: bytes,
        externalBytes: externalBytes > 0 ? externalBytes : undefined,
      },
    };
  }

  private schemeRow(id: SchemeId): readonly SchemeSummary[] {
    const plan = this.known.plans.get(id);
    if (!plan) return [];
    const label = schemeLabel(id);
    if (plan.kind === 'refused') return [{ id, label, state: plan }];
    const weightError = this.known.errors.get(id);
    const { analysis, fileBytes, externalBytes } = plan;
    return [
      {
        id,
        label,
        state: { ...this.needed(id, analysis), fileBytes, externalBytes },
        ...(weightError && { weightError }),
      },
    ];
  }

  private int8Row(): readonly SchemeSummary[] {
    const { runtime } = this.choices;
    const figure = runtime?.precisions.includes('int8')
      ? this.figures.figures.get(figureKey(runtime.id, 'int8'))
      : undefined;
    if (!figure) return [];
    const label = 'int8 (planned)';
    if (figure.kind === 'refused') return [{ id: 'int8', label, state: figure }];
    const state = { ...this.needed('int8', this.known.analysis), fileBytes: undefined, externalBytes: undefined };
    return [{ id: 'int8', label, state }];
  }

  /** Flash and RAM on the runtime; the lower bounds of the model's data where there is none. */
  private needed(precision: PrecisionId, analysis: Analysis) {
    const verdict = this.verdictOf(precision, analysis);
    const footprint = footprintOn(this.figures, this.choices.runtime?.id, precision);
    if (!footprint) {
      return {
        kind: 'ready',
        flashBytes: analysis.totals.constantBytes,
        ramBytes: analysis.totals.peakActivationBytes,
        verdict,
      } as const;
    }
    const { flash, ram } = neededMemory(footprint, this.choices.reserves);
    return {
      kind: 'ready',
      flashBytes: flash.bytes,
      ramBytes: ram.bytes,
      flashKind: flash.kind,
      ramKind: ram.kind,
      ...(footprint.cannotRun.length > 0 && { cannotRun: unsupportedText(footprint) }),
      verdict,
    } as const;
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
