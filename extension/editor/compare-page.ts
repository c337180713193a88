import * as vscode from 'vscode';
import type { CompareFromPage, CompareToPage } from '../../webview/compare-protocol';
import type { RecipeData } from '../quantize/recipe';
import { type WhatIfSchemeId, whatIfLabel } from '../quantize/what-if-scheme';
import type { WorkerClient } from '../worker/worker-client';
import { lastCommitOf } from './compare-git';
import { folderOf, pickCompared } from './compare-pick';
import { type ComparedSource, CompareSession, type MeasuredErrors, thisFile } from './compare-session';
import { watchModel } from './file-watch';
import { type BindingStore, OpenedModel } from './opened-model';
import type { FitChoices } from './page-state';
import type { PinnedTargets } from './pinned-targets';

/** Two files to be compared, and what was measured when one was written from the other. */
export interface FilePair {
  readonly before: vscode.Uri;
  readonly after: vscode.Uri;
  readonly errors?: MeasuredErrors | undefined;
}

/** The plan of the Quantize view. */
export interface ComparedPlan {
  /** Such as "int8 / int4". */
  readonly label: string;
  readonly recipe: RecipeData;
  readonly outputs: MeasuredErrors['outputs'] | undefined;
}

export interface ComparePageOptions {
  readonly model: OpenedModel;
  readonly worker: WorkerClient;
  readonly bindings: BindingStore;
  readonly pinned: PinnedTargets;
  /** What models are held against now. */
  readonly heldAgainst: () => FitChoices;
  readonly plan: () => ComparedPlan | undefined;
  readonly post: (message: CompareToPage) => void;
  /** Puts the view in front. */
  readonly open: () => void;
}

/** Sends at most this often, in milliseconds: a frame. */
const frame = 16;

const committed = 'committed';
const planned = 'plan';

/** The Compare view of one page: the models it has opened, and the lists of the editor that it asks for. */
export class ComparePage implements vscode.Disposable {
  private readonly session: CompareSession;
  /** By id: files and revisions that are, or were, compared. */
  private readonly opened = new Map<string, { readonly model: OpenedModel; readonly label: string; end(): void }>();
  private readonly schemes = new Set<WhatIfSchemeId>();
  private commit: vscode.Uri | undefined;
  private lookedForCommit = false;
  private timer: NodeJS.Timeout | undefined;
  private sentVersion = -1;
  private sentErrors: unknown;

  constructor(private readonly options: ComparePageOptions) {
    this.session = new CompareSession({
      compare: (request, signal) => options.worker.call('compare', request, { signal }),
      sources: () => this.sources,
      committed: () => (this.commit ? committed : undefined),
      fit: options.heldAgainst,
      pinned: () => options.pinned.chips,
      changed: () => this.sendSoon(),
    });
  }

  /** The model, the chip, the runtime or the plan changed. */
  update(): void {
    if (this.session.chosen.length > 1) this.session.update();
  }

  /** Sends everything again: the page may have missed it while it was hidden. */
  resend(): void {
    this.sentVersion = -1;
    if (this.session.chosen.length > 1) this.sendSoon();
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.session.dispose();
    for (const { end } of this.opened.values()) end();
  }

  /** Compares two files, one of which is this one. */
  compare({ before, after, errors }: FilePair): void {
    this.session.compare({ before: this.idOf(before), after: this.idOf(after) }, errors);
  }

  /** Asks what is to be compared with, and shows it. */
  async ask(side: 'before' | 'after'): Promise<void> {
    await this.findCommit();
    const known = this.sources.flatMap(({ choice }) =>
      choice.id === planned || choice.id === committed ? [choice] : [],
    );
    const pick = await pickCompared(this.options.model.uri, known);
    if (!pick) return;
    if (pick.kind === 'file') this.choose(side, this.idOf(pick.uri));
    else if (pick.kind === 'scheme') {
      this.schemes.add(pick.scheme);
      this.choose(side, schemeId(pick.scheme));
    }
    // A version comes before what became of it.
    else this.choose(pick.id === committed && this.session.chosen.length === 1 ? 'before' : side, pick.id);
    this.options.open();
  }

