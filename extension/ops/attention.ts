import { type DataType, dataTypeFromCode } from '../model/data-type';
import { add, type Dim, elementCount, floorDivide, multiply, type Shape } from '../model/dimension';
import type { CostContext, OpContext, OpDefinition, ValueFact } from './definition';
import { softmaxOfScores } from './element-operations';
import { tensorFact } from './facts';
import { shapeKeeping } from './normalization';

/** The sizes of scaled dot-product attention, whatever the layout of its operands. */
export interface AttentionSizes {
  readonly batch: Dim;
  readonly queryHeads: Dim;
  readonly keyHeads: Dim;
  readonly querySequence: Dim;
  /** Keys that a query meets: those before and the new ones. */
  readonly totalSequence: Dim;
  readonly headSize: Dim;
  readonly valueHeadSize: Dim;
}

/**
 * Q x K^T and P x V: batch x query heads x queries x keys x (head size + value head size). Masks, causal or other, do not lower the
 * count: the products are formed and then masked.
 */
export function scoreAndValueMacs(sizes: AttentionSizes): Dim {
  return multiply(scoreCount(sizes), add(sizes.headSize, sizes.valueHeadSize));
}

/** Scores: one for each head, query and key. */
export function scoreCount(sizes: AttentionSizes): Dim {
  return elementCount([sizes.batch, sizes.queryHeads, sizes.querySequence, sizes.totalSequence]);
}

/** The first that is known. */
export function firstKnown(...dims: readonly (Dim | undefined)[]): Dim {
  for (const dim of dims) if (dim !== undefined && dim !== null) return dim;
  return null;
}

/** A count attribute that must be positive; null, with a fault, where it is missing or not. */
export function headCount(context: OpContext, name: string): Dim {
  const count = context.attributes.int(name);
  if (count !== undefined && count > 0) return count;
  context.fault(count === undefined ? `${name} is missing.` : `${name} is ${count}; it must be positive.`);
  return null;
}

/** Heads, sequence and head size of Q, K or V, which is [batch, heads, sequence, size] or [batch, sequence, heads * size]. */
function readOperand(context: OpContext, index: number, headsAttribute: string) {
  const shape = context.shape(index);
  if (shape?.length === 4) return { heads: shape[1], sequence: shape[2], size: shape[3] };
  if (shape?.length === 3) {
    const heads = headCount(context, headsAttribute);
    return { heads, sequence: shape[1], size: floorDivide(shape[2] ?? null, heads) };
  }
  if (shape !== undefined) context.fault(`Input ${index} has rank ${shape.length}; it must be 3 or 4.`);
  return undefined;
}

/** The sizes of ai.onnx Attention. Past keys and values are [batch, heads, sequence, size]. */
function readSizes(context: OpContext): AttentionSizes {
  const query = readOperand(context, 0, 'q_num_heads');
  const key = readOperand(context, 1, 'kv_num_heads');
  const value = readOperand(context, 2, 'kv_num_heads');
  const pastKey = context.shape(4);
  const pastValue = context.shape(5);
  const hasPast = context.hasInput(4) || context.hasInput(5);
  const past = hasPast ? firstKnown(pastKey?.[2], pastValue?.[2]) : 0;
  return {
    batch: firstKnown(context.shape(0)?.[0], context.shape(1)?.[0], context.shape(2)?.[0], pastKey?.[0]),
    queryHeads: firstKnown(query?.heads),
    keyHeads: firstKnown(key?.heads, value?.heads, pastKey?.[1], pastValue?.[1]),
    querySequence: firstKnown(query?.sequence),
    totalSequence: add(past, firstKnown(key?.sequence, value?.sequence)),
    headSize: firstKnown(key?.size, query?.size, pastKey?.[3]),
    valueHeadSize: firstKnown(value?.size, pastValue?.[3]),
  };
}

/** Outputs: result, present key, present value, and the scores at the stage that qk_matmul_output_mode names. */
function inferAttention(context: OpContext): readonly ValueFact[] {
  const sizes = readSizes(context);
  const { batch, queryHeads, keyHeads, querySequence, totalSequence, headSize, valueHeadSize } = sizes;
  const keyType = context.dataType(1) ?? context.dataType(0);
  const valueType = context.dataType(2);
  return [
    tensorFact(context.dataType(0), attentionOutput(context, sizes)),
    tensorFact(keyType, [batch, keyHeads, totalSequence, headSize]),
    tensorFact(valueType, [batch, keyHeads, totalSequence, valueHeadSize]),
    tensorFact(context.dataType(0), [batch, queryHeads, querySequence, totalSequence]),
  ];
}

function attentionOutput(context: OpContext, sizes: AttentionSizes): Shape | undefined {
  switch (context.shape(0)?.length) {
    case 3:
      return [sizes.batch, sizes.querySequence, multiply(sizes.queryHeads, sizes.valueHeadSize)];
    case 4:
      return [sizes.batch, sizes.queryHeads, sizes.querySequence, sizes.valueHeadSize];
    default:
      return undefined;
  }
}

/**
 * FlexAttention: the score and probability modifiers each see the whole tensor of scores once, in the precision of the softmax.
 */
