import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import { pageHtml } from '../../webview/page-html';
import type { FromPage, ShownPrecision, ToPage } from '../../webview/protocol';
import type { Target } from '../targets/target';
import type { LayerDetails } from '../worker/analysis';
import type { WorkerClient } from '../worker/worker-client';
import { ComparePage, type FilePair } from './compare-page';
import { errorsOf } from './compare-session';
import { watchModel } from './file-watch';
import { type BindingStore, OpenedModel } from './opened-model';
import { type FitChoices, pageState } from './page-state';
import type { PinnedTargets } from './pinned-targets';
import { indexInFile, showPlan } from './plan-figures';
import type { QuantizeMemory } from './quantize-memory';
import { QuantizePage } from './quantize-page';
import type { RuntimeSettings } from './runtime-settings';
import type { TargetChoice } from './target-choice';
import { wantedFigures } from './wanted-figures';
import { WhatIfPage } from './what-if-page';

export const viewType = 'thimble.model';

/** What the editors share. */
export interface EditorServices {
  readonly extensionUri: vscode.Uri;
  /** A folder of the extension's own that outlives its versions. */
  readonly storageUri: vscode.Uri;
  readonly worker: WorkerClient;
  readonly targets: TargetChoice;
  readonly runtimes: RuntimeSettings;
  readonly pinned: PinnedTargets;
  readonly bindings: BindingStore;
  readonly quantizing: QuantizeMemory;
}

/** What a model is held against now; without one, what holds for the workspace. */
export function fitChoices(
  services: Pick<EditorServices, 'targets' | 'runtimes'>,
  model: vscode.Uri | undefined,
): FitChoices {
  return fitChoicesOn(services, services.targets.targetFor(model));
}

