import * as vscode from 'vscode';
import type { Verdict } from '../targets/verdict';
import { measureFit } from './measure-fit';
import { type EditorServices, fitChoices } from './model-editor';

/** A verdict on a model file, and what would help where it does not fit. */
export interface ModelVerdict {
  readonly verdict: Verdict;
  readonly help?: string;
}

/**
 * The verdicts on the model files of the workspace, as far as known. They are measured one at a time, so that a model that is opened
 * meanwhile waits for one at most, and are forgotten when the file or what it is held against changes.
 */
export class ModelVerdicts implements vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<vscode.Uri | undefined>();
  /** Fires with the file whose verdict changed, without one when all did. */
  readonly onDidChange = this.changed.event;
  private readonly known = new Map<string, ModelVerdict>();
  private readonly measuring = new Map<string, Promise<ModelVerdict | undefined>>();
  private readonly subscriptions: readonly vscode.Disposable[];
  private queue: Promise<unknown> = Promise.resolve();
  /** Grows when what models are held against changes: measurements under way are then worth nothing. */
  private generation = 0;

  constructor(private readonly services: EditorServices) {
    const watcher = vscode.workspace.createFileSystemWatcher('**/*.onnx');
    // A folder that is deleted says so once, not for every file in it.
    const deletions = vscode.workspace.createFileSystemWatcher('**', true, true, false);
    const forget = (uri: vscode.Uri) => {
      this.measuring.delete(uri.toString());
      if (this.known.delete(uri.toString())) this.changed.fire(uri);
    };
    const forgetInside = (deleted: vscode.Uri) => {
      for (const key of [...this.known.keys()]) {
        const uri = vscode.Uri.parse(key, true);
        if (uri.path === deleted.path || uri.path.startsWith(`${deleted.path}/`)) forget(uri);
      }
    };
    const forgetAll = () => {
      this.generation++;
      this.known.clear();
      this.measuring.clear();
      this.changed.fire(undefined);
    };
    this.subscriptions = [
      watcher,
      watcher.onDidChange(forget),
      deletions,
      deletions.onDidDelete(forgetInside),
      services.targets.onDidChange(forgetAll),
      services.runtimes.onDidChange(forgetAll),
    ];
  }

  /** What is known of a file; undefined when it is not measured. */
  get(uri: vscode.Uri): ModelVerdict | undefined {
    return this.known.get(uri.toString());
  }

  /** Keeps a verdict that was found elsewhere. */
  put(uri: vscode.Uri, verdict: ModelVerdict): void {
    const before = this.known.get(uri.toString());
    const isSame = before && JSON.stringify(before.verdict) === JSON.stringify(verdict.verdict);
    // Who does not know what would help says nothing against it.
    if (isSame && (verdict.help === undefined || verdict.help === before.help)) return;
    this.known.set(uri.toString(), verdict);
    this.changed.fire(uri);
  }

  /** The verdict on a file, measured when it is not known; undefined without a target and for files that cannot be read. */
  async want(uri: vscode.Uri): Promise<ModelVerdict | undefined> {
    const key = uri.toString();
    const known = this.known.get(key) ?? this.measuring.get(key);
    if (known || uri.scheme !== 'file' || !this.services.targets.targetFor(uri)) return known;
    const measuring = this.queue.then(() => this.measure(uri));
    this.queue = measuring;
    this.measuring.set(key, measuring);
    return measuring;
  }

  dispose(): void {
    for (const subscription of this.subscriptions) subscription.dispose();
    this.changed.dispose();
  }

  private async measure(uri: vscode.Uri): Promise<ModelVerdict | undefined> {
    const { generation } = this;
    const key = uri.toString();
    const wanted = this.measuring.get(key);
    if (!wanted) return undefined;
    const verdict = await measureFit(uri, this.services, fitChoices(this.services, uri)).catch(() => undefined);
    if (generation !== this.generation || this.measuring.get(key) !== wanted) return undefined;
    this.measuring.delete(key);
    if (!verdict) return undefined;
    this.put(uri, { verdict });
    return this.known.get(key);
  }
}
