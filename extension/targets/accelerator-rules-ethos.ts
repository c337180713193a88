import {
  type AcceleratorRules,
  all,
  atMost,
  atMostFourAxes,
  constantWeights,
  dilated,
  each,
  type LayerFacts,
  type LayerRule,
  oneImage,
  product,
  stridesIn,
} from './accelerator-limits';

const source = "Arm, Vela's supported-operators report (SUPPORTED_OPS.md, version 4.5.0)";
const fallback = 'the Cortex-M core, by TFLM';

/** Kernels of a pool that is padded, and of one that is not. */
const poolKernel = all(
  atMost('kernel height', 256, ({ kernel }) => kernel?.slice(0, 1)),
  atMost('kernel area', 65536, ({ kernel }) => kernel && [product(kernel)]),
);
const paddedAverage = atMost('kernel of padded average pooling', 8, ({ kernel, pads }) =>
  pads?.some((pad) => pad > 0) ? kernel : undefined,
);

/** Strides up to 3, larger ones along the width where it divides by parts of them, any where there is one row of output. */
const strides: LayerRule = ({ strides: steps, outputShape, spatial }) => {
  if (steps === undefined || outputShape?.[2] === 1) return undefined;
  const [height = 1, width = 1] = steps.length === 1 ? [1, steps[0]] : steps;
  if (height > 3) return `stride ${steps.join('×')}; it takes a height of at most 3`;
  const columns = spatial?.at(-1) ?? 0;
  const splits = [2, 3].some((part) => width % part === 0 && columns % (width / part) === 0);
  return width > 3 && !splits ? `stride ${steps.join('×')}; at most 3, or one that divides the width` : undefined;
};
const smallStrides = atMost('stride', 3, ({ strides: steps }) => steps);

const convolution = all(
  constantWeights,
  atMost('kernel height, dilated,', 64, (layer) => dilated(layer)?.slice(0, 1)),
  atMost('kernel area, dilated,', 4096, (layer) => {
    const kernel = dilated(layer);
    return kernel && [product(kernel)];
  }),
  (layer) => (layer.groups === 'depthwise' ? smallStrides(layer) : strides(layer)),
);

const mean = all(
  atMost('pooled area', 16_777_216, ({ spatial }) => spatial && [product(spatial)]),
  atMost('pooled width', 4096, ({ spatial }) => spatial?.slice(-1)),
);

/** The ONNX permutations of what Vela states for channels last: of images, height with width; of one row or column, any two axes. */
const transpose: LayerRule = ({ inputShape, outputShape }) => {
  if (!inputShape || !outputShape || inputShape.length < 4) return undefined;
  const large = (shape: NonNullable<LayerFacts['inputShape']>) => shape.filter((size) => size !== 1).length;
  const swapsHeightAndWidth = inputShape[0] === outputShape[0] && inputShape[1] === outputShape[1];
  return large(inputShape) <= 2 || swapsHeightAndWidth
    ? undefined
    : 'it transposes height with width only, or two axes where the others are 1';
};

const imageBatch: LayerRule = (layer) => (/Conv|Pool/.test(layer.opType) ? oneImage(layer) : undefined);

/** Limits of Arm's Ethos-U, by the compiler that places layers on them. */
export const ethosRules: readonly AcceleratorRules[] = [
  {
    pattern: /^Ethos-U85-\d+/,
    label: 'Ethos-U85',
    precisions: ['int8', 'int16x8'],
    operators: {
      ...each('Conv ConvTranspose Gemm'),
      AveragePool: all(poolKernel, paddedAverage),
      MaxPool: poolKernel,
      ...each('GlobalAveragePool ReduceMean', mean),
      GlobalMaxPool: atMost('pooled height', 256, ({ spatial }) => spatial?.slice(0, 1)),
      ...each(
        'MatMul Abs Add Sub Mul Div Max Min ArgMax ReduceMax ReduceMin ReduceSum Cast Concat Equal Greater GreaterOrEqual LessOrEqual And Not Or Exp Log Gather HardSwish LeakyRelu Sigmoid PRelu Relu Clip Tanh Softmax Pad Reshape Flatten Squeeze Unsqueeze Resize Slice Split Tile Transpose Where LSTM',
      ),
    },
    fallback,
    notChecked: ['Sums of weights, zero points, factors of Resize, axes of Gather, and variants of LSTM.'],
    source,
  },
  {
    pattern: /Ethos-U[56]5-\d+/,
    label: 'Ethos-U55 / U65',
    precisions: ['int8', 'int16x8'],
    operators: {
      Conv: convolution,
      ConvTranspose: all(
        constantWeights,
        stridesIn('2×2, 2×1 and 1×1', (steps) => steps.every((stride) => stride <= 2)),
      ),
      ...each('Gemm MatMul', constantWeights),
      AveragePool: all(strides, poolKernel, paddedAverage),
      MaxPool: all(smallStrides, poolKernel),
      ...each('GlobalAveragePool ReduceMean', mean),
      GlobalMaxPool: atMost('pooled height', 256, ({ spatial }) => spatial?.slice(0, 1)),
      Transpose: transpose,
      ...each(
        'Abs Add Sub Mul Max Min ArgMax Exp Concat HardSwish LeakyRelu Sigmoid PRelu Relu Clip Tanh Softmax Pad Reshape Flatten Squeeze Unsqueeze Resize Slice Split LSTM',
      ),
    },
    everyLayer: all(
      atMostFourAxes,
      atMost('size of an axis', 65535, ({ outputShape }) =>
        outputShape?.map((size) => (typeof size === 'number' ? size : undefined)),
      ),
      imageBatch,
    ),
    fallback,
    notChecked: [
      'Sums of weights, scales, factors of Resize, the axis of ArgMax, permutations of axes of one size, and variants of LSTM.',
    ],
    source,
  },
];
