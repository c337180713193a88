import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import type { FitRow, FromFitTable, ToFitTable } from '../../webview/fit-table-protocol';
import { pageHtml } from '../../webview/page-html';
import { FitQueue } from './fit-queue';
import { type FitColumns, fitColumns, type MeasuredModel } from './fit-rows';
import { type EditorServices, fitChoices, viewType } from './model-editor';
import { originOf } from './model-origin';
import type { ModelProblems } from './model-problems';
import type { ModelVerdicts } from './model-verdicts';
import { listFolder } from './workspace-files';
import { listPaths } from './workspace-paths';

/** More rows than anybody reads; of a larger folder those nearest to it are shown, and the table says so. */
const mostModels = 1000;
/** Tools write several models in a row; one look at the folder is enough. */
const quietMilliseconds = 300;

export interface FitTableServices {
  readonly editor: EditorServices;
  readonly verdicts: ModelVerdicts;
  readonly problems: ModelProblems;
}

/** The tables that are open, by folder: a second check of a folder comes back to its table. */
const open = new Map<string, FitTable>();

/** Shows the table of a folder's models on the chips, measured row by row. Fulfilled when all are measured, or the table is closed. */
export async function showFitTable(folder: vscode.Uri, services: FitTableServices): Promise<void> {
  const key = folder.toString();
  const known = open.get(key);
  if (known) {
    known.reveal();
    return known.check();
  }
  const table = new FitTable(folder, services, () => open.delete(key));
  open.set(key, table);
  return table.check();
}

/** Paths of the models in a folder and below it, those nearest to it first. */
export async function modelsIn(folder: vscode.Uri): Promise<readonly string[]> {
  const paths = await listPaths((path) => listFolder(vscode.Uri.joinPath(folder, path)));
  return paths.filter((path) => path.endsWith('.onnx'));
}

class FitTable {
  private readonly panel: vscode.WebviewPanel;
  private readonly queue: FitQueue;
  private readonly subscriptions: readonly vscode.Disposable[];
  private paths: readonly string[] = [];
  private ready = false;
  private closed = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly folder: vscode.Uri,
    private readonly services: FitTableServices,
    private readonly ended: () => void,
  ) {
    const { extensionUri, targets, runtimes, pinned } = services.editor;
    const dist = vscode.Uri.joinPath(extensionUri, 'dist');
    this.panel = vscode.window.createWebviewPanel('thimble.fitTable', `Fit: ${this.name}`, vscode.ViewColumn.Active, {
      enableScripts: true,
      enableFindWidget: true,
      localResourceRoots: [dist],
    });
    this.queue = new FitQueue(
      (path, names, signal) => this.measure(path, names, signal),
      (row) => this.take(row),
      (progress) => this.post({ type: 'progress', progress }),
    );
    const watcher = vscode.workspace.createFileSystemWatcher(new vscode.RelativePattern(folder, '**/*.onnx'));
    const later = () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => void this.list(), quietMilliseconds);
    };
    const chipsChanged = () => this.show(this.paths);
    const { webview } = this.panel;
    this.subscriptions = [
      watcher,
      watcher.onDidChange((uri) => this.queue.forget(uri.path.slice(folder.path.replace(/\/$/, '').length + 1))),
      watcher.onDidCreate(later),
      watcher.onDidDelete(later),
      targets.onDidChange(chipsChanged),
      runtimes.onDidChange(chipsChanged),
      pinned.onDidChange(chipsChanged),
      webview.onDidReceiveMessage((message: FromFitTable) => this.receive(message)),
      new vscode.Disposable(() => clearTimeout(this.timer)),
    ];
    this.panel.onDidDispose(() => this.dispose());
    webview.html = pageHtml({
      scriptUri: webview.asWebviewUri(vscode.Uri.joinPath(dist, 'fit-table.js')).toString(),
      styleUri: webview.asWebviewUri(vscode.Uri.joinPath(dist, 'webview.css')).toString(),
      nonce: randomBytes(16).toString('base64'),
      cspSource: webview.cspSource,
    });
  }

  reveal(): void {
    this.panel.reveal();
  }

  /** Looks at the folder and measures its models, those that are known already as well. */
  async check(): Promise<void> {
    if (this.queue.progress.kind !== 'running' || this.paths.length === 0) this.queue.check();
    await this.list();
    await this.queue.settled();
  }

  private get name(): string {
    return this.folder.path.split('/').at(-1) ?? '';
  }

  private async list(): Promise<void> {
    const paths = await modelsIn(this.folder);
    if (!this.closed) this.show(paths.slice(0, mostModels), paths.length - Math.min(paths.length, mostModels));
  }

  private show(paths: readonly string[], leftOut?: number): void {
    this.paths = [...paths].sort();
    this.queue.show(this.paths, this.columns(), leftOut);
    this.send();
  }

  private columns(): FitColumns {
    const { editor } = this.services;
    return fitColumns(
      this.paths.map((path) => fitChoices(editor, this.uriOf(path))),
      editor.pinned.chips,
    );
  }

  private uriOf(path: string): vscode.Uri {
    return vscode.Uri.joinPath(this.folder, path);
  }

  private async measure(path: string, runtimes: readonly string[], signal: AbortSignal): Promise<MeasuredModel> {
    const { worker, bindings } = this.services.editor;
    const uri = this.uriOf(path);
    const origin = await originOf(uri);
    const { session, analysis } = await worker.call('open', { origin, bindings: bindings.get(uri) }, { signal });
    try {
      const figures = await worker.call('whatIf', { session, runtimes }, { signal });
      if (figures.kind === 'refused') throw new Error(figures.reason);
      return { parameters: analysis.totals.parameters, figures };
    } finally {
      await worker.call('close', { session });
    }
  }

  private take(row: FitRow): void {
    this.post({ type: 'row', row });
    const { state, own } = row;
    const cell = state.kind === 'ready' && own !== undefined ? state.cells[own] : undefined;
    if (cell?.kind !== 'judged') return;
    const { verdicts, problems } = this.services;
    const uri = this.uriOf(row.path);
    verdicts.put(uri, { verdict: cell.verdict });
    problems.watch(uri);
  }

  private send(): void {
    const { chips, rows, progress } = this.queue;
    this.post({ type: 'table', folder: this.name, chips: chips.map(({ page }) => page), rows, progress });
  }

  private post(message: ToFitTable): void {
    if (this.ready && !this.closed) void this.panel.webview.postMessage(message);
  }

  private receive(message: FromFitTable): void {
    const { pinned, targets } = this.services.editor;
    switch (message.type) {
      case 'ready':
        this.ready = true;
        this.send();
        return;
      case 'open':
        if (this.paths.includes(message.path))
          void vscode.commands.executeCommand('vscode.openWith', this.uriOf(message.path), viewType);
        return;
      case 'stop':
        this.queue.stop();
        return;
      case 'check':
        this.queue.check();
        return;
      case 'copy':
        void vscode.env.clipboard.writeText(message.text);
        return;
      case 'pin-chip':
        void pinned.pick();
        return;
      case 'unpin-chip':
        void pinned.remove(message.key);
        return;
      case 'move-chip':
        void pinned.move(message.key, message.before);
        return;
      case 'set-target':
        void targets.choose(message.id);
        return;
    }
  }

  private dispose(): void {
    this.closed = true;
    this.queue.stop();
    for (const subscription of this.subscriptions) subscription.dispose();
    this.ended();
  }
}
