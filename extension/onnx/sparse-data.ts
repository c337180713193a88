import { bitsPerElement } from '../model/data-type';
import type { Tensor } from '../model/model';
import { inlineLimit } from './scan';
import type { TensorDraft } from './tensor-draft';

/** Where the elements of a sparse tensor go in the dense one, in ascending order. */
export interface SparsePlan {
  readonly elementBytes: number;
  /** Linear index and position in `values`, by ascending index. */
  readonly entries: readonly { readonly index: number; readonly position: number }[];
}

/** Dense bytes of sparse tensors that are small and whose parts are in memory. */
export function fillSmallSparseTensors(tensors: readonly TensorDraft[]): void {
  for (const tensor of tensors) {
    const { sparse } = tensor;
    if (!sparse?.values.inline || !sparse.indices.inline || tensor.byteLength > inlineLimit) continue;
    const plan = planSparse(tensor, sparse.indices.inline);
    if (typeof plan !== 'string') tensor.inline = denseRange(plan, sparse.values.inline, 0, tensor.byteLength);
  }
}

/** The plan for a sparse tensor from the bytes of its indices; a sentence when there is none. */
export function planSparse(tensor: Tensor, indexBytes: Uint8Array): SparsePlan | string {
  const title = `Sparse tensor ${JSON.stringify(tensor.name)}`;
  if (!tensor.sparse || !tensor.dataType) return `${title} has no values of a known type.`;
  const { values, indices } = tensor.sparse;
  const bits = bitsPerElement(tensor.dataType);
  if (bits === 0 || bits % 8 !== 0) return `${title}: sparse ${tensor.dataType} cannot be expanded.`;
  const count = values.elementCount;
  const rank = tensor.dims.length;
  const linear = indices.dims.length === 1;
  const fits = linear ? indices.elementCount === count : indices.dims.length === 2 && indices.dims[1] === rank;
  if (indices.dataType !== 'INT64' || !fits || indices.elementCount !== (linear ? count : count * rank)) {
    return `${title} has indices that do not fit its ${count} values.`;
  }
  const view = new DataView(indexBytes.buffer, indexBytes.byteOffset, indexBytes.byteLength);
  const entries: { index: number; position: number }[] = [];
  for (let position = 0; position < count; position++) {
    let index = 0;
    for (let axis = 0; axis < (linear ? 1 : rank); axis++) {
      const coordinate = Number(view.getBigInt64(8 * (linear ? position : position * rank + axis), true));
      const size = linear ? tensor.elementCount : (tensor.dims[axis] ?? 0);
      if (coordinate < 0 || coordinate >= size) return `${title} has an index outside its dimensions.`;
      index = linear ? coordinate : index * size + coordinate;
    }
    entries.push({ index, position });
  }
  entries.sort((a, b) => a.index - b.index);
  return { elementBytes: bits / 8, entries };
}

/** The dense bytes from `start` to `end`, both at element borders. */
export function denseRange(plan: SparsePlan, values: Uint8Array, start: number, end: number): Uint8Array {
  const { elementBytes, entries } = plan;
  const dense = new Uint8Array(end - start);
  for (let at = firstAtOrAfter(entries, start / elementBytes); at < entries.length; at++) {
    const entry = entries[at];
    const offset = entry ? entry.index * elementBytes - start : end;
    if (!entry || offset >= dense.length) break;
    const from = entry.position * elementBytes;
    dense.set(values.subarray(from, from + elementBytes), offset);
  }
  return dense;
}

function firstAtOrAfter(entries: SparsePlan['entries'], index: number): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((entries[middle]?.index ?? 0) < index) low = middle + 1;
    else high = middle;
  }
  return low;
}
