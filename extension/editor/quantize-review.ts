import { basename, dirname, join } from 'node:path';
import * as vscode from 'vscode';
import type { Analysis } from '../worker/analysis';
import type { PlannedScheme, WeightError } from '../worker/calls';
import { exactBytes, quantizationReport } from './quantization-report';

export type ReadyPlan = Extract<PlannedScheme, { kind: 'ready' }>;

/** What a person agreed to write, and where. */
export interface ReviewedOutput {
  readonly uri: vscode.Uri;
  readonly plan: ReadyPlan;
  /** Files that are there may be replaced: the person was asked. */
  readonly overwrite: boolean;
}

export interface Review {
  /** Of the dialog. */
  readonly title: string;
  readonly source: Analysis['file'];
  /** For a file of the proposed name. */
  readonly plan: ReadyPlan;
  readonly error: WeightError;
  readonly proposed: vscode.Uri;
  /** The plan for a file of another name, which counts in its size. */
  planAs(fileName: string): Promise<PlannedScheme>;
}

/** Shows what will be written and asks; gives the output, or undefined when the person leaves. */
export async function reviewOutput(review: Review): Promise<ReviewedOutput | undefined> {
  let uri = review.proposed;
  let plan = review.plan;
  /** The model file that the save dialog asked about. */
  let asked: vscode.Uri | undefined;
  for (;;) {
    const answer = await showReview(review, uri, plan);
    if (answer === undefined) return undefined;
    if (answer === 'write') {
      const existing = await existingOf(uri, plan);
      if (existing.length === 0) return { uri, plan, overwrite: false };
      const isAgreed = uri === asked && existing.every((name) => name === basename(uri.fsPath));
      if (isAgreed || (await mayReplace(existing))) return { uri, plan, overwrite: true };
      continue;
    }
    const chosen = await vscode.window.showSaveDialog({
      defaultUri: uri,
      filters: { 'ONNX models': ['onnx'] },
      saveLabel: 'Choose',
    });
    if (!chosen) continue;
    if (chosen.scheme !== 'file') throw new Error(`${basename(chosen.path)} is not on disk. Choose a folder that is.`);
    const replanned = await review.planAs(basename(chosen.fsPath));
    if (replanned.kind === 'refused') throw new Error(replanned.reason);
    uri = chosen;
    asked = chosen;
    plan = replanned;
  }
}

interface ReviewItem extends vscode.QuickPickItem {
  /** Absent: there to be read, not to be chosen. */
  readonly answer?: 'write' | 'elsewhere';
}

function showReview(
  { title, source, error, proposed }: Review,
  uri: vscode.Uri,
  plan: ReadyPlan,
): Promise<ReviewItem['answer']> {
  const folder = dirname(uri.fsPath);
  const notes = quantizationReport(plan, error, source).map((line): ReviewItem => ({ label: line }));
  const picker = vscode.window.createQuickPick<ReviewItem>();
  picker.title = title;
  picker.placeholder = 'Nothing is written yet; the source is never changed';
  picker.ignoreFocusOut = true;
  picker.items = [
    {
      label: `$(save) Write ${outputText(uri, plan)}`,
      description: folder === dirname(proposed.fsPath) ? 'beside the model' : `in ${folder}`,
      answer: 'write',
    },
    { label: '$(save-as) Write under another name…', answer: 'elsewhere' },
    { label: 'what changes', kind: vscode.QuickPickItemKind.Separator },
    ...notes,
  ];
  return new Promise((resolve) => {
    picker.onDidAccept(() => {
      const answer = picker.activeItems[0]?.answer;
      if (answer === undefined) return;
      resolve(answer);
      picker.hide();
    });
    picker.onDidHide(() => {
      resolve(undefined);
      picker.dispose();
    });
    picker.show();
  });
}

function outputText(uri: vscode.Uri, { fileBytes, externalBytes, dataFileName }: ReadyPlan): string {
  const model = `${exactBytes(fileBytes)} to ${basename(uri.fsPath)}`;
  return externalBytes === undefined || dataFileName === undefined
    ? model
    : `${model}, ${exactBytes(externalBytes)} to ${dataFileName}`;
}

/** Names of the files that are there already where the model and its data would be written. */
export async function existingOf(
  uri: vscode.Uri,
  { dataFileName }: Pick<ReadyPlan, 'dataFileName'>,
): Promise<readonly string[]> {
  const paths = [uri.fsPath, ...(dataFileName === undefined ? [] : [join(dirname(uri.fsPath), dataFileName)])];
  const found: string[] = [];
  for (const path of paths) {
    if (await exists(vscode.Uri.file(path))) found.push(basename(path));
  }
  return found;
}

async function exists(uri: vscode.Uri): Promise<boolean> {
  try {
    await vscode.workspace.fs.stat(uri);
    return true;
  } catch {
    return false;
  }
}

/** Asks whether files that are there may be replaced. */
export async function mayReplace(names: readonly string[]): Promise<boolean> {
  const replace = 'Replace';
  const question =
    names.length === 1
      ? `${names[0]} exists already. Replace it?`
      : `${names.join(' and ')} exist already. Replace both?`;
  return (await vscode.window.showWarningMessage(question, { modal: true }, replace)) === replace;
}
