import type { QuantizationOptions } from '../options';
import { linearNode, linearOperatorsFor } from '../static/quantize-linear';
import type { Grouping } from './grouping';
import { binaryFormat, type IntegerFormat, symmetricFormat, ternaryFormat } from './integer-format';
import { QuantizedTensor } from './quantized-tensor';
import type { WeightFitter } from './weight-fitter';
import type { WeightForm, WeightScheme, WeightSite } from './weight-form';

/** From this opset on, DequantizeLinear takes one scale per index of an axis. */
const perAxisOpset = 13;
/** From these on, it takes numbers of 4 bits and blocks, and numbers of 2 bits. */
const fourBitOpset = 21;
const twoBitOpset = 25;

/** The schemes that store weights as whole numbers behind DequantizeLinear. */
export type IntegerWeightsId = 'int4-weights' | 'int2-weights' | 'fixed-point' | 'ternary' | 'binary';

/**
 * int4-weights: -7 to 7, in blocks along the summed axis of two-dimensional weights (from opset 21 on, where `blockSize` is given), else one scale
 * per output channel. int2-weights: -1 to 1, as INT2 from opset 25 on and as INT4 below. fixed-point: -127 to 127 with powers of two as scales
 * (Qm.n). ternary and binary: -1, 0, 1 and -1, 1 times a mean magnitude; ONNX has no type for them before opset 25, and the codes are stored as INT8.
 * Below opset 21, INT4 needs the DequantizeLinear of com.microsoft, which knows no blocks.
 */
export function integerWeights(
  id: IntegerWeightsId,
  options: QuantizationOptions,
  fitter?: WeightFitter,
): WeightScheme {
  return {
    id,
    stored: `${id.replace('-weights', '')} with its scales`,
    opset: perAxisOpset,
    form: (site) => form(site, id, options, fitter),
  };
}

function form(
  site: WeightSite,
  id: IntegerWeightsId,
  options: QuantizationOptions,
  fitter: WeightFitter | undefined,
): WeightForm | { readonly reason: string } {
  const { name, tensor, bytes, opset } = site;
  const format = formatOf(id, opset);
  const operators = linearOperatorsFor(opset, format.dataType);
  if (operators.domain !== undefined && !site.inMainModel) {
    return { reason: `The function it stands in has opset ${opset}; ${format.dataType} needs ${fourBitOpset} there.` };
  }
  if (operators.domain !== undefined && site.inConstantNode) {
    return { reason: `A Constant node holds it, which takes ${format.dataType} from opset ${fourBitOpset} on only.` };
  }
  const grouping = groupingOf(site, id, options);
  const content = new QuantizedTensor(tensor, bytes, grouping, format, { fitter: fitter && { by: fitter, name } });
  const replacement = content.elements(site.named('_quantized'));
  const scales = content.scales(site.named('_scale'));
  const dequantize = linearNode('DequantizeLinear', operators, {
    name: site.named('_DequantizeLinear'),
    input: replacement.name,
    scale: scales.name,
    output: name,
    axis: grouping.kind === 'tensor' ? undefined : grouping.axis,
    blockSize: grouping.kind === 'blocks' ? grouping.size : undefined,
  });
  const packedBytes = Math.ceil((tensor.elementCount * format.packedBits) / 8) + scales.byteLength;
  return {
    replacement,
    added: [scales],
    nodes: [dequantize],
    description: `${format.dataType} with ${scaleText(grouping, content.groups.count)}`,
    ...(packedBytes !== replacement.byteLength + scales.byteLength && { packedBytes }),
    measure: (signal) => content.measure(signal),
  };
}

function formatOf(id: IntegerWeightsId, opset: number): IntegerFormat {
  switch (id) {
    case 'int4-weights':
      return symmetricFormat('INT4', 7, 4);
    case 'int2-weights':
      return symmetricFormat(opset >= twoBitOpset ? 'INT2' : 'INT4', 1, 2);
    case 'fixed-point':
      return symmetricFormat('INT8', 127, 8, { powerOfTwo: true });
    case 'ternary':
      return ternaryFormat;
    case 'binary':
      return binaryFormat;
  }
}

function groupingOf(
  { tensor, axis, opset }: WeightSite,
  id: IntegerWeightsId,
  { granularity, blockSize }: QuantizationOptions,
): Grouping {
  const along = blockAxis(tensor.dims.length, axis);
  const takesBlocks = (id === 'int4-weights' || id === 'int2-weights') && opset >= fourBitOpset;
  // A block that is longer than the axis would be the channel.
  if (takesBlocks && blockSize > 0 && along !== undefined && (tensor.dims[along] ?? 0) > blockSize) {
    return { kind: 'blocks', axis: along, size: blockSize };
  }
  if (granularity === 'per-tensor' || axis === undefined) return { kind: 'tensor' };
  return { kind: 'axis', axis };
}

/** The axis that is summed over: of two-dimensional weights the one without the output channels. */
function blockAxis(rank: number, axis: number | undefined): number | undefined {
  return rank === 2 && axis !== undefined ? 1 - axis : undefined;
}

function scaleText(grouping: Grouping, count: number): string {
  if (grouping.kind === 'tensor') return 'one scale';
  if (grouping.kind === 'axis') return `${count} scales along axis ${grouping.axis}`;
  return `${count} scales in blocks of ${grouping.size} along axis ${grouping.axis}`;
}
