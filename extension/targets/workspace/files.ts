/** Read-only sight of a workspace folder. Paths are relative to it, with forward slashes. */
export interface WorkspaceFiles {
  /**
   * Paths that match a pattern: names separated by `/`, `*` for any part of a name, and leading folders of any depth as `**` + `/`.
   * Folders that hold no sources of the project (.git, node_modules) may be left out.
   */
  readonly find: (pattern: string) => Promise<readonly string[]>;
  /** The text of a file; undefined when it does not exist, cannot be read or is no text. */
  readonly read: (path: string) => Promise<string | undefined>;
}

/** Every pattern that detection looks for, to be watched for changes. */
export const workspacePatterns = [
  '**/zephyr/.config',
  '**/sdkconfig',
  '**/sdkconfig.defaults',
  '**/sdkconfig.defaults.*',
  '**/*.csv',
  '**/platformio.ini',
  '**/boards/*.json',
  '**/*.ioc',
  '**/*.csolution.yml',
  '**/*.csolution.yaml',
  '**/*.cproject.yml',
  '**/*.uvprojx',
  '**/.cargo/config.toml',
  '**/.cargo/config',
  '**/Embed.toml',
  '**/memory.x',
  '**/*.ld',
  '**/*.lds',
  '**/sketch.yaml',
  '**/sketch.yml',
  '**/.vscode/launch.json',
] as const;

export type WorkspacePattern = (typeof workspacePatterns)[number];

/** A pattern as a regular expression over whole paths, for implementations of `WorkspaceFiles` without globs of their own. */
export function patternExpression(pattern: string): RegExp {
  const source = pattern
    .replace(/(^|\/)\*\*\//g, '$1\0')
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*/g, '[^/]*')
    .replaceAll('\0', '(?:.*/)?');
  return new RegExp(`^${source}$`);
}

/** The folder of a path, without a slash at the end; empty for the workspace folder itself. */
export function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

/** A path relative to a folder, with `.` and `..` resolved; undefined when it leaves the workspace. */
export function resolvePath(folder: string, path: string): string | undefined {
  const parts = /^(?:\/|[A-Za-z]:)/.test(path) ? undefined : [...folder.split('/'), ...path.split(/[\\/]/)];
  if (!parts) return undefined;
  const resolved: string[] = [];
  for (const part of parts) {
    if (part === '' || part === '.') continue;
    if (part !== '..') resolved.push(part);
    else if (resolved.pop() === undefined) return undefined;
  }
  return resolved.join('/');
}

/** True when a path lies in a folder or the folder below it. */
export function isInside(path: string, folder: string): boolean {
  return folder === '' || path === folder || path.startsWith(`${folder}/`);
}
