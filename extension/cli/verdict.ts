import { runtimeVerdict } from '../targets/runtime-verdict';
import type { Limits, Target } from '../targets/target';
import { type Verdict, verdictFor } from '../targets/verdict';
import type { MeasuredModel } from './measure';

/** The verdict by the runtime's own figures where one was asked for, else by the lower bounds of the model's data. */
export function verdictOf(
  { analysed, onRuntime }: MeasuredModel,
  target: Target | undefined,
  limits: Limits,
  externalRam: boolean,
): Verdict {
  if (!onRuntime) return verdictFor(analysed.footprint, target, limits);
  return runtimeVerdict(onRuntime.footprint, target, limits, { reserves: onRuntime.reserves, externalRam });
}
