import { posix } from 'node:path';
import * as vscode from 'vscode';
import type { OpenedModel } from './opened-model';

/** Writers often touch a file several times in a row; one reload is enough. */
const quietMilliseconds = 150;

/** Models keep their data in one folder or a few; more would cost a watcher each. */
const mostFolders = 8;

/** A watcher takes a moment to begin: what changes in that moment shows only when the files are looked at again, so many milliseconds later. */
const laterLooks = [400, 1500, 4000];

/** Loads the model again after its file, or a data file that it names, was written, replaced or deleted. */
export function watchModel(model: OpenedModel): vscode.Disposable {
  if (model.uri.scheme !== 'file') return new vscode.Disposable(() => {});
  let timer: NodeJS.Timeout | undefined;
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(() => void model.load(), quietMilliseconds);
  };
  let followed = '';
  let watching: vscode.Disposable | undefined;
  const follow = () => {
    const dataFiles = model.known?.analysis.file.externalFiles;
    // What could not be read names no files; those known before may be what it lacks.
    if (!dataFiles && watching) return;
    const files = [posix.basename(model.uri.path), ...(dataFiles ?? [])];
    const key = files.join('\n');
    if (key === followed) return;
    followed = key;
    watching?.dispose();
    watching = watchFiles(vscode.Uri.joinPath(model.uri, '..'), files, later);
  };
  follow();
  return vscode.Disposable.from(
    model.onDidChange(follow),
    new vscode.Disposable(() => {
      watching?.dispose();
      clearTimeout(timer);
    }),
  );
}

/** One watcher a folder, which sees no folders below it. `files`: paths relative to `root`. */
function watchFiles(root: vscode.Uri, files: readonly string[], changed: () => void): vscode.Disposable {
  const folders = new Map<string, Set<string>>();
  for (const file of files) {
    const path = file.replaceAll('\\', '/');
    const folder = posix.dirname(path);
    const names = folders.get(folder) ?? new Set();
    folders.set(folder, names.add(posix.basename(path)));
  }
  const watchers = [...folders].slice(0, mostFolders).map(([folder, names]) => {
    const watcher = vscode.workspace.createFileSystemWatcher(
      new vscode.RelativePattern(vscode.Uri.joinPath(root, folder), '*'),
    );
    const heed = ({ path }: vscode.Uri) => {
      if (names.has(posix.basename(path))) changed();
    };
    return vscode.Disposable.from(
      watcher,
      watcher.onDidChange(heed),
      watcher.onDidCreate(heed),
      watcher.onDidDelete(heed),
    );
  });
  return vscode.Disposable.from(...watchers, watchBeginning(root, files, changed));
}

/** Calls `changed` when a file is another than at first at one of the later looks. */
function watchBeginning(root: vscode.Uri, files: readonly string[], changed: () => void): vscode.Disposable {
  const stamps = () => Promise.all(files.map((file) => stampOf(vscode.Uri.joinPath(root, file))));
  const first = stamps();
  const timers = laterLooks.map((delay) =>
    setTimeout(async () => {
      const [before, now] = [await first, await stamps()];
      if (before.every((stamp, index) => stamp === now[index])) return;
      for (const timer of timers) clearTimeout(timer);
      changed();
    }, delay),
  );
  return new vscode.Disposable(() => {
    for (const timer of timers) clearTimeout(timer);
  });
}

async function stampOf(file: vscode.Uri): Promise<string> {
  return vscode.workspace.fs.stat(file).then(
    ({ mtime, size }) => `${mtime} ${size}`,
    () => 'absent',
  );
}
