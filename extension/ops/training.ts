import type { OpContext, OpDefinition, ValueFact } from './definition';
import { likeInput } from './normalization';

/**
 * An optimizer step. Its inputs are R, T and then `groups` lists of equal length (the tensors, their gradients, their
 * accumulators); its outputs are the new tensors and the new accumulators, so every list but the gradients, in order.
 */
function optimizer(type: string, groups: number): OpDefinition {
  return {
    domain: 'ai.onnx.preview.training',
    type,
    since: 1,
    infer: (context): readonly ValueFact[] => {
      const lists = context.inputCount - 2;
      if (lists <= 0 || lists % groups !== 0) {
        context.fault(`${lists} tensors are given; their number must be a multiple of ${groups}.`);
        return [];
      }
      const tensors = lists / groups;
      const updated = Array.from({ length: tensors * (groups - 1) }, (_, index) =>
        index < tensors ? index : index + tensors,
      );
      return updated.map((index) => likeInput(context, 2 + index));
    },
  };
}

/** One gradient for each tensor named in `xs`, which are the first inputs. */
function inferGradient(context: OpContext): readonly ValueFact[] {
  const names = context.attributes.strings('xs');
  if (names === undefined) context.fault('xs is missing.');
  return (names ?? []).map((_, index) => likeInput(context, index));
}

/** Operators of ai.onnx.preview.training. */
export const trainingOperators: readonly OpDefinition[] = [
  { domain: 'ai.onnx.preview.training', type: 'Gradient', since: 1, infer: inferGradient },
  optimizer('Adagrad', 3),
  optimizer('Adam', 4),
  optimizer('Momentum', 3),
];
