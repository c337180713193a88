import type { DataType } from '../model/data-type';
import { add, type Dim, multiply, type Shape } from '../model/dimension';
import { resolveAxes, resolveAxis } from './axes';
import { broadcastShapes } from './broadcast';
import type { OpContext, OpDefinition, ValueFact } from './definition';
import { tensorFact, unknownDims, withDim } from './facts';
import { gemm, matrixProduct, packedMacs, packedProduct } from './matrix';
import { embeddingFacts } from './microsoft-fused';

function quantized(type: string, infer: OpDefinition['infer']): OpDefinition {
  return { domain: 'com.microsoft', type, since: 1, infer };
}

/** The type of the zero point at `index`, else that of the data. */
function zeroPointType(context: OpContext, index: number): DataType | undefined {
  return context.dataType(index) ?? context.dataType(0);
}

/** X, its scale and zero point, then those of the output. */
function inferUnary(context: OpContext): readonly ValueFact[] {
  return [tensorFact(zeroPointType(context, 4), context.shape(0))];
}

/** A and B with their scales and zero points, then those of the output. */
function inferBinary(context: OpContext): readonly ValueFact[] {
  const dataType = context.dataType(0) ?? context.dataType(3);
  return [tensorFact(dataType, broadcastShapes(context.shape(0), context.shape(3)))];
}

function inferWhere(context: OpContext): readonly ValueFact[] {
  const branches = broadcastShapes(context.shape(1), context.shape(4));
  const dataType = context.dataType(8) ?? context.dataType(1);
  return [tensorFact(dataType, broadcastShapes(context.shape(0), branches))];
}

/** Scale and zero point of the output, then for each tensor itself, its scale and its zero point. */
function inferConcat(context: OpContext): readonly ValueFact[] {
  const indices: number[] = [];
  for (let index = 2; index < context.inputCount; index += 3) indices.push(index);
  return [tensorFact(context.dataType(1) ?? context.dataType(2), concatenated(context, indices))];
}

function concatenated(context: OpContext, indices: readonly number[]): Shape | undefined {
  const shapes = indices.map((index) => context.shape(index));
  const rank = shapes.find((shape) => shape !== undefined)?.length;
  const stated = context.attributes.int('axis');
  if (rank === undefined || stated === undefined) {
    if (stated === undefined) context.fault('axis is missing.');
    return rank === undefined ? undefined : unknownDims(rank);
  }
  const axis = resolveAxis(context, stated, rank);
  if (axis === undefined || shapes.some((shape) => shape !== undefined && shape.length !== rank)) {
    return unknownDims(rank);
  }
  return Array.from({ length: rank }, (_, index) => {
    const sizes = shapes.map((shape) => shape?.[index] ?? null);
    if (index === axis) return sizes.reduce(add, 0);
    return sizes.find((size) => typeof size === 'number') ?? sizes.find((size) => size !== null) ?? null;
  });
}

/** The axes named become 1, or vanish without keepdims; no axes means all. */
function reducedShape(context: OpContext): Shape | undefined {
  const shape = context.shape(0);
  if (shape === undefined) return undefined;
  const stated = context.attributes.ints('axes') ?? [];
  const axes = stated.length === 0 ? [...shape.keys()] : resolveAxes(context, stated, shape.length);
  const keep = context.attributes.int('keepdims', 1) !== 0;
  if (axes === undefined) return keep ? unknownDims(shape.length) : undefined;
  const reduced = new Set(axes);
  return keep
    ? shape.map((size, axis) => (reduced.has(axis) ? 1 : size))
    : shape.filter((_, axis) => !reduced.has(axis));
}

function inferReduceMean(context: OpContext): readonly ValueFact[] {
  return [tensorFact(zeroPointType(context, 4), reducedShape(context))];
}

/** Sums of 8-bit integers are 32-bit integers of the same sign. */
function inferReduceSum(context: OpContext): readonly ValueFact[] {
  const dataType = context.dataType(0);
  const sum = dataType === undefined ? undefined : dataType === 'UINT8' ? 'UINT32' : 'INT32';
  return [tensorFact(sum, reducedShape(context))];
}

