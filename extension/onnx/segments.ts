import type { ByteSource } from './byte-source';

/** Content that is produced while it is written or read. Its length is known before its bytes are. */
export interface Payload {
  readonly byteLength: number;
  /** Producing it takes a pass over weights, however short it is: a structure read gives zeros instead. */
  readonly deferred?: boolean;
  /** `byteLength` bytes in pieces, each time from the start. */
  produce(): AsyncIterable<Uint8Array>;
}

type Segment =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'copy'; readonly source: ByteSource; readonly start: number; readonly end: number }
  | { readonly kind: 'payload'; readonly payload: Payload };

/** The content of a file or of a part of it, as a list of what it is put together from. */
export class Segments {
  readonly #list: Segment[] = [];
  /** Bytes that are to become one segment. */
  #waiting: Uint8Array[] = [];
  #length = 0;

  /** Bytes of everything added so far. */
  get length(): number {
    return this.#length;
  }

  get list(): readonly Segment[] {
    this.#gather();
    return this.#list;
  }

  /** Short bytes after one another become one segment: a field of a message is a few bytes, and a graph has many. */
  bytes(bytes: Uint8Array): this {
    if (bytes.length === 0) return this;
    if (bytes.length > longestGathered) return this.#push({ kind: 'bytes', bytes }, bytes.length);
    this.#waiting.push(bytes);
    this.#length += bytes.length;
    return this;
  }

  /** The bytes [start, end) of a source. Neighbouring ranges become one. */
  copy(source: ByteSource, start: number, end: number): this {
    if (start === end) return this;
    this.#gather();
    const last = this.#list.at(-1);
    if (last?.kind === 'copy' && last.source === source && last.end === start) {
      this.#list[this.#list.length - 1] = { ...last, end };
      this.#length += end - start;
      return this;
    }
    return this.#push({ kind: 'copy', source, start, end }, end - start);
  }

  payload(payload: Payload): this {
    return payload.byteLength === 0 ? this : this.#push({ kind: 'payload', payload }, payload.byteLength);
  }

  append(other: Segments): this {
    for (const segment of other.list) {
      if (segment.kind === 'copy') this.copy(segment.source, segment.start, segment.end);
      else if (segment.kind === 'bytes') this.bytes(segment.bytes);
      else this.#push(segment, segmentLength(segment));
    }
    return this;
  }

  #push(segment: Segment, length: number): this {
    this.#gather();
    this.#list.push(segment);
    this.#length += length;
    return this;
  }

  #gather(): void {
    const waiting = this.#waiting;
    const [first] = waiting;
    if (!first) return;
    this.#waiting = [];
    this.#list.push({ kind: 'bytes', bytes: waiting.length === 1 ? first : joined(waiting) });
  }
}

/** Longer bytes are a segment of their own, which saves copying them. */
const longestGathered = 4096;

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    result.set(part, offset);
    offset += part.length;
  }
  return result;
}

function segmentLength(segment: Segment): number {
  switch (segment.kind) {
    case 'bytes':
      return segment.bytes.length;
    case 'copy':
      return segment.end - segment.start;
    case 'payload':
      return segment.payload.byteLength;
  }
}

/** Payloads up to this length are produced in structure reads too, since the reader takes such tensors with the structure. */
const structurePayloadBytes = 1024;
const pieceBytes = 1 << 19;
/** Shorter payloads are not begun before their turn. */
const shortestAhead = 1 << 15;
/** Payloads begun before their turn: as long as those have fewer bytes than this, and no more than so many. */
const bytesAhead = 6 << 20;
const mostAhead = 4;
/** Short copies next to each other in the source are read from it together. */
const windowBytes = 1 << 15;

/** A file made of segments. */
export class SegmentFile implements ByteSource {
  readonly size: number;
  /**
   * The same file, with zeros for the payloads that are long or deferred: all that reading the structure takes, without
   * producing weights.
   */
  readonly structure: ByteSource;
  readonly #segments: readonly Segment[];
  readonly #starts: Float64Array;
  readonly #windows = new Map<ByteSource, SourceWindow>();
  /** Where the last payload read stopped, so that reading a payload piece by piece produces it once. */
  #cursor: PayloadCursor | undefined;

  constructor(segments: Segments) {
    this.size = segments.length;
    this.#segments = segments.list;
    this.#starts = new Float64Array(this.#segments.length);
    let start = 0;
    for (const [index, segment] of this.#segments.entries()) {
      this.#starts[index] = start;
      start += segmentLength(segment);
    }
    this.structure = {
      size: this.size,
      read: (offset, length) => this.#read(offset, length, true),
      standsForContent: (start, end) => this.#standsForContent(start, end),
    };
  }

