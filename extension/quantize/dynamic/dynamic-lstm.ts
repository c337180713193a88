import { storedBytes } from '../../model/data-type';
import type { Node, Tensor } from '../../model/model';
import type { KeptNode, TensorData } from '../../onnx/edit';
import type { GraphView } from '../graph-view';
import type { ConvertedTensor, QuantizationSource } from '../plan';
import type { Grouping } from '../weights/grouping';
import { symmetricFormat } from '../weights/integer-format';
import { QuantizedTensor } from '../weights/quantized-tensor';
import type { WeightFitter } from '../weights/weight-fitter';
import { transposedCodes } from './transposed-codes';

/** The two weights of an LSTM: those of its input, and those of its state. */
export interface LstmWeights {
  readonly node: Node;
  readonly weights: readonly { readonly name: string; readonly tensor: Tensor }[];
}

/** What an LSTM becomes. */
export interface DynamicLstm {
  readonly edit: Omit<KeptNode, 'source' | 'subgraphs'>;
  readonly initializers: readonly TensorData[];
  readonly converted: readonly ConvertedTensor[];
}

/** Inputs of LSTM, those before the scales in DynamicQuantizeLSTM. */
const lstmInputs = 8;

/**
 * The weights of an LSTM that onnxruntime's DynamicQuantizeLSTM can take: constants that nothing else takes, in the layout with the
 * sequence first. Undefined for any other node.
 */
export function lstmWeights(node: Node, view: GraphView): LstmWeights | undefined {
  if (node.domain !== 'ai.onnx' || node.opType !== 'LSTM') return undefined;
  const layout = node.attributes.get('layout');
  if (layout?.kind === 'int' && layout.value !== 0n) return undefined;
  const weights = node.inputs.slice(1, 3).flatMap((name) => {
    const tensor = view.constant(name);
    const isOwn = tensor?.dataType === 'FLOAT' && tensor.dims.length === 3 && view.uses(name).length === 1;
    return tensor && isOwn && tensor.elementCount > 0 && !view.isOutput(name) ? [{ name, tensor }] : [];
  });
  return weights.length === 2 ? { node, weights } : undefined;
}

/**
 * An LSTM as DynamicQuantizeLSTM of com.microsoft, which quantizes input and state while it runs. Weights are int8, [directions, inputs,
 * gates], with a scale for each row of a gate or for each direction. Source of the form: onnxruntime, ContribOperators.md.
 */
export function dynamicLstm(
  { node, weights }: LstmWeights,
  { bytes }: QuantizationSource,
  settings: {
    readonly perChannel: boolean;
    readonly fitter: WeightFitter | undefined;
    readonly free: (name: string) => string;
  },
): DynamicLstm {
  const quantized = weights.map(({ name, tensor }) => {
    const [directions = 1, gates = 1, size = 1] = tensor.dims;
    // A block as long as a row: a scale for each direction and gate.
    const grouping: Grouping = settings.perChannel ? { kind: 'blocks', axis: 2, size } : { kind: 'axis', axis: 0 };
    const content = new QuantizedTensor(tensor, bytes, grouping, symmetricFormat('INT8', 127, 8), {
      fitter: settings.fitter && { by: settings.fitter, name },
    });
    const dims = settings.perChannel ? [directions, gates] : [directions];
    const codes = transposedCodes(content.elements(settings.free(`${name}_quantized`)));
    const scale = { ...content.scales(settings.free(`${name}_scale`)), dims };
    const zeroPoint = { ...content.zeroPoints(settings.free(`${name}_zero_point`)), dims };
    const converted: ConvertedTensor = {
      name,
      elements: tensor.elementCount,
      bytesBefore: tensor.byteLength,
      bytesAfter: storedBytes('INT8', tensor.elementCount) + scale.byteLength + zeroPoint.byteLength,
      measure: (signal) => content.measure(signal),
    };
    return { codes, scale, zeroPoint, converted };
  });
  const [first = '', ...others] = Array.from({ length: lstmInputs }, (_, index) => node.inputs[index] ?? '');
  return {
    edit: {
      opType: 'DynamicQuantizeLSTM',
      domain: 'com.microsoft',
      inputs: [
        first,
        ...quantized.map(({ codes }) => codes.name),
        ...others.slice(quantized.length),
        ...quantized.flatMap(({ scale, zeroPoint }) => [scale.name, zeroPoint.name]),
      ],
      ...(node.attributes.has('layout') && { attributes: new Map([['layout', null]]) }),
    },
    initializers: quantized.flatMap(({ codes, scale, zeroPoint }) => [codes, scale, zeroPoint]),
    converted: quantized.map(({ converted }) => converted),
  };
}