/** What models are held against on a target. */
export function fitChoicesOn(
  { targets, runtimes }: Pick<EditorServices, 'targets' | 'runtimes'>,
  target: Target | undefined,
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
  private readonly pages = new Set<ModelPage>();
  /** Files that are being opened on a tab. */
  private readonly tabs = new Map<string, string>();
  /** Files that are being opened to show a comparison. */
  private readonly comparisons = new Map<string, FilePair>();

  constructor(private readonly services: EditorServices) {}

  /** Opens a model, or comes back to it, on one of the page's tabs. */
  async openOnTab(uri: vscode.Uri, tab: string): Promise<void> {
    this.tabs.set(uri.toString(), tab);
    await vscode.commands.executeCommand('vscode.openWith', uri, viewType);
    for (const page of this.pages) {
      if (page.uri.toString() !== uri.toString()) continue;
      page.selectTab(tab);
      this.tabs.delete(uri.toString());
    }
  }

  /** Opens the model that came of another, or comes back to it, on the comparison of the two. */
  async openCompared(pair: FilePair, column?: vscode.ViewColumn): Promise<void> {
    const uri = pair.after;
    this.comparisons.set(uri.toString(), pair);
    await vscode.commands.executeCommand('vscode.openWith', uri, viewType, column);
    for (const page of this.pages) {
      if (page.uri.toString() !== uri.toString()) continue;
      page.showCompared(pair);
      this.comparisons.delete(uri.toString());
    }
  }

  /** Opens a model and asks what to compare it with. */
  async askCompared(uri: vscode.Uri): Promise<void> {
    await vscode.commands.executeCommand('vscode.openWith', uri, viewType);
    for (const page of this.pages) if (page.uri.toString() === uri.toString()) return page.askCompared();
  }

  openCustomDocument(uri: vscode.Uri): ModelDocument {
    const { worker, bindings } = this.services;
    const model = new OpenedModel(uri, worker, bindings);
    // Reading starts now, while the page is still loading.
    void model.load();
    return new ModelDocument(uri, model, watchModel(model));
  }

  resolveCustomEditor(document: ModelDocument, panel: vscode.WebviewPanel): void {
    const page = new ModelPage(document.model, panel, this.services, (pair, column) => this.openCompared(pair, column));
    this.pages.add(page);
    const tab = this.tabs.get(document.uri.toString());
    if (tab !== undefined) page.selectTab(tab);
    this.tabs.delete(document.uri.toString());
    const pair = this.comparisons.get(document.uri.toString());
    if (pair) page.showCompared(pair);
    this.comparisons.delete(document.uri.toString());
    const follow = () => this.setActive(panel.active ? document.model : undefined, document.model);
    const subscriptions = [page, panel.onDidChangeViewState(follow), document.model.onDidChange(follow)];
    panel.onDidDispose(() => {
      for (const subscription of subscriptions) subscription.dispose();
      this.pages.delete(page);
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
  private precision: ShownPrecision = 'as-in-file';
  private revision = 0;
  private ready = false;
  /** An answer may come after the editor was closed; its webview then throws at every touch. */
  private closed = false;
  /** To be shown once the page can be told. */
  private tab: string | undefined;
  private readonly quantize: QuantizePage;
  private readonly whatIf: WhatIfPage;
  private readonly compare: ComparePage;
  private readonly subscriptions: vscode.Disposable[];

  constructor(
    private readonly model: OpenedModel,
    private readonly panel: vscode.WebviewPanel,
    private readonly services: EditorServices,
    openCompared: (pair: FilePair, column: vscode.ViewColumn) => Promise<void>,
  ) {
    const { webview } = panel;
    const dist = vscode.Uri.joinPath(services.extensionUri, 'dist');
    this.quantize = new QuantizePage({
      model,
      worker: services.worker,
      extensionUri: services.extensionUri,
      bindings: services.bindings,
      memory: services.quantizing,
      heldAgainst: () => fitChoices(services, model.uri),
      post: (message) => this.post(message),
      planned: (isChoice) => this.followPlan(isChoice),
      open: (after, measured) =>
        openCompared({ before: model.uri, after, errors: errorsOf(measured) }, vscode.ViewColumn.Beside),
    });
    this.compare = new ComparePage({
      model,
      worker: services.worker,
      bindings: services.bindings,
      pinned: services.pinned,
      heldAgainst: () => fitChoices(services, model.uri),
      plan: () => this.quantize.plan,
      post: (message) => this.post(message),
      open: () => this.selectTab('compare'),
    });
    this.whatIf = new WhatIfPage(model, panel, services, () => this.send());
    const follow = () => {
      this.send();
      this.quantize.update();
      this.compare.update();
    };
    this.subscriptions = [
      this.quantize,
      this.whatIf,
      this.compare,
      webview.onDidReceiveMessage((message: FromPage) => this.receive(message)),
      model.onDidChange(follow),
      services.targets.onDidChange(follow),
      services.runtimes.onDidChange(follow),
      services.pinned.onDidChange(() => {
        this.send();
        this.compare.update();
      }),
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

  get uri(): vscode.Uri {
    return this.model.uri;
  }

  selectTab(tab: string): void {
    this.tab = tab;
    this.sendTab();
  }

  showCompared(pair: FilePair): void {
    this.compare.compare(pair);
    this.selectTab('compare');
  }

  askCompared(): Promise<void> {
    return this.compare.ask('after');
  }

  private sendTab(): void {
    if (!this.ready || this.tab === undefined) return;
    this.post({ type: 'select-tab', tab: this.tab });
    this.tab = undefined;
  }

  /** A choice in Quantize is shown everywhere; new figures change what is shown, or what can be chosen. */
  private followPlan(isChoice: boolean): void {
    const isShown = this.precision === 'plan';
    if (isChoice) this.precision = 'plan';
    if (!isChoice || !isShown) this.send();
    this.compare.update();
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
      const from = this.services.targets.fromFor(this.model.uri);
      const fit = fitChoices(this.services, this.model.uri);
      const { figures } = this.quantize;
      const choices = this.whatIf.choices(
        { ...fit, ...(from !== undefined && { targetFrom: from }) },
        this.precision === 'plan' ? 'as-in-file' : this.precision,
      );
      this.model.figures.want(wantedFigures(known, choices));
      const state = pageState(known, this.model.figures, choices, ++this.revision);
      this.whatIf.follow(choices, state);
      const planned = figures && (this.precision === 'plan' ? showPlan(state, figures, fit) : state);
      this.post({ type: 'state', state: planned ? { ...planned, planLabel: figures.label } : state });
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
        this.quantize.update();
        this.compare.resend();
        this.sendTab();
        return;
      case 'choose-target':
        void this.services.targets.pick({}, uri);
        return;
      case 'set-precision':
        this.precision = message.precision;
        this.send();
        return;
      case 'set-runtime':
        void this.services.runtimes.choose(message.runtime, this.services.targets.targetFor(uri));
        return;
      case 'set-binding':
        void this.model.bind(message.key, message.size);
        return;
      case 'quantize-shown':
      case 'quantize-change':
      case 'quantize-do':
        this.quantize.receive(message);
        return;
      case 'compare-shown':
      case 'compare-choose':
      case 'compare-ask':
      case 'compare-swap':
      case 'compare-reload':
        this.compare.receive(message);
        return;
      case 'summary-shown':
      case 'show-all-schemes':
      case 'work-out-schemes':
      case 'stop-schemes':
      case 'measure-weights':
      case 'pin-chip':
      case 'unpin-chip':
      case 'move-chip':
      case 'set-target':
        this.whatIf.receive(message);
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
        void this.answer(message.id, this.layerDetails(message.index));
        return;
    }
  }

  /** Of a layer as shown; those of a plan are of the file, where it has the layer. */
  private layerDetails(index: number): Promise<LayerDetails> {
    const { figures } = this.quantize;
    const { known } = this.model;
    if (this.precision !== 'plan') return this.model.layerDetails(index, this.precision);
    const own = figures && known ? indexInFile(figures, known.analysis, index) : index;
    return own === undefined
      ? Promise.reject(new Error('The plan makes this layer; the file does not have it yet.'))
      : this.model.layerDetails(own, 'as-in-file');
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
