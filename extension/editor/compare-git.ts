import * as vscode from 'vscode';

/** The part of the built-in Git extension's interface (version 1) that is used here. */
interface GitApi {
  toGitUri(uri: vscode.Uri, reference: string): vscode.Uri;
}

/** Where the last commit's content of a file can be read; undefined without the Git extension, and for a file that is not in a commit. */
export async function lastCommitOf(uri: vscode.Uri): Promise<vscode.Uri | undefined> {
  if (uri.scheme !== 'file') return undefined;
  try {
    const extension = vscode.extensions.getExtension<unknown>('vscode.git');
    if (!extension) return undefined;
    const exported = extension.isActive ? extension.exports : await extension.activate();
    const api = isGitExtension(exported) ? exported.getAPI(1) : undefined;
    if (!isGitApi(api)) return undefined;
    const committed = api.toGitUri(uri, 'HEAD');
    const { size } = await vscode.workspace.fs.stat(committed);
    return size > 0 ? committed : undefined;
  } catch {
    // Git is switched off, or the file is in no repository or commit: there is nothing to offer.
    return undefined;
  }
}

function isGitExtension(value: unknown): value is { getAPI(version: 1): unknown } {
  return typeof value === 'object' && value !== null && 'getAPI' in value && typeof value.getAPI === 'function';
}

function isGitApi(value: unknown): value is GitApi {
  return typeof value === 'object' && value !== null && 'toGitUri' in value && typeof value.toGitUri === 'function';
}
