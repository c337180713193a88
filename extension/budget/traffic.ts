import type { Node } from '../model/model';
import type { ValueFact } from '../ops/definition';
import { exact, type SizeOf, valueBytes } from './sizes';

export interface Traffic {
  /** undefined: not known. */
  readonly bytesRead: number | undefined;
  readonly bytesWritten: number | undefined;
}

/**
 * Operands of which only a part is looked at: as many bytes as the first output has. The others of Gather and its like choose the
 * part and are read in whole.
 */
const chosenFrom: ReadonlyMap<string, readonly number[]> = new Map([
  ...['Gather', 'GatherElements', 'GatherND', 'Slice', 'DynamicSlice', 'Crop', 'CenterCropPad', 'Compress'].map(
    (opType): [string, number[]] => [opType, [0]],
  ),
  ['ArrayFeatureExtractor', [0]],
  ['SequenceAt', [0]],
  ['EmbedLayerNormalization', [2, 3, 4]],
]);

/** Operators that look at the type of their operand and not at its elements. */
const typeOnly = new Set(['Shape', 'Size', 'SequenceLength', 'OptionalHasElement']);

/**
 * Bytes a node reads and writes, by the sizes of its operands and results: each operand once and in whole, constants included, except
 * where the operator looks at a part; each result once. Nothing is reused from before and nothing is in place.
 */
export function bytesMoved(node: Node, find: (name: string) => ValueFact | undefined, sizeOf: SizeOf): Traffic {
  const written = node.outputs.map((name) => (name === '' ? 0 : valueBytes(find(name), sizeOf)));
  const parts = chosenFrom.get(node.opType);
  const seen = new Set(['']);
  const read = node.inputs.map((name, position) => {
    if (typeOnly.has(node.opType) || seen.has(name)) return 0;
    seen.add(name);
    return parts?.includes(position) ? written[0] : valueBytes(find(name), sizeOf);
  });
  return { bytesRead: sumOf(read), bytesWritten: sumOf(written) };
}

function sumOf(sizes: readonly (number | undefined)[]): number | undefined {
  let total = 0;
  for (const size of sizes) {
    if (size === undefined) return undefined;
    total += size;
  }
  return exact(total);
}
