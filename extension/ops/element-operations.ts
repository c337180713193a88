import { add, type Dim, elementCount, multiply, type Shape, sameDim } from '../model/dimension';
import type { CostContext, OpDefinition } from './definition';

/**
 * Operations on elements besides multiply-accumulates: how many an operator needs, by a rule per operator. The rules count what the
 * definition of the operator asks for, not what a kernel does; one addition, comparison, exponential or rounding is one operation.
 */
type Rule = (context: CostContext) => Dim;

const none: Rule = () => 0;

/** The data decide; no number follows from shapes. */
const notCounted: Rule = () => null;

function elements(shape: Shape | undefined): Dim {
  return shape === undefined ? null : elementCount(shape);
}

/** So many operations for each element of the first output. */
function perOutput(count: number): Rule {
  return (context) => multiply(count, elements(context.outputShape(0)));
}

/** So many operations for each element of one input, the first unless named. */
function perInput(count: number, index = 0): Rule {
  return (context) => multiply(count, elements(context.shape(index)));
}

/** Operations for each element of the output: for a second operand of a fold, one for each input after the first. */
const folded: Rule = (context) => multiply(Math.max(1, context.inputCount - 1), elements(context.outputShape(0)));

/** One operation for each element under the window, at each of its places. */
const windowed: Rule = (context) => {
  let count = elements(context.outputShape(0));
  for (const size of context.attributes.ints('kernel_shape') ?? []) count = multiply(count, size);
  return count;
};

/** Of a product: one addition for each element of the output where there is a bias, and what is fused in after it. */
function afterProduct(options: { readonly bias?: number; readonly sum?: number; readonly more?: number }): Rule {
  return (context) => {
    let count = options.more ?? 0;
    if (options.bias !== undefined && context.hasInput(options.bias)) count++;
    if (options.sum !== undefined && context.hasInput(options.sum)) count++;
    return count === 0 ? 0 : multiply(count, elements(context.outputShape(0)));
  };
}

const gemm: Rule = (context) => {
  const scales = ['alpha', 'beta'].filter((name) => context.attributes.float(name, 1) !== 1).length;
  return multiply(scales + (context.hasInput(2) ? 1 : 0), elements(context.outputShape(0)));
};

/** The square and sum over `size` channels, a power and a division. */
const localResponse: Rule = (context) =>
  multiply(context.attributes.int('size', 1) + 3, elements(context.outputShape(0)));

/** Only what is combined with the data that is there: `reduction` add, mul, min or max. */
const scattered: Rule = (context) =>
  context.attributes.string('reduction', 'none') === 'none' ? 0 : elements(context.shape(2));

/** Places of the input that make one element of a resized output: 2 along an axis for linear, 4 for cubic, none for nearest. */
const resized: Rule = (context) => {
  const mode = context.attributes.string('mode', 'nearest');
  if (mode === 'nearest') return 0;
  const [input, output] = [context.shape(0), context.outputShape(0)];
  if (input === undefined || output === undefined) return null;
  const axes = output.filter((size, axis) => !sameDim(size, input[axis] ?? null)).length;
  return multiply((mode === 'cubic' ? 4 : 2) ** axes, elementCount(output));
};

const sampled: Rule = (context) => {
  const mode = context.attributes.string('mode', 'linear');
  if (mode === 'nearest') return 0;
  const axes = Math.max(0, (context.outputShape(0)?.length ?? 2) - 2);
  const taps = mode === 'cubic' || mode === 'bicubic' ? 4 : 2;
  return multiply(taps ** axes, elements(context.outputShape(0)));
};

/** Four places of the input for each sample. Without sampling_ratio their number depends on the regions. */
const aligned: Rule = (context) => {
  const ratio = context.attributes.int('sampling_ratio', 0);
  return ratio > 0 ? multiply(4 * ratio * ratio, elements(context.outputShape(0))) : null;
};

/** 5 N log2 N for each transform of N elements, the usual count of a fast Fourier transform. */
function transform(length: Dim | undefined, transforms: Dim): Dim {
  if (typeof length !== 'number') return null;
  return multiply(5 * length * Math.ceil(Math.log2(Math.max(1, length))), transforms);
}

const fourier: Rule = (context) => {
  const output = context.outputShape(0);
  if (output === undefined) return null;
  const shape = context.shape(0);
  const rank = output.length;
  const stated = context.opset >= 20 ? (context.elements(2)?.elements[0] ?? -2) : context.attributes.int('axis', 1);
  if (typeof stated !== 'number') return null;
  const axis = stated < 0 ? stated + rank : stated;
  const length = context.hasInput(1) ? (context.elements(1)?.elements[0] ?? null) : shape?.[axis];
  return transform(length, elementCount(output.filter((_, index) => index !== axis && index !== rank - 1)));
};

