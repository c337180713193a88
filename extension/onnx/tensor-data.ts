import { bitsPerElement, type DataType, storedBytes } from '../model/data-type';
import type { Tensor, TensorLocation } from '../model/model';
import type { ByteSource, ExternalFiles } from './byte-source';
import { float16Table, isSmallFloat, powerOfTwo, smallFloatTable } from './number-formats';
import { denseRange, planSparse } from './sparse-data';
import { MalformedTypedData, TypedDataDecoder } from './typed-data';

/** What is needed to get at the elements of a model's tensors. */
export interface ModelBytes {
  readonly source: ByteSource;
  readonly externalFiles?: ExternalFiles;
}

/** Pieces are multiples of this many bytes: whole elements of every type, also those of 6 and of 128 bits. */
const groupBytes = 48;

/** The dense size of a sparse tensor is bounded by nothing in the file; a whole model is smaller than this. */
const largestExpanded = 2 ** 31;

/**
 * The elements of a tensor as little-endian packed bytes (the layout of raw_data), in pieces of about `chunkBytes`, each a
 * whole number of 8-byte groups except the last. Memory stays at one piece; a sparse tensor's values and indices come on
 * top. Throws Error (a sentence) when the elements cannot be had.
 */
export async function* readTensorChunks(
  tensor: Tensor,
  bytes: ModelBytes,
  chunkBytes = 1 << 20,
): AsyncGenerator<Uint8Array> {
  const pieceBytes = Math.max(groupBytes, chunkBytes - (chunkBytes % groupBytes));
  const { location } = tensor;
  if (tensor.inline) {
    yield* ranges(0, tensor.inline.length, pieceBytes, tensor.inline);
  } else if (tensor.sparse && location.kind === 'memory') {
    yield* sparsePieces(tensor, tensor.sparse, bytes, pieceBytes);
  } else if (location.kind === 'raw') {
    yield* filePieces(bytes.source, location, pieceBytes);
  } else if (location.kind === 'external') {
    if (!bytes.externalFiles) throw new Error(`${title(tensor)} is in ${location.path}, which cannot be opened here.`);
    yield* filePieces(await bytes.externalFiles.open(location.path), location, pieceBytes);
  } else if (location.kind === 'packed') {
    yield* packedPieces(tensor, location, bytes.source, pieceBytes);
  } else if (location.kind === 'missing') {
    throw new Error(`${title(tensor)} has no data: ${location.reason}`);
  } else {
    throw new Error(`${title(tensor)} holds ${location.kind === 'strings' ? 'strings' : 'no elements'}, not numbers.`);
  }
}

/** Where the elements stand in a file in the layout of raw_data; undefined where they do not. Throws Error where the file cannot be opened. */
export async function tensorPlace(
  { inline, location }: Tensor,
  { source, externalFiles }: ModelBytes,
): Promise<{ readonly source: ByteSource; readonly offset: number; readonly length: number } | undefined> {
  if (inline) return undefined;
  if (location.kind === 'raw') return { source, offset: location.offset, length: location.length };
  if (location.kind !== 'external' || !externalFiles) return undefined;
  return { source: await externalFiles.open(location.path), offset: location.offset, length: location.length };
}

/** All elements at once, in the layout of raw_data. Throws Error (a sentence) when the elements cannot be had. */
export async function readTensor(tensor: Tensor, bytes: ModelBytes): Promise<Uint8Array> {
  if (tensor.inline) return tensor.inline;
  const pieces: Uint8Array[] = [];
  for await (const piece of readTensorChunks(tensor, bytes)) pieces.push(piece);
  const [only] = pieces;
  if (pieces.length === 1 && only) return only;
  const all = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let position = 0;
  for (const piece of pieces) {
    all.set(piece, position);
    position += piece.length;
  }
  return all;
}

function* ranges(start: number, end: number, pieceBytes: number, bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = start; at < end; at += pieceBytes) yield bytes.subarray(at, Math.min(end, at + pieceBytes));
}

async function* filePieces(
  source: ByteSource,
  { offset, length }: { readonly offset: number; readonly length: number },
  pieceBytes: number,
): AsyncGenerator<Uint8Array> {
  const end = offset + length;
  for (let at = offset; at < end; at += pieceBytes) yield await source.read(at, Math.min(pieceBytes, end - at));
}

async function* packedPieces(
  tensor: Tensor,
  location: Extract<TensorLocation, { kind: 'packed' }>,
  source: ByteSource,
  pieceBytes: number,
): AsyncGenerator<Uint8Array> {
  if (!tensor.dataType) throw new Error(`${title(tensor)} has an unknown element type.`);
  try {
    const decoder = new TypedDataDecoder(tensor.dataType, location.field);
    const pieces = new EvenPieces(pieceBytes);
    let length = 0;
    for await (const encoded of filePieces(source, location, pieceBytes)) {
      const decoded = decoder.decode(encoded, true);
      length += decoded.length;
      yield* pieces.add(decoded);
    }
    decoder.endField();
    const tail = decoder.finish();
    yield* pieces.add(tail);
    if (length + tail.length !== tensor.byteLength) {
      throw new MalformedTypedData(`the data has ${length + tail.length} bytes of elements, not ${tensor.byteLength}`);
    }
    yield* pieces.rest();
  } catch (error) {
    if (!(error instanceof MalformedTypedData)) throw error;
    throw new Error(`${title(tensor)} in ${location.field}: ${error.message}.`);
  }
}

