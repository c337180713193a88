import * as vscode from 'vscode';
import { isSchemeId } from '../quantize/scheme';
import { WorkerCallError } from '../worker/calls';
import { checkFit } from './check-fit';
import { checkFolder } from './check-folder';
import { type EditorServices, type ModelEditorProvider, viewType } from './model-editor';
import type { ModelProblems } from './model-problems';
import type { ModelVerdicts } from './model-verdicts';
import { quantizeForTarget } from './quantize-flow';

/** Registers every command. Each shows its errors as one message, never as an unhandled rejection; what was cancelled ends quietly. */
export function registerCommands(
  services: EditorServices,
  editor: ModelEditorProvider,
  verdicts: ModelVerdicts,
  problems: ModelProblems,
): vscode.Disposable {
  const modelOf = async (uri: unknown): Promise<vscode.Uri | undefined> =>
    uri instanceof vscode.Uri ? uri : (editor.active?.uri ?? (await chooseModel()));

  return vscode.Disposable.from(
    command('thimble.chooseTarget', async () => {
      await services.targets.pick({}, editor.active?.uri);
    }),
    command('thimble.pinTarget', () => services.pinned.pick()),
    command('thimble.removePinnedTargets', () => services.pinned.pickToRemove()),
    command('thimble.checkFit', async (uri) => {
      const model = await modelOf(uri);
      if (!model) return;
      if (await isFolder(model)) await checkFolder(model, { editor: services, verdicts, problems });
      else await checkFit(model, services, verdicts, problems);
    }),
    command('thimble.quantizeForTarget', async (uri, scheme) => {
      const model = await modelOf(uri);
      if (!model) return;
      if (typeof scheme === 'string' && isSchemeId(scheme)) await quantizeForTarget(model, services, editor, scheme);
      else if (await services.targets.pick({ title: 'Quantize for target' }, model))
        await editor.openOnTab(model, 'quantize');
    }),
    command('thimble.compareWith', async (uri, selected) => {
      const model = await modelOf(uri);
      if (!model) return;
      const other = otherModel(model, selected);
      if (other) await editor.openCompared({ before: model, after: other });
      else await editor.askCompared(model);
    }),
    command('thimble.openSample', async () => {
      const sample = await copyOfSample(services);
      await vscode.commands.executeCommand('vscode.openWith', sample, viewType);
    }),
  );
}

/** Of two models that are selected in the explorer the one beside `model`. */
function otherModel(model: vscode.Uri, selected: unknown): vscode.Uri | undefined {
  const uris = Array.isArray(selected) ? selected.filter((item): item is vscode.Uri => item instanceof vscode.Uri) : [];
  const others = uris.filter((uri) => uri.toString() !== model.toString() && uri.path.toLowerCase().endsWith('.onnx'));
  return uris.length === 2 ? others[0] : undefined;
}

function command(id: string, run: (...words: unknown[]) => Promise<void>): vscode.Disposable {
  return vscode.commands.registerCommand(id, async (...words: unknown[]) => {
    try {
      await run(...words);
    } catch (error) {
      if (error instanceof WorkerCallError && error.cancelled) return;
      void vscode.window.showErrorMessage(`Thimble: ${error instanceof Error ? error.message : String(error)}`);
    }
  });
}

/** The sample where a person may write beside it: the extension's own folder is replaced with every version. */
async function copyOfSample({ extensionUri, storageUri }: EditorServices): Promise<vscode.Uri> {
  const name = 'digits-resnet8.onnx';
  const copy = vscode.Uri.joinPath(storageUri, name);
  await vscode.workspace.fs.createDirectory(storageUri);
  const source = vscode.Uri.joinPath(extensionUri, 'media', 'samples', name);
  await vscode.workspace.fs.copy(source, copy, { overwrite: true });
  return copy;
}

async function isFolder(uri: vscode.Uri): Promise<boolean> {
  const { type } = await vscode.workspace.fs.stat(uri);
  return (type & vscode.FileType.Directory) !== 0;
}

async function chooseModel(): Promise<vscode.Uri | undefined> {
  const chosen = await vscode.window.showOpenDialog({ filters: { 'ONNX models': ['onnx'] }, title: 'Choose a model' });
  return chosen?.[0];
}