  /** Reading a range that has to be produced produces it. */
  read(offset: number, length: number): Promise<Uint8Array> {
    return this.#read(offset, length, false);
  }

  /** The whole file in order, in pieces. Memory stays at about one piece. */
  async *stream(): AsyncGenerator<Uint8Array> {
    const ahead = new PayloadsAhead(this.#segments);
    let gathered = new Uint8Array(pieceBytes);
    let used = 0;
    try {
      for (const segment of this.#segments) {
        for await (const piece of segment.kind === 'payload' ? ahead.take(segment.payload) : this.#pieces(segment)) {
          if (used + piece.length > pieceBytes && used > 0) {
            yield gathered.subarray(0, used);
            // The consumer may still hold the last piece.
            gathered = new Uint8Array(pieceBytes);
            used = 0;
          }
          if (piece.length >= pieceBytes) {
            yield piece;
          } else {
            gathered.set(piece, used);
            used += piece.length;
          }
        }
      }
      if (used > 0) yield gathered.subarray(0, used);
    } finally {
      await ahead.close();
    }
  }

  #standsForContent(start: number, end: number): boolean {
    for (let index = this.#segmentAt(start); index < this.#segments.length; index++) {
      const segment = this.#segments[index];
      const segmentStart = this.#starts[index] ?? 0;
      if (!segment || segmentStart >= end) return false;
      if (segmentStart + segmentLength(segment) <= start) continue;
      if (segment.kind === 'payload' && !isStructure(segment.payload)) return true;
      if (segment.kind === 'copy') {
        const skip = segment.start - segmentStart;
        const from = Math.max(start, segmentStart) + skip;
        if (segment.source.structure?.standsForContent?.(from, Math.min(end + skip, segment.end))) return true;
      }
    }
    return false;
  }

  async #read(offset: number, length: number, structureOnly: boolean): Promise<Uint8Array> {
    const end = offset + length;
    if (!Number.isSafeInteger(offset) || offset < 0 || !Number.isSafeInteger(length) || length < 0 || end > this.size) {
      throw new RangeError(`bytes ${offset} to ${end} are outside a file of ${this.size} bytes`);
    }
    const result = new Uint8Array(length);
    for (let index = this.#segmentAt(offset); index < this.#segments.length; index++) {
      const segment = this.#segments[index];
      const segmentStart = this.#starts[index] ?? 0;
      if (!segment || segmentStart >= end) break;
      const from = Math.max(offset, segmentStart);
      const to = Math.min(end, segmentStart + segmentLength(segment));
      if (to <= from) continue;
      const target = result.subarray(from - offset, to - offset);
      const skip = from - segmentStart;
      if (segment.kind === 'bytes') target.set(segment.bytes.subarray(skip, skip + target.length));
      else if (segment.kind === 'copy')
        target.set(
          await this.#copy(
            (structureOnly && segment.source.structure) || segment.source,
            segment.start + skip,
            target.length,
          ),
        );
      else if (!structureOnly || isStructure(segment.payload)) await this.#produce(segment.payload, skip, target);
    }
    return result;
  }

  async *#pieces(segment: Exclude<Segment, { kind: 'payload' }>): AsyncGenerator<Uint8Array> {
    if (segment.kind === 'bytes') {
      yield segment.bytes;
    } else {
      for (let start = segment.start; start < segment.end; start += pieceBytes) {
        yield await this.#copy(segment.source, start, Math.min(pieceBytes, segment.end - start));
      }
    }
  }

  #copy(source: ByteSource, offset: number, length: number): Promise<Uint8Array> {
    // To read more than is asked for of a planned file could begin to produce a payload, and then produce it again.
    if (length >= windowBytes || source.structure) return source.read(offset, length);
    const window = this.#windows.get(source) ?? new SourceWindow(source);
    this.#windows.set(source, window);
    return window.read(offset, length);
  }

  /** The last segment that starts at or before `offset`. */
  #segmentAt(offset: number): number {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return Math.max(low, 0);
  }

  async #produce(payload: Payload, from: number, target: Uint8Array): Promise<void> {
    let cursor = this.#cursor;
    // Taken out while in use: a second read at the same time gets its own.
    this.#cursor = undefined;
    if (cursor?.payload !== payload || cursor.position > from) cursor = new PayloadCursor(payload);
    await cursor.fill(from, target);
    this.#cursor = cursor.position < payload.byteLength ? cursor : undefined;
  }
}

