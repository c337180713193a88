import { type DataType, dataTypeFromCode } from '../model/data-type';
import type { Shape } from '../model/dimension';
import { resolveAxis } from './axes';
import type { OpContext, OpDefinition, ValueFact } from './definition';
import { tensorFact } from './facts';

/** The fact of an output that has the type and shape of input `index`. */
export function likeInput(context: OpContext, index: number): ValueFact {
  return tensorFact(context.dataType(index), context.shape(index));
}

/** An operator with one output of its first input's type and shape. */
export function shapeKeeping(domain: string, type: string, since: number): OpDefinition {
  return { domain, type, since, infer: (context) => [likeInput(context, 0)] };
}

/** The shape with every axis from `axis` on of size 1. */
export function collapsedFrom(context: OpContext, shape: Shape | undefined, axis: number): Shape | undefined {
  if (shape === undefined) return undefined;
  const first = resolveAxis(context, axis, shape.length);
  return first === undefined ? undefined : shape.map((size, index) => (index < first ? size : 1));
}

/**
 * Extra outputs: the running (and, before opset 14, saved) mean and variance. They are [C], or before opset 9 with `spatial = 0`
 * [C, D1, ...], which is the shape of the mean and variance given.
 */
function inferBatchNormalization(context: OpContext): readonly ValueFact[] {
  const data = context.shape(0);
  const perChannel = data === undefined ? undefined : [data[1] ?? (data.length === 1 ? 1 : null)];
  const spatial = context.opset >= 9 || context.attributes.int('spatial', 1) !== 0;
  const computed = spatial ? perChannel : data?.slice(1);
  const mean = tensorFact(context.dataType(3), context.shape(3) ?? computed);
  const variance = tensorFact(context.dataType(4), context.shape(4) ?? computed);
  return [likeInput(context, 0), mean, variance, mean, variance];
}

/**
 * Outputs the normalized tensor, the mean and the inverse standard deviation. Before opset 17 the operator is onnxruntime's, which
 * lets the scale have a type of its own and gives it to the output.
 */
function inferLayerNormalization(context: OpContext): readonly ValueFact[] {
  const dataType = context.opset < 17 ? (context.dataType(1) ?? context.dataType(0)) : context.dataType(0);
  const statistics = statisticsFact(context);
  return [tensorFact(dataType, context.shape(0)), statistics, statistics];
}

/** LayerNormalization without mean: the second output is the inverse standard deviation. */
function inferSimplifiedLayerNormalization(context: OpContext): readonly ValueFact[] {
  return [tensorFact(context.dataType(1) ?? context.dataType(0), context.shape(0)), statisticsFact(context)];
}

function statisticsFact(context: OpContext): ValueFact {
  return tensorFact(stashType(context), collapsedFrom(context, context.shape(0), context.attributes.int('axis', -1)));
}

function stashType(context: OpContext): DataType | undefined {
  return dataTypeFromCode(context.attributes.int('stash_type', 1));
}

/** The mask is boolean since opset 10, before of the data's type; it holds for all elements also when nothing is dropped. */
function inferDropout(context: OpContext): readonly ValueFact[] {
  const shape = context.shape(0);
  const dataType = context.dataType(0);
  return [tensorFact(dataType, shape), tensorFact(context.opset >= 10 ? 'BOOL' : dataType, shape)];
}

function inferScaleTyped(context: OpContext): readonly ValueFact[] {
  return [tensorFact(context.dataType(1) ?? context.dataType(0), context.shape(0))];
}

function withAxis(type: string): OpDefinition {
  return {
    domain: 'ai.onnx',
    type,
    since: 1,
    infer: (context) => {
      const shape = context.shape(0);
      // Before opset 13 the axis splits the shape in two, so that the rank itself is a valid one.
      const axis = context.attributes.int('axis', context.opset >= 13 ? -1 : 1);
      if (shape !== undefined && !(context.opset < 13 && axis === shape.length))
        resolveAxis(context, axis, shape.length);
      return [likeInput(context, 0)];
    },
  };
}

/** Normalizations, softmax family and dropout of ai.onnx. They have no multiply-accumulates. */
export const normalizationOperators: readonly OpDefinition[] = [
  { domain: 'ai.onnx', type: 'BatchNormalization', since: 1, infer: inferBatchNormalization },
  { domain: 'ai.onnx', type: 'LayerNormalization', since: 1, infer: inferLayerNormalization },
  { domain: 'ai.onnx', type: 'SimplifiedLayerNormalization', since: 1, infer: inferSimplifiedLayerNormalization },
  { domain: 'ai.onnx', type: 'RMSNormalization', since: 23, infer: inferScaleTyped },
  { domain: 'ai.onnx', type: 'Dropout', since: 1, infer: inferDropout },
  shapeKeeping('ai.onnx', 'InstanceNormalization', 1),
  shapeKeeping('ai.onnx', 'GroupNormalization', 18),
  shapeKeeping('ai.onnx', 'LRN', 1),
  shapeKeeping('ai.onnx', 'LpNormalization', 1),
  shapeKeeping('ai.onnx', 'MeanVarianceNormalization', 1),
  withAxis('Softmax'),
  withAxis('LogSoftmax'),
  withAxis('Hardmax'),
];
