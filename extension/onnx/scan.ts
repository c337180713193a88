import type { ByteRange } from '../model/model';
import { BytePool } from './byte-pool';
import { UnreadableModel } from './byte-source';
import { MessageRecord } from './message-record';
import {
  admitsWireType,
  type FieldKind,
  isMessageName,
  isRecorded,
  type MessageName,
  messageSchema,
} from './message-schema';
import { hiddenFields, Skeleton } from './skeleton';
import type { WireField, WireReader } from './wire';

export interface Scan {
  /** The file as protobuf without payloads, texts that nobody needs, and fields of the wrong wire type. */
  readonly root: MessageRecord;
  /** Small payloads. */
  readonly pool: BytePool;
  /** Texts that were left in the file because of their size. */
  readonly unreadTexts: readonly ByteRange[];
}

/** Tensors up to this size (bytes) are kept in memory when the model is read. */
export const inlineLimit = 1 << 10;
/** Encoded elements of a tensor at the inline limit: an int8 takes up to 10 bytes as a varint. */
const typedInlineLimit = 10 * inlineLimit;
const longestText = 64 << 10;
/** Numbers or strings of one attribute. */
const largestList = 1 << 20;
/** The limit of protobuf's own parsers. */
const longestInt32 = 5;
const deepestNesting = 100;
const mostMessages = 5_000_000;
/** Room for what is kept of each recorded message, in tensors: a file of two bytes a node must not take gigabytes. */
const mostRecords = 2_000_000;
/** Every later stage keeps something for a node. */
const nodeWeight = 4;

interface Frame {
  readonly name: MessageName;
  readonly end: number;
  /** Where the skeleton waits for the length. */
  readonly lengthAt: number | undefined;
  /** Bytes of lists kept so far. */
  listBytes: number;
  /** Some of its values were too large to be read. */
  incomplete: boolean;
  stringCount: number;
  stringBytes: number;
  /** Unpacked elements that may go on with the next field. */
  run: { readonly number: number; readonly start: number; end: number } | undefined;
}

/**
 * Walks a ModelProto. Throws UnreadableModel where the wire format is broken, nesting is too deep, or the structure is
 * larger than any model has.
 */
export async function scanModel(reader: WireReader, fileName: string): Promise<Scan> {
  const skeleton = new Skeleton();
  const unreadTexts: ByteRange[] = [];
  const pool = new BytePool();
  const stack: Frame[] = [];
  let messages = 0;
  let records = 0;
  let frame: Frame | undefined = newFrame('model', reader.size, undefined);
  let position = 0;

  while (frame) {
    if (position === frame.end) {
      closeMessage(frame, skeleton);
      frame = stack.pop();
      continue;
    }
    if (!reader.hasHead(position, frame.end)) await reader.loadHead(position, frame.end);
    const field: WireField = reader.field(position, frame.end);
    const kind: FieldKind | undefined = messageSchema(frame.name)[field.number];
    position = field.end;
    if (kind === undefined || !admitsWireType(kind, field.wireType)) continue;

    if (isMessageName(kind)) {
      if (stack.length >= deepestNesting) throw tooDeep(fileName, field.start);
      if (isRecorded(kind)) records += kind === 'node' ? nodeWeight : 1;
      if (++messages > mostMessages || records > mostRecords) throw tooLarge(fileName, field.start);
      stack.push(frame);
      frame = openMessage(kind, field, skeleton);
      position = field.contentStart;
      continue;
    }
    if (isPayload(kind)) {
      if (capturesPayload(kind, field, reader) && !reader.has(field.contentStart, field.end)) {
        await reader.load(field.contentStart, field.end);
      }
      if (addPayload(frame, kind, field, reader, skeleton, pool) && ++messages > mostMessages) {
        throw tooLarge(fileName, field.start);
      }
      continue;
    }
    const length = field.end - field.contentStart;
    if (isList(kind)) {
      frame.listBytes += field.end - field.start;
      if (frame.listBytes > largestList) {
        frame.incomplete = true;
        continue;
      }
    }
    if ((kind === 'text' || kind === 'texts') && length > longestText) {
      if (frame.name === 'attribute') frame.incomplete = true;
      else unreadTexts.push({ start: field.contentStart, end: field.end });
      continue;
    }
    if (!reader.has(field.contentStart, field.end)) await reader.load(field.contentStart, field.end);
    if (field.wireType === 2 && kind !== 'text' && kind !== 'texts') {
      if (!wellPacked(kind, reader.loaded(field.contentStart, field.end))) {
        throw reader.malformed('a packed list of numbers that does not end with a number', field.start);
      }
    }
    const kept = kind === 'int32' ? Math.min(length, longestInt32) : length;
    const contentAt = skeleton.leaf(field.number, field.wireType, kept);
    reader.copy(field.contentStart, field.contentStart + kept, skeleton.storage, contentAt);
    if (kind === 'int32' && kept === longestInt32) cutToInt32(skeleton.storage, contentAt);
    if (skeleton.isFull) throw tooLarge(fileName, field.start);
  }
  return { root: MessageRecord.ofFile(skeleton, reader.size), pool, unreadTexts };
}

