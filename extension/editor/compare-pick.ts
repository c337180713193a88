import * as vscode from 'vscode';
import { usualSchemes, type WhatIfSchemeId, whatIfLabel } from '../quantize/what-if-scheme';

/** What a person wants to compare with. */
export type ComparedPick =
  | { readonly kind: 'file'; readonly uri: vscode.Uri }
  | { readonly kind: 'scheme'; readonly scheme: WhatIfSchemeId }
  | { readonly kind: 'known'; readonly id: string };

interface PickItem extends vscode.QuickPickItem {
  readonly pick?: ComparedPick | 'browse';
}

/** Models of a workspace that are listed at most. */
const mostModels = 500;

/** Lists the other models of the workspace, plans of this one, and what else is `known` (by id and label); undefined when the person leaves. */
export async function pickCompared(
  uri: vscode.Uri,
  known: readonly { readonly id: string; readonly label: string }[],
): Promise<ComparedPick | undefined> {
  const chosen = await vscode.window.showQuickPick<PickItem>(itemsFor(uri, known), {
    title: `Compare ${nameOf(uri)} with…`,
    placeHolder: 'Another model, or a plan of this one that is not written yet',
    matchOnDescription: true,
  });
  if (chosen?.pick !== 'browse') return chosen?.pick;
  const files = await vscode.window.showOpenDialog({
    filters: { 'ONNX models': ['onnx'] },
    defaultUri: vscode.Uri.joinPath(uri, '..'),
    title: 'Compare with',
    openLabel: 'Compare',
  });
  const [file] = files ?? [];
  return file && { kind: 'file', uri: file };
}

async function itemsFor(
  uri: vscode.Uri,
  known: readonly { readonly id: string; readonly label: string }[],
): Promise<PickItem[]> {
  const models = await modelsNear(uri);
  const others = models
    .filter((model) => model.toString() !== uri.toString())
    .sort((a, b) => a.path.localeCompare(b.path))
    .map(
      (model): PickItem => ({
        label: `$(file) ${nameOf(model)}`,
        description: folderOf(model),
        pick: { kind: 'file', uri: model },
      }),
    );
  return [
    ...known.map(({ id, label }): PickItem => ({ label: `$(history) ${label}`, pick: { kind: 'known', id } })),
    separator('models of this workspace', others),
    ...others,
    { label: '$(folder-opened) Browse…', pick: 'browse' },
    { label: 'this model, planned and not written', kind: vscode.QuickPickItemKind.Separator },
    ...usualSchemes.map(
      (scheme): PickItem => ({
        label: `$(fold) ${whatIfLabel(scheme)}`,
        description: 'sizes of the file that would be written',
        pick: { kind: 'scheme', scheme },
      }),
    ),
  ];
}

/** The models of the workspace; those in the same folder where it cannot be searched. */
async function modelsNear(uri: vscode.Uri): Promise<readonly vscode.Uri[]> {
  try {
    return await vscode.workspace.findFiles('**/*.onnx', '**/node_modules/**', mostModels);
  } catch {
    const folder = vscode.Uri.joinPath(uri, '..');
    const entries = await vscode.workspace.fs.readDirectory(folder).then(undefined, () => []);
    return entries.flatMap(([name]) => (name.endsWith('.onnx') ? [vscode.Uri.joinPath(folder, name)] : []));
  }
}

function separator(label: string, items: readonly PickItem[]): PickItem {
  return { label: items.length > 0 ? label : '', kind: vscode.QuickPickItemKind.Separator };
}

/** Path of a model's folder in the workspace; empty for the workspace itself. */
export function folderOf(uri: vscode.Uri): string {
  const folder = vscode.Uri.joinPath(uri, '..');
  const isRoot = vscode.workspace.getWorkspaceFolder(uri)?.uri.path === folder.path;
  return isRoot ? '' : vscode.workspace.asRelativePath(folder);
}

function nameOf(uri: vscode.Uri): string {
  return uri.path.split('/').at(-1) ?? uri.path;
}
