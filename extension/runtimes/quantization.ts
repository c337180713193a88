import type { Draft, DraftOperator } from './draft';
import { operatorsPerStep, type Steps } from './steps';

/** Operators whose integer form computes what the float form does between DequantizeLinear and QuantizeLinear. */
const notAbsorbed = new Set(['QuantizeLinear', 'DequantizeLinear', 'Cast', 'Shape', 'Size']);

/** Operators that only move elements, and so work on integers as on floats. */
const moving = new Set(['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Transpose']);

/**
 * Makes integer operators of float operators that stand between DequantizeLinear and QuantizeLinear, as a converter does. An operator is
 * absorbed where all its computed inputs are dequantized and each output is only quantized. The other pairs stay.
 */
export function* absorbQuantization(draft: Draft): Steps {
  let seen = 0;
  for (const operator of draft.operators) {
    if (++seen % operatorsPerStep === 0) yield;
    if (notAbsorbed.has(operator.type) || hasFloatWeights(draft, operator)) continue;
    const quantizers = operator.outputs.map((name) => (name === '' ? undefined : quantizerOf(draft, name)));
    if (!operator.outputs.every((name, position) => name === '' || quantizers[position])) continue;
    const computed = new Set(draft.computedInputs(operator));
    const sources = operator.inputs.map((name) => (computed.has(name) ? sourceOf(draft, name) : undefined));
    if (computed.size === 0 || !operator.inputs.every((name, position) => !computed.has(name) || sources[position]))
      continue;
    draft.setInputs(
      operator,
      operator.inputs.map((name, position) => integersBehind(draft, name, sources[position])),
    );
    quantizers.forEach((quantizer, position) => {
      if (!quantizer) return;
      const [output = ''] = quantizer.outputs;
      draft.remove(quantizer);
      draft.setOutput(operator, position, output);
      operator.from.push(quantizer.from);
    });
    operator.quantized = true;
    for (const source of sources) if (source?.movers.length === 0) operator.from.push(source.dequantize.from);
  }
  yield* dropUnread(draft);
}

/** Takes Quantize from float graph inputs and Dequantize to float graph outputs, which makes inputs and outputs integers. */
export function* dropBoundaryConversions(draft: Draft): Steps {
  const inputs = new Set(draft.inputs);
  let seen = 0;
  for (const operator of draft.operators) {
    if (++seen % operatorsPerStep === 0) yield;
    const [input = ''] = operator.inputs;
    const [output = ''] = operator.outputs;
    if (operator.type === 'QuantizeLinear' && inputs.has(input) && draft.soleUser(input) === operator) {
      draft.setDataType(input, draft.dataType(output));
      draft.bypass(operator);
      draft.notes.add(integerEnds);
    }
    if (operator.type === 'DequantizeLinear' && draft.isOutput(output) && draft.usersOf(output).size === 0) {
      draft.bypass(operator);
      draft.notes.add(integerEnds);
    }
  }
}

const integerEnds = 'Graph inputs and outputs are integers; the conversions from and to float are left out.';

/** A layer that was left in float: no runtime computes on integers with float weights. */
function hasFloatWeights(draft: Draft, { type, inputs }: DraftOperator): boolean {
  if (!weighted.has(type)) return false;
  const weight = draft.facts.constant(inputs[1] ?? '');
  return weight?.scales === 0 && weight.dataType === 'FLOAT';
}

const weighted = new Set(['Conv', 'ConvTranspose', 'Gemm', 'MatMul']);

interface Source {
  readonly dequantize: DraftOperator;
  /** Operators between it and the reader, the last first. */
  readonly movers: readonly DraftOperator[];
}

/** The DequantizeLinear that a value comes from, straight or through operators that only move elements for this reader. */
function sourceOf(draft: Draft, name: string): Source | undefined {
  const movers: DraftOperator[] = [];
  for (let at = name; ; ) {
    const maker = draft.maker(at);
    if (maker?.type === 'DequantizeLinear') return { dequantize: maker, movers };
    if (!maker || !moving.has(maker.type) || maker.quantized || !draft.soleUser(at)) return undefined;
    movers.push(maker);
    at = maker.inputs[0] ?? '';
  }
}

/** The integers that a value stands for; operators that move it move them from now on. */
function integersBehind(draft: Draft, name: string, source: Source | undefined): string {
  if (!source) return name;
  const [integers = ''] = source.dequantize.inputs;
  const first = source.movers.at(-1);
  if (!first) return integers;
  draft.setInputs(first, [integers, ...first.inputs.slice(1)]);
  first.from.push(source.dequantize.from);
  for (const mover of source.movers) {
    mover.quantized = true;
    draft.setDataType(mover.outputs[0] ?? '', draft.dataType(integers));
  }
  return name;
}

function quantizerOf(draft: Draft, name: string): DraftOperator | undefined {
  const user = draft.soleUser(name);
  return user?.type === 'QuantizeLinear' ? user : undefined;
}

function* dropUnread(draft: Draft): Steps {
  let seen = 0;
  for (const operator of draft.operators) {
    if (++seen % operatorsPerStep === 0) yield;
    if (operator.type !== 'DequantizeLinear') continue;
    const [output = ''] = operator.outputs;
    if (draft.usersOf(output).size === 0 && !draft.isOutput(output)) draft.remove(operator);
  }
}
