import { type DataType, dataTypeCode, dataTypeFromCode, storedBytes } from '../model/data-type';
import type { ByteRange } from '../model/model';
import type { DataFile } from './data-file';
import { contentField, stringField, varintField } from './encode';
import { type Payload, Segments } from './segments';
import { contentOf, type SourceMessages } from './source-messages';
import type { WireField } from './wire';

/** Field numbers of TensorProto (onnx.proto of ONNX 1.23). */
const tensor = { dims: 1, dataType: 2, name: 8, rawData: 9, externalData: 13, dataLocation: 14 } as const;
/** Everything in a TensorProto that says what it holds: segment and all data fields, and the four above. */
const contentFields: ReadonlySet<number> = new Set([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14]);
/** Smaller tensors stay in the model file, where a reader finds shapes and axes without opening another one. */
const smallestExternalBytes = 1024;

/** What a new TensorProto says of its elements. */
export interface TensorHeader {
  readonly name: string;
  readonly dataType: DataType;
  readonly dims: readonly number[];
}

/** A new TensorProto. Large data goes to `data` where there is one. */
export function newTensorMessage(header: TensorHeader, payload: Payload, data: DataFile | undefined): Segments {
  const message = new Segments();
  for (const dim of header.dims) message.bytes(varintField(tensor.dims, dim));
  message.bytes(varintField(tensor.dataType, dataTypeCode(header.dataType)));
  if (header.name !== '') message.bytes(stringField(tensor.name, header.name));
  if (data && payload.byteLength >= smallestExternalBytes) return message.append(data.reference(data.add(payload)));
  return message.append(contentField(tensor.rawData, new Segments().payload(payload)));
}

/** The TensorProto fields at `range` that do not concern its content: documentation, metadata and unknown fields. */
export function otherTensorFields(messages: SourceMessages, range: ByteRange): Promise<Segments> {
  return messages.rewrite(range, async (field) => (contentFields.has(field.number) ? new Segments() : undefined));
}

/** The TensorProto at `range`; where there is a `data`, external data moves to it, and so does what an earlier edit put in and is not written yet. */
export async function keptTensorMessage(
  messages: SourceMessages,
  range: ByteRange,
  data: DataFile | undefined,
): Promise<Segments> {
  const verbatim = new Segments().copy(messages.source, range.start, range.end);
  if (!data) return verbatim;
  const fields = await messages.fields(range);
  const location = await lastInteger(messages, fields, tensor.dataLocation);
  if (location !== 1) return plannedTensorMessage(messages, fields, data) ?? verbatim;
  const entries = await externalEntries(messages, fields);
  const path = entries.get('location');
  if (path === undefined) throw new Error(`${messages.fileName}: a tensor has external data without a location.`);
  const offset = wholeNumber(entries.get('offset')) ?? 0;
  const length = (await calledForBytes(messages, fields)) ?? wholeNumber(entries.get('length'));
  const message = new Segments();
  for (const field of fields) {
    if (field.number !== tensor.externalData && field.number !== tensor.dataLocation) messages.copy(field, message);
  }
  return message.append(data.reference(await data.move(path, offset, length)));
}

/** A tensor whose long elements are still to be produced, as newTensorMessage would have put it; undefined for any other. */
function plannedTensorMessage(
  messages: SourceMessages,
  fields: readonly WireField[],
  data: DataFile,
): Segments | undefined {
  const raw = fields.findLast((field) => field.number === tensor.rawData);
  if (!raw || raw.end - raw.contentStart < smallestExternalBytes) return undefined;
  if (!messages.source.structure?.standsForContent?.(raw.contentStart, raw.end)) return undefined;
  const message = new Segments();
  for (const field of fields) if (field.number !== tensor.rawData) messages.copy(field, message);
  return message.append(data.reference(data.copy(messages.source, raw.contentStart, raw.end)));
}

/** The `values` of the SparseTensorProto at `range`, whose name is the name of the whole. */
export async function sparseValues(messages: SourceMessages, range: ByteRange): Promise<ByteRange | undefined> {
  const field = (await messages.fields(range)).findLast((candidate) => candidate.number === 1);
  return field && contentOf(field);
}

/** The SparseTensorProto at `range`; external data moves to `data` where there is one. */
export function keptSparseTensorMessage(
  messages: SourceMessages,
  range: ByteRange,
  data: DataFile | undefined,
): Promise<Segments> {
  return messages.rewrite(range, async (field) =>
    field.number === 1 || field.number === 2
      ? contentField(field.number, await keptTensorMessage(messages, contentOf(field), data))
      : undefined,
  );
}

async function externalEntries(
  messages: SourceMessages,
  fields: readonly WireField[],
): Promise<ReadonlyMap<string, string>> {
  const entries = new Map<string, string>();
  for (const field of fields) {
    if (field.number !== tensor.externalData) continue;
    entries.set(await messages.textIn(contentOf(field), 1), await messages.textIn(contentOf(field), 2));
  }
  return entries;
}

/** The bytes that type and dimensions call for; undefined where the type is not known. */
async function calledForBytes(messages: SourceMessages, fields: readonly WireField[]): Promise<number | undefined> {
  const dataType = dataTypeFromCode((await lastInteger(messages, fields, tensor.dataType)) ?? 0);
  if (dataType === undefined || dataType === 'STRING') return undefined;
  let elements = 1;
  for (const field of fields) {
    if (field.number !== tensor.dims) continue;
    for (const dim of await messages.integers(field)) elements *= dim;
  }
  return storedBytes(dataType, elements);
}

async function lastInteger(
  messages: SourceMessages,
  fields: readonly WireField[],
  number: number,
): Promise<number | undefined> {
  const field = fields.findLast((candidate) => candidate.number === number);
  return field && (await messages.integers(field)).at(-1);
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}
