import type {
  CompareChoice,
  ComparedChip,
  CompareLayers,
  CompareState,
  MeasuredOutputs,
} from '../../webview/compare-protocol';
import type { FitFigures } from '../targets/fit-figures';
import { verdictMatrix } from '../targets/verdict-matrix';
import type { WhatIfCell } from '../worker/analysis';
import { type CallRequest, WorkerCallError } from '../worker/calls';
import { withErrors } from '../worker/compare';
import type { ComparedFigures, ComparedOrigin, CompareResult } from '../worker/compare-calls';
import type { LayerError } from '../worker/layer-errors';
import type { RecipeOutcome } from '../worker/recipe-calls';
import { type ComparedChip as ChipColumn, comparedChips, type PinnedChip } from './compared-chips';
import type { FitChoices } from './page-state';

/** A model that can stand on either side. */
export interface ComparedSource {
  readonly choice: CompareChoice;
  /** undefined while it is being opened, and where it cannot be. */
  readonly origin: ComparedOrigin | undefined;
  /** Why it cannot be opened. */
  readonly problem: string | undefined;
  /** Errors of its outputs against this file, where they were measured: of the plan. */
  readonly outputs?: MeasuredOutputs | undefined;
}

/** What a quantization measured while it wrote one model of another. */
export interface MeasuredErrors {
  readonly layers: readonly Pick<LayerError, 'name' | 'sqnrDb'>[];
  readonly outputs: MeasuredOutputs;
}

/** What a quantization measured; undefined where it had no inputs to measure with. */
export function errorsOf({
  outputs,
  layers,
  samples,
  synthetic,
}: RecipeOutcome['measurement']): MeasuredErrors | undefined {
  if (samples === 0) return undefined;
  const worst = outputs
    .flatMap(({ sqnrDb }) => sqnrDb ?? [])
    .reduce<number | undefined>((least, sqnrDb) => Math.min(least ?? sqnrDb, sqnrDb), undefined);
  return { layers, outputs: { ...(worst !== undefined && { sqnrDb: worst }), samples, synthetic } };
}

export interface CompareSessionOptions {
  /** The worker's call. */
  readonly compare: (request: CallRequest<'compare'>, signal: AbortSignal) => Promise<CompareResult>;
  /** In the order of the pickers; the first is this file. */
  readonly sources: () => readonly ComparedSource[];
  /** Id of this file's last commit, where there is one. */
  readonly committed: () => string | undefined;
  readonly fit: () => FitChoices;
  readonly pinned: () => readonly PinnedChip[];
  readonly changed: () => void;
}

/** What stands on both sides, by id. */
export interface ComparedPair {
  readonly before: string;
  readonly after: string;
}

/** This file, in both pickers. */
export const thisFile = 'this';

/** The two models that are compared, and the comparison as far as it is known; measured while the view is in front. */
export class CompareSession {
  private before = thisFile;
  private after: string | undefined;
  private shown = false;
  private version = 0;
  private asked: { readonly key: string; readonly controller: AbortController } | undefined;
  private answer: { readonly key: string; readonly result: CompareResult } | undefined;
  private problem: string | undefined;
  /** `origins`: what they were measured on; they say nothing of a file that was written again. */
  private errors: (ComparedPair & { readonly measured: MeasuredErrors; origins: string | undefined }) | undefined;

  constructor(private readonly options: CompareSessionOptions) {}

  /** Puts a model on one side. Where it stands on the other, the two change places. */
  choose(side: 'before' | 'after', id: string): void {
    const present = side === 'before' ? this.before : this.after;
    const other = side === 'before' ? this.after : this.before;
    const kept = other === id ? (present ?? thisFile) : (other ?? thisFile);
    [this.before, this.after] = side === 'before' ? [id, kept] : [kept, id];
    this.update();
  }

  /** Compares two models of which one was written from the other. */
  compare(pair: ComparedPair, measured?: MeasuredErrors): void {
    [this.before, this.after] = [pair.before, pair.after];
    this.errors = measured && { ...pair, measured, origins: undefined };
    this.update();
  }

  swap(): void {
    if (this.after === undefined) return;
    [this.before, this.after] = [this.after, this.before];
    this.update();
  }

  /** Nothing is measured while the view is not in front. */
  show(shown: boolean): void {
    this.shown = shown;
    this.update();
  }

  /** Tries again what failed. */
  retry(): void {
    this.answer = undefined;
    this.problem = undefined;
    this.asked?.controller.abort();
    this.asked = undefined;
    this.update();
  }

  /** Ids that stand on a side. */
  get chosen(): readonly string[] {
    return this.after === undefined ? [this.before] : [this.before, this.after];
  }

  /** Takes up a model that was read again, another chip, another runtime. */
  update(): void {
    this.follow();
    this.options.changed();
  }

  dispose(): void {
    this.asked?.controller.abort();
  }

