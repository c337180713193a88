import type { Target } from '../targets/target';
import { type AcceleratorFit, acceleratorFit } from './accelerator-fit';
import type { RuntimeRequest } from './calls';
import { computePrecision } from './compute-precision';
import { type LatencyReport, latencyOf } from './latency';
import { type ModelSession, planned } from './model-sessions';

/** What is asked about a target: of the file in a session, or of the planned file of a scheme. */
export interface TargetRequest extends Pick<RuntimeRequest, 'scheme' | 'precision'> {
  readonly target: Target;
  /** Absent: no latency is asked for. */
  readonly runtime?: string;
}

export interface TargetFigures {
  readonly latency?: LatencyReport;
  /** Absent for a target without an accelerator. */
  readonly accelerator?: AcceleratorFit;
}

/** How long a model takes on a target, and what of it the target's accelerator takes. Throws QuantizationRefused. */
export async function targetFigures(session: ModelSession, request: TargetRequest): Promise<TargetFigures> {
  const { target, runtime, scheme } = request;
  const analysed = scheme === undefined ? session.analysed : (await planned(session, scheme)).analysed;
  const precision = request.precision === 'as-in-file' ? computePrecision(analysed) : request.precision;
  const accelerator = acceleratorFit(analysed, target, precision);
  return {
    ...(runtime !== undefined && { latency: latencyOf(analysed, target, runtime, precision) }),
    ...(accelerator && { accelerator }),
  };
}
