/** An entry of a folder. Links are left out by who lists the folder: they may lead in circles or out of the workspace. */
export interface FolderEntry {
  readonly name: string;
  readonly isFolder: boolean;
}

/** Folders that hold other people's sources or nothing that a person wrote. */
const skipped = new Set([
  '.git',
  'node_modules',
  '.pio',
  '.venv',
  'venv',
  'site-packages',
  'managed_components',
  '.vscode-test',
]);

/** A project's own files lie near its root; a tree with more folders than this is a tree of many projects. */
const mostFolders = 2000;
const deepest = 8;

/**
 * Paths of all files below a folder, with forward slashes, relative to it, those nearest to it first. Bounded in folders and depth; a
 * folder that cannot be listed counts as empty.
 */
export async function listPaths(
  listFolder: (path: string) => Promise<readonly FolderEntry[]>,
): Promise<readonly string[]> {
  const files: string[] = [];
  let level = [''];
  let seen = 0;
  for (let depth = 0; depth < deepest && level.length > 0; depth++) {
    const next: string[] = [];
    for (const folder of level.slice(0, mostFolders - seen)) {
      for (const { name, isFolder } of await listFolder(folder).catch(() => [])) {
        const path = folder === '' ? name : `${folder}/${name}`;
        if (!isFolder) files.push(path);
        else if (!skipped.has(name)) next.push(path);
      }
    }
    seen += level.length;
    if (seen >= mostFolders) break;
    level = next;
  }
  return files;
}
