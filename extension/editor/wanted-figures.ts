import type { PrecisionId } from '../../webview/protocol';
import { schemeIds } from '../quantize/scheme';
import type { RuntimeFootprint } from '../runtimes/measure';
import { allRuntimes } from '../runtimes/runtimes';
import { limitsOf } from '../targets/limits';
import { runtimesFor } from '../targets/target-runtimes';
import type { WorkerClient } from '../worker/worker-client';
import type { Choices, FitChoices, KnownModel } from './page-state';
import { requestFor, type WantedFigures } from './runtime-figures';

/** The figures that the page needs for these choices; undefined without a runtime. Improvements come once all schemes are planned. */
export function wantedFigures({ plans }: KnownModel, choices: Choices): WantedFigures | undefined {
  const { runtime, target, reserves, externalRam, precision } = choices;
  if (!runtime) return undefined;
  const planned = schemeIds.filter((scheme) => plans.get(scheme)?.kind === 'ready');
  const possible: readonly PrecisionId[] = [
    'as-in-file',
    ...(runtime.precisions.includes('int8') ? ['int8' as const] : []),
    ...planned,
  ];
  const shown = possible.includes(precision) ? precision : 'as-in-file';
  const ram = target && limitsOf(target, { externalRam }).ram?.bytes;
  return {
    runtime: runtime.id,
    precisions: [shown, ...possible.filter((id) => id !== shown)],
    flashReserveBytes: reserves.flash,
    improve: schemeIds.every((scheme) => plans.has(scheme)) ? shown : undefined,
    target: target?.id,
    others: (target ? runtimesFor(target) : allRuntimes()).map(({ id }) => id),
    ramLimitBytes: ram === undefined ? undefined : Math.max(0, ram - reserves.ram - reserves.stack),
  };
}

/** What an opened model needs on the chosen runtime; undefined without one. */
export async function measureFor(
  worker: WorkerClient,
  session: number,
  { runtime, reserves }: FitChoices,
  precision: PrecisionId,
): Promise<RuntimeFootprint | undefined> {
  if (!runtime) return undefined;
  const request = requestFor(session, runtime.id, precision);
  return worker.call('onRuntime', { ...request, flashReserveBytes: reserves.flash });
}
