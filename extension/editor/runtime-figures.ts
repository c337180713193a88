import type { PrecisionId } from '../../webview/protocol';
import { isSchemeId } from '../quantize/scheme';
import type { Improvement } from '../runtimes/improvement';
import { type RuntimeRequest, WorkerCallError } from '../worker/calls';
import type { WorkerClient } from '../worker/worker-client';
import { figureKey, improvementsKey, type KnownFigures, type RuntimeFigure } from './known-figures';

/** The figures that are wanted now, those to be had first standing first. */
export interface WantedFigures {
  readonly runtime: string;
  readonly precisions: readonly PrecisionId[];
  readonly flashReserveBytes: number;
  /** Improvements of this precision are wanted once all figures are there; undefined: not yet. */
  readonly improve: PrecisionId | undefined;
  readonly target: string | undefined;
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
    for (const precision of wanted.precisions) {
      const key = figureKey(wanted.runtime, precision);
      if (!this.figures.has(key)) return { kind: 'figure', key, session, precision, wanted } as const;
    }
    if (wanted.improve === undefined) return undefined;
    const key = improvementsKey(wanted.runtime, wanted.improve, wanted.target);
    if (this.improvements.has(key)) return undefined;
    return { kind: 'improvements', key, session, precision: wanted.improve, wanted } as const;
  }

  private async run(): Promise<void> {
    this.running = true;
    for (let task = this.next(); task; task = this.next()) {
      const { key, session, wanted } = task;
      const request = requestFor(session, wanted.runtime, task.precision);
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
  return isSchemeId(precision)
    ? { session, scheme: precision, runtime, precision: 'as-in-file' }
    : { session, runtime, precision };
}
