import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { PieceError } from './int8-kernel';
import { PieceBuffers } from './tensor-pieces';
import { performTask, type TensorTask } from './tensor-task';

export interface ThreadOptions {
  /** The built bundle of node-tensor-thread.ts. */
  readonly script: string;
  readonly count: number;
  /** Work up to this many bytes is done before the first thread starts: starting them takes longer than small models do. */
  readonly startAfterBytes: number;
}

interface WaitingTask {
  readonly task: TensorTask;
  readonly resolve: (result: PieceError) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Threads that work on pieces of tensors. What comes out does not depend on how many there are: where none can be started, the calling
 * thread does the work. They end when nothing was asked of them for a while, and never keep the process alive.
 */
export class TensorThreads {
  /** Memory for pieces; let go of when the threads end. */
  readonly buffers = new PieceBuffers();
  readonly #waiting: WaitingTask[] = [];
  readonly #idle: Worker[] = [];
  readonly #working = new Map<Worker, WaitingTask>();
  #bytesSoFar = 0;
  #cannotStart = false;
  #closing: NodeJS.Timeout | undefined;

  constructor(private readonly options: ThreadOptions) {}

  /** Tasks that can be worked on at the same time. */
  get count(): number {
    return this.options.count;
  }

  /** Does a task. Tasks begin in the order in which they are asked for. */
  async run(task: TensorTask): Promise<PieceError> {
    this.#bytesSoFar += task.piece.length * 4;
    this.#closeLater();
    const isSmall = this.#bytesSoFar <= this.options.startAfterBytes;
    if (isSmall || this.#cannotStart || this.options.count < 2) return performTask(task);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ task, resolve, reject });
      this.#handOut();
    });
  }

  /** Ends all threads. Tasks that they had are done by the calling thread. */
  close(): void {
    clearTimeout(this.#closing);
    this.#closing = undefined;
    this.buffers.clear();
    const threads = [...this.#idle.splice(0), ...this.#working.keys()];
    for (const thread of threads) {
      this.#lost(thread);
      void thread.terminate();
    }
  }

  #handOut(): void {
    while (this.#waiting.length > 0) {
      const thread = this.#idle.pop() ?? this.#started();
      const next = thread && this.#waiting.shift();
      if (!next) break;
      try {
        thread.postMessage(next.task);
        thread.ref();
        this.#working.set(thread, next);
      } catch (error) {
        this.#idle.push(thread);
        next.reject(error);
      }
    }
  }

  #closeLater(): void {
    this.#closing ??= setTimeout(() => {
      if (this.#working.size === 0) this.close();
      else this.#closing?.refresh();
    }, idleMilliseconds).unref();
    this.#closing.refresh();
  }

  #started(): Worker | undefined {
    if (this.#working.size >= this.options.count) return undefined;
    const thread = new Worker(this.options.script);
    thread.on('message', (result: PieceError) => {
      const done = this.#working.get(thread);
      // A thread that was closed meanwhile has lost its task.
      if (!done) return;
      this.#working.delete(thread);
      thread.unref();
      this.#idle.push(thread);
      this.#handOut();
      done.resolve(result);
    });
    thread.on('error', () => {
      this.#cannotStart = true;
      this.#lost(thread);
    });
    thread.on('exit', () => this.#lost(thread));
    return thread;
  }

  /** The calling thread does what a lost thread had, and all that waits where there is no other. */
  #lost(thread: Worker): void {
    const place = this.#idle.indexOf(thread);
    if (place >= 0) this.#idle.splice(place, 1);
    const left = this.#working.get(thread);
    this.#working.delete(thread);
    if (left) settle(left);
    if (this.#cannotStart) for (const waiting of this.#waiting.splice(0)) settle(waiting);
    else this.#handOut();
  }
}

function settle({ task, resolve, reject }: WaitingTask): void {
  try {
    resolve(performTask(task));
  } catch (error) {
    reject(error);
  }
}

/** A thread that waits longer than this for its next task ends. */
const idleMilliseconds = 2000;

/** The threads of this process; their script stands beside the running bundle. */
export const tensorThreads = new TensorThreads({
  script: join(__dirname, 'tensor-thread.cjs'),
  count: Math.min(availableParallelism(), 4),
  startAfterBytes: 32 << 20,
});
