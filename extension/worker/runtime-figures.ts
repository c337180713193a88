import type { Improvement } from '../runtimes/improvement';
import { findImprovements } from '../runtimes/improvements';
import { lowerInSteps } from '../runtimes/lowering';
import { measureOnRuntime, type RuntimeFootprint } from '../runtimes/measure';
import type { Runtime } from '../runtimes/runtime';
import { findRuntime } from '../runtimes/runtimes';
import type { AnalysedModel } from './analyse';
import type { CallRequest } from './calls';
import { type ModelSession, planned } from './model-sessions';
import type { CallScope } from './serve-calls';

type OnRuntime = Omit<CallRequest<'onRuntime'>, 'session'>;
type ImprovementsRequest = Omit<CallRequest<'improvements'>, 'session'>;

/** Milliseconds that one part of the search for improvements may take. */
const partMilliseconds = 2000;

/** Milliseconds after which a search lets other calls be answered. */
const turnMilliseconds = 20;

/**
 * What a session's model, or the planned file of a scheme, needs on a runtime. Throws Error for an unknown runtime, QuantizationRefused
 * for a scheme that cannot be planned.
 */
export async function measureSession(session: ModelSession, request: OnRuntime): Promise<RuntimeFootprint> {
  const { model, shapes } = await modelOf(session, request);
  const { flashReserveBytes } = request;
  return measureOnRuntime(model, shapes, runtimeOf(request.runtime), request.precision, {
    ...loweringOptions(request),
    ...(flashReserveBytes !== undefined && { flashReserveBytes }),
  });
}

/**
 * What would lower the RAM that a model needs on a runtime. Each part of the search ends after some seconds with the best it has; other
 * calls are answered meanwhile. Throws AbortError when cancelled.
 */
export async function improvementsOn(
  session: ModelSession,
  request: ImprovementsRequest,
  { signal, progress }: CallScope,
): Promise<readonly Improvement[]> {
  const { shapes } = await modelOf(session, request);
  const { ramLimitBytes } = request;
  const search = findImprovements({
    runtime: runtimeOf(request.runtime),
    precision: request.precision,
    lower: ({ dialect }, precision) => lowerInSteps(shapes, dialect, precision, loweringOptions(request)),
    others: request.others.flatMap((id) => findRuntime(id) ?? []),
    ...(ramLimitBytes !== undefined && { ramLimitBytes }),
  });
  let part = -1;
  let partStart = 0;
  let turnStart = performance.now();
  for (let step = search.next(); ; ) {
    if (step.done) return step.value;
    const now = performance.now();
    if (step.value.done !== part) {
      part = step.value.done;
      partStart = now;
      progress(step.value.done, step.value.total);
    }
    if (now - turnStart > turnMilliseconds) {
      await new Promise((resolve) => setImmediate(resolve));
      turnStart = performance.now();
    }
    signal.throwIfAborted();
    step = search.next(now - partStart > partMilliseconds ? 'enough' : 'go on');
  }
}

async function modelOf(session: ModelSession, { scheme }: Pick<OnRuntime, 'scheme'>): Promise<AnalysedModel> {
  return scheme === undefined ? session.analysed : (await planned(session, scheme)).analysed;
}

function runtimeOf(id: string): Runtime {
  const runtime = findRuntime(id);
  if (!runtime) throw new Error(`There is no runtime "${id}".`);
  return runtime;
}

/** Where nobody says otherwise, a model with integer activations takes and gives integers, as it does on a chip. */
function loweringOptions({ keepFloatInputsAndOutputs = false }: Pick<OnRuntime, 'keepFloatInputsAndOutputs'>) {
  return { floatInputsAndOutputs: keepFloatInputsAndOutputs };
}
