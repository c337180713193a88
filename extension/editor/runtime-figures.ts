import type { PrecisionId } from '../../webview/protocol';
import { isWhatIfSchemeId } from '../quantize/what-if-scheme';
import type { Improvement } from '../runtimes/improvement';
import type { Target } from '../targets/target';
import { type RuntimeRequest, WorkerCallError } from '../worker/calls';
import type { TargetFigures } from '../worker/target-figures';
import type { WorkerClient } from '../worker/worker-client';
import { figureKey, improvementsKey, type KnownFigures, type RuntimeFigure, targetKey } from './known-figures';

/** The figures that are wanted now, those to be had first standing first. */
export interface WantedFigures {
  /** undefined: the model's data alone, which needs no figures. */
  readonly runtime: string | undefined;
  readonly precisions: readonly PrecisionId[];
  readonly flashReserveBytes: number;
  /** Improvements of this precision are wanted once all figures are there; undefined: not yet. */
  readonly improve: PrecisionId | undefined;
  readonly target: string | undefined;
  /** Latency and accelerator of this precision there, wanted right after its figures. */
  readonly onTarget?: { readonly target: Target; readonly precision: PrecisionId } | undefined;
  /** Ids of other runtimes the model could run on. */
  readonly others: readonly string[];
  readonly ramLimitBytes: number | undefined;
}

/**
 * Asks the worker for a model's figures on runtimes, one after the other, and keeps them: what was measured once is shown at once when
 * it is chosen again. A search for improvements ends when something else is wanted.
 */
export class RuntimeFigures implements KnownFigures {
  readonly figures = new Map<string, RuntimeFigure>();
  readonly improvements = new Map<string, readonly Improvement[]>();
  readonly targets = new Map<string, TargetFigures>();

  private session: number | undefined;
  private wanted: WantedFigures | undefined;
  private running = false;
  private searching: { readonly key: string; readonly controller: AbortController } | undefined;

  constructor(
    private readonly worker: Pick<WorkerClient, 'call'>,
    private readonly changed: () => void,
  ) {}

  /** Forgets everything: the model was read again (undefined: closed). */
  reset(session: number | undefined): void {
    this.session = session;
    this.wanted = undefined;
    this.figures.clear();
    this.improvements.clear();
    this.targets.clear();
    this.searching?.controller.abort();
  }

  /** Says what is wanted now; undefined: nothing. May be called as often as one likes. */
  want(wanted: WantedFigures | undefined): void {
    if (wanted && this.wanted && wanted.flashReserveBytes !== this.wanted.flashReserveBytes) this.figures.clear();
    this.wanted = wanted;
    const next = this.next();
    if (this.searching && next?.key !== this.searching.key) this.searching.controller.abort();
    if (!this.running && next) void this.run();
  }

  private next() {
    const { session, wanted } = this;
    if (session === undefined || !wanted) return undefined;
    const { runtime, onTarget, improve } = wanted;
    const figureOf = (precision: PrecisionId) => {
      const key = runtime === undefined ? undefined : figureKey(runtime, precision);
      if (runtime === undefined || key === undefined || this.figures.has(key)) return undefined;
      return { kind: 'figure', key, session, precision, runtime, wanted } as const;
    };
    const [shown, ...others] = wanted.precisions;
    const first = shown === undefined ? undefined : figureOf(shown);
    if (first) return first;
    if (onTarget) {
      const key = targetKey(onTarget.target, runtime, onTarget.precision);
      if (!this.targets.has(key)) return { kind: 'target', key, session, runtime, ...onTarget } as const;
    }
    for (const precision of others) {
      const figure = figureOf(precision);
      if (figure) return figure;
    }
    if (improve === undefined || runtime === undefined) return undefined;
    const key = improvementsKey(runtime, improve, wanted.target);
    if (this.improvements.has(key)) return undefined;
    return { kind: 'improvements', key, session, precision: improve, runtime, wanted } as const;
  }

  private async run(): Promise<void> {
    this.running = true;
    for (let task = this.next(); task; task = this.next()) {
      const { key, session } = task;
      if (task.kind === 'target') {
        const figures = await this.onTarget(task);
        if (session !== this.session) continue;
        this.targets.set(key, figures);
        this.changed();
        continue;
      }
      const { wanted } = task;
      const request = requestFor(session, task.runtime, task.precision);
      if (task.kind === 'figure') {
        const figure = await this.measure({ ...request, flashReserveBytes: wanted.flashReserveBytes });
        const stale = session !== this.session || wanted.flashReserveBytes !== this.wanted?.flashReserveBytes;
        if (stale) continue;
        this.figures.set(key, figure);
      } else {
        const { others, ramLimitBytes } = wanted;
        const found = await this.search(key, {
          ...request,
          others,
          ...(ramLimitBytes !== undefined && { ramLimitBytes }),
        });
        if (!found || session !== this.session) continue;
        this.improvements.set(key, found);
      }
      this.changed();
    }
    this.running = false;
  }

  private async measure(request: RuntimeRequest & { readonly flashReserveBytes: number }): Promise<RuntimeFigure> {
    try {
      return { kind: 'ready', footprint: await this.worker.call('onRuntime', request) };
    } catch (error) {
      return { kind: 'refused', reason: error instanceof Error ? error.message : String(error) };
    }
  }

  private async onTarget(task: {
    readonly session: number;
    readonly target: Target;
    readonly runtime: string | undefined;
    readonly precision: PrecisionId;
  }): Promise<TargetFigures> {
    const { session, target, runtime, precision } = task;
    try {
      return await this.worker.call('onTarget', {
        session,
        target,
        ...(runtime !== undefined && { runtime }),
        ...precisionOf(precision),
      });
    } catch {
      // Without them the other figures still stand; what keeps a scheme from being planned is said there.
      return {};
    }
  }

  /** undefined when something else became wanted meanwhile. */
  private async search(
    key: string,
    request: Parameters<typeof this.worker.call<'improvements'>>[1],
  ): Promise<readonly Improvement[] | undefined> {
    const controller = new AbortController();
    this.searching = { key, controller };
    try {
      return await this.worker.call('improvements', request, { signal: controller.signal });
    } catch (error) {
      // Without improvements the figures still stand.
      return error instanceof WorkerCallError && error.cancelled ? undefined : [];
    } finally {
      this.searching = undefined;
    }
  }
}

/** How a precision of the page is measured: a scheme through the file it would write, the others on the model itself. */
export function requestFor(session: number, runtime: string, precision: PrecisionId): RuntimeRequest {
  return { session, runtime, ...precisionOf(precision) };
}

function precisionOf(precision: PrecisionId): Pick<RuntimeRequest, 'scheme' | 'precision'> {
  return isWhatIfSchemeId(precision) ? { scheme: precision, precision: 'as-in-file' } : { precision: 'as-in-file' };
}
