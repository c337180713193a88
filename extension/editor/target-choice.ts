import * as vscode from 'vscode';
import { findTarget, type MoreTargets } from '../targets/catalogue';
import type { LongTail } from '../targets/long-tail';
import type { Target } from '../targets/target';
import type { WorkspaceGuess } from '../targets/workspace/guess';
import { workspaceTarget } from './settled-workspace';
import { type PickedTarget, type PickOptions, pickTarget } from './target-picker';
import type { WorkspaceTargets } from './workspace-target';

type PickTitle = Pick<PickOptions, 'title' | 'step' | 'totalSteps'>;

/**
 * The chosen chip: the setting `thimble.target`, for the workspace where there is one, else for the user; without it what the
 * workspace's own files say.
 */
export class TargetChoice implements vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  private readonly subscriptions: readonly vscode.Disposable[];
  /** Fires when the target, or what it offers, changes. */
  readonly onDidChange = this.changed.event;
  private longTail: { readonly loaded: LongTail | undefined } | undefined;

  constructor(
    private readonly workspace: WorkspaceTargets,
    private readonly readLongTail: () => Promise<LongTail | undefined>,
  ) {
    this.subscriptions = [
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration('thimble.target') || event.affectsConfiguration('thimble.useExternalRam')) {
          this.changed.fire();
        }
      }),
      workspace.onDidChange(() => this.changed.fire()),
    ];
  }

  /** Of the workspace as a whole. */
  get target(): Target | undefined {
    return this.targetFor(undefined);
  }

  /** What a model is held against: where no setting names a chip, that of the project it lies in. */
  targetFor(model: vscode.Uri | undefined): Target | undefined {
    const { setting } = this;
    const chosen = this.guessFor(model);
    return setting === '' ? chosen && workspaceTarget(chosen) : this.named(setting, model);
  }

  /** Where a model's target comes from when the workspace says it: "this workspace: nucleo_f746zg (platformio.ini)". */
  fromFor(model: vscode.Uri | undefined): string | undefined {
    const chosen = this.guessFor(model);
    const own = chosen && workspaceTarget(chosen);
    return own && own.id === this.targetFor(model)?.id ? chosen.how : undefined;
  }

  /** What the setting says when it names no known chip. */
  get unknownName(): string | undefined {
    const { setting } = this;
    return setting !== '' && this.find(setting) === undefined && this.longTail ? setting : undefined;
  }

  /** Count external RAM (PSRAM) as well; off unless the person says so. */
  get externalRam(): boolean {
    return settings().get<boolean>('useExternalRam', false);
  }

  /** Lets the person choose a chip; undefined when they leave the list. The choice is kept in the settings. */
  async pick(options: PickTitle = {}, model?: vscode.Uri): Promise<Target | undefined> {
    const picked = await this.show(options, model);
    if (!picked) return undefined;
    await this.keep(picked.target, picked.fromWorkspace);
    return this.targetFor(model) ?? picked.target;
  }

  /** Lets the person choose a chip that is not to become the target. */
  async ask(options: PickTitle = {}): Promise<Target | undefined> {
    return (await this.show(options))?.target;
  }

  /** The chip of this name or id, with the budgets of the model's project where that is for it; undefined where none is known by it. */
  named(name: string, model?: vscode.Uri): Target | undefined {
    const chosen = this.guessFor(model);
    const own = chosen && workspaceTarget(chosen);
    const target = this.find(name);
    return own && own.id === (target?.id ?? name) ? own : target;
  }

  /** Makes a chip the target, by name or id. */
  async choose(name: string): Promise<void> {
    const target = this.find(name);
    if (target) await this.keep(target, this.workspace.chosen?.target?.id === target.id);
  }

  dispose(): void {
    for (const subscription of this.subscriptions) subscription.dispose();
    this.changed.dispose();
  }

  private guessFor(model: vscode.Uri | undefined): WorkspaceGuess | undefined {
    return model ? this.workspace.chosenFor(model) : this.workspace.chosen;
  }

  private show(options: PickTitle, model?: vscode.Uri): Promise<PickedTarget | undefined> {
    const { workspace, externalRam } = this;
    return pickTarget({
      ...options,
      current: this.targetFor(model),
      externalRam,
      more: this.more,
      longTail: this.loadLongTail(),
      guesses: workspace.guesses,
      chosen: this.guessFor(model),
    });
  }

  private get setting(): string {
    return settings().get<string>('target', '').trim();
  }

  private get more(): MoreTargets {
    const longTail = this.longTail?.loaded;
    return { own: this.workspace.own, ...(longTail && { longTail }) };
  }

  /** A name that the reviewed catalogue does not have is looked up again once the long tail is read. */
  private find(name: string): Target | undefined {
    const target = findTarget(name, this.more);
    if (!target && !this.longTail) void this.loadLongTail().then(() => this.changed.fire());
    return target;
  }

  private async loadLongTail(): Promise<LongTail | undefined> {
    const loaded = await this.readLongTail();
    this.longTail ??= { loaded };
    return loaded;
  }

  /** Following the workspace needs no setting, unless one of the user stands in the way. */
  private async keep(target: Target, fromWorkspace: boolean): Promise<void> {
    const scope = vscode.workspace.workspaceFolders
      ? vscode.ConfigurationTarget.Workspace
      : vscode.ConfigurationTarget.Global;
    await settings().update('target', fromWorkspace ? undefined : target.id, scope);
    if (fromWorkspace && this.setting !== '') await settings().update('target', target.id, scope);
  }
}

function settings(): vscode.WorkspaceConfiguration {
  return vscode.workspace.getConfiguration('thimble');
}