function inferFlexAttention(context: OpContext): readonly ValueFact[] {
  const [query, key, value] = [context.shape(0), context.shape(1), context.shape(2)];
  const stated = context.attributes.int('softmax_precision');
  const precision = stated === undefined ? defaultSoftmaxPrecision(context.dataType(0)) : dataTypeFromCode(stated);
  const batch = firstKnown(query?.[0], key?.[0], value?.[0]);
  const heads = firstKnown(query?.[1]);
  const queries = firstKnown(query?.[2]);
  const scores = tensorFact(precision, [batch, heads, queries, firstKnown(key?.[2], value?.[2])]);
  for (const name of ['score_mod', 'prob_mod']) {
    if (context.attributes.has(name)) context.subgraph(name, [scores]);
  }
  return [tensorFact(context.dataType(0), [batch, heads, queries, firstKnown(value?.[3])])];
}

function defaultSoftmaxPrecision(dataType: DataType | undefined): DataType | undefined {
  if (dataType === undefined) return undefined;
  return dataType === 'DOUBLE' ? 'DOUBLE' : 'FLOAT';
}

function flexAttentionMacs(context: CostContext): Dim {
  const [query, key, value] = [context.shape(0), context.shape(1), context.shape(2)];
  return scoreAndValueMacs({
    batch: firstKnown(query?.[0], key?.[0], value?.[0]),
    queryHeads: firstKnown(query?.[1]),
    keyHeads: firstKnown(key?.[1], value?.[1]),
    querySequence: firstKnown(query?.[2]),
    totalSequence: firstKnown(key?.[2], value?.[2]),
    headSize: firstKnown(query?.[3], key?.[3]),
    valueHeadSize: firstKnown(value?.[3]),
  });
}

interface LinearAttentionSizes {
  readonly batch: Dim;
  readonly sequence: Dim;
  readonly queryHeads: Dim;
  readonly keyHeads: Dim;
  readonly keySize: Dim;
  readonly valueSize: Dim;
}

/** Operands are [batch, sequence, heads * size]; the state is [batch, heads, key size, value size], behind a window axis or not. */
function readLinearAttention(context: OpContext): LinearAttentionSizes {
  const [query, key, value, past] = [context.shape(0), context.shape(1), context.shape(2), context.shape(3)];
  const queryHeads = headCount(context, 'q_num_heads');
  const keyHeads = headCount(context, 'kv_num_heads');
  const state = past?.slice(-4);
  return {
    batch: firstKnown(query?.[0], key?.[0], value?.[0], state?.[0]),
    sequence: firstKnown(query?.[1], key?.[1], value?.[1]),
    queryHeads,
    keyHeads,
    keySize: firstKnown(
      floorDivide(key?.[2] ?? null, keyHeads),
      floorDivide(query?.[2] ?? null, queryHeads),
      state?.[2],
    ),
    valueSize: firstKnown(floorDivide(value?.[2] ?? null, keyHeads), state?.[3]),
  };
}

function inferLinearAttention(context: OpContext): readonly ValueFact[] {
  const sizes = readLinearAttention(context);
  const window = context.attributes.int('state_window', 0);
  const state: Shape = [sizes.batch, sizes.keyHeads, sizes.keySize, sizes.valueSize];
  const output: Shape = [sizes.batch, sizes.sequence, multiply(outputHeads(context, sizes), sizes.valueSize)];
  return [
    tensorFact(context.dataType(0), output),
    // Without a past state the official inference gives the state the type of the activations.
    tensorFact(context.dataType(3) ?? context.dataType(0), window > 0 ? [window, ...state] : state),
  ];
}

/** onnxruntime also admits fewer query heads than key heads; each key head then has an output. */
function outputHeads(context: OpContext, sizes: LinearAttentionSizes): Dim {
  const { queryHeads, keyHeads } = sizes;
  const inverse = typeof queryHeads === 'number' && typeof keyHeads === 'number' && keyHeads > queryHeads;
  return inverse && context.node.domain === 'com.microsoft' ? keyHeads : queryHeads;
}

/**
 * By the recurrence, a token costs key size x value size for each of: the outer product that updates a key head's state; for the
 * delta rules the state's product with the key; and the state's product with the query for each head of the output. Decay is
 * element-wise.
 */
function linearAttentionMacs(context: CostContext): Dim {
  const sizes = readLinearAttention(context);
  const delta = context.attributes.string('update_rule', 'gated_delta').endsWith('delta');
  const products = add(multiply(sizes.keyHeads, delta ? 2 : 1), outputHeads(context, sizes));
  return multiply(products, elementCount([sizes.batch, sizes.sequence, sizes.keySize, sizes.valueSize]));
}

/** Attention operators of ai.onnx and ai.onnx.preview, and what goes with them. */
export const attentionOperators: readonly OpDefinition[] = [
  {
    domain: 'ai.onnx',
    type: 'Attention',
    since: 23,
    infer: inferAttention,
    macs: (context) => scoreAndValueMacs(readSizes(context)),
    elementOperations: (context) => softmaxOfScores(scoreCount(readSizes(context)), context.hasInput(3)),
  },
  {
    domain: 'ai.onnx.preview',
    type: 'FlexAttention',
    since: 1,
    infer: inferFlexAttention,
    macs: flexAttentionMacs,
  },
  { domain: 'ai.onnx', type: 'LinearAttention', since: 27, infer: inferLinearAttention, macs: linearAttentionMacs },
  {
    domain: 'com.microsoft',
    type: 'LinearAttention',
    since: 1,
    infer: inferLinearAttention,
    macs: linearAttentionMacs,
  },
  shapeKeeping('ai.onnx', 'RotaryEmbedding', 23),
  shapeKeeping('ai.onnx', 'TensorScatter', 24),
];
