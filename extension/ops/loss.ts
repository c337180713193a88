import type { Shape } from '../model/dimension';
import type { OpContext, OpDefinition } from './definition';
import { define, tensorFact } from './facts';

/** One loss for each label, or a scalar when they are reduced. */
function lossShape(context: OpContext): Shape | undefined {
  if (context.attributes.string('reduction', 'mean') !== 'none') return [];
  const scores = context.shape(0);
  return context.shape(1) ?? (scores && [scores[0] ?? null, ...scores.slice(2)]);
}

const negativeLogLikelihood = define('NegativeLogLikelihoodLoss', 12, (context) => [
  tensorFact(context.dataType(0), lossShape(context)),
]);

const softmaxCrossEntropy = define('SoftmaxCrossEntropyLoss', 12, (context) => [
  tensorFact(context.dataType(0), lossShape(context)),
  tensorFact(context.dataType(0), context.shape(0)),
]);

export const lossOperators: readonly OpDefinition[] = [negativeLogLikelihood, softmaxCrossEntropy];
