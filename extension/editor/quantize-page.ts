import { basename, dirname, join } from 'node:path';
import * as vscode from 'vscode';
import type { ToPage } from '../../webview/protocol';
import type { QuantizeAction, QuantizeFromPage } from '../../webview/quantize-protocol';
import type { PlanMeasurement, RecipeOutcome } from '../worker/recipe-calls';
import type { WorkerClient } from '../worker/worker-client';
import { chooseData, mediaOf } from './calibration-choice';
import type { ComparedPlan } from './compare-page';
import { footprintOn } from './known-figures';
import { MeasuringWorkers } from './measuring-worker';
import type { BindingStore, OpenedModel } from './opened-model';
import type { FitChoices } from './page-state';
import type { PlanFigures } from './plan-figures';
import type { QuantizeMemory } from './quantize-memory';
import { QuantizeSession } from './quantize-session';
import { writePlan } from './quantize-write';

export interface QuantizePageOptions {
  readonly model: OpenedModel;
  readonly worker: WorkerClient;
  readonly extensionUri: vscode.Uri;
  readonly bindings: BindingStore;
  readonly memory: QuantizeMemory;
  /** What models are held against now. */
  readonly heldAgainst: () => FitChoices;
  readonly post: (message: ToPage) => void;
  /** The person changed the plan, or its figures came. */
  readonly planned: (isChoice: boolean) => void;
  readonly open: (uri: vscode.Uri, measured: RecipeOutcome['measurement']) => Thenable<void>;
}

/** Sends at most this often, in milliseconds: a frame, and more rarely what is only progress. */
const pace = { urgent: 16, progress: 200 } as const;

/** The Quantize view of one page: its session, and the dialogs of the editor that it asks for. Nothing is done before it is shown. */
export class QuantizePage implements vscode.Disposable {
  private session: QuantizeSession | undefined;
  private readonly measuring: MeasuringWorkers;
  private timer: NodeJS.Timeout | undefined;
  private isUrgent = false;
  /** The figures that the other views show. */
  private sent: PlanFigures | undefined;

  constructor(private readonly options: QuantizePageOptions) {
    this.measuring = new MeasuringWorkers(options);
  }

  /** Of the plan; undefined while there is none. */
  get figures(): PlanFigures | undefined {
    return this.session?.figures;
  }

  /** The recipe of the plan with what was measured of it; undefined while there is none. */
  get plan(): ComparedPlan | undefined {
    const { figures, recipe, measured } = this.session ?? {};
    if (!figures || !recipe) return undefined;
    return { label: figures.label, recipe, outputs: measured && outputsOf(measured) };
  }

  /** The model, the chip or the runtime changed. */
  update(): void {
    this.session?.update();
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.session?.dispose();
    this.measuring.dispose();
  }

  receive(message: QuantizeFromPage): void {
    this.session ??= this.start();
    const { session } = this;
    switch (message.type) {
      case 'quantize-shown':
        session.update();
        return;
      case 'quantize-change':
        session.change(message.change);
        this.options.planned(true);
        return;
      case 'quantize-do':
        this.act(session, message.action).catch((error: unknown) => {
          void vscode.window.showErrorMessage(`Thimble: ${error instanceof Error ? error.message : String(error)}`);
        });
    }
  }

  private start(): QuantizeSession {
    const { model, worker, heldAgainst, memory } = this.options;
    return new QuantizeSession({
      worker,
      fit: heldAgainst,
      memory,
      mediaOf,
      model: () => ({
        key: model.uri.toString(),
        session: model.openSession,
        analysis: model.known?.analysis,
        footprint: footprintOn(model.figures, heldAgainst().runtime?.id, 'as-in-file'),
      }),
      openMeasuring: () => this.measuring.open(),
      changed: (isUrgent) => this.schedule(isUrgent),
    });
  }

  /** Many answers within a frame become one message. */
  private schedule(isUrgent: boolean): void {
    if (this.timer && (this.isUrgent || !isUrgent)) return;
    clearTimeout(this.timer);
    this.isUrgent = isUrgent;
    this.timer = setTimeout(() => this.send(), isUrgent ? pace.urgent : pace.progress);
  }

  private send(): void {
    this.timer = undefined;
    const state = this.session?.state;
    if (!state) return;
    this.options.post({ type: 'quantize', state });
    if (this.figures === this.sent) return;
    this.sent = this.figures;
    this.options.planned(false);
  }

  private async act(session: QuantizeSession, action: QuantizeAction): Promise<void> {
    switch (action) {
      case 'choose-data-file':
      case 'choose-data-folder': {
        const data = await chooseData(action === 'choose-data-folder', this.options.model.uri);
        if (data) session.setData(data);
        return;
      }
      case 'use-random':
        session.setData({ kind: 'random' });
        return;
      case 'no-data':
        session.setData({ kind: 'none' });
        return;
      case 'measure':
        session.measure();
        return;
      case 'cancel':
        session.pause();
        return;
      case 'save-recipe':
        await this.saveRecipe(session);
        return;
      case 'write':
        await this.write(session);
    }
  }

  private async saveRecipe({ recipe }: QuantizeSession): Promise<void> {
    if (!recipe) return;
    const { fsPath } = this.options.model.uri;
    const uri = await vscode.window.showSaveDialog({
      defaultUri: vscode.Uri.file(join(dirname(fsPath), `${basename(fsPath).replace(/\.onnx$/i, '')}.recipe.json`)),
      filters: { Recipes: ['json'] },
      saveLabel: 'Save recipe',
    });
    if (uri) await vscode.workspace.fs.writeFile(uri, Buffer.from(`${JSON.stringify(recipe, undefined, 2)}\n`));
  }

  private async write(session: QuantizeSession): Promise<void> {
    const { model, extensionUri, open } = this.options;
    const plan = session.writable;
    if (!plan) return;
    if (model.uri.scheme !== 'file') {
      session.setOutcome(false, { kind: 'failed', reason: 'The model is not a file on disk. Save it first.' });
      return;
    }
    session.setOutcome(true, undefined);
    const outcome = await writePlan({
      extensionUri,
      source: model.uri,
      plan,
      excess: session.excess,
      open,
      estimateAs: (name) => session.estimateAs(name),
    });
    session.setOutcome(false, outcome);
  }
}

function outputsOf({ sqnrDb, samples, synthetic }: PlanMeasurement): ComparedPlan['outputs'] {
  return { ...(sqnrDb !== undefined && { sqnrDb }), samples, synthetic };
}
