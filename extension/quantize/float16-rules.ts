import type { DataType } from '../model/data-type';
import { dataTypeFromCode } from '../model/data-type';
import type { Attribute, Node } from '../model/model';
import type { NewAttribute } from '../onnx/edit';
import { operandTypes } from './float16-operands';

/** The two forms a float32 value of the source can be had in. */
export type Form = 'float16' | 'float32';

/** How one node is run: the form of each float32 operand and result (undefined: not a float32 tensor), and changed attributes. */
export interface NodeForms {
  readonly inputs: readonly (Form | 'as-is' | undefined)[];
  readonly outputs: readonly (Form | undefined)[];
  readonly attributes?: ReadonlyMap<string, NewAttribute>;
}

/** Operators that take either form and compute the same from it: no Cast is spent on them. */
const indifferent = new Set(['Cast', 'Shape', 'Size']);

/**
 * Operators whose float parameters stay float32: scales and regions of Resize steer shapes and sampling positions; scales of
 * quantization are stored small enough and lose what they are for in float16.
 */
const onlyFirstOperand = new Set(['Resize', 'Upsample']);
const keptFloat32 = new Set(['QuantizeLinear', 'DequantizeLinear', 'DynamicQuantizeLinear']);
/** Operators whose result says nothing of its element type here (sequences, optionals), or means the bits of its operand. */
const typeBound = new Set([
  'BitCast',
  'Optional',
  'OptionalGetElement',
  'SequenceConstruct',
  'SequenceInsert',
  'SplitToSequence',
]);
/** Counts that lose their steps above 2,048. */
const exactSteps = new Set(['Range', 'CumSum']);

/** How a node runs when `typeOf` gives the element types of its values and `kept` says that it stays float32. */
export function formsOfNode(
  node: Node,
  opset: number,
  typeOf: (name: string) => DataType | undefined,
  kept: boolean,
): NodeForms {
  const isFloat = (name: string) => typeOf(name) === 'FLOAT';
  const counts = { inputs: node.inputs.length, outputs: node.outputs.length };
  const types =
    node.domain === 'ai.onnx' && !kept && !staysFloat32(node.opType)
      ? operandTypes(node.opType, opset, counts)
      : undefined;
  if (!types) {
    return {
      inputs: node.inputs.map((name) => (isFloat(name) ? 'float32' : undefined)),
      outputs: node.outputs.map((name) => (isFloat(name) ? 'float32' : undefined)),
    };
  }
  const blocked = blockedGroups(node, types.inputs, typeOf);
  const admitted = (letter: string, index: number) =>
    letter !== 'F' && letter !== '-' && !blocked.has(letter) && !(index > 0 && onlyFirstOperand.has(node.opType));
  const inputs = node.inputs.map((name, index) => {
    if (!isFloat(name)) return undefined;
    if (indifferent.has(node.opType) || (node.opType === 'CastLike' && index === 0)) return 'as-is';
    return admitted(types.inputs[index] ?? '-', index) ? 'float16' : 'float32';
  });
  const converted = new Set(types.inputs.filter((_, index) => inputs[index] === 'float16'));
  const chosen = chosenType(node, opset, node.outputs.some(isFloat), inputs[0]);
  const outputs = node.outputs.map((name, index) => {
    if (!isFloat(name)) return undefined;
    return chosen || converted.has(types.outputs[index] ?? '-') ? 'float16' : 'float32';
  });
  return { inputs, outputs, ...(chosen?.attributes && { attributes: chosen.attributes }) };
}

function staysFloat32(opType: string): boolean {
  return keptFloat32.has(opType) || typeBound.has(opType) || exactSteps.has(opType);
}

/** Type variables with an operand whose element type is not known: it cannot be converted along. */
function blockedGroups(
  node: Node,
  inputs: readonly string[],
  typeOf: (name: string) => DataType | undefined,
): ReadonlySet<string> {
  const blocked = new Set<string>();
  for (const [index, name] of node.inputs.entries()) {
    if (name !== '' && typeOf(name) === undefined) blocked.add(inputs[index] ?? '-');
  }
  return blocked;
}

const float16Code = 10n;

/** The attributes that make an operator give float16 where they choose its result's type; undefined for all other operators. */
function chosenType(
  node: Node,
  opset: number,
  givesFloat: boolean,
  firstInput: Form | 'as-is' | undefined,
): { readonly attributes?: ReadonlyMap<string, NewAttribute> } | undefined {
  if (!givesFloat) return undefined;
  const set = (name: string): { attributes: ReadonlyMap<string, NewAttribute> } => ({
    attributes: new Map([[name, { kind: 'int', value: float16Code }]]),
  });
  switch (node.opType) {
    case 'Cast': {
      if (node.attributes.get('to')?.kind === 'reference') return undefined;
      if (opset >= 6) return set('to');
      return { attributes: new Map([['to', { kind: 'string', value: new TextEncoder().encode('FLOAT16') }]]) };
    }
    case 'RandomNormal':
    case 'RandomUniform':
      if (node.attributes.get('dtype')?.kind === 'reference') return undefined;
      return set('dtype');
    case 'RandomNormalLike':
    case 'RandomUniformLike':
    case 'EyeLike':
    case 'Bernoulli':
      // Without `dtype` the result takes the type of the operand.
      if (dataTypeOf(node) === 'FLOAT') return set('dtype');
      if (node.attributes.has('dtype')) return undefined;
      return firstInput === 'float16' ? {} : undefined;
    default:
      return undefined;
  }
}

function dataTypeOf(node: Node): DataType | undefined {
  const attribute = node.attributes.get('dtype');
  return attribute?.kind === 'int' ? dataTypeFromCode(Number(attribute.value)) : undefined;
}

/** The attributes of a Cast to a form. */
export function castAttributes(form: Form, opset: number): ReadonlyMap<string, Attribute> {
  if (opset < 6) {
    const text = form === 'float16' ? 'FLOAT16' : 'FLOAT';
    return new Map([['to', { kind: 'string', value: new TextEncoder().encode(text) }]]);
  }
  return new Map([['to', { kind: 'int', value: form === 'float16' ? 10n : 1n }]]);
}
