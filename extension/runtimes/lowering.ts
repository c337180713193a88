import type { ModelShapes } from '../shapes/model-shapes';
import { Draft } from './draft';
import { emit } from './emit';
import { Facts } from './facts';
import { foldIntoWeights, fuseActivations } from './fuse';
import { dropLayoutChanges, Layout, simplifyReshapes } from './layout';
import type { Dialect, LoweredGraph, LoweringOptions, Precision } from './lowered';
import { normalize } from './normalize';
import { absorbQuantization, dropBoundaryConversions } from './quantization';
import { absorbPadding } from './windows';

/**
 * What a runtime makes of a model's main graph before it runs, in the given precision. Reads no weights; every pass is linear in
 * nodes and operands. Sizes that are not known stay undefined.
 */
export function lower(
  shapes: ModelShapes,
  dialect: Dialect,
  precision: Precision,
  options: LoweringOptions = {},
): LoweredGraph {
  const draft = new Draft(new Facts(shapes), dialect.fuses);
  const keepFloat = options.floatInputsAndOutputs;
  let layout: Layout | undefined;
  if (dialect.fuses) {
    normalize(draft, precision);
    absorbPadding(draft);
    foldIntoWeights(draft);
    fuseActivations(draft);
    if (precision === 'as-in-file') {
      absorbQuantization(draft);
      if (keepFloat === false) dropBoundaryConversions(draft);
    }
    if (dialect.channelsLast) {
      layout = new Layout(draft);
      dropLayoutChanges(draft, layout);
    }
    simplifyReshapes(draft, layout, dialect.copyFreeReshape);
  }
  return emit(draft, layout, { precision, dialect, floatInputsAndOutputs: keepFloat ?? false });
}
