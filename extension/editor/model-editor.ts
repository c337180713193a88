import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import { pageHtml } from '../../webview/page-html';
import type { FromPage, PrecisionId, ToPage } from '../../webview/protocol';
import type { WorkerClient } from '../worker/worker-client';
import { watchModel } from './file-watch';
import { type BindingStore, OpenedModel } from './opened-model';
import { type Choices, type FitChoices, pageState } from './page-state';
import type { RuntimeSettings } from './runtime-settings';
import type { TargetChoice } from './target-choice';
import { wantedFigures } from './wanted-figures';

export const viewType = 'thimble.model';

/** What the editors share. */
export interface EditorServices {
  readonly extensionUri: vscode.Uri;
  /** A folder of the extension's own that outlives its versions. */
  readonly storageUri: vscode.Uri;
  readonly worker: WorkerClient;
  readonly targets: TargetChoice;
  readonly runtimes: RuntimeSettings;
  readonly bindings: BindingStore;
}

/** What models are held against now, or on another target. */
export function fitChoices(
  { targets, runtimes }: Pick<EditorServices, 'targets' | 'runtimes'>,
  target = targets.target,
): FitChoices {
  return {
    target,
    externalRam: targets.externalRam,
    runtime: runtimes.runtimeFor(target),
    reserves: runtimes.reservesFor(target),
  };
}

class ModelDocument implements vscode.CustomDocument {
  constructor(
    readonly uri: vscode.Uri,
    readonly model: OpenedModel,
    private readonly watch: vscode.Disposable,
  ) {}

  dispose(): void {
    this.watch.dispose();
    this.model.dispose();
  }
}

/** The read-only editor of `.onnx` files. */
export class ModelEditorProvider implements vscode.CustomReadonlyEditorProvider<ModelDocument> {
  private readonly activeChanged = new vscode.EventEmitter<OpenedModel | undefined>();
  /** The model whose editor has the focus, as it changes. */
  readonly onDidChangeActive = this.activeChanged.event;
  active: OpenedModel | undefined;

  constructor(private readonly services: EditorServices) {}

  openCustomDocument(uri: vscode.Uri): ModelDocument {
    const { worker, bindings } = this.services;
    const model = new OpenedModel(uri, worker, bindings);
    // Reading starts now, while the page is still loading.
    void model.load();
    return new ModelDocument(uri, model, watchModel(model));
  }

  resolveCustomEditor(document: ModelDocument, panel: vscode.WebviewPanel): void {
    const page = new ModelPage(document.model, panel, this.services);
    const follow = () => this.setActive(panel.active ? document.model : undefined, document.model);
    const subscriptions = [page, panel.onDidChangeViewState(follow), document.model.onDidChange(follow)];
    panel.onDidDispose(() => {
      for (const subscription of subscriptions) subscription.dispose();
      this.setActive(undefined, document.model);
    });
    follow();
  }

  private setActive(model: OpenedModel | undefined, from: OpenedModel): void {
    if (model === undefined && this.active !== from) return;
    this.active = model;
    this.activeChanged.fire(model);
  }
}

/** One page showing one model. The page asks with `ready` whenever it is (re)created; until then nothing is sent. */
class ModelPage implements vscode.Disposable {
  private precision: PrecisionId = 'as-in-file';
  private revision = 0;
  private ready = false;
  /** An answer may come after the editor was closed; its webview then throws at every touch. */
  private closed = false;
  private readonly subscriptions: vscode.Disposable[];

  constructor(
    private readonly model: OpenedModel,
    private readonly panel: vscode.WebviewPanel,
    private readonly services: EditorServices,
  ) {
    const { webview } = panel;
    const dist = vscode.Uri.joinPath(services.extensionUri, 'dist');
    this.subscriptions = [
      webview.onDidReceiveMessage((message: FromPage) => this.receive(message)),
      model.onDidChange(() => this.send()),
      services.targets.onDidChange(() => this.send()),
      services.runtimes.onDidChange(() => this.send()),
    ];
    webview.options = { enableScripts: true, localResourceRoots: [dist] };
    webview.html = pageHtml({
      scriptUri: webview.asWebviewUri(vscode.Uri.joinPath(dist, 'webview.js')).toString(),
      styleUri: webview.asWebviewUri(vscode.Uri.joinPath(dist, 'webview.css')).toString(),
      nonce: randomBytes(16).toString('base64'),
      cspSource: webview.cspSource,
    });
  }

  dispose(): void {
    this.closed = true;
    for (const subscription of this.subscriptions) subscription.dispose();
  }

  private post(message: ToPage): void {
    if (this.closed) return;
    void this.panel.webview.postMessage(message);
  }

  private send(): void {
    if (!this.ready) return;
    const { known, failure, busy } = this.model;
    this.post({ type: 'busy', busy });
    if (failure) {
      const { message, offset } = failure;
      this.post({
        type: 'failed',
        title: fileNameOf(this.model.uri),
        message,
        ...(offset !== undefined && { offset }),
      });
    } else if (known) {
      const { from } = this.services.targets;
      const choices: Choices = {
        ...fitChoices(this.services),
        ...(from !== undefined && { targetFrom: from }),
        precision: this.precision,
      };
      this.model.figures.want(wantedFigures(known, choices));
      this.post({ type: 'state', state: pageState(known, this.model.figures, choices, ++this.revision) });
    } else {
      this.post({ type: 'loading', fileName: fileNameOf(this.model.uri) });
    }
  }

  private receive(message: FromPage): void {
    const { uri } = this.model;
    switch (message.type) {
      case 'ready':
        this.ready = true;
        this.send();
        return;
      case 'choose-target':
        void this.services.targets.pick();
        return;
      case 'set-precision':
        this.precision = message.precision;
        this.send();
        return;
      case 'set-runtime':
        void this.services.runtimes.choose(message.runtime, this.services.targets.target);
        return;
      case 'set-binding':
        void this.model.bind(message.key, message.size);
        return;
      case 'quantize':
        void vscode.commands.executeCommand('thimble.quantizeForTarget', uri, message.scheme);
        return;
      case 'open-as-text':
        void vscode.commands.executeCommand('vscode.openWith', uri, 'default');
        return;
      case 'copy':
        void vscode.env.clipboard.writeText(message.text);
        return;
      case 'reload':
        void this.model.load();
        return;
      case 'layer-details':
        void this.answer(message.id, this.model.layerDetails(message.index, this.precision));
        return;
    }
  }

  private async answer(id: number, work: Promise<unknown>): Promise<void> {
    try {
      this.post({ type: 'reply', id, ok: true, value: await work });
    } catch (error) {
      this.post({ type: 'reply', id, ok: false, error: error instanceof Error ? error.message : String(error) });
    }
  }
}

function fileNameOf(uri: vscode.Uri): string {
  return uri.path.split('/').at(-1) ?? uri.path;
}
