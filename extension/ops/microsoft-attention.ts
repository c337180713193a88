import type { DataType } from '../model/data-type';
import { add, type Dim, elementCount, floorDivide, maximum, multiply, type Shape } from '../model/dimension';
import { type AttentionSizes, firstKnown, headCount, scoreAndValueMacs, scoreCount } from './attention';
import type { CostContext, OpContext, OpDefinition, ValueFact } from './definition';
import { softmaxOfScores } from './element-operations';
import { scalarElement, tensorFact } from './facts';
import { shapeKeeping } from './normalization';

/** Where an attention with its own input projection has its operands. Input 0 is the data, 1 the weight, 2 the bias. */
interface ProjectedForm {
  readonly past: number;
  readonly mask: number;
  /** Elements of past_sequence_length, used where past and present share one buffer; undefined: no such input. */
  readonly pastLength?: number;
  readonly dataType: (context: OpContext) => DataType | undefined;
}

interface ProjectedSizes extends AttentionSizes {
  readonly input: Dim;
  readonly queryHidden: Dim;
  readonly valueHidden: Dim;
  /** Columns of the weight: query, key and value hidden sizes together. */
  readonly columns: Dim;
  /** Length of the present state, which with a shared buffer is longer than the keys in use. */
  readonly presentLength: Dim;
}

/** Data [batch, sequence, input], weight [input, columns], past [2, batch, heads, past sequence, head size]. */
function readProjected(context: OpContext, form: ProjectedForm): ProjectedSizes {
  const data = context.shape(0);
  const weight = context.shape(1);
  const past = context.shape(form.past);
  const heads = headCount(context, 'num_heads');
  const columns = firstKnown(weight?.[1], context.shape(2)?.[0]);
  const stated = context.attributes.ints('qkv_hidden_sizes');
  const third = floorDivide(columns, 3);
  const queryHidden = stated?.[0] ?? third;
  const valueHidden = stated?.[2] ?? third;
  const sequence = firstKnown(data?.[1]);
  const shared = context.attributes.int('past_present_share_buffer', 0) !== 0 && context.hasInput(form.past);
  const before = !context.hasInput(form.past)
    ? 0
    : shared
      ? form.pastLength === undefined
        ? null
        : scalarElement(context, form.pastLength)
      : firstKnown(past?.[3]);
  const totalSequence = add(before, sequence);
  return {
    batch: firstKnown(data?.[0], past?.[1]),
    queryHeads: heads,
    keyHeads: heads,
    querySequence: sequence,
    totalSequence,
    headSize: floorDivide(queryHidden, heads),
    valueHeadSize: floorDivide(valueHidden, heads),
    input: firstKnown(data?.[2], weight?.[0]),
    queryHidden,
    valueHidden,
    columns,
    presentLength: shared ? firstKnown(past?.[3]) : totalSequence,
  };
}

function projectedAttention(type: string, form: ProjectedForm): OpDefinition {
  return {
    domain: 'com.microsoft',
    type,
    since: 1,
    infer: (context): readonly ValueFact[] => {
      const sizes = readProjected(context, form);
      const { batch, queryHeads, querySequence, valueHidden, headSize, presentLength } = sizes;
      const dataType = form.dataType(context);
      return [
        tensorFact(dataType, [batch, querySequence, valueHidden]),
        tensorFact(dataType, [2, batch, queryHeads, presentLength, headSize]),
      ];
    },
    // The input projection, then the products of attention.
    macs: (context) => {
      const sizes = readProjected(context, form);
      const projection = elementCount([sizes.batch, sizes.querySequence, sizes.input, sizes.columns]);
      return add(projection, scoreAndValueMacs(sizes));
    },
    elementOperations: (context) => {
      const sizes = readProjected(context, form);
      const bias = context.hasInput(2) ? elementCount([sizes.batch, sizes.querySequence, sizes.columns]) : 0;
      return add(bias, softmaxOfScores(scoreCount(sizes), context.hasInput(form.mask)));
    },
  };
}

interface MultiHeadSizes extends AttentionSizes {
  readonly presentLength: Dim;
}

/**
 * Query [batch, sequence, hidden], or queries, keys and values packed as [batch, sequence, heads, 3, size]; key [batch, sequence,
 * hidden], keys and values packed as [batch, sequence, heads, 2, size], or for cross attention with cached keys [batch, heads,
 * sequence, size], and so the value.
 */
function readMultiHead(context: OpContext): MultiHeadSizes {
  const [query, key, value, past] = [context.shape(0), context.shape(1), context.shape(2), context.shape(6)];
  const heads = headCount(context, 'num_heads');
  const packed = query?.length === 5;
  const headSize = packed ? firstKnown(query[4]) : floorDivide(query?.[2] ?? null, heads);
  const keySequence = packed ? firstKnown(query[1]) : key?.length === 4 ? firstKnown(key[2]) : firstKnown(key?.[1]);
  const shared = context.hasInput(8);
  const hasPast = context.hasInput(6);
  const before = !hasPast ? 0 : shared ? scalarElement(context, 8) : firstKnown(past?.[2]);
  const totalSequence = add(before, keySequence);
  return {
    batch: firstKnown(query?.[0], key?.[0], value?.[0]),
    queryHeads: heads,
    keyHeads: heads,
    querySequence: firstKnown(query?.[1]),
    totalSequence,
    headSize,
    valueHeadSize: packed || key?.length === 5 ? headSize : valueHeadSize(context, value, heads, headSize),
    presentLength: shared && hasPast ? firstKnown(past?.[2]) : totalSequence,
  };
}

