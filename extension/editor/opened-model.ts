import * as vscode from 'vscode';
import type { PrecisionId } from '../../webview/protocol';
import { isWhatIfSchemeId, type WhatIfSchemeId } from '../quantize/what-if-scheme';
import type { LayerDetails } from '../worker/analysis';
import { type PlannedScheme, WorkerCallError } from '../worker/calls';
import type { WorkerClient } from '../worker/worker-client';
import { originOf } from './model-origin';
import type { KnownModel } from './page-state';
import { RuntimeFigures } from './runtime-figures';
import { showWhenSlow } from './slow-work';
import { WhatIf } from './what-if';

/** A failure to read the model, in words for the page. */
export interface ReadFailure {
  readonly message: string;
  readonly offset?: number;
}

/**
 * One model file as the worker sees it: read once, read again when it changes on disk. What it knows grows (analysis first, the rest as
 * it is asked for), and every growth fires `onDidChange`.
 */
export class OpenedModel implements vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  readonly onDidChange = this.changed.event;

  known: KnownModel | undefined;
  failure: ReadFailure | undefined;
  busy = false;
  /** What the model needs on runtimes, as far as asked for. */
  readonly figures: RuntimeFigures;
  /** Its schemes, as far as asked for. */
  readonly whatIf: WhatIf;

  private session: number | undefined;
  /** Schemes whose plan is on its way, for the present state of the file. */
  private planning = new Set<WhatIfSchemeId>();
  /** Of the load under way, aborted by the next one: answers that belong to an earlier state of the file are dropped. */
  private work = new AbortController();

  constructor(
    readonly uri: vscode.Uri,
    private readonly worker: WorkerClient,
    private readonly bindings: BindingStore,
  ) {
    this.figures = new RuntimeFigures(worker, () => this.changed.fire());
    this.whatIf = new WhatIf(worker, () => this.changed.fire());
  }

  /** Reads the file (again). Never rejects: a failure is kept in `failure`. */
  async load(): Promise<void> {
    const work = this.supersede();
    this.busy = true;
    this.changed.fire();
    try {
      const opened = await this.open(work);
      this.closeSession();
      this.session = opened.session;
      this.figures.reset(opened.session);
      this.whatIf.reset(opened.session);
      this.known = { analysis: opened.analysis, plans: new Map(), whatIf: this.whatIf };
      this.failure = undefined;
    } catch (error) {
      if (work !== this.work) return;
      this.known = undefined;
      this.failure = failureOf(error);
    }
    this.busy = false;
    this.changed.fire();
  }

  /** Plans a scheme that is to be shown instead of the file, once. Never rejects: a refusal is kept with its reason. */
  async plan(scheme: WhatIfSchemeId): Promise<void> {
    const { session, known, work, planning } = this;
    if (session === undefined || known?.plans.has(scheme) !== false || planning.has(scheme)) return;
    const { signal } = work;
    planning.add(scheme);
    const plan = await this.worker.call('plan', { session, scheme }, { signal }).catch(refusal);
    if (signal.aborted || !this.known) return;
    planning.delete(scheme);
    this.known = { ...this.known, plans: new Map(this.known.plans).set(scheme, plan) };
    this.changed.fire();
  }

  /** Binds (or frees, with undefined) a symbolic dimension, remembers it for this file, and measures again. */
  async bind(key: string, size: number | undefined): Promise<void> {
    await this.bindings.set(this.uri, key, size);
    await this.load();
  }

  /** Its number in the worker; undefined while it is not open there. */
  get openSession(): number | undefined {
    return this.session;
  }

  /** Details of a layer of the file, or of the planned file of a scheme. */
  layerDetails(index: number, precision: PrecisionId): Promise<LayerDetails> {
    if (this.session === undefined) return Promise.reject(new Error('The model is not open.'));
    const scheme = isWhatIfSchemeId(precision) ? { scheme: precision } : {};
    return this.worker.call('layerDetails', { session: this.session, index, ...scheme });
  }

  dispose(): void {
    this.supersede();
    this.closeSession();
    this.changed.dispose();
  }

  /** Ends the load under way, and gives what ends the next one. */
  private supersede(): AbortController {
    this.work.abort();
    this.work = new AbortController();
    this.planning = new Set();
    return this.work;
  }

  private async open(work: AbortController) {
    const origin = await originOf(this.uri);
    const bindings = this.bindings.get(this.uri);
    const opening = this.worker.call('open', { origin, bindings }, { signal: work.signal });
    showWhenSlow(`Opening ${this.uri.path.split('/').at(-1)}`, opening, work);
    const opened = await opening;
    if (!work.signal.aborted) return opened;
    // The answer was on its way when the cancel was.
    this.close(opened.session);
    throw new WorkerCallError('AbortError', 'cancelled');
  }

  private closeSession(): void {
    if (this.session === undefined) return;
    this.figures.reset(undefined);
    this.whatIf.reset(undefined);
    this.close(this.session);
    this.session = undefined;
  }

  private close(session: number): void {
    this.worker.call('close', { session }).catch(() => {
      // The worker is gone, and the session with it.
    });
  }
}

/** Sizes of symbolic dimensions that a person gave, per file. */
export class BindingStore {
  constructor(private readonly state: vscode.Memento) {}

  get(uri: vscode.Uri): [string, number][] {
    return Object.entries(this.state.get<Record<string, number>>(keyOf(uri), {}));
  }

  async set(uri: vscode.Uri, key: string, size: number | undefined): Promise<void> {
    const bindings = { ...this.state.get<Record<string, number>>(keyOf(uri), {}) };
    if (size === undefined) delete bindings[key];
    else bindings[key] = size;
    await this.state.update(keyOf(uri), Object.keys(bindings).length > 0 ? bindings : undefined);
  }
}

function keyOf(uri: vscode.Uri): string {
  return `dimensions:${uri.toString()}`;
}

function failureOf(error: unknown): ReadFailure {
  if (error instanceof WorkerCallError) {
    if (error.cancelled) return { message: 'Reading it was cancelled.' };
    return { message: error.message, ...(error.offset !== undefined && { offset: error.offset }) };
  }
  return { message: error instanceof Error ? error.message : String(error) };
}

function refusal(error: unknown): PlannedScheme {
  return { kind: 'refused', reason: failureOf(error).message };
}
