import type { Node } from '../model/model';
import type { GraphShapes } from '../shapes/model-shapes';

/** Operators with a kernel, and which operand holds it (dims: output channels, input channels per group, kernel). */
const kernelOperand: Readonly<Record<string, number>> = {
  Conv: 1,
  FusedConv: 1,
  ConvInteger: 1,
  ConvTranspose: 1,
  QLinearConv: 3,
  NhwcFusedConv: 1,
};

/** A short text for an operator: "Conv 3×3", "Depthwise 3×3", "MaxPool 2×2", "Gemm". */
export function operatorText(node: Node, values: GraphShapes['values']): string {
  const operand = kernelOperand[node.opType];
  const weights = operand === undefined ? undefined : shapeOf(node.inputs[operand], values);
  const kernel = kernelSizes(node) ?? weights?.slice(2);
  if (!kernel || kernel.length === 0 || kernel.some((size) => typeof size !== 'number')) return node.opType;
  const size = kernel.join('×');
  const group = node.attributes.get('group');
  const groups = operand !== undefined && group?.kind === 'int' ? Number(group.value) : 1;
  if (groups === 1) return `${node.opType} ${size}`;
  const transposed = node.opType === 'ConvTranspose';
  if (!transposed && weights?.[1] === 1) return `Depthwise ${size}`;
  return `${node.opType} ${size}, ${groups} groups`;
}

function kernelSizes(node: Node): readonly number[] | undefined {
  const attribute = node.attributes.get('kernel_shape');
  return attribute?.kind === 'ints' ? attribute.value.map(Number) : undefined;
}

function shapeOf(name: string | undefined, values: GraphShapes['values']) {
  const type = name === undefined ? undefined : values.get(name)?.type;
  return type?.kind === 'tensor' ? type.shape : undefined;
}
