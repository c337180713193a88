import type { DataType } from '../model/data-type';
import type { ByteRange, Tensor, TensorLocation, ValueType } from '../model/model';
import type { BytePool } from './byte-pool';

/** What many tensors of a model have in common. */
export interface TensorHeader {
  readonly dataType: DataType | undefined;
  readonly dataTypeCode: number;
  readonly dims: readonly number[];
  readonly elementCount: number;
  readonly byteLength: number;
  readonly valueType: ValueType;
}

/** A header of these figures. `byteLength`: of the elements at their stored width. */
export function tensorHeader(
  dataType: DataType | undefined,
  dataTypeCode: number,
  dims: readonly number[],
  elementCount: number,
  byteLength: number,
): TensorHeader {
  const valueType: ValueType = { kind: 'tensor', dataType, shape: dims };
  return { dataType, dataTypeCode, dims, elementCount, byteLength, valueType };
}

/** What few tensors have. */
interface Rest {
  location?: TensorLocation;
  inline?: Uint8Array;
  sparse?: Tensor['sparse'];
}

/** Longer content is kept as it is: the pool would copy it. */
const mostPooledBytes = 1 << 10;

/**
 * A tensor as it is read: where its elements are may become known later than the rest. A model may have a million tensors of one
 * number, so what can be told from a few offsets is made when it is asked for.
 */
export class TensorDraft implements Tensor {
  private readonly start: number;
  private readonly end: number;
  private rawStart = -1;
  private pooledAt = -1;
  private rest: Rest | undefined = undefined;

  constructor(
    readonly name: string,
    private header: TensorHeader,
    readonly metadata: ReadonlyMap<string, string>,
    range: ByteRange,
    private readonly pool: BytePool,
  ) {
    this.start = range.start;
    this.end = range.end;
  }

  get dataType(): DataType | undefined {
    return this.header.dataType;
  }

  get dataTypeCode(): number {
    return this.header.dataTypeCode;
  }

  get dims(): readonly number[] {
    return this.header.dims;
  }

  get elementCount(): number {
    return this.header.elementCount;
  }

  get valueType(): ValueType {
    return this.header.valueType;
  }

  get byteLength(): number {
    return this.header.byteLength;
  }

  set byteLength(byteLength: number) {
    this.header = { ...this.header, byteLength };
  }

  get range(): ByteRange {
    return { start: this.start, end: this.end };
  }

  get location(): TensorLocation {
    if (this.rest?.location) return this.rest.location;
    return this.rawStart < 0 ? inMemory : { kind: 'raw', offset: this.rawStart, length: this.byteLength };
  }

  set location(location: TensorLocation) {
    this.rest = { ...this.rest, location };
  }

  /** The elements are `raw_data` at this offset of the file. */
  locateRaw(offset: number): void {
    this.rawStart = offset;
  }

  get inline(): Uint8Array | undefined {
    return this.pooledAt < 0 ? this.rest?.inline : this.pool.view(this.pooledAt, this.byteLength);
  }

  set inline(bytes: Uint8Array) {
    if (bytes.length <= mostPooledBytes) this.pooledAt = this.pool.add(bytes);
    else this.rest = { ...this.rest, inline: bytes };
  }

  /** The elements are in the pool already, as they are in `inline`. */
  takePooled(at: number): void {
    this.pooledAt = at;
  }

  get sparse(): Tensor['sparse'] {
    return this.rest?.sparse;
  }

  set sparse(parts: Tensor['sparse']) {
    this.rest = { ...this.rest, sparse: parts };
  }
}

const inMemory: TensorLocation = { kind: 'memory' };
