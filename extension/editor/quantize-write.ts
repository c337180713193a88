import { basename, dirname, join } from 'node:path';
import * as vscode from 'vscode';
import type { WriteState } from '../../webview/quantize-protocol';
import { defaultOutputName } from '../quantize/scheme';
import { WorkerCallError } from '../worker/calls';
import type { RecipeEstimate, RecipeOutcome } from '../worker/recipe-calls';
import { WorkerClient } from '../worker/worker-client';
import { existingOf, mayReplace } from './quantize-review';
import type { WritablePlan } from './quantize-session';

type ReadyEstimate = Extract<RecipeEstimate, { kind: 'ready' }>;

export interface WriteRequest {
  readonly extensionUri: vscode.Uri;
  readonly source: vscode.Uri;
  readonly plan: WritablePlan;
  /** By how much it exceeds the budgets, as a clause; undefined where it does not. */
  readonly excess: string | undefined;
  /** Opens what was written. */
  open(uri: vscode.Uri, measured: RecipeOutcome['measurement']): Thenable<void>;
  /** The plan for a file of another name, which counts in its size. */
  estimateAs(outputName: string): Promise<RecipeEstimate>;
}

/**
 * Asks where to write, asks before anything is replaced, writes with progress, and opens the file beside. Gives what came of it, or
 * undefined when the person left. Never rejects.
 */
export async function writePlan(request: WriteRequest): Promise<WriteState['outcome']> {
  try {
    const output = await chooseOutput(request);
    if (!output) return undefined;
    const report = await write(request, output);
    await request.open(vscode.Uri.file(report.modelPath), report.measurement);
    return { kind: 'written', fileName: basename(report.modelPath), report };
  } catch (error) {
    if (error instanceof WorkerCallError && error.cancelled) {
      return { kind: 'failed', reason: 'Writing was cancelled: nothing was written.' };
    }
    return { kind: 'failed', reason: error instanceof Error ? error.message : String(error) };
  }
}

interface Output {
  readonly uri: vscode.Uri;
  readonly estimate: ReadyEstimate;
  readonly overwrite: boolean;
}

async function chooseOutput(request: WriteRequest): Promise<Output | undefined> {
  const { source, plan, excess } = request;
  if (excess !== undefined && !(await isMeant(excess))) return undefined;
  const usual = defaultOutputName(basename(source.fsPath), plan.recipe.scheme);
  const uri = await vscode.window.showSaveDialog({
    defaultUri: vscode.Uri.file(join(dirname(source.fsPath), usual)),
    filters: { 'ONNX models': ['onnx'] },
    title: `Write ${plan.estimate.fileBytes.toLocaleString('en-US')} bytes`,
    saveLabel: 'Write',
  });
  if (!uri) return undefined;
  if (uri.scheme !== 'file') throw new Error(`${basename(uri.path)} is not on disk. Choose a folder that is.`);
  if (uri.fsPath === source.fsPath) {
    throw new Error(`${basename(uri.fsPath)} is the source. Choose another name, so that both can be compared.`);
  }
  const estimate = await estimateFor(request, basename(uri.fsPath), usual);
  const existing = await existingOf(uri, estimate);
  // The dialog has asked about the model file, not about its data.
  const isAgreed = existing.every((name) => name === basename(uri.fsPath));
  if (!isAgreed && !(await mayReplace(existing))) return undefined;
  return { uri, estimate, overwrite: existing.length > 0 };
}

/** Where weights lie in a data file, its name stands in the model, and counts. */
async function estimateFor({ plan, estimateAs }: WriteRequest, name: string, usual: string): Promise<ReadyEstimate> {
  if (plan.estimate.dataFileName === undefined || name === usual) return plan.estimate;
  const estimate = await estimateAs(name);
  if (estimate.kind === 'refused') throw new Error(estimate.reason);
  return estimate;
}

async function isMeant(excess: string): Promise<boolean> {
  const answer = 'Write anyway';
  const question = `The plan is over budget: ${excess}.`;
  return (await vscode.window.showWarningMessage(question, { modal: true }, answer)) === answer;
}

/** Writes in a worker of its own, so that open models stay responsive. */
async function write(
  { extensionUri, source, plan }: WriteRequest,
  { uri, estimate, overwrite }: Output,
): Promise<RecipeOutcome> {
  const worker = new WorkerClient(vscode.Uri.joinPath(extensionUri, 'dist', 'worker.cjs').fsPath);
  try {
    return await vscode.window.withProgress(
      {
        location: vscode.ProgressLocation.Notification,
        title: `Writing ${basename(uri.path)}`,
        cancellable: true,
      },
      (progress, token) => {
        const controller = new AbortController();
        token.onCancellationRequested(() => controller.abort());
        let shown = 0;
        return worker.call(
          'quantizeRecipe',
          {
            path: source.fsPath,
            recipe: plan.recipe,
            ...(plan.data && { data: plan.data }),
            outputPath: uri.fsPath,
            overwrite,
            reviewed: { fileBytes: estimate.fileBytes, externalBytes: estimate.externalBytes },
          },
          {
            signal: controller.signal,
            onProgress: (done, total, doing) => {
              const percent = total > 0 ? (100 * done) / total : 0;
              // Each part of the work counts from its own beginning.
              progress.report({ increment: Math.max(0, percent - shown), ...(doing && { message: doing }) });
              shown = Math.max(shown, percent);
            },
          },
        );
      },
    );
  } finally {
    worker.dispose();
  }
}
