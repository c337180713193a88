import type { LongTail } from '../targets/long-tail';
import type { TargetFile } from '../targets/target-file';

/** Where a command reads and writes: the process in use, collected text in tests. */
export interface Io {
  /** Writes to standard output, which carries the document and nothing else. */
  out(text: string): void;
  /** Writes to standard error: messages and progress. */
  err(text: string): void;
  /** True when standard output is a terminal that shows colours and nobody has refused them. */
  readonly color: boolean;
  /** True when standard error is a terminal, so that progress can overwrite itself. */
  readonly progress: boolean;
  /** A signal that aborts when the user interrupts; asking for it takes the interrupt over from the default of ending at once. */
  interrupt(): AbortSignal;
  /** Devices beyond the reviewed catalogue, read when first asked for; undefined where they are not installed. */
  longTail(): Promise<LongTail | undefined>;
  /** The target file of the project that the command runs in; undefined where it has none. */
  ownTargets(): Promise<TargetFile | undefined>;
}

/** 0: done, or everything fits. 1: something does not fit. 2: bad input, bad usage, or a needed figure is not known. */
export type ExitCode = 0 | 1 | 2;

/** A mistake on the command line; `message` says what is wrong and what would be right. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Names a target that is in no list read so far. */
export class UnknownTargetError extends UsageError {}