function newFrame(name: MessageName, end: number, lengthAt: number | undefined): Frame {
  return { name, end, lengthAt, listBytes: 0, incomplete: false, stringCount: 0, stringBytes: 0, run: undefined };
}

function openMessage(name: MessageName, field: WireField, skeleton: Skeleton): Frame {
  const lengthAt = isRecorded(name)
    ? skeleton.beginRecord(field.number, { start: field.contentStart, end: field.end })
    : skeleton.beginMessage(field.number);
  return newFrame(name, field.end, lengthAt);
}

function closeMessage(frame: Frame, skeleton: Skeleton): void {
  endRun(frame, skeleton);
  if (frame.stringCount > 0) skeleton.note(hiddenFields.strings, [frame.stringCount, frame.stringBytes]);
  if (frame.incomplete) skeleton.note(hiddenFields.incomplete, []);
  if (frame.lengthAt !== undefined) skeleton.endMessage(frame.lengthAt);
}

function endRun(frame: Frame, skeleton: Skeleton): void {
  const { run } = frame;
  if (run) skeleton.note(hiddenFields.payload, [run.number, 0, run.start, run.end - run.start]);
  frame.run = undefined;
}

function isPayload(kind: FieldKind): boolean {
  return kind === 'raw' || kind === 'strings' || kind.startsWith('data-');
}

function isList(kind: FieldKind): boolean {
  return kind === 'texts' || kind === 'floats' || kind === 'int64s';
}

function capturesPayload(kind: FieldKind, field: WireField, reader: WireReader): boolean {
  if (field.wireType !== 2 || kind === 'strings') return false;
  const isShort = field.end - field.contentStart <= (kind === 'raw' ? inlineLimit : typedInlineLimit);
  return isShort && !reader.standsForContent(field.contentStart, field.end);
}

/** True when a new entry was made, false when the field only counts or goes on with the run before it. */
function addPayload(
  tensor: Frame,
  kind: FieldKind,
  field: WireField,
  reader: WireReader,
  skeleton: Skeleton,
  pool: BytePool,
): boolean {
  const { number, contentStart, end } = field;
  if (kind === 'strings') {
    tensor.stringCount++;
    tensor.stringBytes += end - contentStart;
    return false;
  }
  if (field.wireType !== 2) {
    const { run } = tensor;
    if (run?.number === number && run.end === field.start) {
      run.end = end;
      return false;
    }
    endRun(tensor, skeleton);
    tensor.run = { number, start: field.start, end };
    return true;
  }
  endRun(tensor, skeleton);
  const place = [number, 1, contentStart, end - contentStart];
  if (capturesPayload(kind, field, reader)) place.push(pool.add(reader.loaded(contentStart, end)));
  skeleton.note(hiddenFields.payload, place);
  return true;
}

function wellPacked(kind: FieldKind, content: Uint8Array): boolean {
  if (kind === 'floats') return content.length % 4 === 0;
  let run = 0;
  for (const byte of content) {
    run = byte < 0x80 ? 0 : run + 1;
    if (run === 10) return false;
  }
  return run === 0;
}

/** Ends a varint of five bytes or more at its low 32 bits: protobufjs loses its place on a longer one. */
function cutToInt32(bytes: Uint8Array, start: number): void {
  const last = start + longestInt32 - 1;
  bytes[last] = (bytes[last] ?? 0) & 0x0f;
}

function tooDeep(fileName: string, offset: number): UnreadableModel {
  return new UnreadableModel(
    fileName,
    `messages are nested more than ${deepestNesting} deep; no ONNX tool reads this`,
    offset,
  );
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}

function tooLarge(fileName: string, offset: number): UnreadableModel {
  return new UnreadableModel(
    fileName,
    `the graph description is larger than any model has (at most ${count(mostRecords / nodeWeight)} nodes, or ${count(mostRecords)} tensors, are read); the file is damaged`,
    offset,
  );
}
