import * as vscode from 'vscode';
import { movedPin, type PinnedChip, withPin } from './compared-chips';
import type { RuntimeSettings } from './runtime-settings';
import type { TargetChoice } from './target-choice';

/** The chips that are compared beside the chosen one: the setting `thimble.pinnedTargets`, of the workspace where there is one. */
export class PinnedTargets implements vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  private readonly subscription: vscode.Disposable;
  readonly onDidChange = this.changed.event;

  constructor(
    private readonly targets: TargetChoice,
    private readonly runtimes: RuntimeSettings,
  ) {
    this.subscription = vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration('thimble.pinnedTargets')) this.changed.fire();
    });
  }

  /** In the order of the setting; a name that no chip is known by stays, so that it is seen and can be taken away. */
  get chips(): readonly PinnedChip[] {
    const { externalRam } = this.targets;
    return this.names.map((name) => {
      const target = this.targets.named(name);
      if (!target) return { name, choices: undefined };
      const runtime = this.runtimes.comparedFor(target);
      return { name, choices: { target, externalRam, runtime, reserves: this.runtimes.reservesFor(target) } };
    });
  }

  /** Lets a person choose chips one after the other, until they leave the list. */
  async pick(): Promise<void> {
    for (;;) {
      const target = await this.targets.ask({ title: 'Pin a chip to compare (Esc when done)' });
      if (!target) return;
      await this.keep(withPin(this.names, target.id));
    }
  }

  /** Lets a person take pinned chips away. */
  async pickToRemove(): Promise<void> {
    const items = this.chips.map(({ name, choices }) => ({ label: choices?.target?.name ?? name, name, picked: true }));
    if (items.length === 0) {
      void vscode.window.showInformationMessage('No chip is pinned. Pin one with "Pin a Chip to Compare".');
      return;
    }
    const kept = await vscode.window.showQuickPick(items, {
      canPickMany: true,
      title: 'Pinned chips',
      placeHolder: 'Chips without a tick are taken away',
    });
    if (kept) await this.keep(this.names.filter((name) => kept.some((item) => item.name === name)));
  }

  async remove(name: string): Promise<void> {
    await this.keep(this.names.filter((each) => each !== name));
  }

  /** `before`: another pinned chip; undefined: to the end. */
  async move(name: string, before: string | undefined): Promise<void> {
    await this.keep(movedPin(this.names, name, before));
  }

  dispose(): void {
    this.subscription.dispose();
    this.changed.dispose();
  }

  /** The setting is a person's text: what is not a name is passed over, and what is there twice counts once. */
  private get names(): readonly string[] {
    const value = settings().get<unknown>('pinnedTargets', []);
    const names = Array.isArray(value) ? value.filter((name): name is string => typeof name === 'string') : [];
    return [...new Set(names.map((name) => name.trim()).filter((name) => name !== ''))];
  }

  private async keep(names: readonly string[]): Promise<void> {
    const inWorkspace = vscode.workspace.workspaceFolders !== undefined;
    const scope = inWorkspace ? vscode.ConfigurationTarget.Workspace : vscode.ConfigurationTarget.Global;
    // Empty in a workspace has to be said where the user's own setting would show through.
    const isDefault =
      names.length === 0 && (!inWorkspace || settings().inspect('pinnedTargets')?.globalValue === undefined);
    await settings().update('pinnedTargets', isDefault ? undefined : [...names], scope);
  }
}

function settings(): vscode.WorkspaceConfiguration {
  return vscode.workspace.getConfiguration('thimble');
}
