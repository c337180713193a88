import type { ByteSource } from '../../onnx/byte-source';
import { type PieceSource, rangeOf } from './byte-pieces';
import { CalibrationDataRefused, type InflateRaw } from './calibration-files';
import { crc32, inflate } from './inflate';

/** A file in a zip archive. */
export interface ZipEntry extends PieceSource {
  readonly name: string;
}

const endRecordBytes = 22;
const largestComment = 0xffff;
const directoryHeaderBytes = 46;
const localHeaderBytes = 30;

/**
 * The files in a zip archive, stored or deflated. Sizes, offsets and checksums are checked while an entry is read.
 * Source: PKWARE APPNOTE 6.3. Throws CalibrationDataRefused for what is no such archive (also for zip64).
 */
export async function readZip(
  source: ByteSource,
  fileName: string,
  inflateRaw: InflateRaw = (compressed) => inflate(compressed, 'deflate-raw'),
): Promise<readonly ZipEntry[]> {
  const refuse = (reason: string) => new CalibrationDataRefused(`${fileName} is no readable zip archive: ${reason}.`);
  const tailStart = Math.max(0, source.size - endRecordBytes - largestComment);
  const tail = viewOf(await source.read(tailStart, source.size - tailStart));
  const at = findEndRecord(tail);
  if (at === undefined) throw refuse('it has no central directory (is the file complete?)');
  const count = tail.getUint16(at + 10, true);
  const directoryBytes = tail.getUint32(at + 12, true);
  const directoryStart = tail.getUint32(at + 16, true);
  if (count === 0xffff || directoryBytes === 0xffffffff || directoryStart === 0xffffffff) {
    throw refuse('it uses zip64, which is not read here; split the data into several files');
  }
  if (directoryStart + directoryBytes > tailStart + at) throw refuse('its directory lies outside the file');

  const directory = await source.read(directoryStart, directoryBytes);
  const view = viewOf(directory);
  const entries: ZipEntry[] = [];
  let position = 0;
  for (let index = 0; index < count; index++) {
    if (position + directoryHeaderBytes > directory.length || view.getUint32(position, true) !== 0x02014b50) {
      throw refuse(`entry ${index + 1} of its directory is damaged`);
    }
    const nameBytes = view.getUint16(position + 28, true);
    const end = position + directoryHeaderBytes + nameBytes;
    const header: EntryHeader = {
      name: new TextDecoder().decode(directory.subarray(position + directoryHeaderBytes, end)),
      encrypted: (view.getUint16(position + 8, true) & 1) === 1,
      method: view.getUint16(position + 10, true),
      crc: view.getUint32(position + 16, true),
      compressed: view.getUint32(position + 20, true),
      size: view.getUint32(position + 24, true),
      start: view.getUint32(position + 42, true),
    };
    entries.push({
      name: header.name,
      size: header.size,
      pieces: () => entryPieces(source, header, { fileName, limit: directoryStart, inflateRaw }),
    });
    position = end + view.getUint16(position + 30, true) + view.getUint16(position + 32, true);
  }
  return entries;
}

interface EntryHeader {
  readonly name: string;
  readonly encrypted: boolean;
  readonly method: number;
  readonly crc: number;
  readonly compressed: number;
  readonly size: number;
  /** Of its local header, in the archive. */
  readonly start: number;
}

async function* entryPieces(
  source: ByteSource,
  header: EntryHeader,
  archive: { readonly fileName: string; readonly limit: number; readonly inflateRaw: InflateRaw },
): AsyncGenerator<Uint8Array, void> {
  const { fileName, limit, inflateRaw } = archive;
  const refuse = (reason: string) => new CalibrationDataRefused(`${fileName}: ${header.name} ${reason}.`);
  if (header.encrypted) throw refuse('is encrypted');
  if (header.method !== 0 && header.method !== 8) {
    throw refuse(`is compressed by method ${header.method}; only stored and deflated entries are read`);
  }
  if (header.compressed === 0xffffffff || header.size === 0xffffffff)
    throw refuse('uses zip64, which is not read here');
  if (header.start + localHeaderBytes > limit) throw refuse('lies outside the file');
  // The local header repeats the sizes, often as placeholders; those of the directory are the ones that count.
  const local = viewOf(await source.read(header.start, localHeaderBytes));
  if (local.getUint32(0, true) !== 0x04034b50) throw refuse('has a damaged header');
  const start = header.start + localHeaderBytes + local.getUint16(26, true) + local.getUint16(28, true);
  const end = start + header.compressed;
  if (end > limit) throw refuse('lies outside the file');
  const stored = rangeOf(source, start, end).pieces();

  let crc = 0;
  let length = 0;
  const pieces = header.method === 0 ? stored : inflated(stored, inflateRaw, refuse);
  for await (const piece of pieces) {
    length += piece.length;
    if (length > header.size) throw refuse(`holds more than the ${header.size} bytes it declares`);
    crc = crc32(crc, piece);
    yield piece;
  }
  if (length !== header.size) throw refuse(`holds ${length} bytes, not the ${header.size} it declares`);
  if (crc !== header.crc) throw refuse('does not match its checksum: the file is damaged');
}

async function* inflated(
  compressed: AsyncIterable<Uint8Array>,
  inflateRaw: InflateRaw,
  refuse: (reason: string) => Error,
): AsyncGenerator<Uint8Array, void> {
  try {
    yield* inflateRaw(compressed);
  } catch (error) {
    throw refuse(`is damaged (${error instanceof Error ? error.message : String(error)})`);
  }
}

/** Where the end record stands in the last bytes of a file; undefined where there is none. */
function findEndRecord(tail: DataView): number | undefined {
  for (let at = tail.byteLength - endRecordBytes; at >= 0; at--) {
    if (
      tail.getUint32(at, true) === 0x06054b50 &&
      at + endRecordBytes + tail.getUint16(at + 20, true) <= tail.byteLength
    ) {
      return at;
    }
  }
  return undefined;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
