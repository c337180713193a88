import { estimateLatency, type LatencyEstimate, whyNoLatency, workOf } from '../targets/latency';
import type { Target } from '../targets/target';
import type { AnalysedModel } from './analyse';

/** An estimate, or the sentence that says what is missing for one. */
export type LatencyFigure = LatencyEstimate | { readonly missing: string };

/** How long a model takes on a target with a runtime, in the precision that it computes in. */
export interface LatencyReport {
  /** "int8", "float32". */
  readonly precision: string;
  readonly figure: LatencyFigure;
  /** What it would take in int8; where nothing is known in its own precision. */
  readonly asInt8?: LatencyEstimate;
}

/** The estimate of a model's latency, or why there is none. The first call takes some tenths of a second. */
export function latencyOf(
  { analysis }: Pick<AnalysedModel, 'analysis'>,
  target: Target,
  runtime: string,
  precision: string | undefined,
): LatencyReport {
  const work = workOf(analysis.layers);
  const estimate = (as: string) => estimateLatency(work, target, runtime, as);
  const own = precision ?? 'float32';
  const figure = estimate(own) ?? { missing: whyNoLatency(work, target, runtime, own) ?? 'no evidence' };
  const asInt8 = 'missing' in figure && own !== 'int8' ? estimate('int8') : undefined;
  return { precision: own, figure, ...(asInt8 && { asInt8 }) };
}