  receive(message: CompareFromPage): void {
    switch (message.type) {
      case 'compare-shown':
        this.sentVersion = -1;
        this.session.show(message.shown);
        if (message.shown) void this.findCommit();
        return;
      case 'compare-choose':
        this.choose(message.side, message.id);
        return;
      case 'compare-ask':
        this.ask(message.side).catch((error: unknown) => {
          void vscode.window.showErrorMessage(`Thimble: ${error instanceof Error ? error.message : String(error)}`);
        });
        return;
      case 'compare-swap':
        this.session.swap();
        return;
      case 'compare-reload':
        for (const id of this.session.chosen) void this.opened.get(id)?.model.load();
        this.session.retry();
    }
  }

  private choose(side: 'before' | 'after', id: string): void {
    if (id === committed && this.commit) this.open(committed, this.commit, 'last commit');
    this.session.choose(side, id);
  }

  private get sources(): readonly ComparedSource[] {
    const { model, plan } = this.options;
    const name = nameOf(model.uri);
    const session = model.openSession;
    const own = (id: string, label: string, more: { scheme?: WhatIfSchemeId; recipe?: RecipeData } = {}) => ({
      choice: { id, label, planned: id !== thisFile },
      origin: session === undefined ? undefined : { session, ...more },
      problem: model.failure?.message,
    });
    const present = plan();
    return [
      own(thisFile, `${name} (this file)`),
      ...(present
        ? [
            {
              ...own(planned, `plan: ${present.label} (not written)`, { recipe: present.recipe }),
              outputs: present.outputs,
            },
          ]
        : []),
      ...[...this.schemes].map((scheme) => own(schemeId(scheme), `${whatIfLabel(scheme)} (not written)`, { scheme })),
      ...[...this.opened].map(([id, { model: other, label }]): ComparedSource => {
        const { openSession, failure } = other;
        return {
          choice: { id, label, planned: false },
          origin: openSession === undefined || failure ? undefined : { session: openSession },
          problem: failure && `${nameOf(other.uri)}: ${failure.message}`,
        };
      }),
      ...(this.commit && !this.opened.has(committed)
        ? [
            {
              choice: { id: committed, label: `${name} (last commit)`, planned: false },
              origin: undefined,
              problem: undefined,
            },
          ]
        : []),
    ];
  }

  /** The id of a file, which is opened where it is another one. */
  private idOf(uri: vscode.Uri): string {
    if (uri.toString() === this.options.model.uri.toString()) return thisFile;
    const id = `file:${uri.toString()}`;
    this.open(id, uri, folderOf(uri));
    return id;
  }

  /** Opens a model beside this one and follows its changes on disk. */
  private open(id: string, uri: vscode.Uri, where: string): void {
    if (this.opened.has(id)) return;
    const { worker, bindings } = this.options;
    const model = new OpenedModel(uri, worker, bindings);
    const subscriptions = [watchModel(model), model.onDidChange(() => this.session.update()), model];
    this.opened.set(id, {
      model,
      label: where === '' ? nameOf(uri) : `${nameOf(uri)} (${where})`,
      end: () => {
        for (const subscription of subscriptions) subscription.dispose();
      },
    });
    void model.load();
  }

  private async findCommit(): Promise<void> {
    if (this.lookedForCommit) return;
    this.lookedForCommit = true;
    this.commit = await lastCommitOf(this.options.model.uri);
    if (this.commit) this.sendSoon();
  }

  /** Many changes within a frame become one message; layers follow their totals, once. */
  private sendSoon(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      const { state, layers } = this.session;
      this.options.post({ type: 'compare', state });
      const isSent = this.sentVersion === state.version && this.sentErrors === state.outputs;
      if (!state.comparison || isSent) return;
      this.sentVersion = state.version;
      this.sentErrors = state.outputs;
      this.options.post({ type: 'compare-layers', ...layers });
    }, frame);
  }
}

function schemeId(scheme: WhatIfSchemeId): string {
  return `scheme:${scheme}`;
}

function nameOf(uri: vscode.Uri): string {
  return uri.path.split('/').at(-1) ?? uri.path;
}
