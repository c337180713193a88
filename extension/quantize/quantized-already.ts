import type { Graph, Model, Node } from '../model/model';
import { graphsInside } from './graphs-inside';

/**
 * Operators that compute with quantized numbers or make them, counted by type, those in subgraphs and functions included. A DequantizeLinear counts:
 * what it takes is quantized. A model that has none of them is a float model.
 */
export function quantizedOperators(model: Model): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  const waiting: Graph[] = [model.graph, ...model.functions.map(({ body }) => body)];
  for (let graph = waiting.pop(); graph; graph = waiting.pop()) {
    for (const node of graph.nodes) {
      if (isQuantized(node)) counts.set(node.opType, (counts.get(node.opType) ?? 0) + 1);
      waiting.push(...graphsInside(node));
    }
  }
  return counts;
}

/** What was found, such as `12 QuantizeLinear and 30 DequantizeLinear`. */
export function countsText(counts: ReadonlyMap<string, number>): string {
  const parts = Array.from(counts, ([opType, count]) => `${count} ${opType}`);
  return parts.length < 2 ? parts.join('') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
}

/** True for operators of ONNX, of onnxruntime (com.microsoft) and of QONNX that work on quantized numbers. */
function isQuantized({ domain, opType }: Node): boolean {
  if (domain === 'ai.onnx') return standard.has(opType);
  if (domain === 'com.microsoft') {
    return standard.has(opType) || microsoft.has(opType) || /^(QLinear|DynamicQuantize)/.test(opType);
  }
  return qonnxDomains.test(domain) && qonnx.has(opType);
}

const standard: ReadonlySet<string> = new Set([
  ...['QuantizeLinear', 'DequantizeLinear', 'DynamicQuantizeLinear', 'QLinearConv', 'QLinearMatMul'],
  ...['ConvInteger', 'MatMulInteger'],
]);

const microsoft: ReadonlySet<string> = new Set([
  ...['QGemm', 'QAttention', 'QEmbedLayerNormalization', 'MatMulIntegerToFloat', 'MatMulInteger16', 'QMoE'],
  ...[
    'MatMulNBits',
    'MatMulBnb4',
    'MatMulFpQ4',
    'GatherBlockQuantized',
    'QuantizeBFP',
    'DequantizeBFP',
    'QOrderedMatMul',
  ],
]);

const qonnxDomains = /^(qonnx\.|finn\.|onnx\.brevitas)/;
const qonnx: ReadonlySet<string> = new Set(['Quant', 'IntQuant', 'FloatQuant', 'BipolarQuant']);