  get state(): CompareState {
    const { answer, before, after, version } = this;
    const { layers: _, ...comparison } = answer?.result.comparison ?? { layers: [] };
    return {
      choices: this.options.sources().map(({ choice }) => choice),
      before,
      after,
      committed: this.options.committed(),
      busy: this.asked !== undefined || this.opening,
      problem: this.problem ?? this.sides.find(({ problem }) => problem !== undefined)?.problem,
      comparison: 'totals' in comparison ? comparison : undefined,
      version,
      chips: answer ? this.chipsOf(answer.result) : [],
      outputs: this.measuredErrors?.outputs ?? this.planOutputs,
    };
  }

  /** Of the comparison in `state`, with the errors that were measured. */
  get layers(): CompareLayers {
    const { comparison } = this.answer?.result ?? {};
    const measured = this.measuredErrors?.layers;
    const shown = comparison && measured ? withErrors(comparison, measured) : comparison;
    return { version: this.version, layers: shown?.layers ?? [] };
  }

  private get sides(): readonly ComparedSource[] {
    const sources = this.options.sources();
    return this.chosen.flatMap((id) => sources.find(({ choice }) => choice.id === id) ?? []);
  }

  private get opening(): boolean {
    return this.after !== undefined && this.sides.some(({ origin, problem }) => !origin && problem === undefined);
  }

  /** The plan's errors are those against this file. */
  private get planOutputs(): MeasuredOutputs | undefined {
    const [before, after] = this.sides;
    return before?.choice.id === thisFile ? after?.outputs : undefined;
  }

  private get measuredErrors(): MeasuredErrors | undefined {
    const { errors, before, after } = this;
    if (!errors || errors.before !== before || errors.after !== after) return undefined;
    return errors.origins === undefined || errors.origins === this.originsKey ? errors.measured : undefined;
  }

  private get originsKey(): string {
    return JSON.stringify(this.sides.map(({ origin }) => origin ?? null));
  }

  private follow(): void {
    const [before, after] = this.sides.map(({ origin }) => origin);
    if (this.after === undefined || !before || !after) {
      this.forget();
      return;
    }
    const { runtime } = this.options.fit();
    const others = this.chips.flatMap(({ column }) => column?.runtime ?? []);
    const request = {
      before,
      after,
      ...(runtime && { runtime: runtime.id }),
      others: [...new Set(others)].filter((id) => id !== runtime?.id),
    };
    const key = JSON.stringify(request);
    if (this.answer?.key === key || this.asked?.key === key || (!this.shown && this.answer === undefined)) return;
    if (!this.shown) {
      // What is shown when the view comes back is another comparison than this one.
      this.forget();
      return;
    }
    this.asked?.controller.abort();
    const controller = new AbortController();
    this.asked = { key, controller };
    this.problem = undefined;
    void this.ask(key, request, controller);
  }

  private forget(): void {
    this.asked?.controller.abort();
    this.asked = undefined;
    this.answer = undefined;
    this.problem = undefined;
  }

  private async ask(key: string, request: CallRequest<'compare'>, controller: AbortController): Promise<void> {
    try {
      const result = await this.options.compare(request, controller.signal);
      if (this.asked?.controller !== controller) return;
      this.answer = { key, result };
      this.version++;
      if (this.errors) this.errors.origins ??= this.originsKey;
    } catch (error) {
      if (this.asked?.controller !== controller) return;
      this.answer = undefined;
      if (!(error instanceof WorkerCallError && error.cancelled)) {
        this.problem = error instanceof Error ? error.message : String(error);
      }
    }
    this.asked = undefined;
    this.options.changed();
  }

  private get chips(): readonly ChipColumn[] {
    return comparedChips(this.options.fit(), this.options.pinned());
  }

  private chipsOf({ before, after }: CompareResult): readonly ComparedChip[] {
    const { chips } = this;
    const columns = chips.flatMap(({ column }) => column ?? []);
    const verdicts = verdictMatrix([rowOf(before), rowOf(after)], columns);
    let next = 0;
    return chips.map(({ page, column }) => {
      const position = column === undefined ? -1 : next++;
      const cell = (figures: ComparedFigures, row: number): WhatIfCell => {
        const verdict = verdicts[row]?.[position];
        if (verdict) return { kind: 'judged', verdict };
        if (!column) return { kind: 'refused', reason: `No chip is known by the name "${page.key}".` };
        const figure = column.runtime === undefined ? undefined : figures.onRuntimes[column.runtime];
        return figure?.kind === 'refused' ? figure : { kind: 'planning' };
      };
      return {
        name: page.target?.name ?? page.key,
        chosen: page.chosen,
        before: cell(before, 0),
        after: cell(after, 1),
      };
    });
  }
}

function rowOf({ data, onRuntimes }: ComparedFigures) {
  const ready = Object.entries(onRuntimes).flatMap(([id, figure]): [string, FitFigures][] =>
    figure.kind === 'ready' ? [[id, figure.figures]] : [],
  );
  return { data, onRuntimes: new Map(ready) };
}
