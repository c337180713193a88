import type { LoweredGraph, OperatorKind } from './lowered';
import type { FlashPart } from './runtime';

/**
 * Linked code of TensorFlow Lite Micro with CMSIS-NN over an empty main, in bytes: Cortex-M4F, GCC 12.2, logs stripped. Published for these
 * sets of operators; any other set is the interpreter plus what its operators are estimated to add.
 */
const published: readonly { readonly operators: readonly OperatorKind[]; readonly bytes: number }[] = [
  { operators: ['FullyConnected'], bytes: 28_200 },
  {
    operators: ['AveragePool2D', 'Conv2D', 'DepthwiseConv2D', 'FullyConnected', 'Reshape', 'Softmax'],
    bytes: 53_300,
  },
  { operators: ['Add', 'AveragePool2D', 'Conv2D', 'FullyConnected', 'Reshape', 'Softmax'], bytes: 51_100 },
];

/** Split so that the sums for the published sets come out. */
const interpreterBytes = 24_000;
const operatorBytes: Partial<Record<OperatorKind, number>> = {
  FullyConnected: 4_200,
  Conv2D: 11_000,
  DepthwiseConv2D: 7_700,
  Add: 5_500,
  AveragePool2D: 2_600,
  MaxPool2D: 2_600,
  Reshape: 700,
  Softmax: 3_100,
  Quantize: 2_500,
  Dequantize: 1_200,
  Mul: 4_500,
  Sub: 5_500,
  Mean: 5_000,
  TransposeConv: 9_000,
  Lstm: 18_000,
  BatchMatMul: 7_000,
};

/** What an operator that is not listed is taken to add. */
const usualBytes = 2_500;
/** Generic registrations link the float kernels too: 84.1 kB against 53.3 kB for the operators of DS-CNN, published. */
const genericFactor = 84.1 / 53.3;

const anyType: ReadonlySet<OperatorKind> = new Set(['Reshape', 'Quantize', 'Dequantize']);

/** Flash for the interpreter and the kernels of the operators used. */
export function tflmCode(graph: LoweredGraph, cmsisNn: boolean, dsp: boolean): FlashPart {
  const kinds = [...new Set(graph.operators.map(({ kind }) => kind))].filter((kind) => kind !== 'Other').sort();
  // Conversions at the ends of the graph compute nothing in float and need no float kernels.
  const integersOnly = graph.operators.every(({ quantized, kind }) => quantized || anyType.has(kind));
  const known = published.find(({ operators }) => operators.join() === kinds.join());
  if (known && integersOnly && cmsisNn && dsp) {
    return {
      part: 'runtime code',
      bytes: known.bytes,
      kind: 'published',
      source:
        'Linked code for these operators on Cortex-M4F, GCC 12.2, int8 registrations, logs stripped, over an empty main.',
    };
  }
  const sum = kinds.reduce((total, kind) => total + (operatorBytes[kind] ?? usualBytes), interpreterBytes);
  return {
    part: 'runtime code',
    bytes: Math.round(integersOnly ? sum : sum * genericFactor),
    kind: 'estimated',
    source:
      'Interpreter and operators, split from linked sizes published for other sets of operators on Cortex-M4F, GCC 12.2.',
  };
}
