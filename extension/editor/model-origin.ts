import * as vscode from 'vscode';
import type { ModelOrigin } from '../worker/calls';

/** Where the worker finds a model: on disk, else (a git revision, a virtual file system) in the bytes that the editor reads. */
export async function originOf(uri: vscode.Uri): Promise<ModelOrigin> {
  if (uri.scheme === 'file') return { kind: 'file', path: uri.fsPath };
  const bytes = await vscode.workspace.fs.readFile(uri);
  return { kind: 'bytes', fileName: uri.path.split('/').at(-1) ?? 'model.onnx', bytes };
}
