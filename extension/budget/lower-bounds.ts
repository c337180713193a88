import type { Model } from '../model/model';
import type { ModelShapes } from '../shapes/model-shapes';
import { constantsOf } from './constants';
import type { Totals } from './footprint';
import { impossibleSizesIn } from './impossible-sizes';
import { learnedInAttributes } from './learned-attributes';
import { largest, lifetimesOf, liveBytesPerStep } from './lifetimes';

/** The bytes of a footprint's totals that no runtime can do without, without the work of the layers: where many plans are compared, these are all that is asked. */
export function lowerBounds(model: Model, shapes: ModelShapes): Pick<Totals, 'constantBytes' | 'peakActivationBytes'> {
  const { graph, sizeInTotals } = shapes;
  const { all, inMainGraph } = constantsOf(model, graph.order);
  const lifetimes = lifetimesOf(graph, inMainGraph, sizeInTotals, impossibleSizesIn(graph, sizeInTotals));
  const activations = lifetimes.filter(({ constant }) => !constant);
  return {
    constantBytes: all.reduce((sum, { keptBytes }) => sum + keptBytes, learnedInAttributes(model).bytes),
    peakActivationBytes: largest(liveBytesPerStep(activations, graph.order.length)).bytes,
  };
}
