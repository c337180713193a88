import type { Draft, DraftOperator } from './draft';
import { elementsOf } from './facts';
import type { Precision } from './lowered';
import { operatorsPerStep, type Steps } from './steps';

/**
 * Operators that compute on quantized integers, as the plain operator they are: its name and the positions of its inputs. What is
 * left out are scales and zero points. Sources: ONNX QLinearConv and QLinearMatMul; onnxruntime's com.microsoft operators.
 */
const quantizedForms: ReadonlyMap<string, readonly [type: string, inputs: readonly number[]]> = new Map([
  ['QLinearConv', ['Conv', [0, 3, 8]]],
  ['QLinearMatMul', ['MatMul', [0, 3]]],
  ['com.microsoft::QLinearConv', ['Conv', [0, 3, 8]]],
  ['com.microsoft::QGemm', ['Gemm', [0, 3, 6]]],
  ['com.microsoft::QLinearAdd', ['Add', [0, 3]]],
  ['com.microsoft::QLinearMul', ['Mul', [0, 3]]],
  ['com.microsoft::QLinearAveragePool', ['AveragePool', [0]]],
  ['com.microsoft::QLinearGlobalAveragePool', ['GlobalAveragePool', [0]]],
  ['com.microsoft::QLinearLeakyRelu', ['LeakyRelu', [0]]],
  ['com.microsoft::QLinearSigmoid', ['Sigmoid', [0]]],
  ['com.microsoft::QLinearSoftmax', ['Softmax', [0]]],
  ['com.microsoft::QLinearReduceMean', ['ReduceMean', [0]]],
]);

const pairs: ReadonlyMap<string, string> = new Map([
  ['com.microsoft::QuantizeLinear', 'QuantizeLinear'],
  ['com.microsoft::DequantizeLinear', 'DequantizeLinear'],
  ['com.microsoft::Gelu', 'Gelu'],
]);

/**
 * Gives quantized operators the name of the plain one and takes out what does nothing at inference: Identity, Dropout and, where the
 * whole model is planned in one number format, QuantizeLinear and DequantizeLinear.
 */
export function* normalize(draft: Draft, precision: Precision): Steps {
  const oneFormat = precision !== 'as-in-file' && precision !== 'int8-weights';
  let seen = 0;
  for (const operator of draft.operators) {
    if (++seen % operatorsPerStep === 0) yield;
    const form = quantizedForms.get(operator.type);
    if (form) {
      operator.type = form[0];
      operator.quantized = true;
      draft.setInputs(operator, trimmed(form[1].map((position) => operator.inputs[position] ?? '')));
    } else if (operator.type === 'com.microsoft::QLinearConcat') {
      // Output scale and zero point, then three operands for each part.
      operator.type = 'Concat';
      operator.quantized = true;
      draft.setInputs(
        operator,
        operator.inputs.filter((_, position) => position >= 2 && position % 3 === 2),
      );
    }
    operator.type = pairs.get(operator.type) ?? operator.type;
    if (doesNothing(draft, operator)) draft.bypass(operator);
    else if (oneFormat && (operator.type === 'QuantizeLinear' || operator.type === 'DequantizeLinear')) {
      draft.bypass(operator);
    }
  }
}

function trimmed(inputs: string[]): string[] {
  while (inputs.at(-1) === '') inputs.pop();
  return inputs;
}

function doesNothing(draft: Draft, { type, inputs, outputs }: DraftOperator): boolean {
  switch (type) {
    case 'Identity':
      return true;
    case 'Dropout':
      return outputs.slice(1).every((name) => name === '' || draft.usersOf(name).size === 0);
    case 'Cast':
      return draft.facts.dataType(inputs[0] ?? '') === draft.facts.dataType(outputs[0] ?? '');
    case 'Concat':
    case 'Sum':
    case 'Max':
    case 'Min':
      return inputs.length === 1;
    case 'Pad':
      return draft.facts.numbers(inputs[1] ?? '')?.every((size) => size === 0) ?? false;
    case 'Tile':
      return draft.facts.numbers(inputs[1] ?? '')?.every((times) => times === 1) ?? false;
    case 'Slice':
    case 'Expand':
    case 'Resize': {
      const before = draft.facts.shape(inputs[0] ?? '');
      const after = draft.facts.shape(outputs[0] ?? '');
      return before !== undefined && after !== undefined && elementsOf(before) === elementsOf(after) && type !== 'Slice'
        ? before.every((size, axis) => size === after[axis])
        : false;
    }
    default:
      return false;
  }
}
