import type { AnyCall, AnyResult, CallName, CallRequest, CallResult, FromWorker, ToWorker } from './calls';

/** What a handler gets beside its request. */
export interface CallScope {
  readonly signal: AbortSignal;
  /** `doing`: what is being done, in a word or two. */
  progress(done: number, total: number, doing?: string): void;
}

/** One handler for every call. */
export type CallHandlers = {
  readonly [Name in CallName]: (request: CallRequest<Name>, scope: CallScope) => Promise<CallResult<Name>>;
};

/** Least time between two progress messages of one call, in milliseconds: a person cannot see more. */
const progressInterval = 50;

/**
 * Answers calls through `post`. Returns the function that takes incoming messages. A handler that throws becomes an `error`
 * message, so that no caller waits for ever.
 */
export function serveCalls(handlers: CallHandlers, post: (message: FromWorker) => void): (message: ToWorker) => void {
  const running = new Map<number, AbortController>();

  async function answer(call: AnyCall): Promise<void> {
    const { id } = call;
    const controller = new AbortController();
    running.set(id, controller);
    let lastProgress = 0;
    const scope: CallScope = {
      signal: controller.signal,
      progress(done, total, doing) {
        const now = Date.now();
        if (now - lastProgress < progressInterval && done < total) return;
        lastProgress = now;
        post({ kind: 'progress', id, done, total, ...(doing !== undefined && { doing }) });
      },
    };
    try {
      post(await perform(handlers, call, scope));
    } catch (error) {
      post({ kind: 'error', id, error: errorData(controller.signal.aborted ? abortError() : error) });
    } finally {
      running.delete(id);
    }
  }

  return (message) => {
    if (message.kind === 'cancel') {
      running.get(message.id)?.abort();
      return;
    }
    void answer(message);
  };
}

/** One case a call, so that the compiler ties each request and result to its handler. */
async function perform(handlers: CallHandlers, call: AnyCall, scope: CallScope): Promise<AnyResult> {
  const { id } = call;
  switch (call.name) {
    case 'open':
      return { kind: 'result', id, name: 'open', value: await handlers.open(call.request, scope) };
    case 'close':
      return { kind: 'result', id, name: 'close', value: await handlers.close(call.request, scope) };
    case 'plan':
      return { kind: 'result', id, name: 'plan', value: await handlers.plan(call.request, scope) };
    case 'weightError':
      return { kind: 'result', id, name: 'weightError', value: await handlers.weightError(call.request, scope) };
    case 'layerDetails':
      return { kind: 'result', id, name: 'layerDetails', value: await handlers.layerDetails(call.request, scope) };
    case 'onRuntime':
      return { kind: 'result', id, name: 'onRuntime', value: await handlers.onRuntime(call.request, scope) };
    case 'onTarget':
      return { kind: 'result', id, name: 'onTarget', value: await handlers.onTarget(call.request, scope) };
    case 'improvements':
      return { kind: 'result', id, name: 'improvements', value: await handlers.improvements(call.request, scope) };
    case 'whatIf':
      return { kind: 'result', id, name: 'whatIf', value: await handlers.whatIf(call.request, scope) };
    case 'compare':
      return { kind: 'result', id, name: 'compare', value: await handlers.compare(call.request, scope) };
    case 'quantize':
      return { kind: 'result', id, name: 'quantize', value: await handlers.quantize(call.request, scope) };
    case 'estimateRecipe':
      return { kind: 'result', id, name: 'estimateRecipe', value: await handlers.estimateRecipe(call.request, scope) };
    case 'describeData':
      return { kind: 'result', id, name: 'describeData', value: await handlers.describeData(call.request, scope) };
    case 'sensitivity':
      return { kind: 'result', id, name: 'sensitivity', value: await handlers.sensitivity(call.request, scope) };
    case 'candidatePlans':
      return { kind: 'result', id, name: 'candidatePlans', value: await handlers.candidatePlans(call.request, scope) };
    case 'measurePlan':
      return { kind: 'result', id, name: 'measurePlan', value: await handlers.measurePlan(call.request, scope) };
    case 'quantizeRecipe':
      return { kind: 'result', id, name: 'quantizeRecipe', value: await handlers.quantizeRecipe(call.request, scope) };
  }
}

function abortError(): Error {
  const error = new Error('cancelled');
  error.name = 'AbortError';
  return error;
}

function errorData(error: unknown): { name: string; message: string; offset?: number } {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) };
  const offset = 'offset' in error && typeof error.offset === 'number' ? { offset: error.offset } : {};
  return { name: error.name, message: error.message, ...offset };
}
