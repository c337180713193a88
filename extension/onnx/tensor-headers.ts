import type { TensorHeader } from './tensor-draft';

/** More are not looked for again: the tensors of a model have few types and shapes. */
const mostShared = 10_000;
const highestRank = 8;

/** Gives tensors of one type and shape one header, since a tiny tensor would otherwise be little else. */
export class TensorHeaders {
  readonly #shared = new Map<string, TensorHeader>();

  /** The same header, or an earlier one that is equal. `byteLength` must follow from type and dimensions. */
  share(header: TensorHeader): TensorHeader {
    if (header.dims.length > highestRank) return header;
    const key = `${header.dataTypeCode} ${header.dims.join()}`;
    const known = this.#shared.get(key);
    if (known || this.#shared.size >= mostShared) return known ?? header;
    this.#shared.set(key, header);
    return header;
  }
}
