import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type ByteSource, ExternalDataRefused, type ExternalFiles } from './byte-source';
import { forbiddenLocation } from './external-data';

/** A file on disk. `close` gives it back to the system. */
export class FileByteSource implements ByteSource {
  constructor(
    private readonly handle: FileHandle,
    readonly size: number,
    private readonly path: string,
  ) {}

  async read(offset: number, length: number): Promise<Uint8Array> {
    this.#assertInside(offset, length);
    const bytes = new Uint8Array(length);
    await this.readInto(offset, bytes);
    return bytes;
  }

  async readInto(offset: number, target: Uint8Array): Promise<void> {
    const { length } = target;
    this.#assertInside(offset, length);
    let filled = 0;
    while (filled < length) {
      const { bytesRead } = await this.handle.read(target, filled, length - filled, offset + filled);
      if (bytesRead === 0) throw new RangeError(`${this.path} became shorter while it was read`);
      filled += bytesRead;
    }
  }

  #assertInside(offset: number, length: number): void {
    if (!Number.isSafeInteger(offset) || offset < 0 || length < 0 || offset + length > this.size) {
      throw new RangeError(`bytes ${offset} to ${offset + length} are outside ${this.path} of ${this.size} bytes`);
    }
  }

  close(): Promise<void> {
    return this.handle.close();
  }
}

/** Opens a file for reading. Throws Error (a sentence) when it cannot be opened or is not a regular file. */
export async function openFile(path: string): Promise<FileByteSource> {
  let handle: FileHandle | undefined;
  try {
    // Without O_NONBLOCK, opening a named pipe would wait for a writer. Windows has no such flag.
    handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const stats = await handle.stat();
    if (!stats.isFile()) throw new Error(stats.isDirectory() ? 'it is a folder' : 'it is not a regular file');
    const source = new FileByteSource(handle, stats.size, path);
    handle = undefined;
    return source;
  } catch (error) {
    throw new Error(`${path} cannot be opened: ${reasonOf(error)}.`, { cause: error });
  } finally {
    await handle?.close();
  }
}

/** Data files beside a model, each opened once; `close` closes them all. */
export interface ClosableExternalFiles extends ExternalFiles {
  close(): Promise<void>;
}

/**
 * The data files beside a model on disk, under the rules of onnx.checker: inside the folder of the model, no symbolic link
 * below it, one hard link, regular files only.
 */
export function externalFilesBeside(modelPath: string): ClosableExternalFiles {
  const folder = dirname(modelPath);
  const opened = new Map<string, Promise<FileByteSource>>();
  return {
    open(location) {
      let file = opened.get(location);
      if (!file) {
        file = openExternal(folder, location);
        opened.set(location, file);
      }
      return file;
    },
    async close() {
      const files = await Promise.allSettled(opened.values());
      opened.clear();
      for (const file of files) if (file.status === 'fulfilled') await file.value.close();
    },
  };
}

async function openExternal(folder: string, location: string): Promise<FileByteSource> {
  const refuse = (reason: string): ExternalDataRefused =>
    new ExternalDataRefused(`the data file ${JSON.stringify(location)} was refused: ${reason}`);
  const missing = (reason: string): ExternalDataRefused =>
    new ExternalDataRefused(`the data file ${JSON.stringify(location)} cannot be opened: ${reason}`, 'missing');
  const forbidden = forbiddenLocation(location);
  if (forbidden) throw refuse(forbidden);

  let path = folder;
  let stats: Stats | undefined;
  for (const part of location.split(process.platform === 'win32' ? /[/\\]/ : '/')) {
    if (part === '' || part === '.') continue;
    path = join(path, part);
    try {
      stats = await lstat(path);
    } catch (error) {
      throw missing(`${reasonOf(error)}; put it into the folder of the model`);
    }
    if (stats.isSymbolicLink()) throw refuse(`${basename(path)} is a symbolic link`);
  }
  if (!stats?.isFile()) throw refuse('it is not a regular file');
  if (stats.nlink > 1) throw refuse('it has more than one hard link');

  let handle: FileHandle | undefined;
  try {
    handle = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
    const now = await handle.stat();
    if (now.ino !== stats.ino || now.dev !== stats.dev) throw refuse('it was exchanged while it was opened');
    const source = new FileByteSource(handle, now.size, path);
    handle = undefined;
    return source;
  } catch (error) {
    throw error instanceof ExternalDataRefused ? error : missing(reasonOf(error));
  } finally {
    await handle?.close();
  }
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'ENOENT':
      return 'there is no such file';
    case 'ENOTDIR':
      return 'a part of its path is not a folder';
    case 'EACCES':
    case 'EPERM':
      return 'reading it is not permitted';
    case 'EISDIR':
      return 'it is a folder';
    case 'EMFILE':
    case 'ENFILE':
      return 'too many files are open';
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
