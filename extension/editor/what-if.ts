import type { WhatIfSchemeId } from '../quantize/what-if-scheme';
import { type WeightError, WorkerCallError } from '../worker/calls';
import type { FigureOnRuntime, WhatIfFigures } from '../worker/what-if-calls';
import type { WorkerClient } from '../worker/worker-client';

/** A row of the what-if table. */
export type RowId = 'as-in-file' | WhatIfSchemeId;

/** What is known of the schemes of one model, so far. */
export interface KnownWhatIf {
  readonly schemes: ReadonlyMap<RowId, WhatIfFigures>;
  readonly errors: ReadonlyMap<WhatIfSchemeId, WeightError>;
}

/** What is wanted now; what stands first is had first, errors last. */
export interface WantedWhatIf {
  readonly schemes: readonly RowId[];
  /** Ids of the runtimes of all chips. */
  readonly runtimes: readonly string[];
  readonly errors: readonly WhatIfSchemeId[];
}

type Task =
  | { readonly kind: 'figures'; readonly id: RowId; readonly runtimes: readonly string[]; readonly session: number }
  | { readonly kind: 'error'; readonly id: WhatIfSchemeId; readonly session: number };

/**
 * Asks the worker for the figures of a model's schemes, one scheme after the other, and keeps them. What is under way when nothing is
 * wanted any more is cancelled.
 */
export class WhatIf implements KnownWhatIf {
  readonly schemes = new Map<RowId, WhatIfFigures>();
  readonly errors = new Map<WhatIfSchemeId, WeightError>();

  private session: number | undefined;
  private wanted: WantedWhatIf | undefined;
  private work: { readonly task: Task; readonly controller: AbortController } | undefined;
  /** Weights that could not be read have their own diagnostic; they are not tried again. */
  private readonly unmeasured = new Set<WhatIfSchemeId>();

  constructor(
    private readonly worker: Pick<WorkerClient, 'call'>,
    private readonly changed: () => void,
  ) {}

  /** Forgets everything: the model was read again (undefined: closed). */
  reset(session: number | undefined): void {
    this.session = session;
    this.wanted = undefined;
    this.schemes.clear();
    this.errors.clear();
    this.unmeasured.clear();
    this.work?.controller.abort();
  }

  /** Says what is wanted now; undefined: nothing. May be called as often as one likes. */
  want(wanted: WantedWhatIf | undefined): void {
    this.wanted = wanted;
    if (!this.work) void this.run();
    else if (!this.isWanted(this.work.task)) this.work.controller.abort();
  }

  private isWanted({ kind, id }: Task): boolean {
    const { wanted } = this;
    return kind === 'error' ? wanted?.errors.includes(id) === true : wanted?.schemes.includes(id) === true;
  }

  private next(): Task | undefined {
    const { session, wanted } = this;
    if (session === undefined || !wanted) return undefined;
    for (const id of wanted.schemes) {
      const known = this.schemes.get(id);
      if (known?.kind === 'refused') continue;
      const runtimes = wanted.runtimes.filter((runtime) => known?.onRuntimes[runtime] === undefined);
      if (!known || runtimes.length > 0) return { kind: 'figures', id, runtimes, session };
    }
    const id = wanted.errors.find(
      (scheme) =>
        this.schemes.get(scheme)?.kind === 'ready' && !this.errors.has(scheme) && !this.unmeasured.has(scheme),
    );
    return id && { kind: 'error', id, session };
  }

  private async run(): Promise<void> {
    for (let task = this.next(); task; task = this.next()) {
      const controller = new AbortController();
      this.work = { task, controller };
      const isNew = task.kind === 'error' ? await this.measure(task, controller) : await this.plan(task, controller);
      if (isNew) this.changed();
    }
    this.work = undefined;
  }

  private async plan(task: Extract<Task, { kind: 'figures' }>, { signal }: AbortController): Promise<boolean> {
    const { id, session, runtimes } = task;
    const found = await this.worker
      .call('whatIf', { session, runtimes, ...(id !== 'as-in-file' && { scheme: id }) }, { signal })
      .catch((error: unknown) => failure(error));
    if (!found || session !== this.session) return false;
    this.schemes.set(id, joined(this.schemes.get(id), found));
    return true;
  }

  private async measure(task: Extract<Task, { kind: 'error' }>, { signal }: AbortController): Promise<boolean> {
    const { id, session } = task;
    try {
      const error = await this.worker.call('weightError', { session, scheme: id }, { signal });
      if (session !== this.session) return false;
      this.errors.set(id, error);
      return true;
    } catch (error) {
      const cancelled = error instanceof WorkerCallError && error.cancelled;
      if (!cancelled && session === this.session) this.unmeasured.add(id);
      return false;
    }
  }
}

/** undefined when it was cancelled. */
function failure(error: unknown): WhatIfFigures | undefined {
  if (error instanceof WorkerCallError && error.cancelled) return undefined;
  return { kind: 'refused', reason: error instanceof Error ? error.message : String(error) };
}

/** The figures on runtimes that were known, and those that came. */
function joined(known: WhatIfFigures | undefined, found: WhatIfFigures): WhatIfFigures {
  if (known?.kind !== 'ready' || found.kind !== 'ready') return found;
  const onRuntimes: Record<string, FigureOnRuntime> = { ...known.onRuntimes, ...found.onRuntimes };
  return { ...found, onRuntimes };
}
