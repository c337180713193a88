import * as vscode from 'vscode';
import type { Runtime } from '../runtimes/runtime';
import { sizeOf } from '../targets/size-text';
import type { Reserves, Target } from '../targets/target';
import { chosenRuntime, comparedRuntime, runtimesFor } from '../targets/target-runtimes';

/** Says that the model's data alone is to be shown. */
const noRuntime = 'none';

/** The settings `thimble.runtime` and `thimble.reserve`. */
export class RuntimeSettings implements vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  private readonly subscription: vscode.Disposable;
  readonly onDidChange = this.changed.event;

  constructor() {
    this.subscription = vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration('thimble.runtime') || event.affectsConfiguration('thimble.reserve')) {
        this.changed.fire();
      }
    });
  }

  /** The chosen runtime, or the usual one of the target; undefined: the model's data alone. */
  runtimeFor(target: Target | undefined): Runtime | undefined {
    return chosenRuntime(settings().get<string>('runtime', ''), target);
  }

  /** The runtime that a chip is judged with beside the chosen one. */
  comparedFor(target: Target): Runtime | undefined {
    return comparedRuntime(settings().get<string>('runtime', ''), target);
  }

  /** What the application keeps for itself, in bytes: the settings, else what the target says. */
  reservesFor(target: Target | undefined): Reserves {
    const bytes = (name: keyof Reserves) => {
      const value = settings().get<number | string>(`reserve.${name}`, 0);
      const own = sizeOf(String(value)) ?? 0;
      return own > 0 ? own : (target?.reserves?.[name] ?? 0);
    };
    return { flash: bytes('flash'), ram: bytes('ram'), stack: bytes('stack') };
  }

  /** Keeps a choice, undefined for the model's data alone. The usual runtime of the target goes without saying. */
  async choose(id: string | undefined, target: Target | undefined): Promise<void> {
    const usual = target && runtimesFor(target)[0]?.id;
    const scope = vscode.workspace.workspaceFolders
      ? vscode.ConfigurationTarget.Workspace
      : vscode.ConfigurationTarget.Global;
    await settings().update('runtime', id === undefined ? noRuntime : id === usual ? '' : id, scope);
  }

  dispose(): void {
    this.subscription.dispose();
    this.changed.dispose();
  }
}

function settings(): vscode.WorkspaceConfiguration {
  return vscode.workspace.getConfiguration('thimble');
}