/** Rows of a table stored in blocks; bytes hold several elements each along the last axis. */
function inferGatherBlocks(context: OpContext): readonly ValueFact[] {
  const data = context.shape(0);
  const indices = context.shape(1);
  const dataType = context.dataType(2);
  if (data === undefined || indices === undefined) return [tensorFact(dataType, undefined)];
  const axis = resolveAxis(context, context.attributes.int('gather_axis', 0), data.length);
  if (axis === undefined) return [tensorFact(dataType, unknownDims(data.length - 1 + indices.length))];
  const elements = unpacked(context, data);
  return [tensorFact(dataType, [...elements.slice(0, axis), ...indices, ...elements.slice(axis + 1)])];
}

function unpacked(context: OpContext, data: Shape): Shape {
  const last = data.length - 1;
  const stored = context.dataType(0);
  if (stored === undefined) return withDim(data, last, null);
  if (stored !== 'UINT8') return data;
  const perByte = Math.floor(8 / context.attributes.int('bits', 4));
  return withDim(data, last, multiply(data[last] ?? null, perByte));
}

/** Columns and contracted size of a product whose weight is packed, as the attributes name them. */
function packedSizes(context: OpContext): { readonly columns?: number; readonly contracted?: number } {
  const [columns, contracted] = [context.attributes.int('N'), context.attributes.int('K')];
  if (columns === undefined || contracted === undefined) {
    context.fault('N or K is missing.');
    return {};
  }
  // MatMulBnb4 can multiply by the weight as it is instead of by its transpose.
  return context.attributes.int('transB', 1) === 0
    ? { columns: contracted, contracted: columns }
    : { columns, contracted };
}

function packed(type: string): OpDefinition {
  return {
    domain: 'com.microsoft',
    type,
    since: 1,
    infer: (context) => packedProduct(context, packedSizes(context).columns, context.dataType(0)),
    macs: (context): Dim => packedMacs(context, packedSizes(context).contracted),
  };
}

/** Quantized operators of com.microsoft, apart from convolutions, pools, attention and recurrent layers. */
export const microsoftQuantizedOperators: readonly OpDefinition[] = [
  quantized('QLinearAdd', inferBinary),
  quantized('QLinearMul', inferBinary),
  quantized('QLinearWhere', inferWhere),
  quantized('QLinearConcat', inferConcat),
  quantized('QLinearLeakyRelu', inferUnary),
  quantized('QLinearSigmoid', inferUnary),
  quantized('QLinearSoftmax', inferUnary),
  quantized('QLinearReduceMean', inferReduceMean),
  quantized('ReduceSumInteger', inferReduceSum),
  quantized('GatherBlockQuantized', inferGatherBlocks),
  quantized('QEmbedLayerNormalization', (context) => embeddingFacts(context, 2, context.dataType(8))),
  quantized('MulInteger', (context) => [
    tensorFact('INT32', broadcastShapes(context.shape(0), context.shape(context.inputCount > 2 ? 2 : 1))),
  ]),
  gemm('com.microsoft', 'QGemm', 1, {
    right: 3,
    // Without a zero point for the output the result stays in float, in the type of the scales.
    dataType: (context) => (context.hasInput(8) ? context.dataType(8) : context.dataType(1)),
  }),
  matrixProduct('com.microsoft', 'DynamicQuantizeMatMul', 1, {
    left: 0,
    right: 1,
    dataType: (context) => context.dataType(0),
  }),
  matrixProduct('com.microsoft', 'MatMulIntegerToFloat', 1, {
    left: 0,
    right: 1,
    dataType: (context) => context.dataType(2) ?? context.dataType(3),
  }),
  matrixProduct('com.microsoft', 'MatMulInteger16', 1, { left: 0, right: 1, dataType: () => 'INT32' }),
  packed('MatMulNBits'),
  packed('MatMulBnb4'),
];
