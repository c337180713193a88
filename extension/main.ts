import * as vscode from 'vscode';
import { provideCheckTasks } from './editor/check-task';
import { registerCommands } from './editor/commands';
import { showBadges } from './editor/model-badges';
import { ModelEditorProvider, viewType } from './editor/model-editor';
import { ModelProblems } from './editor/model-problems';
import { ModelVerdicts } from './editor/model-verdicts';
import { BindingStore } from './editor/opened-model';
import { PinnedTargets } from './editor/pinned-targets';
import { QuantizeMemory } from './editor/quantize-memory';
import { RuntimeSettings } from './editor/runtime-settings';
import { showTargetInStatusBar } from './editor/status-bar';
import { TargetChoice } from './editor/target-choice';
import { WorkspaceTargets } from './editor/workspace-target';
import { longTailBeside } from './targets/node-long-tail';
import { WorkerClient } from './worker/worker-client';

/** Registers what the extension offers; work starts when a model is opened. */
export function activate(context: vscode.ExtensionContext): void {
  const worker = new WorkerClient(vscode.Uri.joinPath(context.extensionUri, 'dist', 'worker.cjs').fsPath);
  // The first model should not wait for it: an activated extension stands in a workspace with models, or is about to open one.
  setImmediate(() => worker.start());
  const longTail = longTailBeside(vscode.Uri.joinPath(context.extensionUri, 'dist').fsPath);
  const workspace = new WorkspaceTargets(longTail);
  const targets = new TargetChoice(workspace, longTail);
  const runtimes = new RuntimeSettings();
  const pinned = new PinnedTargets(targets, runtimes);
  const services = {
    extensionUri: context.extensionUri,
    storageUri: context.globalStorageUri,
    worker,
    targets,
    runtimes,
    pinned,
    bindings: new BindingStore(context.workspaceState),
    quantizing: new QuantizeMemory(context.workspaceState),
  };
  const editor = new ModelEditorProvider(services);
  const verdicts = new ModelVerdicts(services);
  const problems = new ModelProblems(services, verdicts, editor);
  context.subscriptions.push(
    { dispose: () => worker.dispose() },
    workspace,
    targets,
    runtimes,
    pinned,
    vscode.window.registerCustomEditorProvider(viewType, editor),
    registerCommands(services, editor, verdicts, problems),
    verdicts,
    problems,
    showBadges(verdicts),
    showTargetInStatusBar(services, editor),
    provideCheckTasks(context.extensionUri, targets),
  );
}
