import { readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { findTarget } from '../targets/catalogue';
import type { LongTail } from '../targets/long-tail';
import { parseTargetFile, type TargetFile, targetFileNames } from '../targets/target-file';

/**
 * The target file of a project: of `folder`, or of the nearest folder above that has one; undefined where none has. What is wrong in it stands in its
 * diagnostics, whose file is named relative to `folder`. Throws the file system's error for one that cannot be read.
 */
export async function ownTargets(
  folder: string,
  longTail: () => Promise<LongTail | undefined>,
): Promise<TargetFile | undefined> {
  for (let place = folder; ; place = dirname(place)) {
    for (const name of targetFileNames) {
      const path = join(place, name);
      const text = await textOf(path);
      if (text === undefined) continue;
      const known = await longTail();
      const more = known ? { longTail: known } : {};
      return parseTargetFile(text, relative(folder, path) || name, (id) => findTarget(id, more));
    }
    if (dirname(place) === place) return undefined;
  }
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const isAbsent = error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
    if (isAbsent) return undefined;
    throw error;
  }
}
