import type { Graph, Node, Tensor } from '../model/model';
import type { Form } from './float16-rules';

/** The float32 tensor that a Constant node gives, however it is written down; undefined for any other node. */
export function floatConstant(node: Node): Tensor | undefined {
  if (node.opType !== 'Constant' || node.domain !== 'ai.onnx') return undefined;
  const value = node.attributes.get('value');
  if (value?.kind === 'tensor') return value.value.dataType === 'FLOAT' ? value.value : undefined;
  const number = node.attributes.get('value_float');
  if (number?.kind === 'float') return floatTensor([number.value], []);
  const numbers = node.attributes.get('value_floats');
  return numbers?.kind === 'floats' ? floatTensor(numbers.value, [numbers.value.length]) : undefined;
}

function floatTensor(values: readonly number[], dims: readonly number[]): Tensor {
  const inline = new Uint8Array(values.length * 4);
  const view = new DataView(inline.buffer);
  for (const [index, value] of values.entries()) view.setFloat32(index * 4, value, true);
  return {
    name: '',
    dataType: 'FLOAT',
    dataTypeCode: 1,
    dims,
    elementCount: values.length,
    byteLength: inline.length,
    location: { kind: 'memory' },
    inline,
    metadata: new Map(),
  };
}

/** A float32 constant of a graph and the forms that its users want. */
export interface ConstantUse {
  readonly tensor: Tensor;
  /** Index of its Constant node; undefined for an initializer. */
  readonly node: number | undefined;
  readonly overridable: boolean;
  readonly wanted: Set<Form>;
  /** The first user that takes it as float32. */
  float32User?: string;
}

/** Constants of up to this many elements that are wanted in both forms are stored in both; larger ones once, and cast. */
const mostTwinElements = 32;

/** The forms a constant is stored in; the first keeps its name, whose form is fixed where there is a `pinned` one. */
export function storedForms(
  { overridable, wanted, tensor }: ConstantUse,
  pinned: Form | undefined,
): readonly [Form, Form?] {
  if (overridable || wanted.size === 0) return ['float32'];
  if (wanted.size === 1) return [wanted.has('float16') ? 'float16' : 'float32'];
  if (tensor.elementCount > mostTwinElements) return [pinned ?? 'float16'];
  return pinned === 'float16' ? ['float16', 'float32'] : ['float32', 'float16'];
}

/** Why a weight stays float32, as a sentence; undefined where it does not, or nobody would miss it. */
export function reasonToStay(constant: ConstantUse, pinned: Form | undefined): string | undefined {
  if (constant.overridable) return 'It is also a graph input, so whoever runs the model can replace it.';
  const { float32User, tensor } = constant;
  const [named, twin] = storedForms(constant, pinned);
  if (float32User === undefined || tensor.elementCount <= 1 || named === 'float16' || twin) return undefined;
  return `${float32User.charAt(0).toUpperCase()}${float32User.slice(1)} takes it as float32.`;
}

/** Constants of a graph that are weights in another form than plain float32, which is the only one that is converted. */
export function* otherFloats(graph: Graph): Generator<{
  readonly tensor: Tensor;
  readonly name: string;
  readonly reason: string;
}> {
  for (const [name, tensor] of graph.constants) {
    const reason = reasonOfForm(tensor);
    if (reason !== undefined) yield { tensor, name, reason };
  }
  for (const node of graph.nodes) {
    if (node.opType !== 'Constant' || node.domain !== 'ai.onnx') continue;
    const value = node.attributes.get('value');
    if (value?.kind !== 'tensor') continue;
    const reason = reasonOfForm(value.value);
    if (reason !== undefined) yield { tensor: value.value, name: node.outputs[0] ?? '', reason };
  }
}

function reasonOfForm({ dataType, elementCount, sparse }: Tensor): string | undefined {
  if (elementCount <= 1) return undefined;
  if (dataType === 'DOUBLE' || dataType === 'BFLOAT16') return `Its type is ${dataType}; float16 converts FLOAT only.`;
  return dataType === 'FLOAT' && sparse ? 'It is stored as a sparse tensor.' : undefined;
}
