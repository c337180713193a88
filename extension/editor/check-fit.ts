import * as vscode from 'vscode';
import { measureFit } from './measure-fit';
import { type EditorServices, fitChoicesOn, viewType } from './model-editor';
import type { ModelProblems } from './model-problems';
import type { ModelVerdicts } from './model-verdicts';

/** "Check fit": says in one message whether a model fits the target, and offers what to do next. */
export async function checkFit(
  uri: vscode.Uri,
  services: EditorServices,
  verdicts: ModelVerdicts,
  problems: ModelProblems,
): Promise<void> {
  const { targets } = services;
  const target = targets.targetFor(uri) ?? (await targets.pick({ title: 'Check fit: choose a chip' }, uri));
  if (!target) return;
  const name = uri.path.split('/').at(-1) ?? '';
  const choices = fitChoicesOn(services, target);
  const verdict = await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Window, title: `Measuring ${name}` },
    () => measureFit(uri, services, choices),
  );
  if (!verdict) return;
  verdicts.put(uri, { verdict });
  problems.watch(uri);
  const text = `${name}: ${verdict.lead} ${verdict.detail}`;
  const open = 'Open';
  const other = 'Choose another chip…';
  const quantize = 'Quantize for target…';
  const choice =
    verdict.outcome === 'does-not-fit' || verdict.outcome === 'cannot-run'
      ? await vscode.window.showWarningMessage(text, quantize, open, other)
      : await vscode.window.showInformationMessage(text, open, other);
  if (choice === open) await vscode.commands.executeCommand('vscode.openWith', uri, viewType);
  if (choice === quantize) await vscode.commands.executeCommand('thimble.quantizeForTarget', uri);
  if (choice === other && (await targets.pick({}, uri))) await checkFit(uri, services, verdicts, problems);
}
