import * as vscode from 'vscode';
import { findTarget, type MoreTargets } from '../targets/catalogue';
import type { LongTail } from '../targets/long-tail';
import type { Target } from '../targets/target';
import { withBudgets } from './settled-workspace';
import { pickTarget } from './target-picker';
import type { WorkspaceTargets } from './workspace-target';

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

  get target(): Target | undefined {
    const { chosen } = this.workspace;
    const named = this.named;
    if (named === '') return chosen?.target && withBudgets(chosen.target, chosen);
    const target = this.find(named);
    return target && chosen?.target?.id === target.id ? withBudgets(target, chosen) : target;
  }

  /** Where the target comes from when the workspace says it: "this workspace: nucleo_f746zg (platformio.ini)". */
  get from(): string | undefined {
    const { chosen } = this.workspace;
    return chosen?.target && chosen.target.id === this.target?.id ? chosen.how : undefined;
  }

  /** What the setting says when it names no known chip. */
  get unknownName(): string | undefined {
    const { named } = this;
    return named !== '' && this.find(named) === undefined && this.longTail ? named : undefined;
  }

  /** Count external RAM (PSRAM) as well; off unless the person says so. */
  get externalRam(): boolean {
    return settings().get<boolean>('useExternalRam', false);
  }

  /** Lets the person choose a chip; undefined when they leave the list. The choice is kept in the settings. */
  async pick(
    options: { readonly title?: string; readonly step?: number; readonly totalSteps?: number } = {},
  ): Promise<Target | undefined> {
    const { workspace, externalRam } = this;
    const picked = await pickTarget({
      ...options,
      current: this.target,
      externalRam,
      more: this.more,
      longTail: this.loadLongTail(),
      guesses: workspace.guesses,
      chosen: workspace.chosen,
    });
    if (!picked) return undefined;
    await this.keep(picked.target, picked.fromWorkspace);
    return this.target ?? picked.target;
  }

  dispose(): void {
    for (const subscription of this.subscriptions) subscription.dispose();
    this.changed.dispose();
  }

  private get named(): string {
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
    if (fromWorkspace && this.named !== '') await settings().update('target', target.id, scope);
  }
}

function settings(): vscode.WorkspaceConfiguration {
  return vscode.workspace.getConfiguration('thimble');
}
