import type { LoweredGraph, LoweredOperator } from './lowered';
import { isOneRow, type Kernels } from './tflm-rules';

/**
 * Bytes of the scratch buffers an operator requests, one entry each. Source: CMSIS-NN 4ab83cc3, arm_*_get_buffer_sizes_s8.c, as TFLM
 * 90b983c calls them. The reference kernels listed here request none.
 */
export function scratchOf(graph: LoweredGraph, operator: LoweredOperator, kernels: Kernels): readonly number[] {
  if (kernels === 'reference' || !operator.quantized) return [];
  const bytes = [cmsisScratch(graph, operator, kernels)];
  return bytes.filter((size) => size > 0);
}

function cmsisScratch(graph: LoweredGraph, operator: LoweredOperator, kernels: Kernels): number {
  switch (operator.kind) {
    case 'Conv2D':
      return kernels === 'cmsis-nn-mve' && isOneRow(graph, operator)
        ? oneRowScratch(graph, operator)
        : convolutionScratch(operator, kernels);
    case 'DepthwiseConv2D':
      return depthwiseScratch(operator, kernels);
    case 'AveragePool2D':
      return kernels === 'cmsis-nn-dsp' ? 4 * (operator.window?.outputChannels ?? 0) : 0;
    case 'FullyConnected':
      return fullyConnectedScratch(graph, operator);
    case 'TransposeConv':
      return transposedScratch(operator, kernels);
    default:
      return 0;
  }
}

function convolutionScratch({ window }: LoweredOperator, kernels: Kernels): number {
  if (!window) return 0;
  const [rows, columns] = window.kernel;
  const plain = window.pads.every((size) => size === 0) && window.dilations.every((size) => size === 1);
  if (rows === 1 && columns === 1 && plain) return 0;
  const elements = rows * columns * window.inputChannels;
  return kernels === 'cmsis-nn-mve' ? 64 * Math.ceil(elements / 16) : 4 * alignTo4(elements);
}

/** arm_convolve_1_x_n_s8_get_buffer_size_mve of CMSIS-NN 2.3 (098d54a): the padded ends of the row, where there are any. */
function oneRowScratch(graph: LoweredGraph, operator: LoweredOperator): number {
  const { window, outputs } = operator;
  const made = graph.tensors[outputs[0] ?? -1]?.shape?.at(-2);
  if (!window || made === undefined) return 0;
  const { inputWidth, inputChannels } = window;
  const left = window.pads[1];
  const stride = window.strides[1];
  const kernel = window.kernel[1];
  const uneven = ((made - 1) * stride + kernel - inputWidth) % 2;
  const positions = (pad: number) => (pad === 0 ? 0 : Math.max(1, Math.ceil(pad / stride)));
  const right = positions(left + uneven);
  if (right + positions(left) > made) return convolutionScratch(operator, 'cmsis-nn-mve');
  const atLeft = (kernel + left) * inputChannels;
  const atRight = (kernel - 1 + (uneven !== 0 ? right : left)) * inputChannels;
  return Math.max(atLeft, atRight);
}

function depthwiseScratch(operator: LoweredOperator, kernels: Kernels): number {
  const { window } = operator;
  if (!window) return 0;
  const [rows, columns] = window.kernel;
  const { inputChannels, outputChannels, batch, dilations, pads } = window;
  const optimized = inputChannels === outputChannels && batch === 1 && dilations.every((size) => size === 1);
  if (!optimized || kernels === 'cmsis-nn-no-dsp') return 0;
  if (kernels === 'cmsis-nn-mve') return 4 * 124 * rows * columns;
  if (rows === 3 && columns === 3 && pads.every((size) => size <= 1)) return 0;
  return 2 * inputChannels * rows * columns;
}

function fullyConnectedScratch(graph: LoweredGraph, { inputs, outputs }: LoweredOperator): number {
  const output = graph.tensors[outputs[0] ?? -1]?.shape;
  const weight = graph.tensors[inputs[1] ?? -1];
  const depth = weight?.shape?.reduce((product, dim) => product * dim, 1);
  const made = output?.at(-1) ?? 0;
  if (!output || output.length <= 2 || !depth || weight?.scales !== 1) return 0;
  return (depth / made) % 4 === 0 ? 8 * made : 0;
}

function transposedScratch(operator: LoweredOperator, kernels: Kernels): number {
  const { window } = operator;
  if (!window) return 0;
  const [rows, columns] = window.kernel;
  const [strideRows, strideColumns] = window.strides;
  if (strideRows <= 2 && strideColumns <= 2 && window.inputChannels > 16) return convolutionScratch(operator, kernels);
  const width = (window.inputWidth - 1) * strideColumns + Math.max(columns, strideRows);
  return 4 * width * window.outputChannels * Math.max(rows, strideRows);
}

function alignTo4(elements: number): number {
  return Math.ceil(elements / 4) * 4;
}
