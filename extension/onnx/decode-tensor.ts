import { bitsPerElement, type DataType, dataTypeFromCode, storedBytes } from '../model/data-type';
import type { Place } from '../model/diagnostic';
import { type DecodeContext, decoded, newerMetadata, report } from './decode-context';
import { externalEntries } from './external-data';
import type { MessageRecord, Payload } from './message-record';
import { decoders, type Int64, toSafeInteger } from './protobuf';
import { inlineLimit } from './scan';
import { TensorDraft, tensorHeader } from './tensor-draft';
import { packedLengthBounds, typedFieldNumber, typedFieldOf } from './typed-data';
import { decodePooled } from './typed-tensors';

const external = 1;
const rawData = 9;

/** The tensor of a TensorProto. Faults become diagnostics at `place`. */
export function decodeTensor(context: DecodeContext, record: MessageRecord, place: Place): TensorDraft {
  const proto = decoded(context, record, decoders.tensor);
  const name = proto.name ?? '';
  const where: Place = { ...place, ...(name !== '' && { value: name }), offset: record.range.start };
  const { dims, elementCount, problem } = dimensions(proto.dims ?? [], record);
  const dataTypeCode = proto.dataType ?? 0;
  const dataType = dataTypeFromCode(dataTypeCode);
  const byteLength = dataType ? storedBytes(dataType, elementCount) : unknownTypeBytes(record);
  const own = tensorHeader(dataType, dataTypeCode, dims, elementCount, byteLength);
  const header = dataType && !problem ? context.headers.share(own) : own;
  const tensor = new TensorDraft(name, header, newerMetadata(record, 16), record.range, context.pool);
  const fail = (code: string, reason: string): TensorDraft => {
    tensor.location = { kind: 'missing', reason };
    report(context, 'error', code, `Tensor ${JSON.stringify(name)}: ${reason}`, where);
    return tensor;
  };
  if (problem) return fail('bad-dimensions', problem);
  if (!dataType) {
    const reason = `its element type has the code ${dataTypeCode}, which no ONNX version up to IR 14 defines.`;
    return fail('unknown-data-type', reason);
  }
  if (proto.dataLocation === external) {
    if (dataType === 'STRING') return fail('external-data-refused', 'strings cannot be in another file.');
    const entries = externalEntries(proto.externalData ?? []);
    context.external.push({
      tensor,
      location: entries.get('location') ?? '',
      offset: entries.get('offset'),
      length: entries.get('length'),
      report: (code, message) => report(context, 'error', code, message, where),
    });
    return tensor;
  }
  if (dataType === 'STRING') {
    tensor.byteLength = record.stringBytes;
    tensor.location = { kind: 'strings', bytes: record.stringBytes };
    return record.stringCount === elementCount
      ? tensor
      : fail(
          'tensor-size-mismatch',
          `it holds ${record.stringCount} strings where its dimensions call for ${elementCount}.`,
        );
  }
  return locateElements(context, tensor, dataType, record, (problem) => fail('tensor-size-mismatch', `${problem}.`));
}

/** A tensor with dimensions [] and so on in place of what could not be read. */
export function absentTensor(context: DecodeContext, record: MessageRecord, reason: string): TensorDraft {
  const header = tensorHeader(undefined, 0, [0], 0, 0);
  const tensor = new TensorDraft('', header, new Map(), record.range, context.pool);
  tensor.location = { kind: 'missing', reason };
  return tensor;
}

/** Dimensions as numbers; when they make no sense, [0] and a sentence. */
export function dimensions(
  dims: readonly Int64[],
  record: MessageRecord,
): { dims: readonly number[]; elementCount: number; problem?: string } {
  const numbers = new Array<number>(dims.length).fill(0);
  let elementCount = 1;
  const refuse = (problem: string) => ({ dims: [0], elementCount: 0, problem });
  if (record.incomplete) return refuse('it has too many dimensions to be a tensor.');
  for (const [axis, dim] of dims.entries()) {
    const size = toSafeInteger(dim);
    if (size === undefined || size < 0) return refuse(`its dimension ${String(dim)} is not a possible size.`);
    numbers[axis] = size;
    elementCount *= size;
  }
  // A zero anywhere makes the tensor empty, also beside dimensions whose product overflows.
  if (numbers.includes(0)) elementCount = 0;
  if (elementCount > Number.MAX_SAFE_INTEGER / 16)
    return refuse(`its dimensions [${numbers.join(', ')}] are too large to be true.`);
  return { dims: numbers, elementCount };
}

function unknownTypeBytes(record: MessageRecord): number {
  return record.payloads.reduce((sum, payload) => sum + payload.end - payload.start, 0);
}

function locateElements(
  context: DecodeContext,
  tensor: TensorDraft,
  dataType: DataType,
  record: MessageRecord,
  mismatch: (problem: string) => TensorDraft,
): TensorDraft {
  const needed = tensor.byteLength;
  const field = typedFieldOf(dataType);
  const typed = field ? record.payloads.filter((payload) => payload.number === typedFieldNumber(field)) : [];
  const raw = record.payloads.findLast((payload) => payload.number === rawData);
  // An empty raw_data beside a filled typed field is what some exporters write for "not used".
  if (raw && (raw.end > raw.start || typed.length === 0)) return locateRaw(tensor, raw, mismatch);
  if (typed.length === 0 || !field) {
    if (needed === 0) {
      tensor.inline = new Uint8Array(0);
      return tensor;
    }
    return mismatch(`it holds no data where type and dimensions call for ${needed} bytes`);
  }
  const length = typed.reduce((sum, payload) => sum + payload.end - payload.start, 0);
  const bounds = packedLengthBounds(dataType, field, tensor.elementCount);
  const only = typed.length === 1 && typed[0]?.packed ? typed[0] : undefined;
  if (length < bounds.least || (only && length > bounds.most)) {
    return mismatch(
      `${field} has ${length} bytes, which cannot hold the ${tensor.elementCount} elements its dimensions call for`,
    );
  }
  if (only) tensor.location = { kind: 'packed', field, offset: only.start, length };
  if (only && needed > inlineLimit) return tensor;
  const reference = { tensor, dataType, field, payloads: typed, mismatch: (problem: string) => void mismatch(problem) };
  if (!decodePooled(reference, context.pool)) context.typed.push(reference);
  return tensor;
}

function locateRaw(tensor: TensorDraft, raw: Payload, mismatch: (problem: string) => TensorDraft): TensorDraft {
  const length = raw.end - raw.start;
  if (length !== tensor.byteLength) {
    const bits = tensor.dataType ? bitsPerElement(tensor.dataType) : 0;
    const called = `${tensor.byteLength} (${tensor.elementCount} elements of ${bits} bits)`;
    return mismatch(`raw_data has ${length} bytes where type and dimensions call for ${called}`);
  }
  tensor.locateRaw(raw.start);
  if (raw.pooledAt !== undefined) tensor.takePooled(raw.pooledAt);
  return tensor;
}