function isStructure(payload: Payload): boolean {
  return payload.byteLength <= structurePayloadBytes && payload.deferred !== true;
}

/** Keeps the bytes read last, so that many short reads that go forwards cost few long ones. */
class SourceWindow {
  #start = 0;
  #bytes: Uint8Array = new Uint8Array(0);

  constructor(private readonly source: ByteSource) {}

  async read(offset: number, length: number): Promise<Uint8Array> {
    const skip = offset - this.#start;
    if (skip >= 0 && skip + length <= this.#bytes.length) return this.#bytes.subarray(skip, skip + length);
    const ahead = Math.min(windowBytes, this.source.size - offset);
    const bytes = await this.source.read(offset, Math.max(length, ahead));
    this.#start = offset;
    this.#bytes = bytes;
    return bytes.subarray(0, length);
  }
}

/** A payload whose first piece is on its way. */
interface BegunPayload {
  readonly payload: Payload;
  readonly pieces: AsyncGenerator<Uint8Array>;
  readonly first: Promise<IteratorResult<Uint8Array>>;
}

/** Begins long payloads before their turn comes, so that reading and threads go on while others are written. */
class PayloadsAhead {
  readonly #begun: BegunPayload[] = [];
  #bytes = 0;
  /** The first segment that was not looked at yet. */
  #next = 0;

  constructor(private readonly segments: readonly Segment[]) {}

  /** The pieces of the payload whose turn it is: of those that `segments` has, in order. */
  async *take(payload: Payload): AsyncGenerator<Uint8Array> {
    if (!isBegunAhead(payload)) {
      yield* checkedPieces(payload);
      return;
    }
    if (this.#begun.length === 0) this.#beginOne();
    const begun = this.#begun.shift();
    if (!begun) return;
    this.#bytes -= payload.byteLength;
    while (this.#begun.length < mostAhead && this.#bytes < bytesAhead && this.#beginOne());
    try {
      const first = await begun.first;
      if (first.done) return;
      yield first.value;
      yield* begun.pieces;
    } finally {
      await begun.pieces.return(undefined);
    }
  }

  /** Ends what was begun and is not wanted. */
  async close(): Promise<void> {
    for (const { pieces, first } of this.#begun.splice(0)) {
      await first.catch(() => undefined);
      await pieces.return(undefined);
    }
  }

  /** False where there is nothing left to begin. */
  #beginOne(): boolean {
    while (this.#next < this.segments.length) {
      const segment = this.segments[this.#next++];
      if (segment?.kind !== 'payload' || !isBegunAhead(segment.payload)) continue;
      const { payload } = segment;
      const pieces = checkedPieces(payload);
      const first = pieces.next();
      // A failure is seen when its turn comes.
      first.catch(() => undefined);
      this.#begun.push({ payload, pieces, first });
      this.#bytes += payload.byteLength;
      return true;
    }
    return false;
  }
}

function isBegunAhead({ byteLength }: Payload): boolean {
  return byteLength >= shortestAhead;
}

/** Reads a payload forwards. */
class PayloadCursor {
  /** The next byte that has not been passed. */
  position = 0;
  #rest: Uint8Array = new Uint8Array(0);
  readonly #iterator: AsyncIterator<Uint8Array>;

  constructor(readonly payload: Payload) {
    this.#iterator = checkedPieces(payload)[Symbol.asyncIterator]();
  }

  /** Fills `target` with the bytes from `from` on, which must not lie before `position`. */
  async fill(from: number, target: Uint8Array): Promise<void> {
    const end = from + target.length;
    while (this.position < end) {
      if (this.#rest.length === 0) {
        const next = await this.#iterator.next();
        if (next.done) return;
        this.#rest = next.value;
        continue;
      }
      const skip = Math.min(Math.max(from - this.position, 0), this.#rest.length);
      const take = Math.min(this.#rest.length - skip, end - this.position - skip);
      if (take > 0) target.set(this.#rest.subarray(skip, skip + take), this.position + skip - from);
      this.position += skip + Math.max(take, 0);
      this.#rest = this.#rest.subarray(skip + Math.max(take, 0));
    }
  }
}

/** The pieces of a payload; throws where they do not add up to the length that was promised. */
async function* checkedPieces(payload: Payload): AsyncGenerator<Uint8Array> {
  let total = 0;
  for await (const piece of payload.produce()) {
    total += piece.length;
    if (total > payload.byteLength) break;
    yield piece;
  }
  if (total !== payload.byteLength) {
    throw new Error(`a tensor was planned with ${payload.byteLength} bytes, but producing it gave ${total}.`);
  }
}
