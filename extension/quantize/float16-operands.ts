import table from './float16-operands.json';

/**
 * What one operand or result of an operator admits: a lower-case letter names a type variable that admits both float32 and
 * float16 (operands with the same letter have the same type), `F` admits float32 but not float16 (or holds sequences),
 * `-` admits neither.
 */
export type Admits = string;

export interface OperandTypes {
  readonly inputs: readonly Admits[];
  readonly outputs: readonly Admits[];
}

const versionsByOperator = new Map<string, readonly { readonly since: number; readonly text: string }[]>(
  Object.entries(table).map(([type, versions]) => [
    type,
    Object.entries(versions)
      .map(([since, text]) => ({ since: Number(since), text: String(text) }))
      .sort((a, b) => b.since - a.since),
  ]),
);

/**
 * The type constraints of an ai.onnx operator at an opset, for `inputs` operands and `outputs` results; undefined for an operator
 * that is not in the standard. Source: the operator schemas of ONNX 1.23.1.
 */
export function operandTypes(
  opType: string,
  opset: number,
  counts: { readonly inputs: number; readonly outputs: number },
): OperandTypes | undefined {
  const version = versionsByOperator.get(opType)?.find(({ since }) => since <= opset);
  if (!version) return undefined;
  const [inputs = '', outputs = ''] = version.text.split('>');
  return { inputs: spread(inputs, counts.inputs), outputs: spread(outputs, counts.outputs) };
}

/** One entry an operand: a last entry with `*` stands for all that follow. */
function spread(text: string, count: number): Admits[] {
  const entries = text === '' ? [] : text.split(' ');
  const last = entries.at(-1) ?? '-';
  const repeated = last.endsWith('*') ? last.slice(0, -1) : '-';
  return Array.from({ length: count }, (_, index) => (entries[index] ?? repeated).replace('*', ''));
}
