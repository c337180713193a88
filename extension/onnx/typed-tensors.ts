import type { DataType } from '../model/data-type';
import type { TypedField } from '../model/model';
import type { BytePool } from './byte-pool';
import type { ByteSource } from './byte-source';
import type { Payload } from './message-record';
import type { TensorDraft } from './tensor-draft';
import { MalformedTypedData, TypedDataDecoder } from './typed-data';
import { WireReader } from './wire';

const pieceBytes = 64 << 10;

/** A tensor whose elements are to be decoded into memory: small, unpacked, or in several pieces. */
export interface TypedReference {
  readonly tensor: TensorDraft;
  readonly dataType: DataType;
  readonly field: TypedField;
  readonly payloads: readonly Payload[];
  /** Told a clause. */
  readonly mismatch: (problem: string) => void;
}

/** Sets `inline` of a tensor as `resolveTypedData` does, where all of its data was taken into the pool; else gives false. */
export function decodePooled(reference: TypedReference, pool: BytePool): boolean {
  const { dataType, field, payloads } = reference;
  if (!payloads.every((payload) => payload.pooledAt !== undefined)) return false;
  try {
    const pieces: Uint8Array[] = [];
    const decoder = new TypedDataDecoder(dataType, field);
    for (const { start, end, packed, pooledAt } of payloads) {
      if (pooledAt !== undefined) pieces.push(decoder.decode(pool.view(pooledAt, end - start), packed));
      decoder.endField();
    }
    pieces.push(decoder.finish());
    fill(reference, pieces);
  } catch (error) {
    if (!(error instanceof MalformedTypedData)) throw error;
    reference.mismatch(error.message);
  }
  return true;
}

/** Sets `inline` of tensors from the file; where the elements do not fit the dimensions, `mismatch` is told. */
export async function resolveTypedData(references: readonly TypedReference[], source: ByteSource): Promise<void> {
  // Pieces may be millions of a few bytes each: they are read many at a time.
  const reader = new WireReader(source, '');
  for (const reference of references) {
    try {
      const decoder = new TypedDataDecoder(reference.dataType, reference.field);
      const pieces = await decodeFromFile(reference, decoder, reader);
      pieces.push(decoder.finish());
      fill(reference, pieces);
    } catch (error) {
      if (!(error instanceof MalformedTypedData)) throw error;
      reference.mismatch(error.message);
    }
  }
}

async function decodeFromFile(
  reference: TypedReference,
  decoder: TypedDataDecoder,
  reader: WireReader,
): Promise<Uint8Array[]> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for (const payload of reference.payloads) {
    for (let start = payload.start; start < payload.end; start += pieceBytes) {
      const end = Math.min(start + pieceBytes, payload.end);
      if (!reader.has(start, end)) await reader.load(start, end);
      const piece = decoder.decode(reader.loaded(start, end), payload.packed);
      length += piece.length;
      if (length > reference.tensor.byteLength) throw new MalformedTypedData(tooMany);
      pieces.push(piece);
    }
    decoder.endField();
  }
  return pieces;
}

const tooMany = 'the data has more elements than the dimensions call for';
const tooFew = 'the data has fewer elements than the dimensions call for';

function fill({ tensor }: TypedReference, pieces: readonly Uint8Array[]): void {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  if (length !== tensor.byteLength) throw new MalformedTypedData(length > tensor.byteLength ? tooMany : tooFew);
  const inline = new Uint8Array(length);
  let position = 0;
  for (const piece of pieces) {
    inline.set(piece, position);
    position += piece.length;
  }
  tensor.inline = inline;
}
