import { bitsPerElement, type DataType, dataTypeFromCode, storedBytes } from '../model/data-type';
import type { Place } from '../model/diagnostic';
import type { TensorLocation } from '../model/model';
import { type DecodeContext, decoded, newerMetadata, report } from './decode-context';
import { externalEntries } from './external-data';
import { decoders, type Int64, toSafeInteger } from './protobuf';
import { inlineLimit, type Payload, type ScannedMessage } from './scan';
import type { TensorDraft } from './tensor-draft';
import { packedLengthBounds, typedFieldNumber, typedFieldOf } from './typed-data';

const external = 1;
const rawData = 9;

/** The tensor of a TensorProto. Faults become diagnostics at `place`. */
export function decodeTensor(context: DecodeContext, record: ScannedMessage, place: Place): TensorDraft {
  const proto = decoded(context, record, decoders.tensor);
  const name = proto.name ?? '';
  const where: Place = { ...place, ...(name !== '' && { value: name }), offset: record.range.start };
  const { dims, elementCount, problem } = dimensions(proto.dims ?? [], record);
  const dataTypeCode = proto.dataType ?? 0;
  const dataType = dataTypeFromCode(dataTypeCode);
  const tensor: TensorDraft = {
    name,
    dataType,
    dataTypeCode,
    dims,
    elementCount,
    byteLength: dataType ? storedBytes(dataType, elementCount) : unknownTypeBytes(record),
    location: { kind: 'memory' },
    metadata: newerMetadata(context, record, 16),
    range: record.range,
  };
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
export function absentTensor(record: ScannedMessage, reason: string): TensorDraft {
  const location: TensorLocation = { kind: 'missing', reason };
  return {
    name: '',
    dataType: undefined,
    dataTypeCode: 0,
    dims: [0],
    elementCount: 0,
    byteLength: 0,
    location,
    metadata: new Map(),
    range: record.range,
  };
}

/** Dimensions as numbers; when they make no sense, [0] and a sentence. */
export function dimensions(
  dims: readonly Int64[],
  record: ScannedMessage,
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

function unknownTypeBytes(record: ScannedMessage): number {
  return record.payloads.reduce((sum, payload) => sum + payload.end - payload.start, 0);
}

function locateElements(
  context: DecodeContext,
  tensor: TensorDraft,
  dataType: DataType,
  record: ScannedMessage,
  mismatch: (problem: string) => TensorDraft,
): TensorDraft {
  const needed = tensor.byteLength;
  const field = typedFieldOf(dataType);
  const typed = field ? record.payloads.filter((payload) => payload.number === typedFieldNumber(field)) : [];
  const raw = record.payloads.findLast((payload) => payload.number === rawData);
  // An empty raw_data beside a filled typed field is what some exporters write for "not used".
  if (raw && (raw.end > raw.start || typed.length === 0)) return locateRaw(tensor, raw, mismatch);
  if (typed.length === 0 || !field) {
    if (needed === 0) return withInline(tensor, new Uint8Array(0));
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
  if (!only || needed <= inlineLimit) {
    context.typed.push({ tensor, dataType, field, payloads: typed, mismatch: (problem) => void mismatch(problem) });
  }
  return tensor;
}

function locateRaw(tensor: TensorDraft, raw: Payload, mismatch: (problem: string) => TensorDraft): TensorDraft {
  const length = raw.end - raw.start;
  if (length !== tensor.byteLength) {
    const bits = tensor.dataType ? bitsPerElement(tensor.dataType) : 0;
    const called = `${tensor.byteLength} (${tensor.elementCount} elements of ${bits} bits)`;
    return mismatch(`raw_data has ${length} bytes where type and dimensions call for ${called}`);
  }
  tensor.location = { kind: 'raw', offset: raw.start, length };
  return raw.bytes ? withInline(tensor, raw.bytes) : tensor;
}

function withInline(tensor: TensorDraft, inline: Uint8Array): TensorDraft {
  tensor.inline = inline;
  return tensor;
}
