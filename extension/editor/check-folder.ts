import * as vscode from 'vscode';
import { type FitTableServices, modelsIn, showFitTable } from './fit-table';

/** "Check fit" of a folder: a table of its models on their chip and the pinned ones. */
export async function checkFolder(folder: vscode.Uri, services: FitTableServices): Promise<void> {
  const { targets, pinned } = services.editor;
  const models = await modelsIn(folder);
  if (models.length === 0) {
    void vscode.window.showInformationMessage(`${folder.path.split('/').at(-1) ?? ''} has no .onnx files.`);
    return;
  }
  const isHeld = models.some((path) => targets.targetFor(vscode.Uri.joinPath(folder, path)));
  const canJudge = isHeld || pinned.chips.length > 0 || (await targets.pick({ title: 'Check fit: choose a chip' }));
  if (canJudge) await showFitTable(folder, services);
}
