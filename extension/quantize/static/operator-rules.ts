import type { Node } from '../../model/model';
import type { InferredValue } from '../../shapes/model-shapes';
import type { Marks } from './marks';

/** What the rules know besides the marks. */
export interface RuleContext {
  readonly marks: Marks;
  /** The range of the results is symmetric, or the node before computes with other numbers: no end of a range can clip. */
  readonly cannotClip: boolean;
  value(name: string): InferredValue | undefined;
}

/**
 * Marks what onnxruntime's static quantizer would quantize at a node, which must come after the nodes it depends on. Operators that it
 * does not know are left in float. Source: onnxruntime.quantization 1.30, registry.py and the classes named there.
 */
export function markNode(node: Node, context: RuleContext): void {
  if (node.domain !== 'ai.onnx') return;
  rules.get(node.opType)?.(node, context);
}

/** True for operators that have a rule. */
export function isQuantizable(node: Node): boolean {
  return node.domain === 'ai.onnx' && rules.has(node.opType);
}

/** True for operators whose results are numbers that they were given: they have no arithmetic, and so no type, of their own. */
export function keepsNumbers({ opType }: Node): boolean {
  return clips.has(opType) || movers.includes(opType) || choosers.has(opType);
}

const clips: ReadonlySet<string> = new Set(['Relu', 'Clip']);
const choosers: ReadonlySet<string> = new Set(['Gather', 'GatherElements', 'Split', 'Pad', 'Where']);
const movers = [
  'Reshape',
  'Transpose',
  'Squeeze',
  'Unsqueeze',
  'Flatten',
  'Slice',
  'AveragePool',
  'MaxPool',
  'Resize',
  'TopK',
];

type Rule = (node: Node, context: RuleContext) => void;

const everything: Rule = (node, { marks }) => {
  for (const name of [...node.inputs, ...node.outputs]) marks.activation(name);
};

/** The output has the elements of the input: it takes its scale, where the input has one. */
const passesThrough: Rule = (node, { marks }) => {
  const [input = ''] = node.inputs;
  if (marks.has(input)) marks.shared(node.outputs[0], input);
};

const convolution: Rule = (node, { marks }) => {
  marks.activation(node.inputs[0]);
  marks.activation(node.outputs[0]);
  const grouped = whole(node, 'group', 1) !== 1;
  // The channels of a grouped ConvTranspose are spread over two axes.
  marks.weight(node.inputs[1], node.opType === 'Conv' ? 0 : grouped ? -1 : 1);
  marks.bias(node, 2);
};

const gemm: Rule = (node, { marks }) => {
  marks.activation(node.inputs[0]);
  marks.activation(node.outputs[0]);
  marks.weight(node.inputs[1], whole(node, 'transB', 0) !== 0 ? 0 : 1);
  const beta = node.attributes.get('beta');
  marks.bias(node, 2, beta?.kind === 'float' ? beta.value : 1);
};

const matMul: Rule = (node, { marks }) => {
  for (const [operand, name] of node.inputs.entries()) {
    const rank = marks.view.constant(name)?.dims.length ?? 0;
    // The axis that is not summed over.
    if (rank > 0) marks.weight(name, rank < 2 ? -1 : operand === 1 ? rank - 1 : rank - 2);
    else marks.activation(name);
  }
  marks.activation(node.outputs[0]);
};

const normalization: Rule = (node, { marks }) => {
  marks.activation(node.inputs[0]);
  marks.weight(node.inputs[1], -1);
  marks.bias(node, 2);
  for (const name of node.outputs) marks.activation(name);
};

/**
 * Relu and Clip: where the codes end at the ends of the range, they do the clipping, and the node goes. That takes an asymmetric range, and a
 * value before it that nothing else takes.
 */
const clipping: Rule = (node, context) => {
  const { marks } = context;
  const { view, values } = marks;
  const [input = ''] = node.inputs;
  const [output = ''] = node.outputs;
  if (!values.has(input)) return;
  const isFree = view.onlyUse(input)?.node === node && view.producer(input) !== undefined && !view.isCaptured(output);
  if (!context.cannotClip && isFree && !view.constant(input) && clipsAroundZero(node, context)) {
    marks.removed.set(node.index, input);
    values.delete(input);
  }
  marks.activation(output);
};

/** A range holds 0 always, so that a Clip which takes 0 away cannot be done by it. */
function clipsAroundZero(node: Node, { value }: RuleContext): boolean {
  if (node.opType === 'Relu') return true;
  const bound = (index: number, name: string): number | undefined => {
    const attribute = node.attributes.get(name);
    if (attribute?.kind === 'float') return attribute.value;
    const operand = node.inputs[index] ?? '';
    if (operand === '') return 0;
    const element = value(operand)?.elements?.elements[0];
    return typeof element === 'number' ? element : undefined;
  };
  return (bound(1, 'min') ?? 1) <= 0 && (bound(2, 'max') ?? -1) >= 0;
}

const gather: Rule = (node, context) => {
  const [input = ''] = node.inputs;
  if (context.marks.view.constant(input)) context.marks.activation(input);
  passesThrough(node, context);
};

const split: Rule = (node, { marks }) => {
  const [input = ''] = node.inputs;
  marks.activation(input);
  if (marks.has(input)) for (const name of node.outputs) marks.shared(name, input);
};

const pad: Rule = (node, { marks, value }) => {
  const [input = '', , filler = ''] = node.inputs;
  for (const name of node.inputs) marks.activation(name);
  const mode = node.attributes.get('mode');
  const constant = mode?.kind !== 'string' || new TextDecoder().decode(mode.value) === 'constant';
  // Zeros and elements of the input itself are within its range.
  const within = !constant || filler === '' || value(filler)?.elements?.elements[0] === 0;
  if (within && marks.has(input)) marks.shared(node.outputs[0], input);
  else marks.activation(node.outputs[0]);
};

const where: Rule = (node, { marks }) => {
  const [, chosen = '', other = ''] = node.inputs;
  if (marks.has(chosen) && marks.has(other)) marks.activation(node.outputs[0]);
};

function whole(node: Node, name: string, otherwise: number): number {
  const attribute = node.attributes.get(name);
  return attribute?.kind === 'int' ? Number(attribute.value) : otherwise;
}

const rules: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ['Conv', convolution],
  ['ConvTranspose', convolution],
  ['Gemm', gemm],
  ['MatMul', matMul],
  ['InstanceNormalization', normalization],
  ['LayerNormalization', normalization],
  ['BatchNormalization', normalization],
  ['Relu', clipping],
  ['Clip', clipping],
  ['Gather', gather],
  ['GatherElements', gather],
  ['Split', split],
  ['Pad', pad],
  ['Where', where],
  ...movers.map((op): [string, Rule] => [op, passesThrough]),
  ...['Add', 'Mul', 'Sigmoid', 'LeakyRelu', 'GlobalAveragePool', 'Concat', 'Softmax', 'ArgMax', 'CumSum'].map(
    (op): [string, Rule] => [op, everything],
  ),
]);
