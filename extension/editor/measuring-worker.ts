import * as vscode from 'vscode';
import { WorkerClient } from '../worker/worker-client';
import { originOf } from './model-origin';
import type { BindingStore, OpenedModel } from './opened-model';
import type { MeasuringWorker } from './recipe-measurements';

interface Opened {
  /** Number of the model in the editor's own worker when it was opened here. */
  readonly of: number | undefined;
  readonly session: Promise<number>;
}

/**
 * A worker of its own for what takes seconds to minutes, so that sizes stay live meanwhile. It starts with the first measurement, and
 * opens the model again when its file has changed.
 */
export class MeasuringWorkers implements vscode.Disposable {
  private worker: WorkerClient | undefined;
  private opened: Opened | undefined;

  constructor(
    private readonly options: {
      readonly model: OpenedModel;
      readonly extensionUri: vscode.Uri;
      readonly bindings: BindingStore;
    },
  ) {}

  async open(): Promise<MeasuringWorker> {
    const { model, extensionUri, bindings } = this.options;
    this.worker ??= new WorkerClient(vscode.Uri.joinPath(extensionUri, 'dist', 'worker.cjs').fsPath);
    const { worker } = this;
    if (!this.opened || this.opened.of !== model.openSession) {
      const before = this.opened;
      const session = originOf(model.uri).then(async (origin) => {
        if (before) await worker.call('close', { session: await before.session });
        return (await worker.call('open', { origin, bindings: bindings.get(model.uri) })).session;
      });
      this.opened = { of: model.openSession, session };
    }
    const { opened } = this;
    try {
      return { worker, session: await opened.session };
    } catch (error) {
      // Tried again with the next measurement.
      if (this.opened === opened) this.opened = undefined;
      throw error;
    }
  }

  dispose(): void {
    this.worker?.dispose();
    this.worker = undefined;
    this.opened = undefined;
  }
}
