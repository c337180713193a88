import type { Node, Tensor } from '../../model/model';
import type { ModelBytes } from '../../onnx/tensor-data';
import type { GraphView } from '../graph-view';
import { readValues } from '../tensor-values';

/** y = scale * x + shift, with one pair of numbers per channel (or one for all, where an array has length 1). */
export interface Affine {
  readonly scale: Float64Array;
  readonly shift: Float64Array;
}

/** A node that computes an Affine of one of its operands from constants. */
export interface AffineNode {
  readonly node: Node;
  /** The operand that is data. */
  readonly operand: number;
  /** False where the scale is 1: nothing is multiplied. */
  readonly scales: boolean;
  readonly shifts: boolean;
  /** For a BatchNormalization: what later passes know the distribution of its output by. */
  readonly statistics?: { readonly gamma: Tensor; readonly beta: Tensor };
  /** Reads the constants. */
  read(bytes: ModelBytes): Promise<Affine>;
}

/**
 * The affine of a node whose data has `rank` dimensions with `channels` channels along axis 1; undefined where the node is none.
 * BatchNormalization in inference (from opset 7 on), and Add, Sub, Mul and Div with a constant that is one number per channel or one in all.
 */
export function affineNode(
  node: Node,
  view: GraphView,
  data: { readonly rank: number; readonly channels: number },
): AffineNode | undefined {
  if (node.domain !== 'ai.onnx') return undefined;
  switch (node.opType) {
    case 'BatchNormalization':
      return batchNormalization(node, view, data.channels);
    case 'Add':
    case 'Sub':
    case 'Mul':
    case 'Div':
      return withConstant(node, view, data);
    default:
      return undefined;
  }
}

function batchNormalization(node: Node, view: GraphView, channels: number): AffineNode | undefined {
  const [gamma, beta, mean, variance] = node.inputs.slice(1, 5).map((name) => view.constant(name));
  const isPlain = (tensor: Tensor) => tensor.dataType === 'FLOAT' && tensor.elementCount === channels;
  if (!gamma || !beta || !mean || !variance || ![gamma, beta, mean, variance].every(isPlain)) return undefined;
  if (isTraining(node, view)) return undefined;
  const attribute = node.attributes.get('epsilon');
  const epsilon = attribute?.kind === 'float' ? attribute.value : 1e-5;
  return {
    node,
    operand: 0,
    scales: true,
    shifts: true,
    statistics: { gamma, beta },
    async read(bytes) {
      const [factors, offsets, means, variances] = [
        await readValues(gamma, bytes),
        await readValues(beta, bytes),
        await readValues(mean, bytes),
        await readValues(variance, bytes),
      ];
      const scale = factors.map((factor, channel) => factor / Math.sqrt((variances[channel] ?? 0) + epsilon));
      const shift = offsets.map((offset, channel) => offset - (means[channel] ?? 0) * (scale[channel] ?? 1));
      return { scale, shift };
    },
  };
}

/** From opset 14 on `training_mode`, before it (from 7) the number of outputs says it; `spatial` 0 has no channels. */
function isTraining(node: Node, view: GraphView): boolean {
  const flag = (name: string, otherwise: bigint) => {
    const attribute = node.attributes.get(name);
    return attribute?.kind === 'int' ? attribute.value : otherwise;
  };
  if (flag('spatial', 1n) === 0n || flag('training_mode', 0n) !== 0n) return true;
  return node.outputs.slice(1).some((name) => name !== '' && (view.uses(name).length > 0 || view.isOutput(name)));
}

function withConstant(
  node: Node,
  view: GraphView,
  { rank, channels }: { readonly rank: number; readonly channels: number },
): AffineNode | undefined {
  const [left = '', right = ''] = node.inputs;
  const position = view.constant(right) ? 1 : 0;
  const constant = view.constant(position === 1 ? right : left);
  if (constant?.dataType !== 'FLOAT' || !isPerChannel(constant.dims, rank, channels)) return undefined;
  // A constant minus or by the data is another function.
  if (position === 0 && (node.opType === 'Sub' || node.opType === 'Div')) return undefined;
  const scales = node.opType === 'Mul' || node.opType === 'Div';
  return {
    node,
    operand: 1 - position,
    scales,
    shifts: !scales,
    async read(bytes) {
      const values = await readValues(constant, bytes);
      const neutral = (value: number) => new Float64Array(values.length).fill(value);
      if (node.opType === 'Mul') return { scale: values, shift: neutral(0) };
      if (node.opType === 'Div') return { scale: values.map((value) => 1 / value), shift: neutral(0) };
      if (node.opType === 'Sub') return { scale: neutral(1), shift: values.map((value) => -value) };
      return { scale: neutral(1), shift: values };
    },
  };
}

/** True when a constant, aligned from the right with data of `rank` dimensions, varies along axis 1 only. */
function isPerChannel(dims: readonly number[], rank: number, channels: number): boolean {
  if (dims.length > rank) return false;
  return dims.every((dim, axis) => dim === 1 || (axis + rank - dims.length === 1 && dim === channels));
}

/** One affine after the other. */
export function composed(first: Affine, second: Affine, channels: number): Affine {
  const scale = new Float64Array(channels);
  const shift = new Float64Array(channels);
  for (let channel = 0; channel < channels; channel++) {
    const factor = at(second.scale, channel);
    scale[channel] = at(first.scale, channel) * factor;
    shift[channel] = at(first.shift, channel) * factor + at(second.shift, channel);
  }
  return { scale, shift };
}

/** The number for a channel, of one per channel or one for all. */
export function at(values: Float64Array, channel: number): number {
  return (values.length === 1 ? values[0] : values[channel]) ?? 0;
}
