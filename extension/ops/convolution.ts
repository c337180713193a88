import type { DataType } from '../model/data-type';
import { add, type Dim, elementCount, multiply, type Shape, subtract } from '../model/dimension';
import type { CostContext, OpContext, OpDefinition, ValueFact } from './definition';
import { tensorFact, unknownDims } from './facts';
import { listOf, positiveList, readAutomaticPadding, readWindow, windowExtent, windowPositions } from './window';

/** Which inputs a convolution has, and where its channels are. */
export interface ConvolutionForm {
  readonly weight: number;
  readonly dataType: (context: OpContext) => DataType | undefined;
  /** True: data is [N, spatial..., C]. Weights are [M, C/group, kernel...] in every form. */
  readonly channelsLast?: (context: OpContext) => boolean;
}

/** Inference of a convolution in any of its plain, quantized and fused forms. */
export function inferConvolution(form: ConvolutionForm): OpDefinition['infer'] {
  return (context) => [tensorFact(form.dataType(context), convolutionShape(context, form))];
}

/** MACs of a convolution: output elements x (Cin/group x kernel volume). */
export function convolutionMacs(form: ConvolutionForm): (context: CostContext) => Dim {
  return (context) => {
    const output = context.outputShape(0);
    const weight = context.shape(form.weight);
    if (output === undefined || weight === undefined) return null;
    return multiply(elementCount(output), elementCount(weight.slice(1)));
  };
}

/** A convolution's definition. */
export function convolution(domain: string, type: string, since: number, form: ConvolutionForm): OpDefinition {
  return { domain, type, since, infer: inferConvolution(form), macs: convolutionMacs(form) };
}

function convolutionShape(context: OpContext, form: ConvolutionForm): Shape | undefined {
  const channelsLast = form.channelsLast?.(context) ?? false;
  const weight = context.shape(form.weight);
  const kernelShape = context.attributes.ints('kernel_shape');
  const rank = context.shape(0)?.length ?? weight?.length ?? (kernelShape && kernelShape.length + 2);
  if (rank === undefined) return undefined;
  if (rank < 3 || (weight !== undefined && weight.length !== rank)) {
    context.fault(
      `The data has rank ${rank} and the weight rank ${weight?.length ?? rank}; both must be equal and at least 3.`,
    );
    return undefined;
  }
  const data = context.shape(0) ?? unknownDims(rank);
  checkChannels(context, channelsLast ? data[rank - 1] : data[1], weight?.[1]);
  const kernel = kernelSizes(context, weight, rank - 2);
  const window = kernel && readWindow(context, kernel);
  const spatial = channelsLast ? data.slice(1, -1) : data.slice(2);
  const positions = windowPositions(context, spatial, window);
  const batch = data[0] ?? null;
  const channels = weight?.[0] ?? null;
  return channelsLast ? [batch, ...positions, channels] : [batch, channels, ...positions];
}

/** The kernel along each spatial axis, from kernel_shape or else from the weight; undefined, with a fault, where they differ. */
function kernelSizes(context: OpContext, weight: Shape | undefined, rank: number): readonly Dim[] | undefined {
  const stated = context.attributes.ints('kernel_shape');
  const held = weight?.slice(2) ?? unknownDims(rank);
  if (stated === undefined || stated.length === 0) return held;
  const agrees =
    stated.length === rank && held.every((size, axis) => typeof size !== 'number' || size === stated[axis]);
  if (agrees) return stated;
  context.fault(`kernel_shape [${stated.join(', ')}] is not that of the weight.`);
  return undefined;
}

function checkChannels(context: OpContext, channels: Dim | undefined, perGroup: Dim | undefined): void {
  const group = context.attributes.int('group', 1);
  if (typeof channels !== 'number' || typeof perGroup !== 'number' || channels === perGroup * group) return;
  context.fault(`The data has ${channels} channels; the weight takes ${perGroup} in each of ${group} groups.`);
}

/** Output of a transposed convolution; `pads` null where they are an input that is not known. */
function transposedShape(context: OpContext, pads: 'attribute' | readonly Dim[]): Shape | undefined {
  const weight = context.shape(1);
  const rank = context.shape(0)?.length ?? weight?.length;
  if (rank === undefined) return undefined;
  if (rank < 3 || (weight !== undefined && weight.length !== rank)) {
    context.fault(
      `The data has rank ${rank} and the weight rank ${weight?.length ?? rank}; both must be equal and at least 3.`,
    );
    return undefined;
  }
  const data = context.shape(0) ?? unknownDims(rank);
  const channels = multiply(weight?.[1] ?? null, context.attributes.int('group', 1));
  return [data[0] ?? null, channels, ...transposedSpatial(context, data.slice(2), weight, pads)];
}

/**
 * stride * (input - 1) + output_padding + extent - pads; for auto_pad SAME input * stride, unless the window does not even reach
 * that far. Sources: ONNX operator ConvTranspose; onnxruntime, ComputeTransposePadAndOutputShape.
 */
