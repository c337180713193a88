import { type DataType, dataTypeKind } from '../model/data-type';
import { formatDataType } from '../model/format';
import type { Node } from '../model/model';
import type { AnalysedModel } from './analyse';

/** Operators that hand their first input on as it is, or as its activation. */
const handedOn = /^(Reshape|Flatten|Squeeze|Unsqueeze|Transpose|Identity|Relu|Clip|MaxPool|Pad)$/;

/** Deep enough for any chain between a layer and its DequantizeLinear. */
const longestChain = 16;

/**
 * What the layers of a model compute in, by the stored types of their activations and weights: "float32", "int8" (both in 8 bits),
 * "int16x8" (activations in 16), "int8 weights" (activations in float). Several, where layers differ, are joined: "float32 + int8".
 * undefined where no layer multiplies.
 */
export function computePrecision({ analysis, shapes }: Pick<AnalysedModel, 'analysis' | 'shapes'>): string | undefined {
  const { graph, values } = shapes.graph;
  const makers = new Map<string, Node>();
  for (const node of graph.nodes) for (const output of node.outputs) makers.set(output, node);
  const storedType = (name: string | undefined): DataType | undefined => {
    let at = name ?? '';
    for (let step = 0; step < longestChain; step++) {
      const maker = makers.get(at);
      if (maker && (maker.opType === 'DequantizeLinear' || handedOn.test(maker.opType))) at = maker.inputs[0] ?? '';
      else break;
      if (maker.opType === 'DequantizeLinear') break;
    }
    const type = values.get(at)?.type;
    return type?.kind === 'tensor' ? type.dataType : undefined;
  };
  const found = new Set<string>();
  for (const { index, macs } of analysis.layers) {
    const node = graph.nodes[index];
    if (!node || macs === 0) continue;
    const [activation, weight] = operandsOf(node);
    const name = precisionName(storedType(activation), storedType(weight));
    if (name !== undefined) found.add(name);
  }
  return found.size === 0 ? undefined : [...found].sort().join(' + ');
}

/** Activation and weight; the quantized operators have scales between them. */
function operandsOf({ opType, inputs }: Node): readonly [string | undefined, string | undefined] {
  return /^QLinear|^QGemm/.test(opType) ? [inputs[0], inputs[3]] : [inputs[0], inputs[1]];
}

function precisionName(activation: DataType | undefined, weight: DataType | undefined): string | undefined {
  const type = activation ?? weight;
  if (type === undefined) return undefined;
  const weightType = weight ?? type;
  const isFloat = dataTypeKind(type) === 'float';
  if (isFloat && dataTypeKind(weightType) === 'float') return formatDataType(type);
  if (isFloat) return `${formatDataType(weightType)} weights`;
  const bits = `${/8$/.test(type) ? 8 : formatDataType(type)}/${/8$/.test(weightType) ? 8 : formatDataType(weightType)}`;
  if (bits === '8/8') return 'int8';
  return bits === 'int16/8' ? 'int16x8' : formatDataType(weightType);
}