/** The window times the frame, then the transform of each frame. */
const shortTimeFourier: Rule = (context) => {
  const output = context.outputShape(0);
  if (output === undefined) return null;
  const length = context.shape(2)?.[0] ?? context.elements(3)?.elements[0] ?? null;
  const frames = elementCount(output.slice(0, 2));
  return add(multiply(length, frames), transform(length, frames));
};

/** N operations an element of an N x N matrix: the order of a factorization. */
const factorized: Rule = (context) => {
  const shape = context.shape(0);
  return multiply(shape?.[shape.length - 1] ?? null, elements(shape));
};

/** A multiplication and an addition for each coordinate of each place, homogeneous coordinate included. */
const affine: Rule = (context) => {
  const output = context.outputShape(0);
  return multiply(multiply(2, add(output?.[output.length - 1] ?? null, 1)), elements(output));
};

/**
 * Of a recurrent layer, for each step and hidden element: activations and element-wise products and sums of the cell, and two bias
 * additions a gate where there is a bias. The matrix products are multiply-accumulates.
 */
function cell(gates: number, arithmetic: number, bias = 3): Rule {
  return (context) => {
    const data = context.shape(0);
    const state = context.outputShape(1);
    const steps = data?.[context.attributes.int('layout', 0) === 1 ? 1 : 0] ?? null;
    return multiply((context.hasInput(bias) ? 2 * gates : 0) + arithmetic, multiply(steps, elements(state)));
  };
}

/** A multiplication and an addition for each learned coefficient and example. */
function learned(attribute: string): Rule {
  return (context) => {
    const shape = context.shape(0);
    const examples = shape?.length === 1 ? 1 : (shape?.[0] ?? null);
    return multiply(2 * (context.attributes.floats(attribute)?.length ?? 0), examples);
  };
}

const rules = new Map<string, Rule>();

function rule(types: string, count: Rule): void {
  for (const type of types.split(' ')) rules.set(type, count);
}

