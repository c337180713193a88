import type { FitProgress, FitRow, FitRowState } from '../../webview/fit-table-protocol';
import type { ComparedChip } from './compared-chips';
import { type FitColumns, fitRow, type MeasuredModel, runtimesOf } from './fit-rows';

/** Measures one model on runtimes (ids). Rejects when the file cannot be read. */
export type MeasureModel = (path: string, runtimes: readonly string[], signal: AbortSignal) => Promise<MeasuredModel>;

type Known =
  | { readonly kind: 'measured'; readonly model: MeasuredModel }
  | { readonly kind: 'unreadable'; readonly reason: string };

/**
 * The models of a folder, measured one at a time. What is known of a model outlives a change of the chips: only what their runtimes
 * lack is measured again.
 */
export class FitQueue {
  private paths: readonly string[] = [];
  private columns: FitColumns = { chips: [], own: [] };
  private readonly known = new Map<string, Known>();
  private work: { readonly path: string; readonly controller: AbortController } | undefined;
  private stopped = false;
  private running: Promise<void> = Promise.resolve();
  private leftOut = 0;

  constructor(
    private readonly measure: MeasureModel,
    /** A row has changed. */
    private readonly changed: (row: FitRow) => void,
    private readonly progressed: (progress: FitProgress) => void,
  ) {}

  get chips(): readonly ComparedChip[] {
    return this.columns.chips;
  }

  get rows(): readonly FitRow[] {
    return this.paths.map((path, position) => this.rowAt(path, position));
  }

  get progress(): FitProgress {
    const { leftOut } = this;
    if (this.next() === undefined) return { kind: 'done', leftOut };
    return { kind: this.stopped ? 'stopped' : 'running', leftOut };
  }

  /** Takes other models or other chips, and measures what is missing. */
  show(paths: readonly string[], columns: FitColumns, leftOut = this.leftOut): void {
    this.paths = paths;
    this.columns = columns;
    this.leftOut = leftOut;
    for (const path of [...this.known.keys()]) if (!paths.includes(path)) this.known.delete(path);
    if (this.work && !paths.includes(this.work.path)) this.work.controller.abort();
    this.resume();
  }

  /** The file has changed: it is measured again. */
  forget(path: string): void {
    this.known.delete(path);
    if (this.work?.path === path) this.work.controller.abort();
    this.tell(path);
    this.resume();
  }

  /** Goes on after `stop`; where all is known, measures all models again. */
  check(): void {
    if (this.progress.kind === 'done') {
      this.known.clear();
      for (const row of this.rows) this.changed(row);
    }
    this.stopped = false;
    this.resume();
  }

  stop(): void {
    this.stopped = true;
    this.work?.controller.abort();
    this.progressed(this.progress);
  }

  /** Fulfilled when nothing is left to do, or nothing may be done. */
  async settled(): Promise<void> {
    for (let seen: Promise<void> | undefined; seen !== this.running; ) {
      seen = this.running;
      await seen;
    }
  }

  private resume(): void {
    if (this.work === undefined) this.running = this.run();
  }

  private next(): string | undefined {
    const runtimes = runtimesOf(this.columns.chips);
    return this.paths.find((path) => {
      const known = this.known.get(path);
      if (!known) return true;
      return known.kind === 'measured' && runtimes.some((id) => known.model.figures.onRuntimes[id] === undefined);
    });
  }

  private async run(): Promise<void> {
    for (let path = this.next(); path !== undefined && !this.stopped; path = this.next()) {
      const controller = new AbortController();
      this.work = { path, controller };
      this.tell(path);
      const known = await this.measured(path, controller.signal);
      this.work = undefined;
      if (known && !controller.signal.aborted && this.paths.includes(path)) this.known.set(path, known);
      this.tell(path);
    }
    this.progressed(this.progress);
  }

  /** undefined when it was cancelled. */
  private async measured(path: string, signal: AbortSignal): Promise<Known | undefined> {
    try {
      return { kind: 'measured', model: await this.measure(path, runtimesOf(this.columns.chips), signal) };
    } catch (error) {
      if (signal.aborted) return undefined;
      return { kind: 'unreadable', reason: error instanceof Error ? error.message : String(error) };
    }
  }

  private tell(path: string): void {
    const position = this.paths.indexOf(path);
    if (position >= 0) this.changed(this.rowAt(path, position));
  }

  private rowAt(path: string, position: number): FitRow {
    const own = this.columns.own[position];
    return { path, ...(own !== undefined && { own }), state: this.stateOf(path, own) };
  }

  private stateOf(path: string, own: number | undefined): FitRowState {
    const known = this.known.get(path);
    if (known?.kind === 'measured') return fitRow(known.model, this.columns.chips, own);
    if (known) return known;
    return { kind: this.work?.path === path ? 'measuring' : 'waiting' };
  }
}
