import type { DataType } from '../model/data-type';
import { add, type Dim, floorDivide, type Shape } from '../model/dimension';
import type { OpContext, OpDefinition, ValueFact } from './definition';
import { tensorFact, unknownDims } from './facts';
import { gemm, matrixProduct, type ProductForm } from './matrix';
import { likeInput, shapeKeeping } from './normalization';

/** Outputs: the normalized sum, its mean and inverse standard deviation (FLOAT, one a row), and the sum itself. */
function inferSkipNormalization(context: OpContext): readonly ValueFact[] {
  const shape = context.shape(0);
  const result = likeInput(context, 0);
  const statistics = tensorFact('FLOAT', shape && [...shape.slice(0, -1), 1]);
  return [result, statistics, statistics, result];
}

/**
 * Word ids [batch, sequence] become [batch, sequence, hidden], the hidden size from the word table at input `table`. Further
 * outputs: the number of words of each batch entry, and the sum before normalization.
 */
export function embeddingFacts(
  context: OpContext,
  table: number,
  dataType: DataType | undefined,
): readonly ValueFact[] {
  const ids = context.shape(0);
  const result = tensorFact(dataType, [ids?.[0] ?? null, ids?.[1] ?? null, context.shape(table)?.[1] ?? null]);
  const wordCounts = context.attributes.int('mask_index_type', 1) === 2 ? null : (ids?.[0] ?? null);
  return [result, tensorFact('INT32', [wordCounts]), result];
}

/** The input, and its sum with the residual. */
function inferSkipGroupNormalization(context: OpContext): readonly ValueFact[] {
  return [likeInput(context, 0), likeInput(context, 0)];
}

/** Half of the last axis gates the other half. */
function inferSplitGate(context: OpContext): readonly ValueFact[] {
  const shape = context.shape(0);
  const last = shape?.[shape.length - 1] ?? null;
  return [tensorFact(context.dataType(0), shape && [...shape.slice(0, -1), floorDivide(last, 2)])];
}

function inferBiasDropout(context: OpContext): readonly ValueFact[] {
  return [likeInput(context, 0), tensorFact('BOOL', context.shape(0))];
}

/** The pads are all beginnings, then all ends, as one list or as a matrix of one row. */
function inferPad(context: OpContext): readonly ValueFact[] {
  const data = context.shape(0);
  const rank = data?.length ?? 0;
  const pads = context.elements(1)?.elements;
  if (pads !== undefined && data !== undefined && pads.length !== rank * 2) {
    context.fault(`pads has ${pads.length} entries; ${rank * 2} are needed.`);
    return [tensorFact(context.dataType(0), unknownDims(rank))];
  }
  const shape = data?.map((size, axis) => add(size, add(pads?.[axis] ?? null, pads?.[axis + rank] ?? null)));
  return [tensorFact(context.dataType(0), shape)];
}

/** The distinct elements of a vector, for each element its place among them, and how often each occurs. */
function inferUnique(context: OpContext): readonly ValueFact[] {
  const shape = context.shape(0);
  const distinct: Shape = [context.dataDependent('unique')];
  const bound: Shape | undefined = shape?.length === 1 ? shape : undefined;
  return [
    tensorFact(context.dataType(0), distinct, undefined, bound),
    tensorFact('INT64', bound ?? [null]),
    tensorFact('INT64', distinct, undefined, bound),
  ];
}

/** Distances between the rows of two matrices. */
function inferDistances(context: OpContext): readonly ValueFact[] {
  const rows = (index: number): Dim => context.shape(index)?.[0] ?? null;
  return [tensorFact(context.dataType(0), [rows(0), rows(1)])];
}

/** One size-1 axis more, at the place the second input names. */
function inferExpandDims(context: OpContext): readonly ValueFact[] {
  const shape = context.shape(0);
  const axis = context.elements(1)?.elements[0];
  if (shape === undefined) return [tensorFact(context.dataType(0), undefined)];
  const place = typeof axis === 'number' ? (axis < 0 ? axis + shape.length + 1 : axis) : undefined;
  const expanded =
    place === undefined ? unknownDims(shape.length + 1) : [...shape.slice(0, place), 1, ...shape.slice(place)];
  return [tensorFact(context.dataType(0), expanded)];
}

function fused(type: string, infer: OpDefinition['infer']): OpDefinition {
  return { domain: 'com.microsoft', type, since: 1, infer };
}

/** Experts are chosen at run time by the data; the shape is that of the input, the cost is left open. */
function mixtureOfExperts(type: string): OpDefinition {
  return { ...shapeKeeping('com.microsoft', type, 1), macs: () => null };
}

const floatProduct: ProductForm = {
  left: 0,
  right: 1,
  dataType: (context) => context.dataType(0) ?? context.dataType(1),
  transposing: true,
};

const shapeKeepingTypes = [
  'BiasAdd',
  'BiasGelu',
  'BiasSoftmax',
  'FastGelu',
  'Gelu',
  'GroupNorm',
  'Inverse',
  'QuickGelu',
  'SampleOp',
  'Trilu',
] as const;

/** Fused float operators of com.microsoft, apart from convolutions, pools and attention. */
export const microsoftFusedOperators: readonly OpDefinition[] = [
  ...shapeKeepingTypes.map((type) => shapeKeeping('com.microsoft', type, 1)),
  fused('SkipLayerNormalization', inferSkipNormalization),
  fused('SkipSimplifiedLayerNormalization', inferSkipNormalization),
  fused('SkipGroupNorm', inferSkipGroupNormalization),
  fused('EmbedLayerNormalization', (context) => embeddingFacts(context, 2, context.dataType(2))),
  fused('BiasSplitGelu', inferSplitGate),
  fused('BiasDropout', inferBiasDropout),
  fused('Pad', inferPad),
  fused('Unique', inferUnique),
  fused('CDist', inferDistances),
  fused('ExpandDims', inferExpandDims),
  fused('IsAllFinite', () => [tensorFact('BOOL', [])]),
  matrixProduct('com.microsoft', 'FusedMatMul', 1, floatProduct),
  matrixProduct('com.microsoft', 'FusedMatMulActivation', 1, floatProduct),
  matrixProduct('com.microsoft', 'TransposeMatMul', 1, floatProduct),
  matrixProduct('com.microsoft', 'GemmFastGelu', 1, { ...floatProduct, transposing: false }),
  gemm('com.microsoft', 'FusedGemm', 1, { right: 1, dataType: floatProduct.dataType }),
  mixtureOfExperts('MoE'),
  mixtureOfExperts('QMoE'),
];
