import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type LongTail, lazyLongTail } from './long-tail';

/**
 * A loader of the long tail that the build copies beside the bundles, read at the first call. undefined when the file is missing or
 * damaged: the reviewed catalogue is then all there is.
 */
export function longTailBeside(folder: string): () => Promise<LongTail | undefined> {
  const load = lazyLongTail(() => readFile(join(folder, 'long-tail.generated.json'), 'utf8'));
  return () => load().catch(() => undefined);
}
