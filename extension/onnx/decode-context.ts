import type { Diagnostic, Place } from '../model/diagnostic';
import type { BytePool } from './byte-pool';
import { UnreadableModel } from './byte-source';
import type { DiagnosticList } from './diagnostic-list';
import type { ExternalReference } from './external-data';
import type { MessageRecord } from './message-record';
import { decoders } from './protobuf';
import type { TensorDraft } from './tensor-draft';
import type { TensorHeaders } from './tensor-headers';
import type { TypedReference } from './typed-tensors';

/** What decoding gathers on its way through the messages. */
export interface DecodeContext {
  readonly fileName: string;
  readonly pool: BytePool;
  readonly headers: TensorHeaders;
  readonly diagnostics: DiagnosticList;
  /** Tensors whose elements are in another file. */
  readonly external: ExternalReference[];
  /** Tensors whose elements have to be decoded from typed fields. */
  readonly typed: TypedReference[];
  readonly sparse: TensorDraft[];
}

/**
 * A recorded message without the recorded messages in it. Throws UnreadableModel when onnx-proto cannot decode it.
 */
export function decoded<Proto>(
  context: DecodeContext,
  record: MessageRecord,
  decode: (bytes: Uint8Array) => Proto,
): Proto {
  try {
    return decode(record.content);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const text = `this part cannot be decoded (${reason}); the file is damaged`;
    throw new UnreadableModel(context.fileName, text, record.range.start);
  }
}

/** Notes a fault with the place it was found at. */
export function report(
  context: DecodeContext,
  severity: Diagnostic['severity'],
  code: string,
  message: string,
  place: Place,
): void {
  context.diagnostics.push({ severity, code, message, place });
}

/** The metadata_props of a message, which onnx-proto does not know, in field `number`. */
export function newerMetadata(record: MessageRecord, number: number): ReadonlyMap<string, string> {
  const entries = record.contentsOf(number);
  if (entries.length === 0) return noMetadata;
  return new Map(
    entries.map((content) => {
      const entry = decoders.entry(content);
      return [entry.key ?? '', entry.value ?? ''];
    }),
  );
}

/** A text field that onnx-proto does not know; empty when absent. The last one counts. */
export function newerText(record: MessageRecord, number: number): string {
  const content = record.contentsOf(number).at(-1);
  return content ? utf8.decode(content) : '';
}

const utf8 = new TextDecoder();
const noMetadata: ReadonlyMap<string, string> = new Map();
