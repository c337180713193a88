import { readAttributes } from '../ops/attribute-reader';
import type { Draft, DraftOperator } from './draft';
import { elementsOf } from './facts';
import type { Activation } from './lowered';
import { operatorsPerStep, type Steps } from './steps';
import { outputChannels } from './windows';

/** Operators with a weight in input 1 and a bias in input 2. */
const weighted = new Set(['Conv', 'ConvTranspose', 'Gemm', 'MatMul']);

/** Operators that can clamp their result to an activation's range, in TensorFlow Lite's schema. */
const clamping = new Set(['Conv', 'Gemm', 'MatMul', 'Add', 'Sub', 'Mul', 'Div', 'AveragePool', 'MaxPool']);

/** Folds batch normalization and added constants into the weights and the bias of the operator before. */
export function* foldIntoWeights(draft: Draft): Steps {
  let seen = 0;
  for (const operator of draft.operators) {
    if (++seen % operatorsPerStep === 0) yield;
    if (!weighted.has(operator.type) || !hasConstantWeight(draft, operator)) continue;
    for (;;) {
      const next = following(draft, operator);
      if (next?.type === 'BatchNormalization' && operator.type !== 'MatMul') {
        if (next.outputs.slice(1).some((name) => name !== '' && draft.usersOf(name).size > 0)) break;
        if (!hasBias(operator)) operator.addedBias = true;
      } else if (next?.type === 'Add' && !hasBias(operator) && isChannelVector(draft, operator, next)) {
        const bias = next.inputs.find((name) => draft.isConstant(name)) ?? '';
        draft.setInputs(operator, [operator.inputs[0] ?? '', operator.inputs[1] ?? '', bias]);
      } else break;
      draft.absorb(operator, next);
    }
  }
}

/** Lets operators do the Relu or Clip that follows them, also across a quantize / dequantize pair. */
export function* fuseActivations(draft: Draft): Steps {
  let seen = 0;
  for (const operator of draft.operators) {
    if (++seen % operatorsPerStep === 0) yield;
    if (!clamping.has(operator.type) || operator.activation) continue;
    if (operator.type === 'MatMul' && !hasConstantWeight(draft, operator)) continue;
    const next = following(draft, operator, true);
    const activation = next && activationOf(draft, next);
    if (!next || !activation) continue;
    const [between = ''] = next.inputs;
    const dequantize = draft.maker(between);
    if (dequantize !== operator && dequantize) {
      const quantize = draft.maker(dequantize.inputs[0] ?? '');
      draft.remove(dequantize);
      if (quantize) draft.remove(quantize);
      operator.from.push(dequantize.from, quantize?.from ?? []);
    }
    operator.activation = activation;
    draft.absorb(operator, next);
  }
}

/** The activation that an operator is, as far as TensorFlow Lite has a fused form for it. */
export function activationOf(draft: Draft, operator: DraftOperator): Activation | undefined {
  if (operator.type === 'Relu') return 'Relu';
  if (operator.type !== 'Clip') return undefined;
  const attributes = readAttributes(operator.node);
  const limit = (position: number, name: string, otherwise: number) => {
    const input = operator.inputs[position] ?? '';
    if (input === '') return attributes.float(name, otherwise);
    return draft.facts.numbers(input)?.[0] ?? draft.facts.scalar(input);
  };
  const low = limit(1, 'min', Number.NEGATIVE_INFINITY);
  const high = limit(2, 'max', Number.POSITIVE_INFINITY);
  if (low === 0 && high === 6) return 'Relu6';
  if (low === -1 && high === 1) return 'ReluN1To1';
  return low === 0 && high !== undefined && high > 1e38 ? 'Relu' : undefined;
}

/** The only reader of an operator's only output. */
function following(draft: Draft, operator: DraftOperator, acrossPair = false): DraftOperator | undefined {
  const [output = ''] = operator.outputs;
  const next = draft.soleUser(output);
  if (!acrossPair || next?.type !== 'QuantizeLinear') return next;
  const dequantize = draft.soleUser(next.outputs[0] ?? '');
  return dequantize?.type === 'DequantizeLinear' ? draft.soleUser(dequantize.outputs[0] ?? '') : undefined;
}

function hasBias({ inputs, addedBias }: DraftOperator): boolean {
  return addedBias === true || (inputs[2] ?? '') !== '';
}

function hasConstantWeight(draft: Draft, { inputs }: DraftOperator): boolean {
  return draft.isConstant(inputs[1] ?? '');
}

/** True where one operand is a constant with one element for each output channel, on the axis of the channels. */
function isChannelVector(draft: Draft, operator: DraftOperator, { inputs }: DraftOperator): boolean {
  const constants = inputs.filter((name) => draft.isConstant(name));
  const [name] = constants;
  const dims = name === undefined ? undefined : draft.facts.shape(name);
  const channels = outputChannels(draft.facts, operator);
  const rank = draft.facts.shape(operator.outputs[0] ?? '')?.length;
  if (constants.length !== 1 || !dims || channels === undefined || rank === undefined) return false;
  if (elementsOf(dims) !== channels) return false;
  const axis = operator.type === 'Conv' || operator.type === 'ConvTranspose' ? 1 : rank - 1;
  return dims.length <= rank && (channels === 1 || dims[axis - (rank - dims.length)] === channels);
}
