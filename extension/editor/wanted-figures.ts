import type { PrecisionId } from '../../webview/protocol';
import type { RuntimeFootprint } from '../runtimes/measure';
import { allRuntimes } from '../runtimes/runtimes';
import { limitsOf } from '../targets/limits';
import { runtimesFor } from '../targets/target-runtimes';
import type { WorkerClient } from '../worker/worker-client';
import type { Choices, FitChoices, KnownModel } from './page-state';
import { requestFor, type WantedFigures } from './runtime-figures';

/** The figures that header, meters and Memory need for these choices; undefined without a runtime and a target. */
export function wantedFigures({ plans }: KnownModel, choices: Choices): WantedFigures | undefined {
  const { runtime, target, reserves, externalRam, precision } = choices;
  if (!runtime && !target) return undefined;
  const isPlanned = precision !== 'as-in-file' && plans.get(precision)?.kind === 'ready';
  const shown: PrecisionId = isPlanned ? precision : 'as-in-file';
  const ram = target && limitsOf(target, { externalRam }).ram?.bytes;
  return {
    runtime: runtime?.id,
    precisions: isPlanned ? [shown, 'as-in-file'] : [shown],
    flashReserveBytes: reserves.flash,
    improve: shown,
    target: target?.id,
    onTarget: target && { target, precision: shown },
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
