import type { ModelShapes } from '../shapes/model-shapes';
import { Draft } from './draft';
import { emit } from './emit';
import { expandBodies } from './expand';
import { Facts } from './facts';
import { foldIntoWeights, fuseActivations } from './fuse';
import { dropLayoutChanges, Layout, simplifyReshapes } from './layout';
import type { Dialect, LoweredGraph, LoweringOptions, Precision } from './lowered';
import { normalize } from './normalize';
import { absorbQuantization, dropBoundaryConversions } from './quantization';
import { finish, type Steps } from './steps';
import { absorbPadding } from './windows';

/**
 * What a runtime makes of a model before it runs, in the given precision, the bodies of model functions and of the control flow that it
 * runs in line. Reads no weights; every pass is linear in nodes and operands. Sizes that are not known stay undefined.
 */
export function lower(
  shapes: ModelShapes,
  dialect: Dialect,
  precision: Precision,
  options: LoweringOptions = {},
): LoweredGraph {
  return finish(lowerInSteps(shapes, dialect, precision, options));
}

/** `lower` in short steps, for graphs on which it takes long. */
export function* lowerInSteps(
  shapes: ModelShapes,
  dialect: Dialect,
  precision: Precision,
  options: LoweringOptions = {},
): Steps<LoweredGraph> {
  const expanded = expandBodies(shapes.graph, dialect.bodies);
  yield;
  const facts = new Facts(expanded, shapes.sizeInTotals);
  yield;
  const draft = yield* Draft.of(facts, dialect.fuses);
  const { floatInputsAndOutputs = false } = options;
  let layout: Layout | undefined;
  if (dialect.fuses) {
    yield* normalize(draft, precision);
    yield* absorbPadding(draft);
    yield* foldIntoWeights(draft);
    yield* fuseActivations(draft);
    if (precision === 'as-in-file') {
      yield* absorbQuantization(draft);
      if (!floatInputsAndOutputs) yield* dropBoundaryConversions(draft);
    }
    if (dialect.channelsLast) {
      layout = yield* Layout.of(draft);
      yield* dropLayoutChanges(draft, layout);
    }
    yield* simplifyReshapes(draft, layout, dialect.copyFreeReshape);
  }
  return yield* emit(draft, layout, { precision, dialect, floatInputsAndOutputs });
}
