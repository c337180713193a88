import { randomUUID } from 'node:crypto';
import { type FileHandle, lstat, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { PlannedFile } from './edit';

/** A planned model and where it goes. */
export interface PlannedWrite {
  readonly model: PlannedFile;
  readonly data?: PlannedFile | undefined;
  readonly modelPath: string;
  /** Needed where there is a data file. */
  readonly dataPath?: string | undefined;
  /** The source and its data files: never written to, by whatever name or link. */
  readonly forbidden: readonly string[];
  /** Replace files that are there. */
  readonly overwrite: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Bytes written so far and in all, both files together. */
  readonly progress?: ((bytesDone: number, bytesTotal: number) => void) | undefined;
}

/** Bytes written. */
export interface WrittenFiles {
  readonly modelBytes: number;
  readonly dataBytes: number | undefined;
}

/** The output may not be written where it was asked for; `message` is one sentence. */
export class WriteRefused extends Error {
  override readonly name = 'WriteRefused';
}

/**
 * Writes a planned model. Data first, then the model, each beside its place and flushed; only when both are whole are they
 * renamed into place, data first. On failure or cancel nothing is left behind, and what was there before is there again.
 * Throws WriteRefused, the signal's reason, or Error (a sentence) when a file cannot be written.
 */
export async function writePlannedFiles(write: PlannedWrite): Promise<WrittenFiles> {
  const outputs = [{ path: write.modelPath, file: write.model }];
  if (write.data) {
    if (write.dataPath === undefined)
      throw new WriteRefused('The model has a data file, but no place for it was given.');
    outputs.unshift({ path: write.dataPath, file: write.data });
    if (await isSameFile(write.modelPath, write.dataPath)) {
      throw new WriteRefused(`${write.modelPath} cannot be both the model and its data file; choose another name.`);
    }
  }
  for (const { path } of outputs) await assertWritable(path, write);

  const total = outputs.reduce((sum, { file }) => sum + file.size, 0);
  let done = 0;
  const temporary: TemporaryFile[] = [];
  try {
    for (const { path, file } of outputs) {
      const beside = temporaryName(path);
      const handle = await writing(path, open(beside, 'wx'));
      temporary.push({ path: beside, target: path });
      await writeFile(path, handle, file, write.signal, (bytes) => {
        done += bytes;
        write.progress?.(done, total);
      });
    }
    write.signal?.throwIfAborted();
    await putInPlace(temporary);
  } catch (error) {
    for (const { path } of temporary) await rm(path, { force: true });
    throw error;
  }
  return { modelBytes: write.model.size, dataBytes: write.data?.size };
}

/** A whole file beside its place. */
interface TemporaryFile {
  readonly path: string;
  readonly target: string;
}

const flushedBytes = 32 << 20;

function temporaryName(path: string): string {
  return join(dirname(resolve(path)), `.${basename(path)}.${randomUUID()}.tmp`);
}

/**
 * Renames all files into their places, or none: what a file takes the place of is kept aside until the last one stands, since an old
 * model with new data would compute something else without a word.
 */
async function putInPlace(files: readonly TemporaryFile[]): Promise<void> {
  const kept: string[] = [];
  const undo: (() => Promise<void>)[] = [];
  try {
    for (const { path, target } of files.slice(0, -1)) {
      if (await ifThere(lstat(target))) {
        const aside = temporaryName(target);
        await writing(target, rename(target, aside));
        kept.push(aside);
        undo.push(() => rename(aside, target));
      } else undo.push(() => rm(target, { force: true }));
      await writing(target, rename(path, target));
    }
    const last = files.at(-1);
    if (last) await writing(last.target, rename(last.path, last.target));
  } catch (error) {
    for (const step of undo.toReversed()) await step();
    throw error;
  }
  for (const aside of kept) await rm(aside, { force: true });
}

async function writeFile(
  path: string,
  handle: FileHandle,
  file: PlannedFile,
  signal: AbortSignal | undefined,
  progress: (bytes: number) => void,
): Promise<void> {
  const flushing = new Flushing(handle);
  try {
    for await (const piece of file.stream()) {
      signal?.throwIfAborted();
      for (let written = 0; written < piece.length; ) {
        const { bytesWritten } = await writing(path, handle.write(piece, written));
        written += bytesWritten;
      }
      flushing.wrote(piece.length);
      progress(piece.length);
    }
    await flushing.ended();
    await writing(path, handle.sync());
    const { size } = await handle.stat();
    if (size !== file.size) throw new Error(`${size} bytes were written where ${file.size} were planned.`);
  } finally {
    await flushing.ended();
    await handle.close();
  }
}

/** Has the system put a long file onto the disk while it is still being written, so that the flush at the end has little left to do. */
class Flushing {
  #waitingBytes = 0;
  #running: Promise<void> | undefined;

  constructor(private readonly handle: FileHandle) {}

  wrote(bytes: number): void {
    this.#waitingBytes += bytes;
    if (this.#running || this.#waitingBytes < flushedBytes) return;
    this.#waitingBytes = 0;
    // What fails here fails again in the flush at the end, where it is reported.
    const done = () => {
      this.#running = undefined;
    };
    this.#running = this.handle.datasync().then(done, done);
  }

  ended(): Promise<void> {
    return this.#running ?? Promise.resolve();
  }
}

/** A step of writing a file, with the file system's error as a sentence that names the file. */
async function writing<Result>(path: string, step: Promise<Result>): Promise<Result> {
  try {
    return await step;
  } catch (error) {
    throw new Error(`${path} cannot be written: ${reasonOf(error)}.`, { cause: error });
  }
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'ENOENT':
      return 'there is no such folder';
    case 'ENOTDIR':
      return 'a part of its path is not a folder';
    case 'EACCES':
    case 'EPERM':
      return 'writing there is not permitted';
    case 'EROFS':
      return 'the file system is read-only';
    case 'ENOSPC':
    case 'EDQUOT':
      return 'there is no space left';
    case 'EFBIG':
      return 'the file system does not take files of this size';
    case 'ENAMETOOLONG':
      return 'its name is too long';
    case 'EISDIR':
      return 'it is a folder';
    default:
      return error instanceof Error ? error.message : String(error);
  }
}

async function assertWritable(path: string, write: PlannedWrite): Promise<void> {
  for (const source of write.forbidden) {
    if (await isSameFile(path, source)) {
      throw new WriteRefused(
        `${path} is the source model or one of its data files, which are never changed; choose another name.`,
      );
    }
  }
  const existing = await ifThere(lstat(path));
  if (!existing) return;
  if (!existing.isFile() && !existing.isSymbolicLink()) {
    throw new WriteRefused(`${path} is not a file; choose another name.`);
  }
  if (!write.overwrite) throw new WriteRefused(`${path} is there already; choose another name or allow replacing it.`);
}

/** True when both paths name one file, through symbolic and hard links too. */
async function isSameFile(one: string, other: string): Promise<boolean> {
  if ((await realPlace(one)) === (await realPlace(other))) return true;
  const [first, second] = await Promise.all([
    ifThere(stat(one, { bigint: true })),
    ifThere(stat(other, { bigint: true })),
  ]);
  return first !== undefined && second !== undefined && first.dev === second.dev && first.ino === second.ino;
}

/** The path with its links resolved; for a file that is not there, those of its folder. */
async function realPlace(path: string): Promise<string> {
  const whole = await ifThere(realpath(path));
  if (whole !== undefined) return whole;
  const folder = dirname(resolve(path));
  return join((await ifThere(realpath(folder))) ?? folder, basename(path));
}

async function ifThere<Result>(result: Promise<Result>): Promise<Result | undefined> {
  try {
    return await result;
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      return undefined;
    throw error;
  }
}
