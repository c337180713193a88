import { bitsPerElement } from '../model/data-type';
import type { Dim } from '../model/dimension';
import type { Tensor, ValueType } from '../model/model';
import { toFloat64 } from '../onnx/tensor-data';
import { clampToNumber } from './attribute-reader';
import type { KnownElements, ValueFact } from './definition';
import { maximumKnownElements } from './known-elements';

/** What is known of a constant: its type, and its elements where it is small enough to be followed. */
export function constantFact(tensor: Tensor): ValueFact {
  const type: ValueType = tensor.valueType ?? { kind: 'tensor', dataType: tensor.dataType, shape: tensor.dims };
  const elements = tensorElements(tensor);
  return elements ? { type, elements } : { type };
}

/**
 * The elements of a tensor that is held in memory; undefined when there are more than 4,096, they are not at hand or they are no
 * real numbers. An int64 beyond 2^53 becomes the nearest safe integer; a float that is not finite is null.
 */
export function tensorElements(tensor: Tensor): KnownElements | undefined {
  const { inline, dataType, dims, elementCount } = tensor;
  if (elementCount === 0) return { dims, elements: [] };
  if (!inline || !dataType || tensor.sparse || elementCount > maximumKnownElements) return undefined;
  if (inline.length * 8 < elementCount * bitsPerElement(dataType)) return undefined;
  if (dataType === 'STRING' || dataType === 'COMPLEX64' || dataType === 'COMPLEX128') return undefined;
  return new TensorElements(tensor);
}

/** Read when asked for: most of the tensors that could be followed are not. */
class TensorElements implements KnownElements {
  private known: readonly Dim[] | undefined = undefined;

  constructor(private readonly tensor: Tensor) {}

  get dims(): readonly number[] {
    return this.tensor.dims;
  }

  get elements(): readonly Dim[] {
    this.known ??= realElements(this.tensor);
    return this.known;
  }
}

function realElements({ inline, dataType, elementCount }: Tensor): readonly Dim[] {
  if (!inline || !dataType) return [];
  const view = new DataView(inline.buffer, inline.byteOffset, inline.byteLength);
  const each = (read: (index: number) => Dim) => Array.from({ length: elementCount }, (_, index) => read(index));
  switch (dataType) {
    case 'INT64':
      return each((index) => clampToNumber(view.getBigInt64(index * 8, true)));
    case 'UINT64':
      return each((index) => clampToNumber(view.getBigUint64(index * 8, true)));
    case 'DOUBLE':
      return each((index) => finite(view.getFloat64(index * 8, true)));
    case 'BOOL':
      return each((index) => (view.getUint8(index) === 0 ? 0 : 1));
    default: {
      const numbers = toFloat64(dataType, inline, elementCount);
      return each((index) => finite(numbers[index]));
    }
  }
}

function finite(value: number | undefined): Dim {
  return value !== undefined && Number.isFinite(value) ? value : null;
}
