import {
  type AcceleratorRules,
  all,
  atMost,
  constantWeights,
  each,
  elements,
  kernelsIn,
  type LayerRule,
  notDilated,
  notGrouped,
  oneGroupOrDepthwise,
  oneImage,
  product,
  square,
  stridesIn,
} from './accelerator-limits';
import { ethosRules } from './accelerator-rules-ethos';

/** Limits that MAX78000 and MAX78002 state in the same words. */
function max7800x(
  channels: number,
  side: number,
  convolution: LayerRule,
): Pick<AcceleratorRules, 'operators' | 'everyLayer'> {
  const channelLimit = all(
    atMost('input channels', channels, ({ inputChannels }) => [inputChannels]),
    atMost('output channels', channels, ({ outputChannels }) => [outputChannels]),
  );
  const padding = atMost('padding', 2, ({ pads }) => pads);
  const pooling = all(
    atMost('pooling kernel', 16, ({ kernel }) => kernel),
    atMost('pooling stride', 16, ({ strides }) => strides),
    atMost('padding of pooling', 0, ({ pads }) => pads),
  );
  return {
    operators: {
      Conv: all(
        kernelsIn('1×1 and 3×3, of one axis 1 to 9', (kernel) =>
          kernel.length === 1 ? (kernel[0] ?? 0) <= 9 : kernel.length === 2 && square([1, 3])(kernel),
        ),
        stridesIn('1 (pooling before it can stand for another)', (strides) => strides.every((stride) => stride === 1)),
        padding,
        dilationOfSignals(side),
        convolution,
        channelLimit,
      ),
      ConvTranspose: all(
        kernelsIn('3×3', (kernel) => kernel.length === 2 && square([3])(kernel)),
        stridesIn('2', (strides) => strides.every((stride) => stride === 2)),
        padding,
        channelLimit,
      ),
      ...each(
        'Gemm MatMul',
        all(
          constantWeights,
          atMost('outputs', 1024, ({ outputChannels }) => [outputChannels]),
          atMost('inputs', 16384, ({ inputChannels }) => [inputChannels]),
        ),
      ),
      ...each('MaxPool AveragePool', pooling),
      ...each(
        'GlobalAveragePool GlobalMaxPool',
        atMost('pooling kernel', 16, ({ spatial }) => spatial),
      ),
      ...each('Add Sub BitwiseOr BitwiseXor Relu Abs Concat Flatten Reshape Squeeze Unsqueeze Softmax'),
    },
    everyLayer: atMost('rows or columns', side, ({ spatial }) => spatial),
  };
}

/** Channels of generic convolutions are multiples of 4; the first layer has one input channel. */
const tinpuConvolution: LayerRule = all(
  ({ groups, inputChannels, kernel }) =>
    groups === 'one' && inputChannels !== undefined && inputChannels !== 1 && inputChannels % 4 !== 0
      ? `${inputChannels} input channels; it takes multiples of 4, or 1 with a kernel of width at most 8`
      : inputChannels === 1 && (kernel?.[1] ?? 0) > 8
        ? `kernel ${kernel?.join('×')}; its width is at most 8`
        : undefined,
  ({ outputChannels }) =>
    outputChannels !== undefined && outputChannels % 4 !== 0
      ? `${outputChannels} output channels; it takes multiples of 4`
      : undefined,
  ({ groups, kernel }) =>
    groups === 'depthwise'
      ? (kernel?.[1] ?? 0) > 7
        ? `kernel ${kernel?.join('×')}; its width is at most 7`
        : undefined
      : (kernel?.[0] ?? 0) > 7
        ? `kernel ${kernel?.join('×')}; its height is at most 7`
        : undefined,
  oneGroupOrDepthwise,
  ({ groups, strides }) =>
    groups === 'one' && strides && !['1,1', '2,1', '2,2', '1', '2'].includes(strides.join())
      ? `stride ${strides.join('×')}; it takes 1×1, 2×1 and 2×2`
      : undefined,
);

const axonConvolution = all(
  kernelsIn('at most 16×16, of one axis 32', (kernel) => {
    const long = kernel.length === 1 || kernel[0] === 1;
    return long ? kernel.every((size) => size <= 32) : kernel.every((size) => size <= 16);
  }),
  atMost('stride', 31, ({ strides }) => strides),
  ({ groups, inputChannels, outputChannels }) =>
    groups === 'depthwise' &&
    inputChannels !== undefined &&
    outputChannels !== undefined &&
    inputChannels !== outputChannels
      ? 'depthwise with a channel multiplier'
      : undefined,
  oneGroupOrDepthwise,
);

/** Kernels of one axis may be dilated up to length 3. */
function dilationOfSignals(most: number): LayerRule {
  return atMost('dilation', most, ({ kernel, dilations }) => (kernel?.length === 1 ? dilations : undefined));
}