function transposedSpatial(
  context: OpContext,
  spatial: Shape,
  weight: Shape | undefined,
  givenPads: 'attribute' | readonly Dim[],
): Shape {
  const rank = spatial.length;
  const stated = context.attributes.ints('output_shape');
  if (stated !== undefined && stated.length > 0) {
    // Some exporters list batch and channels as well.
    const sizes = stated.length === rank + 2 ? stated.slice(2) : stated;
    if (sizes.length === rank) return sizes;
    context.fault(`output_shape has ${stated.length} entries; ${rank} are needed.`);
    return unknownDims(rank);
  }
  const kernel = kernelSizes(context, weight, rank);
  const strides = positiveList(context, 'strides', rank);
  const dilations = positiveList(context, 'dilations', rank);
  const outputPadding = listOf(context, 'output_padding', rank, 0);
  const pads = givenPads === 'attribute' ? listOf(context, 'pads', rank * 2, 0) : givenPads;
  const automatic = readAutomaticPadding(context);
  if (!kernel || !strides || !dilations || !outputPadding || !pads || !automatic) return unknownDims(rank);
  return spatial.map((size, axis) => {
    const stride = strides[axis] ?? 1;
    const reach = add(windowExtent({ kernel, dilations }, axis), outputPadding[axis] ?? 0);
    const uncropped = add(multiply(stride, subtract(size, 1)), reach);
    if (automatic === 'SAME') {
      if (typeof reach !== 'number') return null;
      return reach >= stride ? multiply(size, stride) : uncropped;
    }
    if (automatic === 'VALID') return uncropped;
    const cropped = subtract(subtract(uncropped, pads[axis] ?? null), pads[axis + rank] ?? null);
    if (typeof cropped !== 'number' || cropped >= 0) return cropped;
    context.fault(`The padding removes more than spatial axis ${axis} has.`);
    return null;
  });
}

function inferDynamicPads(context: OpContext): readonly ValueFact[] {
  const rank = (context.shape(0) ?? context.shape(1))?.length ?? 2;
  const pads = context.hasInput(2) ? (context.elements(2)?.elements ?? unknownDims((rank - 2) * 2)) : 'attribute';
  return [tensorFact(context.dataType(0), transposedShape(context, pads))];
}

/** MACs of a transposed convolution: input elements x weight elements per input channel; what pads crop away is computed too. */
function transposedMacs(context: CostContext): Dim {
  const data = context.shape(0);
  const weight = context.shape(1);
  if (data === undefined || weight === undefined) return null;
  return multiply(elementCount(data), elementCount(weight.slice(1)));
}

/** A stateful depthwise convolution over time: as Conv, and the last k - 1 positions are handed on. */
function inferCausalConvolution(context: OpContext): readonly ValueFact[] {
  const data = context.shape(0);
  const weight = context.shape(1);
  const past = context.shape(3);
  const state =
    data?.length === 3 || weight?.length === 3 || past?.length === 3
      ? [
          data?.[0] ?? past?.[0] ?? null,
          data?.[1] ?? weight?.[0] ?? past?.[1] ?? null,
          subtract(weight?.[2] ?? null, 1) ?? past?.[2] ?? null,
        ]
      : undefined;
  const dataType = context.dataType(0);
  return [tensorFact(dataType, data), tensorFact(dataType, state)];
}

/** The form of onnxruntime: more axes, dilation, channels last and a window of states; the state then follows past_state only. */
function inferCausalConvolutionExtended(context: OpContext): readonly ValueFact[] {
  const attributes = context.attributes;
  const plain =
    attributes.int('ndim', 1) === 1 &&
    attributes.int('channels_last', 0) === 0 &&
    attributes.int('dilation', 1) === 1 &&
    attributes.int('state_window', 0) === 0;
  if (plain) return inferCausalConvolution(context);
  const dataType = context.dataType(0);
  return [tensorFact(dataType, context.shape(0)), tensorFact(dataType, context.shape(3))];
}

/** Output elements x kernel volume: each channel has its own kernel. */
function depthwiseMacs(context: CostContext): Dim {
  const output = context.outputShape(0);
  const weight = context.shape(1);
  if (output === undefined || weight === undefined) return null;
  return multiply(elementCount(output), elementCount(weight.slice(2)));
}

const floatForm: ConvolutionForm = { weight: 1, dataType: (context) => context.dataType(0) };
const channelsLastForm: ConvolutionForm = { ...floatForm, channelsLast: () => true };
const quantizedForm: ConvolutionForm = { weight: 3, dataType: (context) => context.dataType(7) };

/** Convolutions of ai.onnx and com.microsoft in all their forms. */
export const convolutionOperators: readonly OpDefinition[] = [
  convolution('ai.onnx', 'Conv', 1, floatForm),
  convolution('ai.onnx', 'DeformConv', 19, floatForm),
  convolution('ai.onnx', 'ConvInteger', 10, { weight: 1, dataType: () => 'INT32' }),
  convolution('ai.onnx', 'QLinearConv', 10, quantizedForm),
  convolution('com.microsoft', 'FusedConv', 1, floatForm),
  convolution('com.microsoft', 'NhwcConv', 1, channelsLastForm),
  convolution('com.microsoft', 'NhwcFusedConv', 1, channelsLastForm),
  convolution('com.microsoft', 'QLinearConv', 1, {
    ...quantizedForm,
    channelsLast: (context) => context.attributes.int('channels_last', 0) !== 0,
  }),
  {
    domain: 'ai.onnx',
    type: 'ConvTranspose',
    since: 1,
    infer: (context) => [tensorFact(context.dataType(0), transposedShape(context, 'attribute'))],
    macs: transposedMacs,
  },
  {
    domain: 'com.microsoft',
    type: 'ConvTransposeWithDynamicPads',
    since: 1,
    infer: inferDynamicPads,
    macs: transposedMacs,
  },
  { domain: 'ai.onnx', type: 'CausalConvWithState', since: 27, infer: inferCausalConvolution, macs: depthwiseMacs },
  {
    domain: 'com.microsoft',
    type: 'CausalConvWithState',
    since: 1,
    infer: inferCausalConvolutionExtended,
    macs: depthwiseMacs,
  },
];
