import * as vscode from 'vscode';
import type { PageState, PrecisionId } from '../../webview/protocol';
import type { WhatIfFromPage } from '../../webview/what-if-protocol';
import { figureKey } from './known-figures';
import type { OpenedModel } from './opened-model';
import { type Choices, type FitChoices, fitVerdict } from './page-state';
import type { PinnedTargets } from './pinned-targets';
import type { TargetChoice } from './target-choice';
import { tableNotShown, type WhatIfView, wantedWhatIf } from './wanted-what-if';

/** The what-if table of one page: what is shown of it, what it wants of the worker, and what a person does on it. */
export class WhatIfPage implements vscode.Disposable {
  private view: WhatIfView = tableNotShown;
  private shownBefore: PrecisionId = 'as-in-file';
  private latest: Choices | undefined;
  private readonly subscription: vscode.Disposable;

  constructor(
    private readonly model: OpenedModel,
    private readonly panel: Pick<vscode.WebviewPanel, 'visible' | 'onDidChangeViewState'>,
    private readonly services: { readonly targets: TargetChoice; readonly pinned: PinnedTargets },
    private readonly changed: () => void,
  ) {
    this.subscription = panel.onDidChangeViewState(() => this.pursue());
  }

  /** The choices of the page with what the table adds. */
  choices(fit: FitChoices & Pick<Choices, 'targetFrom'>, precision: PrecisionId): Choices {
    const { shownBefore, view, services } = this;
    return { ...fit, precision, shownBefore, view, pinned: services.pinned.chips };
  }

  /** Asks for what these choices lack. */
  follow(choices: Choices, { precision }: Pick<PageState, 'precision'>): void {
    if (precision !== 'plan') this.shownBefore = precision;
    if (choices.precision !== 'as-in-file') void this.model.plan(choices.precision);
    this.latest = choices;
    this.pursue();
  }

  receive(message: WhatIfFromPage): void {
    const { pinned, targets } = this.services;
    switch (message.type) {
      case 'summary-shown':
        this.show({ summaryShown: message.shown });
        return;
      case 'show-all-schemes':
        this.show({ allSchemes: message.all });
        return;
      case 'work-out-schemes':
        this.show({ asked: true });
        return;
      case 'stop-schemes':
        this.show({ asked: false });
        return;
      case 'measure-weights':
        this.show({ measure: new Set([...this.view.measure, message.scheme]) });
        return;
      case 'pin-chip':
        report(pinned.pick());
        return;
      case 'unpin-chip':
        report(pinned.remove(message.key));
        return;
      case 'move-chip':
        report(pinned.move(message.key, message.before));
        return;
      case 'set-target':
        report(targets.choose(message.id));
        return;
    }
  }

  dispose(): void {
    this.subscription.dispose();
    this.model.whatIf.want(undefined);
  }

  private show(change: Partial<WhatIfView>): void {
    this.view = { ...this.view, ...change };
    this.changed();
  }

  private pursue(): void {
    const { latest, model, panel } = this;
    const { known, figures, whatIf } = model;
    if (!known || !latest || !panel.visible) {
      whatIf.want(undefined);
      return;
    }
    const figure = latest.runtime && figures.figures.get(figureKey(latest.runtime.id, 'as-in-file'));
    const footprint = figure?.kind === 'ready' ? figure.footprint : undefined;
    const chips: readonly FitChoices[] = [latest, ...latest.pinned.flatMap(({ choices }) => choices ?? [])];
    whatIf.want(
      wantedWhatIf(known.analysis, latest.view, {
        shownIsKnown: latest.runtime === undefined || figure !== undefined,
        fileVerdict: fitVerdict(known.analysis, footprint, latest),
        runtimes: chips.flatMap(({ runtime }) => runtime?.id ?? []),
      }),
    );
  }
}

/** Settings that cannot be written are said, not lost. */
function report(work: Promise<void>): void {
  work.catch((error: unknown) => {
    void vscode.window.showErrorMessage(`Thimble: ${error instanceof Error ? error.message : String(error)}`);
  });
}
