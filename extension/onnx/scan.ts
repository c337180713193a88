import type { ByteRange } from '../model/model';
import { BytePool } from './byte-pool';
import { UnreadableModel } from './byte-source';
import {
  admitsWireType,
  type FieldKind,
  isMessageName,
  isNewer,
  isRecorded,
  type MessageName,
  messageSchema,
} from './message-schema';
import { Skeleton } from './skeleton';
import type { WireField, WireReader } from './wire';

/** Elements of a tensor in the file. */
export interface Payload {
  /** Field of TensorProto. */
  readonly number: number;
  /** The encoded elements; of an unpacked field the whole run, tags included. */
  start: number;
  end: number;
  readonly packed: boolean;
  /** The content, when it is small. */
  readonly bytes: Uint8Array | undefined;
}

/** A field that onnx-proto does not know, by its place in the skeleton. */
export interface NewerField {
  readonly number: number;
  readonly start: number;
  end: number;
}

const none: readonly never[] = [];

/** Where a message is in the file, and what of it the skeleton has not. */
export class ScannedMessage {
  // Made when needed, with room for one: most messages have nothing in most of these.
  private childList: ScannedMessage[] | undefined;
  private newerList: NewerField[] | undefined;
  private payloadList: Payload[] | undefined;
  /** The content in the skeleton; the recorded messages in it are hidden from onnx-proto. */
  skeletonStart = 0;
  skeletonEnd = 0;
  stringCount = 0;
  stringBytes = 0;
  /** Some of its values were too large to be read. */
  incomplete = false;

  constructor(
    /** Field number in the enclosing message. */
    readonly number: number,
    /** The content, without tag and length. */
    readonly range: ByteRange,
  ) {}

  get children(): readonly ScannedMessage[] {
    return this.childList ?? none;
  }

  /** Fields that onnx-proto skips. */
  get newer(): readonly NewerField[] {
    return this.newerList ?? none;
  }

  get payloads(): readonly Payload[] {
    return this.payloadList ?? none;
  }

  addChild(child: ScannedMessage): void {
    if (this.childList) this.childList.push(child);
    else this.childList = [child];
  }

  addNewer(field: NewerField): void {
    if (this.newerList) this.newerList.push(field);
    else this.newerList = [field];
  }

  addPayload(payload: Payload): void {
    if (this.payloadList) this.payloadList.push(payload);
    else this.payloadList = [payload];
  }

  /** The messages in field `number`, in file order. */
  childrenOf(number: number): ScannedMessage[] {
    return this.children.filter((child) => child.number === number);
  }
}

export interface Scan {
  readonly root: ScannedMessage;
  /** The file as protobuf without payloads, texts that nobody needs, and fields of the wrong wire type. */
  readonly skeleton: Skeleton;
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
/**
 * The field number of recorded messages in the skeleton. No ONNX message has it, so that onnx-proto steps over them: each is
 * decoded on its own and forgotten, which a large graph needs.
 */
const hiddenField = 1000;
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
  /** The record of this message, or of the next recorded one around it. */
  readonly record: ScannedMessage;
  /** To be closed with this message. */
  readonly newer: { end: number } | undefined;
  /** Bytes of lists kept so far. */
  listBytes: number;
}

/**
 * Walks a ModelProto. Throws UnreadableModel where the wire format is broken, nesting is too deep, or the structure is
 * larger than any model has.
 */
export async function scanModel(reader: WireReader, fileName: string): Promise<Scan> {
  const skeleton = new Skeleton();
  const root = new ScannedMessage(0, { start: 0, end: reader.size });
  const unreadTexts: ByteRange[] = [];
  const pool = new BytePool();
  const stack: Frame[] = [];
  let messages = 0;
  let records = 0;
  let frame: Frame | undefined = {
    name: 'model',
    end: reader.size,
    lengthAt: undefined,
    record: root,
    newer: undefined,
    listBytes: 0,
  };
  let position = 0;

  while (frame) {
    if (position === frame.end) {
      if (frame.lengthAt !== undefined) skeleton.endMessage(frame.lengthAt);
      if (frame.newer) frame.newer.end = skeleton.length;
      if (isRecorded(frame.name)) frame.record.skeletonEnd = skeleton.length;
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
      frame = openMessage(frame, kind, field, skeleton);
      position = field.contentStart;
      continue;
    }
    if (isPayload(kind)) {
      if (capturesPayload(kind, field, reader) && !reader.has(field.contentStart, field.end)) {
        await reader.load(field.contentStart, field.end);
      }
      if (addPayload(frame.record, kind, field, reader, pool) && ++messages > mostMessages) {
        throw tooLarge(fileName, field.start);
      }
      continue;
    }
    const length = field.end - field.contentStart;
    if (isList(kind)) {
      frame.listBytes += field.end - field.start;
      if (frame.listBytes > largestList) {
        frame.record.incomplete = true;
        continue;
      }
    }
    if ((kind === 'text' || kind === 'texts') && length > longestText) {
      if (frame.name === 'attribute') frame.record.incomplete = true;
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
    if (isNewer(frame.name, field.number)) {
      frame.record.addNewer({ number: field.number, start: contentAt, end: skeleton.length });
    }
    if (skeleton.isFull) throw tooLarge(fileName, field.start);
  }
  return { root, skeleton, unreadTexts };
}

function openMessage(parent: Frame, name: MessageName, field: WireField, skeleton: Skeleton): Frame {
  if (isRecorded(name)) {
    const record = new ScannedMessage(field.number, { start: field.contentStart, end: field.end });
    const lengthAt = skeleton.beginMessage(hiddenField);
    record.skeletonStart = skeleton.length;
    parent.record.addChild(record);
    return { name, end: field.end, lengthAt, record, newer: undefined, listBytes: 0 };
  }
  const lengthAt = skeleton.beginMessage(field.number);
  let newer: NewerField | undefined;
  if (isNewer(parent.name, field.number)) {
    newer = { number: field.number, start: skeleton.length, end: 0 };
    parent.record.addNewer(newer);
  }
  return { name, end: field.end, lengthAt, record: parent.record, newer, listBytes: 0 };
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
  tensor: ScannedMessage,
  kind: FieldKind,
  field: WireField,
  reader: WireReader,
  pool: BytePool,
): boolean {
  if (kind === 'strings') {
    tensor.stringCount++;
    tensor.stringBytes += field.end - field.contentStart;
    return false;
  }
  const { number, end } = field;
  if (field.wireType !== 2) {
    const previous = tensor.payloads.at(-1);
    if (previous && !previous.packed && previous.number === number && previous.end === field.start) {
      previous.end = end;
      return false;
    }
    tensor.addPayload({ number, start: field.start, end, packed: false, bytes: undefined });
    return true;
  }
  const bytes = capturesPayload(kind, field, reader) ? pool.copy(reader.loaded(field.contentStart, end)) : undefined;
  tensor.addPayload({ number, start: field.contentStart, end, packed: true, bytes });
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

function tooLarge(fileName: string, offset: number): UnreadableModel {
  return new UnreadableModel(
    fileName,
    'the graph description is larger than any model has; the file is damaged',
    offset,
  );
}
