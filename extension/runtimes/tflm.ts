import type { ModelShapes } from '../shapes/model-shapes';
import type { Dialect, LoweredGraph, LoweredOperator, LoweringOptions, OperatorKind, Precision } from './lowered';
import { lower } from './lowering';
import type { FlashPart, Runtime } from './runtime';
import { finish } from './steps';
import { unsupportedOperators } from './supported';
import { tfliteSize } from './tflite-size';
import { tflmCode } from './tflm-code';
import { tflmMemory } from './tflm-memory';
import type { Kernels } from './tflm-rules';

/** The converter from ONNX through TensorFlow to .tflite. */
const dialect: Dialect = {
  bodies: 'copied',
  fuses: true,
  channelsLast: true,
  copyFreeReshape: false,
  padOperators: true,
  alwaysBias: true,
};

/** Operators of TensorFlow Lite's schema that micro_mutable_op_resolver.h does not register. */
const missing = new Set<OperatorKind>(['Gelu', 'Pow', 'ReluN1To1', 'Tile', 'TopK', 'Other']);

function reasonAgainst(graph: LoweredGraph, { kind, opType, quantized, inputs }: LoweredOperator): string | undefined {
  if (kind === 'Other' && opType === 'Loop') {
    return 'TensorFlow Lite Micro has no tensors of growing size, which a Loop needs that collects outputs.';
  }
  if (kind === 'Other') return `TensorFlow Lite has no operator that does what ${opType} does.`;
  if (missing.has(kind)) return `TensorFlow Lite Micro has no kernel for ${kind}.`;
  const weight = graph.tensors[inputs[1] ?? -1];
  if (!quantized && weight?.role === 'weight' && weight.scales > 0) {
    return `TensorFlow Lite Micro has no kernel for ${kind} with quantized weights and float activations.`;
  }
  const input = graph.tensors[inputs[0] ?? -1];
  if (input?.dataType === 'FLOAT16' || input?.dataType === 'DOUBLE') {
    return `TensorFlow Lite Micro has no kernel for ${kind} in ${input.dataType.toLowerCase()}.`;
  }
  return undefined;
}

/** The size of the model file, which stays in flash, and the linked code. */
function tflmFlash(graph: LoweredGraph, kernels: Kernels): readonly FlashPart[] {
  const size = tfliteSize(graph);
  const rule = 'Sum of the stored elements.';
  const fit =
    'Fit over 160 .tflite files of the MLIR converter, 100 bytes a name; median error of the whole file 0.37 %.';
  // The larger case is shown: a verdict that holds with it holds for a newer converter too.
  const ranges = `${fit} ${size.ranges} bytes of it are minimum and maximum of each channel, which newer converters leave out.`;
  return [
    { part: 'weights', bytes: size.weights, kind: 'exact', source: rule },
    { part: 'biases', bytes: size.biases, kind: 'exact', source: rule },
    { part: 'quantization data', bytes: size.quantization + size.ranges, kind: 'estimated', source: ranges },
    { part: 'graph and metadata', bytes: size.graph, kind: 'estimated', source: fit },
    tflmCode(graph, kernels !== 'reference', kernels === 'cmsis-nn-dsp'),
  ];
}

/** The last of each model: the variants differ in their kernels and not in what they run, and a model is often measured on all. */
const lowered = new WeakMap<ModelShapes, { readonly key: string; readonly graph: LoweredGraph }>();

function lowerOnce(shapes: ModelShapes, precision: Precision, options: LoweringOptions = {}): LoweredGraph {
  const key = `${precision} ${options.floatInputsAndOutputs ?? false}`;
  const known = lowered.get(shapes);
  if (known?.key === key) return known.graph;
  const graph = lower(shapes, dialect, precision, options);
  lowered.set(shapes, { key, graph });
  return graph;
}

function tflm(id: string, label: string, kernels: Kernels): Runtime {
  return {
    id,
    label,
    precisions: ['int8', 'as-in-file', 'float32'],
    dialect,
    lower: lowerOnce,
    memory: (graph) => finish(tflmMemory(graph, kernels)),
    memoryInSteps: (graph) => tflmMemory(graph, kernels),
    flash: (graph) => tflmFlash(graph, kernels),
    cannotRun: (graph) => unsupportedOperators(graph, (operator) => reasonAgainst(graph, operator)),
  };
}

/** TensorFlow Lite Micro, with its reference kernels or with CMSIS-NN for one family of cores. */
export const tflmRuntimes: readonly Runtime[] = [
  tflm('tflm', 'TFLM, reference kernels', 'reference'),
  tflm('tflm-cmsis-nn-m0', 'TFLM + CMSIS-NN (Cortex-M0, M3)', 'cmsis-nn-no-dsp'),
  tflm('tflm-cmsis-nn-m4', 'TFLM + CMSIS-NN (Cortex-M4, M7, M33)', 'cmsis-nn-dsp'),
  tflm('tflm-cmsis-nn-m55', 'TFLM + CMSIS-NN (Cortex-M55, M85)', 'cmsis-nn-mve'),
];
