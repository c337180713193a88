import type { OpDefinition } from './definition';

/** Operators that need more than one input, and those that need none; all others need one. Source: the operator specifications. */
const byCount: readonly (readonly [count: number, domain: string, types: string])[] = [
  [0, 'ai.onnx', 'Constant Loop Scan RandomNormal RandomUniform Optional OptionalHasElement SequenceEmpty'],
  [0, 'ai.onnx', 'ConstantFill GivenTensorFill'],
  [2, 'ai.onnx', 'TensorScatter Expand Tile CastLike Equal Greater GreaterOrEqual Less LessOrEqual And Or Xor Conv'],
  [2, 'ai.onnx', 'ConvInteger ConvTranspose CausalConvWithState Add Sub Mul Div Mod Pow BitShift BitwiseAnd BitwiseOr'],
  [2, 'ai.onnx', 'BitwiseXor PRelu SwiGLU Gather GatherElements GatherND NegativeLogLikelihoodLoss MatMul'],
  [2, 'ai.onnx', 'SoftmaxCrossEntropyLoss MatMulInteger Gemm LayerNormalization RMSNormalization MaxRoiPool MaxUnpool'],
  [2, 'ai.onnx', 'QuantizeLinear DequantizeLinear GridSample AffineGrid Compress NonMaxSuppression CumSum CumProd'],
  [2, 'ai.onnx', 'ReverseSequence SequenceAt SequenceInsert STFT CenterCropPad StringConcat'],
  [3, 'ai.onnx', 'Attention LinearAttention RotaryEmbedding Where DeformConv Scatter ScatterElements ScatterND OneHot'],
  [3, 'ai.onnx', 'Range InstanceNormalization GroupNormalization RoiAlign LSTM GRU RNN Col2Im'],
  [5, 'ai.onnx', 'BatchNormalization MelWeightMatrix'],
  [8, 'ai.onnx', 'QLinearConv QLinearMatMul'],
  [2, 'ai.onnx.ml', 'ArrayFeatureExtractor'],
  [3, 'ai.onnx.preview', 'FlexAttention'],
  [2, 'com.microsoft', 'FusedConv NhwcConv NhwcFusedConv ConvTransposeWithDynamicPads CausalConvWithState Attention'],
  [2, 'com.microsoft', 'BiasGelu BiasSoftmax BiasSplitGelu BiasDropout Pad CDist ExpandDims FusedMatMul FusedGemm'],
  [2, 'com.microsoft', 'FusedMatMulActivation TransposeMatMul GemmFastGelu MatMulInteger16 QuantizeLinear'],
  [2, 'com.microsoft', 'DequantizeLinear QLinearConcat QLinearLeakyRelu QLinearSigmoid QLinearAveragePool'],
  [
    3,
    'com.microsoft',
    'LinearAttention BiasAdd GroupNorm SkipLayerNormalization SkipSimplifiedLayerNormalization MoE QMoE',
  ],
  [3, 'com.microsoft', 'GatherBlockQuantized DynamicQuantizeMatMul MatMulNBits MatMulBnb4 DynamicQuantizeLSTM'],
  [4, 'com.microsoft', 'RotaryEmbedding SkipGroupNorm MatMulIntegerToFloat CropAndResize'],
  [5, 'com.microsoft', 'QAttention PackedAttention QLinearGlobalAveragePool'],
  [6, 'com.microsoft', 'QGemm'],
  [8, 'com.microsoft', 'QLinearConv'],
];

/** Operators that took an attribute before the opset named and an input since. */
const since = new Map<string, readonly [opset: number, count: number]>([
  ['Reshape', [5, 2]],
  ['Slice', [10, 3]],
  ['Pad', [11, 2]],
  ['TopK', [10, 2]],
  ['Upsample', [9, 2]],
  ['Unsqueeze', [13, 2]],
]);

const counts = new Map<string, number>();
for (const [count, domain, types] of byCount)
  for (const type of types.split(' ')) counts.set(`${domain} ${type}`, count);

/** How many inputs, from the first on, a node of this operator cannot do without. */
export function leastInputs({ domain, type }: OpDefinition, opset: number): number {
  const changed = domain === 'ai.onnx' ? since.get(type) : undefined;
  if (changed && opset >= changed[0]) return changed[1];
  return counts.get(`${domain} ${type}`) ?? 1;
}
