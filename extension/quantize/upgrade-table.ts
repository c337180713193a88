import { axesRules } from './upgrade-rules-axes';
import { elementwiseRules } from './upgrade-rules-elementwise';
import { experimentalRules } from './upgrade-rules-experimental';
import { laterRules } from './upgrade-rules-later';
import { layerRules } from './upgrade-rules-layers';
import type { UpgradeRule } from './upgrade-site';

/** What becomes of an ai.onnx operator on the way to opset 13 or 21. */
export type UpgradeEntry =
  | { readonly kind: 'rule'; readonly rule: UpgradeRule }
  /** Its versions up to 21 differ in admitted types, in wording, or in attributes and inputs whose default is the old meaning. */
  | { readonly kind: 'unchanged' }
  /** No version of ONNX up to 21 defines it; it was not changed, and whoever runs it knows it by itself. */
  | { readonly kind: 'not-in-onnx' }
  | { readonly kind: 'refused'; readonly reason: string };

const rules: ReadonlyMap<string, UpgradeRule> = new Map([
  ...axesRules,
  ...elementwiseRules,
  ...layerRules,
  ...experimentalRules,
]);

// From the operator history in onnx.defs of ONNX 1.23. Versions of these differ as the comments say.
const unchanged: ReadonlySet<string> = new Set([
  // One version only, up to opset 13.
  ...['Acos', 'Acosh', 'Asin', 'Asinh', 'Atan', 'Atanh', 'BitShift', 'Celu', 'ConcatFromSequence', 'ConstantOfShape'],
  ...['ConvInteger', 'Cos', 'Cosh', 'CumSum', 'Det', 'DynamicQuantizeLinear', 'Einsum', 'EyeLike', 'GlobalAveragePool'],
  ...['GlobalMaxPool', 'GreaterOrEqual', 'IsInf', 'LessOrEqual', 'LpNormalization', 'MatMulInteger', 'MaxRoiPool'],
  ...['Multinomial', 'Not', 'QLinearConv', 'QLinearMatMul', 'RandomNormal', 'RandomNormalLike', 'RandomUniform'],
  ...['RandomUniformLike', 'Range', 'ReverseSequence', 'RoiAlign', 'Round', 'SequenceAt', 'SequenceConstruct'],
  ...['SequenceEmpty', 'SequenceErase', 'SequenceInsert', 'SequenceLength', 'Shrink', 'Sin', 'Sinh', 'Softplus'],
  ...[
    'Softsign',
    'SplitToSequence',
    'StringNormalizer',
    'Tan',
    'TfIdfVectorizer',
    'ThresholdedRelu',
    'Unique',
    'Where',
  ],
  // consumed_inputs, which said that memory may be reused, is gone since 6; Sum, Max, Min, Mean also broadcast since 8.
  ...['Abs', 'Ceil', 'Elu', 'Exp', 'Floor', 'HardSigmoid', 'InstanceNormalization', 'LeakyRelu', 'Log', 'Max', 'Mean'],
  ...['Min', 'Neg', 'Reciprocal', 'Relu', 'Sigmoid', 'Sqrt', 'Sum', 'Tanh'],
  // More element types, negative axes, inputs that became optional, or texts only. ConvTranspose: the text on how an odd
  // padding is split under output_shape was corrected; onnxruntime and onnx's reference read all versions alike.
  ...['Compress', 'Constant', 'Conv', 'ConvTranspose', 'Erf', 'Expand', 'Flatten', 'Gather', 'GatherElements'],
  ...['Identity', 'If', 'IsNaN', 'LRN', 'Loop', 'MatMul', 'MaxUnpool', 'MeanVarianceNormalization', 'Mod'],
  ...['NegativeLogLikelihoodLoss', 'NonMaxSuppression', 'NonZero', 'ReduceL1', 'ReduceL2', 'ReduceLogSum'],
  ...['ReduceLogSumExp', 'ReduceMax', 'ReduceMean', 'ReduceMin', 'ReduceProd', 'ReduceSumSquare', 'ScatterElements'],
  ...['ScatterND', 'Shape', 'Sign', 'Size', 'SoftmaxCrossEntropyLoss', 'SpaceToDepth', 'Transpose'],
  // New attributes that default to what was: select_last_index; ceil_mode, count_include_pad, dilations, storage_order;
  // mode of DepthToSpace; batch_dims; axis of the quantized pair, which a scalar scale ignores.
  ...['ArgMax', 'ArgMin', 'AveragePool', 'MaxPool', 'DepthToSpace', 'GatherND', 'QuantizeLinear', 'DequantizeLinear'],
  // Since 11 negative indices count from the end; indices out of range are an error of the model in practice.
  'OneHot',
  // Opsets 14 to 20 brought them; versions up to 21 differ in admitted types.
  ...['AffineGrid', 'Bernoulli', 'BitwiseAnd', 'BitwiseNot', 'BitwiseOr', 'BitwiseXor', 'BlackmanWindow', 'CastLike'],
  ...['CenterCropPad', 'Col2Im', 'DeformConv', 'Gelu', 'HammingWindow', 'HannWindow', 'HardSwish', 'ImageDecoder'],
  ...['LayerNormalization', 'MelWeightMatrix', 'Mish', 'Optional', 'OptionalGetElement', 'OptionalHasElement'],
  ...['RegexFullMatch', 'STFT', 'SequenceMap', 'StringConcat', 'StringSplit', 'Trilu'],
]);

/** Experimental operators of the first opsets that ONNX took back and no rule replaces. */
const removed: ReadonlySet<string> = new Set(['ATen', 'ConstantFill', 'DynamicSlice', 'GRUUnit', 'GivenTensorFill']);

/** The last opset that the rules of the first opsets lead to; from there on those of later ones do. */
const firstRulesEnd = 13;

/** What to do with an operator of ai.onnx that was written for `opset`. */
export function upgradeEntry(opType: string, opset: number): UpgradeEntry {
  const first = opset < firstRulesEnd ? rules.get(opType) : undefined;
  const later = laterRules.get(opType);
  if (first || later) {
    return {
      kind: 'rule',
      rule: (site) => {
        // No node is rewritten by both, but one that the first rule takes may be refused by the second.
        const rewritten = later?.(site);
        return first?.(site) ?? rewritten;
      },
    };
  }
  if (removed.has(opType) || (opType === 'MeanVarianceNormalization' && opset < 9)) {
    return { kind: 'refused', reason: 'it was experimental and is gone' };
  }
  return { kind: unchanged.has(opType) || rules.has(opType) ? 'unchanged' : 'not-in-onnx' };
}