async function* sparsePieces(
  tensor: Tensor,
  sparse: NonNullable<Tensor['sparse']>,
  bytes: ModelBytes,
  pieceBytes: number,
): AsyncGenerator<Uint8Array> {
  if (tensor.byteLength > largestExpanded) {
    throw new Error(
      `${title(tensor)} is sparse and would take ${tensor.byteLength} bytes when expanded; that is not done.`,
    );
  }
  const plan = planSparse(tensor, await readTensor(sparse.indices, bytes));
  if (typeof plan === 'string') throw new Error(plan);
  const values = await readTensor(sparse.values, bytes);
  for (let at = 0; at < tensor.byteLength; at += pieceBytes) {
    yield denseRange(plan, values, at, Math.min(tensor.byteLength, at + pieceBytes));
  }
}

/** Cuts pieces of any length into pieces of one length. */
class EvenPieces {
  private held: Uint8Array = new Uint8Array(0);

  constructor(private readonly pieceBytes: number) {}

  *add(bytes: Uint8Array): Generator<Uint8Array> {
    const all = new Uint8Array(this.held.length + bytes.length);
    all.set(this.held);
    all.set(bytes, this.held.length);
    const whole = all.length - (all.length % this.pieceBytes);
    yield* ranges(0, whole, this.pieceBytes, all);
    this.held = all.subarray(whole);
  }

  *rest(): Generator<Uint8Array> {
    if (this.held.length > 0) yield this.held;
  }
}

/**
 * `count` elements of packed bytes as float64 values. Exact for every float and integer type up to 32 bits and for DOUBLE;
 * INT64 and UINT64 are rounded above 2^53. Throws Error for complex numbers and strings, and when there are too few bytes.
 */
export function toFloat64(type: NonNullable<Tensor['dataType']>, bytes: Uint8Array, count: number): Float64Array {
  if (bytes.length < storedBytes(type, count)) {
    throw new Error(`${bytes.length} bytes cannot hold ${count} elements of type ${type}.`);
  }
  const result = new Float64Array(count);
  if (type === 'FLOAT' && isLittleEndian) {
    // Weights are read by the gigabyte; a float32 view needs its bytes aligned.
    const aligned = bytes.byteOffset % 4 === 0 ? bytes : Uint8Array.from(bytes);
    result.set(new Float32Array(aligned.buffer, aligned.byteOffset, count));
    return result;
  }
  const read = elementReader(type, bytes);
  for (let index = 0; index < count; index++) result[index] = read(index);
  return result;
}

/** True where typed arrays of the host hold their elements as files of models do. */
export const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

function elementReader(type: DataType, bytes: Uint8Array): (index: number) => number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const bits = bitsPerElement(type);
  if (isSmallFloat(type)) {
    const table = smallFloatTable(type);
    return (index) => table[bitsAt(bytes, index, bits)] ?? Number.NaN;
  }
  switch (type) {
    case 'FLOAT':
      return (index) => view.getFloat32(4 * index, true);
    case 'DOUBLE':
      return (index) => view.getFloat64(8 * index, true);
    case 'FLOAT16': {
      const table = float16Table();
      return (index) => table[view.getUint16(2 * index, true)] ?? Number.NaN;
    }
    case 'BFLOAT16': {
      // bfloat16 is the upper half of a float32.
      const whole = new DataView(new ArrayBuffer(4));
      return (index) => {
        whole.setUint16(2, view.getUint16(2 * index, true), true);
        return whole.getFloat32(0, true);
      };
    }
    case 'FLOAT8E8M0':
      return (index) => powerOfTwo(bytes[index] ?? 0);
    case 'INT8':
      return (index) => view.getInt8(index);
    case 'UINT8':
    case 'BOOL':
      return (index) => view.getUint8(index);
    case 'INT16':
      return (index) => view.getInt16(2 * index, true);
    case 'UINT16':
      return (index) => view.getUint16(2 * index, true);
    case 'INT32':
      return (index) => view.getInt32(4 * index, true);
    case 'UINT32':
      return (index) => view.getUint32(4 * index, true);
    case 'INT64':
      return (index) => Number(view.getBigInt64(8 * index, true));
    case 'UINT64':
      return (index) => Number(view.getBigUint64(8 * index, true));
    case 'UINT2':
    case 'UINT4':
      return (index) => bitsAt(bytes, index, bits);
    case 'INT2':
    case 'INT4': {
      const half = 1 << (bits - 1);
      return (index) => ((bitsAt(bytes, index, bits) + half) % (2 * half)) - half;
    }
    default:
      throw new Error(`Elements of type ${type} are no real numbers.`);
  }
}

/** Element `index` of a stream of elements of at most 8 bits, lowest bits first. */
function bitsAt(bytes: Uint8Array, index: number, bits: number): number {
  const bit = index * bits;
  const byte = Math.floor(bit / 8);
  const pair = (bytes[byte] ?? 0) | ((bytes[byte + 1] ?? 0) << 8);
  return (pair >>> (bit % 8)) & ((1 << bits) - 1);
}

function title(tensor: Tensor): string {
  return `Tensor ${JSON.stringify(tensor.name)}`;
}
