import { Worker } from 'node:worker_threads';
import {
  type AnyResult,
  type CallMessage,
  type CallName,
  type CallRequest,
  type CallResult,
  type FromWorker,
  type ResultMessage,
  type ToWorker,
  WorkerCallError,
} from './calls';

interface PendingCall {
  readonly resolve: (result: AnyResult) => void;
  readonly reject: (error: Error) => void;
  readonly onProgress: CallOptions['onProgress'];
  readonly stopListening: () => void;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: ((done: number, total: number, doing?: string) => void) | undefined;
}

/**
 * The host's end of the worker. The worker starts with the first call; when it dies, every waiting call is rejected and the next
 * call starts a new one.
 */
export class WorkerClient {
  private worker: Worker | undefined;
  private nextId = 1;
  private readonly pending = new Map<number, PendingCall>();

  /** `scriptPath`: the built worker bundle. */
  constructor(private readonly scriptPath: string) {}

  /** Starts the worker ahead of the first call. */
  start(): void {
    this.running();
  }

  /** Calls the worker. Rejects with WorkerCallError; `cancelled` when `signal` was aborted. */
  call<Name extends CallName>(
    name: Name,
    request: CallRequest<Name>,
    options: CallOptions = {},
  ): Promise<CallResult<Name>> {
    const { signal, onProgress } = options;
    if (signal?.aborted) return Promise.reject(new WorkerCallError('AbortError', 'cancelled'));
    const id = this.nextId++;
    const worker = this.running();
    return new Promise<CallResult<Name>>((resolve, reject) => {
      const cancel = () => worker.postMessage({ kind: 'cancel', id } satisfies ToWorker);
      signal?.addEventListener('abort', cancel, { once: true });
      this.pending.set(id, {
        resolve: (result) => {
          if (isResultOf(result, name)) resolve(result.value);
          else reject(new WorkerCallError('WrongAnswer', `The worker answered ${result.name} to ${name}.`));
        },
        reject,
        onProgress,
        stopListening: () => signal?.removeEventListener('abort', cancel),
      });
      worker.postMessage({ kind: 'call', id, name, request } satisfies CallMessage<Name>);
    });
  }

  /** Ends the worker; waiting calls are rejected as cancelled. */
  dispose(): void {
    const worker = this.worker;
    this.worker = undefined;
    this.rejectAll(new WorkerCallError('AbortError', 'The analysis was stopped.'));
    void worker?.terminate();
  }

  private running(): Worker {
    if (this.worker) return this.worker;
    const worker = new Worker(this.scriptPath);
    worker.on('message', (message: FromWorker) => this.receive(message));
    worker.on('error', (error) => this.lost(worker, `The analysis stopped: ${error.message}`));
    worker.on('exit', () => this.lost(worker, 'The analysis stopped unexpectedly.'));
    worker.unref();
    this.worker = worker;
    return worker;
  }

  private lost(worker: Worker, message: string): void {
    if (this.worker !== worker) return;
    this.worker = undefined;
    this.rejectAll(new WorkerCallError('WorkerLost', message));
  }

  private rejectAll(error: Error): void {
    for (const call of this.pending.values()) {
      call.stopListening();
      call.reject(error);
    }
    this.pending.clear();
  }

  private receive(message: FromWorker): void {
    const call = this.pending.get(message.id);
    if (!call) return;
    if (message.kind === 'progress') {
      call.onProgress?.(message.done, message.total, message.doing);
      return;
    }
    this.pending.delete(message.id);
    call.stopListening();
    if (message.kind === 'result') call.resolve(message);
    else call.reject(new WorkerCallError(message.error.name, message.error.message, message.error.offset));
  }
}

function isResultOf<Name extends CallName>(result: AnyResult, name: Name): result is AnyResult & ResultMessage<Name> {
  return result.name === name;
}
