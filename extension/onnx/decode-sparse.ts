import { storedBytes } from '../model/data-type';
import type { Place } from '../model/diagnostic';
import { type DecodeContext, decoded, report } from './decode-context';
import { absentTensor, decodeTensor, dimensions } from './decode-tensor';
import { decoders } from './protobuf';
import type { ScannedMessage } from './scan';
import type { TensorDraft } from './tensor-draft';

/** The tensor of a SparseTensorProto: dense dimensions, and values and indices as stored. */
export function decodeSparseTensor(context: DecodeContext, record: ScannedMessage, place: Place): TensorDraft {
  const valuesRecord = record.childrenOf(1).at(-1);
  const indicesRecord = record.childrenOf(2).at(-1);
  if (!valuesRecord || !indicesRecord) {
    const reason = 'A sparse tensor has no values or no indices.';
    report(context, 'error', 'tensor-missing', reason, { ...place, offset: record.range.start });
    return absentTensor(record, reason);
  }
  const values = decodeTensor(context, valuesRecord, place);
  const indices = decodeTensor(context, indicesRecord, place);
  const proto = decoded(context, record, decoders.sparseTensor);
  const { dims, elementCount, problem } = dimensions(proto.dims ?? [], record);
  const tensor: TensorDraft = {
    name: values.name,
    dataType: values.dataType,
    dataTypeCode: values.dataTypeCode,
    dims,
    elementCount,
    byteLength: values.dataType ? storedBytes(values.dataType, elementCount) : 0,
    location: { kind: 'memory' },
    sparse: { values, indices },
    metadata: values.metadata,
    range: record.range,
  };
  if (problem) {
    tensor.location = { kind: 'missing', reason: problem };
    const text = `Sparse tensor ${JSON.stringify(tensor.name)}: ${problem}`;
    report(context, 'error', 'bad-dimensions', text, { ...place, value: tensor.name, offset: record.range.start });
  }
  context.sparse.push(tensor);
  return tensor;
}
