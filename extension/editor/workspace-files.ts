import * as vscode from 'vscode';
import { patternExpression, type WorkspaceFiles } from '../targets/workspace/files';
import { type FolderEntry, listPaths } from './workspace-paths';

/** No project file is larger; what is, is not read. */
const largestFile = 4 * 1024 * 1024;

/** Read-only sight of a folder. Its paths are listed once, when they are first asked for. */
export function filesOf(root: vscode.Uri): WorkspaceFiles {
  let paths: Promise<readonly string[]> | undefined;
  return {
    find: async (pattern) => {
      paths ??= listPaths((path) => listFolder(vscode.Uri.joinPath(root, path)));
      const expression = patternExpression(pattern);
      return (await paths).filter((path) => expression.test(path));
    },
    read: async (path) => {
      const uri = vscode.Uri.joinPath(root, path);
      try {
        const { size } = await vscode.workspace.fs.stat(uri);
        if (size > largestFile) return undefined;
        return new TextDecoder('utf-8', { fatal: true }).decode(await vscode.workspace.fs.readFile(uri));
      } catch {
        return undefined;
      }
    },
  };
}

/** Files and folders in a folder; links are left out, since they may lead in circles. */
export async function listFolder(uri: vscode.Uri): Promise<readonly FolderEntry[]> {
  const entries = await vscode.workspace.fs.readDirectory(uri);
  return entries
    .filter(([, type]) => type === vscode.FileType.File || type === vscode.FileType.Directory)
    .map(([name, type]) => ({ name, isFolder: type === vscode.FileType.Directory }));
}