function valueHeadSize(context: OpContext, value: Shape | undefined, heads: Dim, headSize: Dim): Dim {
  if (value?.length === 4) return firstKnown(value[3]);
  if (value?.length === 3) return floorDivide(value[2] ?? null, heads);
  return context.hasInput(2) || context.shape(0) === undefined ? null : headSize;
}

function inferMultiHead(context: OpContext): readonly ValueFact[] {
  const sizes = readMultiHead(context);
  const { batch, queryHeads, querySequence, totalSequence, presentLength } = sizes;
  const dataType = context.dataType(0);
  return [
    tensorFact(dataType, [batch, querySequence, multiply(queryHeads, sizes.valueHeadSize)]),
    tensorFact(dataType, [batch, queryHeads, presentLength, sizes.headSize]),
    tensorFact(dataType, [batch, queryHeads, presentLength, sizes.valueHeadSize]),
    tensorFact(dataType, [batch, queryHeads, querySequence, totalSequence]),
  ];
}

/**
 * Query [batch, sequence, heads * size], or without a key queries, keys and values together. Past and present keys are [batch, key
 * heads, sequence, size]; the present is as long as the total sequence, or as the past where that is a longer buffer.
 */
function readGroupQuery(context: OpContext): MultiHeadSizes {
  const query = context.shape(0);
  const heads = headCount(context, 'num_heads');
  const keyHeads = headCount(context, 'kv_num_heads');
  const packedHeads = context.hasInput(1) ? heads : add(heads, multiply(keyHeads, 2));
  const headSize = floorDivide(query?.[2] ?? null, packedHeads);
  const total = scalarElement(context, 6);
  const past = context.hasInput(3) ? firstKnown(context.shape(3)?.[2]) : 0;
  return {
    batch: firstKnown(query?.[0], context.shape(5)?.[0]),
    queryHeads: heads,
    keyHeads,
    querySequence: firstKnown(query?.[1]),
    totalSequence: total,
    headSize,
    valueHeadSize: headSize,
    presentLength: maximum(past, total),
  };
}

function inferGroupQuery(context: OpContext): readonly ValueFact[] {
  const sizes = readGroupQuery(context);
  const { batch, queryHeads, keyHeads, querySequence, headSize, presentLength } = sizes;
  const dataType = context.dataType(0);
  // A cache may hold its elements in another type, packed or not.
  const cached = (index: number): ValueFact =>
    tensorFact(context.hasInput(index) ? context.dataType(index) : dataType, [
      batch,
      keyHeads,
      presentLength,
      context.hasInput(index) ? firstKnown(context.shape(index)?.[3]) : headSize,
    ]);
  return [
    tensorFact(dataType, [batch, querySequence, multiply(queryHeads, headSize)]),
    cached(3),
    cached(4),
    tensorFact(dataType, [batch, queryHeads, querySequence, sizes.totalSequence]),
  ];
}

/** Tokens of all batch entries in one list, without padding: [tokens, input]. */
function inferPackedAttention(context: OpContext): readonly ValueFact[] {
  const columns = firstKnown(context.shape(1)?.[1], context.shape(2)?.[0]);
  const hidden = context.attributes.ints('qkv_hidden_sizes')?.[2] ?? floorDivide(columns, 3);
  return [tensorFact(context.dataType(0), [context.shape(0)?.[0] ?? null, hidden])];
}

/** Keys that a token meets depend on the lengths of the sequences, which are data. */
function packedAttentionMacs(_context: CostContext): Dim {
  return null;
}

function attention(type: string, infer: OpDefinition['infer'], macs: NonNullable<OpDefinition['macs']>): OpDefinition {
  return { domain: 'com.microsoft', type, since: 1, infer, macs };
}

/** `mask`: the input that hides scores, or is added to them; undefined where all are masked. */
function scored(
  type: string,
  infer: OpDefinition['infer'],
  sizes: (context: OpContext) => AttentionSizes,
  mask?: number,
): OpDefinition {
  return {
    ...attention(type, infer, (context) => scoreAndValueMacs(sizes(context))),
    elementOperations: (context) =>
      softmaxOfScores(scoreCount(sizes(context)), mask === undefined || context.hasInput(mask)),
  };
}

/** Attention operators of com.microsoft. */
export const microsoftAttentionOperators: readonly OpDefinition[] = [
  projectedAttention('Attention', { past: 4, mask: 3, pastLength: 6, dataType: (context) => context.dataType(0) }),
  projectedAttention('QAttention', {
    past: 8,
    mask: 5,
    dataType: (context) => context.dataType(3) ?? context.dataType(2),
  }),
  scored('MultiHeadAttention', inferMultiHead, readMultiHead, 4),
  scored('GroupQueryAttention', inferGroupQuery, readGroupQuery),
  attention('PackedAttention', inferPackedAttention, packedAttentionMacs),
  shapeKeeping('com.microsoft', 'RotaryEmbedding', 1),
];