/** Limits by accelerator, as far as a source states them. The order matters: the first pattern that matches decides. */
export const acceleratorRules: readonly AcceleratorRules[] = [
  {
    pattern: /^MAX78000/,
    label: 'MAX78000 CNN accelerator',
    precisions: ['int8', 'int4', 'ternary', 'binary'],
    ...max7800x(
      1024,
      1023,
      all((layer) => (layer.kernel?.length === 2 ? notDilated(layer) : undefined), notGrouped),
    ),
    mostLayers: 32,
    weightMemory: { bytes: 442_368, label: 'weight memory of the accelerator', beyond: 'cannot run' },
    fallback: undefined,
    notChecked: [
      'How weights and data are laid out among its 64 processors (layers with more than 64 channels take more memory), and streaming of inputs larger than 90×91.',
    ],
    source: 'analogdevicesinc/ai8x-training README, Limitations of MAX78000 Networks',
  },
  {
    pattern: /^MAX78002/,
    label: 'MAX78002 CNN accelerator',
    precisions: ['int8', 'int4', 'ternary', 'binary'],
    ...max7800x(
      2048,
      2047,
      all(
        oneGroupOrDepthwise,
        atMost('dilation', 16, ({ kernel, dilations }) => (kernel?.length === 2 ? dilations : undefined)),
        atMost('padding with more than 64 input channels', 0, ({ kernel, inputChannels = 0, pads }) =>
          kernel?.length === 1 && inputChannels > 64 ? pads : undefined,
        ),
      ),
    ),
    mostLayers: 128,
    weightMemory: { bytes: 2_396_160, label: 'weight memory of the accelerator', beyond: 'cannot run' },
    fallback: undefined,
    notChecked: [
      'How weights and data are laid out among its 64 processors (layers with more than 64 channels take more memory), and streaming of inputs larger than 143×143.',
    ],
    source: 'analogdevicesinc/ai8x-training README, Limitations of MAX78002 Networks',
  },
  {
    pattern: /^Edge TPU/,
    label: 'Edge TPU',
    precisions: ['int8', 'uint8'],
    operators: {
      Conv: all(constantWeights, oneGroupOrDepthwise, ({ dilations }) =>
        dilations?.some((dilation) => dilation !== dilations[0])
          ? `dilation ${dilations.join('×')}; it takes the same in both axes`
          : undefined,
      ),
      ...each('Gemm MatMul', constantWeights),
      ...each(
        'ConvTranspose Add Sub Mul Max Min AveragePool GlobalAveragePool ReduceMean MaxPool GlobalMaxPool Concat Sigmoid Tanh Relu Clip PRelu Softmax Pad Reshape Flatten Squeeze Unsqueeze Resize Slice Split Transpose LpNormalization ReduceMax ReduceMin ReduceSum SpaceToDepth LSTM',
      ),
    },
    everyLayer: ({ outputShape }) => {
      const outer = outputShape?.slice(0, -3).find((size) => typeof size === 'number' && size > 1);
      return outer === undefined
        ? undefined
        : `an axis of ${outer} beyond three; only the innermost three may be larger than 1`;
    },
    weightMemory: { bytes: 8_388_608, label: 'on-chip memory for parameters', beyond: 'slower' },
    fallback: 'the host, and so do all layers after the first one',
    notChecked: ['Limits of its compiler that depend on sizes, and how much of its memory the program takes.'],
    source:
      'Coral, "TensorFlow models on the Edge TPU" (coral.ai/docs/edgetpu/models-intro); the list of operations compared with copies of it',
  },
  ...ethosRules,
  {
    pattern: /^KPU$/,
    label: 'KPU of K210',
    precisions: ['int8', 'uint8'],
    operators: {
      Conv: all(
        kernelsIn('1×1 and 3×3', square([1, 3])),
        oneGroupOrDepthwise,
        stridesIn('1 and 2 (others are cut out of a denser result)', (strides) =>
          strides.every((stride) => stride <= 2),
        ),
        atMost('channels', 1024, ({ inputChannels, outputChannels }) => [inputChannels, outputChannels]),
        ({ spatial }) =>
          spatial && ((spatial[0] ?? 0) > 240 || (spatial[1] ?? 0) > 320)
            ? `feature map of ${spatial.join('×')}; at most 240×320`
            : undefined,
        ({ outputShape }) => {
          const small = outputShape?.slice(2).find((size) => typeof size === 'number' && size < 4);
          return small === undefined ? undefined : `output of ${outputShape?.slice(2).join('×')}; at least 4×4`;
        },
      ),
      ...each('MaxPool AveragePool', kernelsIn('2×2 and 4×4', square([2, 4]))),
      // nncase turns these into convolutions with padding around them.
      ...each('MatMul Gemm ConvTranspose'),
      ...each('Relu Clip LeakyRelu Sigmoid Tanh HardSwish HardSigmoid Reshape Flatten Squeeze Unsqueeze'),
    },
    everyLayer: ({ opType, inputShape, outputShape }) => {
      const bytes = /Conv/.test(opType) ? elements(inputShape) + elements(outputShape) : 0;
      return bytes > 2_097_152
        ? `input and output take ${bytes} bytes; its memory for feature maps has 2097152`
        : undefined;
    },
    weightMemory: { bytes: 6_291_456, label: 'RAM of the K210, where weights lie', beyond: 'cannot run' },
    fallback: 'the RISC-V cores',
    notChecked: ['Padding: where it is not the same on both sides nncase adds operators.'],
    source: 'kendryte/nncase, FAQ of version 1 (K210 and KPU)',
  },
  {
    pattern: /^Neural-ART/,
    label: 'Neural-ART 14',
    precisions: ['int8'],
    operators: {
      ...each(
        'Conv ConvTranspose AveragePool GlobalAveragePool MaxPool GlobalMaxPool Gemm MatMul Relu Clip LeakyRelu PRelu HardSwish Sigmoid Tanh Add Mul Sub Max Min Abs Ceil Reshape Flatten Squeeze Unsqueeze Slice Split Transpose Concat Pad SpaceToDepth Resize Cast Equal And Not Or',
      ),
      // A mean over all of an image is a global pool.
      ...each('ReduceMean ReduceMax', ({ inputShape, outputShape }) =>
        inputShape?.length === 4 && elements(outputShape) === elements(inputShape.slice(0, 2))
          ? undefined
          : 'it reduces other axes than height and width',
      ),
    },
    everyLayer: oneImage,
    fallback: 'the Cortex-M55 core',
    notChecked: [
      'The list of operators was read second hand, in summaries of the source.',
      'Pools of windows that do not come apart into 3×3 and smaller ones, which run on the core, and modes of Resize other than nearest.',
    ],
    source: 'ST Edge AI Core 2.2, "ST Neural-ART NPU - Supported operators and limitations" (stedgeai-dc.st.com)',
  },
  {
    pattern: /^Axon NPU/,
    label: 'Axon NPU',
    precisions: ['int8'],
    operators: {
      Conv: axonConvolution,
      ...each(
        'Gemm MatMul',
        all(
          constantWeights,
          atMost('inputs', 2048, ({ inputChannels }) => [inputChannels]),
          atMost('outputs', 2048, ({ outputChannels }) => [outputChannels]),
        ),
      ),
      AveragePool: all(
        atMost('kernel', 32, ({ kernel }) => kernel),
        atMost('padding', 0, ({ pads }) => pads),
      ),
      MaxPool: atMost('kernel', 32, ({ kernel }) => kernel),
      ...each(
        'GlobalAveragePool ReduceMean Relu Clip LeakyRelu Add Mul Slice Concat Split Flatten Squeeze Unsqueeze Softmax',
      ),
    },
    everyLayer: atMost('height, width or channels', 1024, ({ opType, outputChannels, spatial }) =>
      /Gemm|MatMul/.test(opType) ? [] : [outputChannels, ...(spatial ?? [])],
    ),
    fallback:
      'the Cortex-M33 core where Axon has code for it (Sigmoid, Tanh, Reshape, nearest Resize); others do not compile',
    notChecked: ['The one input and at most 20 outputs of a model, and what reshapes cost.'],
    source: 'nrfconnect/sdk-edge-ai doc/axon_compiler/supported_operators.rst',
  },
  {
    pattern: /^TINPU/,
    label: 'TINPU',
    precisions: ['int8', 'int4', 'ternary'],
    operators: {
      Conv: tinpuConvolution,
      ...each('Gemm MatMul', ({ inputChannels }) =>
        inputChannels !== undefined && inputChannels < 16 ? `${inputChannels} inputs; at least 16` : undefined,
      ),
      MaxPool: atMost('kernel', 4, ({ kernel }) => kernel),
      ...each('AveragePool GlobalAveragePool', ({ spatial }) =>
        spatial && product(spatial) <= 2 ? `pooled area ${product(spatial)}; more than 2` : undefined,
      ),
      ...each('Relu Clip Add Flatten Reshape Squeeze Unsqueeze'),
    },
    fallback: 'the C28x or Arm core, by a software library',
    notChecked: ['Padding and the exact configurations of each kernel.'],
    source: 'TexasInstruments/tinyml-tensorlab docs/source/devices/npu_guidelines.rst',
  },
  {
    pattern: /^NE16/,
    label: 'NE16',
    precisions: ['int8', 'int16x8', 'int4', 'ternary'],
    operators: {
      Conv: all(kernelsIn('1×1 and 3×3', square([1, 3])), oneGroupOrDepthwise),
      ...each('Gemm MatMul', constantWeights),
      ...each('Relu Clip Flatten Reshape Squeeze Unsqueeze'),
    },
    fallback: 'the RISC-V cores of the cluster',
    notChecked: ['Strides, and how layers are tiled into the memory of the cluster.'],
    source: 'pulp-platform/ne16 README',
  },
];
