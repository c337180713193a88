import { storedBytes } from '../model/data-type';
import type { Place } from '../model/diagnostic';
import { type DecodeContext, decoded, report } from './decode-context';
import { absentTensor, decodeTensor, dimensions } from './decode-tensor';
import type { MessageRecord } from './message-record';
import { decoders } from './protobuf';
import { TensorDraft, tensorHeader } from './tensor-draft';

/** The tensor of a SparseTensorProto: dense dimensions, and values and indices as stored. */
export function decodeSparseTensor(context: DecodeContext, record: MessageRecord, place: Place): TensorDraft {
  const valuesRecord = record.lastChildOf(1);
  const indicesRecord = record.lastChildOf(2);
  if (!valuesRecord || !indicesRecord) {
    const reason = 'A sparse tensor has no values or no indices.';
    report(context, 'error', 'tensor-missing', reason, { ...place, offset: record.range.start });
    return absentTensor(context, record, reason);
  }
  const values = decodeTensor(context, valuesRecord, place);
  const indices = decodeTensor(context, indicesRecord, place);
  const proto = decoded(context, record, decoders.sparseTensor);
  const { dims, elementCount, problem } = dimensions(proto.dims ?? [], record);
  const { name, dataType, dataTypeCode, metadata } = values;
  const byteLength = dataType ? storedBytes(dataType, elementCount) : 0;
  const header = tensorHeader(dataType, dataTypeCode, dims, elementCount, byteLength);
  const tensor = new TensorDraft(name, header, metadata, record.range, context.pool);
  tensor.sparse = { values, indices };
  if (problem) {
    tensor.location = { kind: 'missing', reason: problem };
    const text = `Sparse tensor ${JSON.stringify(tensor.name)}: ${problem}`;
    report(context, 'error', 'bad-dimensions', text, { ...place, value: tensor.name, offset: record.range.start });
  }
  context.sparse.push(tensor);
  return tensor;
}