rule(
  'Squeeze Unsqueeze Transpose Expand Tile BitCast Constant ConstantOfShape EyeLike ConstantFill GivenTensorFill Concat Split ' +
    'Pad Reshape Flatten SpaceToDepth DepthToSpace Slice CenterCropPad Trilu Crop DynamicSlice Gather GatherElements GatherND ' +
    'OneHot Compress ReverseSequence MaxUnpool TensorScatter Shape Size Identity Dropout Optional OptionalGetElement ' +
    'OptionalHasElement SequenceConstruct SequenceEmpty SequenceAt SequenceInsert SequenceErase SequenceLength SplitToSequence ' +
    'ConcatFromSequence SequenceMap If Loop Scan ExpandDims BiasDropout StringConcat StringSplit RegexFullMatch ' +
    'StringNormalizer QLinearConcat QLinearWhere ArrayFeatureExtractor FeatureVectorizer OneHotEncoder CategoryMapper ' +
    'LabelEncoder CastMap DictVectorizer ZipMap',
  none,
);
// Products without a bias of their own: everything they do is multiply-accumulates.
rule('MatMul MatMulInteger MatMulInteger16 ConvInteger Einsum FusedMatMul TransposeMatMul MatMulBnb4', none);
rule(
  'PackedAttention FlexAttention LinearAttention CausalConvWithState MoE QMoE NonMaxSuppression MaxRoiPool ImageDecoder ' +
    'SVMClassifier SVMRegressor TreeEnsembleClassifier TreeEnsembleRegressor TreeEnsemble Gradient Adagrad Adam Momentum',
  notCounted,
);
rule(
  'Acos Acosh Asin Asinh Atan Atanh BitwiseNot Celu Cos Cosh Elu Erf Exp Gelu HardSigmoid HardSwish LeakyRelu Log Mish Selu ' +
    'Shrink Sigmoid Sin Sinh Softplus Softsign Swish Tan Tanh ThresholdedRelu Affine ImageScaler ParametricSoftplus Scale ' +
    'ScaledTanh Abs Ceil Floor Neg Reciprocal Relu Round Sign Sqrt Add Sub Mul Div Mod Pow BitShift BitwiseAnd BitwiseOr ' +
    'BitwiseXor PRelu Cast CastLike Equal Greater GreaterOrEqual Less LessOrEqual And Or Xor Not IsNaN IsInf Where Range ' +
    'Bernoulli RandomNormal RandomNormalLike RandomUniform RandomUniformLike Multinomial CumSum CumProd BlackmanWindow ' +
    'HammingWindow HannWindow MelWeightMatrix BiasAdd FastGelu QuickGelu SampleOp MulInteger QLinearAdd QLinearMul ' +
    'QLinearLeakyRelu QLinearSigmoid GatherBlockQuantized Imputer Binarizer',
  perOutput(1),
);
rule('Max Min Sum Mean', folded);
rule('Clip SwiGLU BiasGelu BiasSplitGelu Scaler QuantizeLinear DequantizeLinear', perOutput(2));
// A multiplication by the cosine, one by the sine, and their sum.
rule('RotaryEmbedding', perOutput(3));
// The least and the greatest element for the scale, then as QuantizeLinear.
rule('DynamicQuantizeLinear', perOutput(4));
rule('Quant IntQuant BipolarQuant Trunc FloatQuant', perOutput(4));
rule(
  'ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare ArgMax ' +
    'ArgMin GlobalMaxPool GlobalAveragePool GlobalLpPool QLinearGlobalAveragePool QLinearReduceMean ReduceSumInteger Col2Im TopK ' +
    'NonZero Unique Hardmax IsAllFinite TfIdfVectorizer',
  perInput(1),
);
rule('MaxPool AveragePool LpPool NhwcMaxPool MaxpoolWithMask QLinearAveragePool', windowed);
// Maximum, difference, exponential, sum and division.
rule('Softmax LogSoftmax QLinearSoftmax', perOutput(5));
rule('BiasSoftmax', perOutput(6));
rule('SoftmaxCrossEntropyLoss', perInput(6));
rule('NegativeLogLikelihoodLoss', perInput(1, 1));
// At inference mean and deviation are constants: one multiplication and one addition.
rule('BatchNormalization', perOutput(2));
// Sum, difference, square, sum of squares, division, scale and shift.
rule('LayerNormalization InstanceNormalization GroupNormalization GroupNorm', perOutput(7));
rule('SkipLayerNormalization SkipGroupNorm', perOutput(8));
rule('EmbedLayerNormalization QEmbedLayerNormalization', perOutput(9));
// Square, sum, division and scale.
rule('RMSNormalization SimplifiedLayerNormalization', perOutput(4));
rule('SkipSimplifiedLayerNormalization MeanVarianceNormalization', perOutput(5));
rule('LpNormalization Normalizer', perOutput(3));
rule('LRN', localResponse);
rule('Scatter ScatterElements ScatterND', scattered);
rule('Resize Upsample', resized);
rule('GridSample', sampled);
rule('CropAndResize', perOutput(4));
rule('RoiAlign', aligned);
rule('AffineGrid', affine);
rule('DFT', fourier);
rule('STFT', shortTimeFourier);
rule('Det Inverse', factorized);
// Difference, square and sum for each of the columns of each pair of rows.
rule('CDist', (context) => multiply(multiply(3, context.shape(0)?.[1] ?? null), elements(context.outputShape(0))));
rule('Gemm', gemm);
rule('FusedGemm', (context) => add(gemm(context), elements(context.outputShape(0))));
rule('Conv ConvTranspose ConvTransposeWithDynamicPads NhwcConv', afterProduct({ bias: 2 }));
rule('FusedConv NhwcFusedConv', afterProduct({ bias: 2, sum: 3, more: 1 }));
rule('DeformConv', afterProduct({ bias: 3 }));
// The scale and the zero point of the result.
rule('QLinearConv', afterProduct({ bias: 8, more: 2 }));
rule('QLinearMatMul', afterProduct({ more: 2 }));
rule('QGemm', afterProduct({ bias: 6, more: 2 }));
rule('MatMulIntegerToFloat', afterProduct({ bias: 6, more: 1 }));
rule('DynamicQuantizeMatMul', afterProduct({ bias: 4, more: 1 }));
rule('MatMulNBits', afterProduct({ bias: 5 }));
rule('FusedMatMulActivation', afterProduct({ more: 1 }));
rule('GemmFastGelu', afterProduct({ bias: 2, more: 1 }));
rule('LSTM DynamicQuantizeLSTM', cell(4, 9));
rule('GRU', cell(3, 8));
rule('RNN', cell(1, 1));
rule('LinearClassifier LinearRegressor', learned('coefficients'));

/** Softmax takes five operations a score; its scale, and the mask where there is one, one each. */
export function softmaxOfScores(scores: Dim, masked: boolean): Dim {
  return multiply(masked ? 7 : 6, scores);
}

/**
 * Operations of a node besides multiply-accumulates, subgraphs and function bodies not included. Element-wise operators count one
 * for each element of the output, reductions and global pools one for each element of the input, pools the kernel's volume for each
 * element of the output, softmax five, normalizations two to seven, products the additions of their bias, data movement none.
 * null: not known.
 */
export function elementOperationsOf(operator: OpDefinition, context: CostContext): Dim {
  if (operator.elementOperations) return operator.elementOperations(context);
  return rules.get(operator.type)?.(context) ?? null;
}

/** True when there is a rule for the operator, be it that its count depends on data. */
export function hasElementOperations(operator: OpDefinition): boolean {
  return operator.elementOperations !== undefined || rules.has(operator.type);
}
