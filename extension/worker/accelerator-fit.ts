import { acceleratorLayers } from '../targets/accelerator-layers';
import { type AcceleratorCheck, checkAccelerator } from '../targets/accelerators';
import { acceleratorRuntime } from '../targets/latency';
import type { Target } from '../targets/target';
import type { AnalysedModel } from './analyse';
import { type LatencyFigure, latencyOf } from './latency';

/** What a target's accelerator takes of a model, and how long it takes there. */
export interface AcceleratorFit {
  /** In the precision that the model computes in; or in int8, where it takes integers only and the model computes in float. */
  readonly check: AcceleratorCheck;
  /** The model's own precision, where `check` is of another. */
  readonly insteadOf?: string;
  /** By the maker's own compiler. Absent where the model cannot run on it. */
  readonly latency?: LatencyFigure;
}

/** From this share of the multiply-accumulates on, what falls back to the core decides how long the model takes. */
const negligible = 0.01;

/** Holds a model against the accelerator of a target; undefined where the target has none. */
export function acceleratorFit(
  analysed: Pick<AnalysedModel, 'analysis' | 'shapes'>,
  target: Target,
  precision: string | undefined,
): AcceleratorFit | undefined {
  if (target.accelerator === undefined) return undefined;
  const layers = acceleratorLayers(analysed.shapes, analysed.analysis.layers);
  const own = precision ?? 'float32';
  const asItIs = checkAccelerator(layers, target, own);
  if (!asItIs) return undefined;
  const inInt8 = /^float|^bfloat/.test(own) ? checkAccelerator(layers, target, 'int8') : undefined;
  // Where int8 helps, what speaks against the layers themselves is of more use than that floats are not taken.
  const instead = asItIs.outcome !== 'unknown' && inInt8 && takes(inInt8) && !takes(asItIs) ? inInt8 : undefined;
  const check = instead ?? asItIs;
  const there = check.outcome === 'none' ? undefined : latencyThere(analysed, target, check);
  // Where nothing is known of an accelerator, that no latency is known either goes without saying.
  const latency = there && check.outcome === 'unknown' && 'missing' in there ? undefined : there;
  return { check, ...(instead && { insteadOf: own }), ...(latency && { latency }) };
}

/** True where the accelerator computes in the precision that was asked about. */
function takes({ problems, precision }: AcceleratorCheck): boolean {
  return !problems.some(({ layer, reason }) => layer === '' && reason.startsWith(`${precision};`));
}

function latencyThere(
  analysed: Pick<AnalysedModel, 'analysis'>,
  target: Target,
  { precision, refusedMacs, macs }: AcceleratorCheck,
): LatencyFigure {
  if (refusedMacs > negligible * macs) return { missing: 'some of its multiply-accumulates run elsewhere' };
  return latencyOf(analysed, target, acceleratorRuntime, precision).figure;
}
