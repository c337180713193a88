import type { Attribute, ByteRange, Tensor } from '../model/model';
import { bytesField, contentField, floatField, stringField, varintField } from './encode';
import { Segments } from './segments';
import { newTensorMessage } from './tensor-message';

/** AttributeProto.AttributeType by kind (onnx.proto of ONNX 1.23). */
const typeCodes = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
  strings: 8,
  tensors: 9,
  graphs: 10,
  'sparse-tensor': 11,
  'sparse-tensors': 12,
} as const;

/** Field numbers of AttributeProto for values that are messages. */
export const attributeFields = {
  name: 1,
  tensor: 5,
  graph: 6,
  tensors: 10,
  graphs: 11,
  sparseTensor: 22,
  sparseTensors: 23,
} as const;

/** Copies content of the source into a new attribute. */
export interface SourceContent {
  tensor(range: ByteRange): Promise<Segments>;
  graph(range: ByteRange): Promise<Segments>;
}

/** An AttributeProto. Throws Error (a sentence) for kinds that only make sense where they stand. */
export async function attributeMessage(name: string, attribute: Attribute, source: SourceContent): Promise<Segments> {
  const content = await attributeContent(name, attribute, source);
  return attributeHead(name, content.type).append(content.fields);
}

/** An AttributeProto that holds the given TensorProto. */
export function tensorAttributeMessage(name: string, tensor: Segments): Segments {
  return attributeHead(name, typeCodes.tensor).append(contentField(attributeFields.tensor, tensor));
}

function attributeHead(name: string, type: number): Segments {
  return new Segments().bytes(stringField(attributeFields.name, name)).bytes(varintField(20, type));
}

async function attributeContent(
  name: string,
  attribute: Attribute,
  source: SourceContent,
): Promise<{ readonly type: number; readonly fields: Segments }> {
  const fields = new Segments();
  switch (attribute.kind) {
    case 'float':
      return { type: typeCodes.float, fields: fields.bytes(floatField(2, attribute.value)) };
    case 'int':
      return { type: typeCodes.int, fields: fields.bytes(varintField(3, attribute.value)) };
    case 'string':
      return { type: typeCodes.string, fields: fields.bytes(bytesField(4, attribute.value)) };
    case 'floats':
      for (const value of attribute.value) fields.bytes(floatField(7, value));
      return { type: typeCodes.floats, fields };
    case 'ints':
      for (const value of attribute.value) fields.bytes(varintField(8, value));
      return { type: typeCodes.ints, fields };
    case 'strings':
      for (const value of attribute.value) fields.bytes(bytesField(9, value));
      return { type: typeCodes.strings, fields };
    case 'tensor':
      fields.append(contentField(attributeFields.tensor, await tensorMessage(attribute.value, source)));
      return { type: typeCodes.tensor, fields };
    case 'tensors':
      for (const value of attribute.value) {
        fields.append(contentField(attributeFields.tensors, await tensorMessage(value, source)));
      }
      return { type: typeCodes.tensors, fields };
    case 'graph':
      fields.append(contentField(attributeFields.graph, await source.graph(attribute.value.range)));
      return { type: typeCodes.graph, fields };
    case 'graphs':
      for (const value of attribute.value) {
        fields.append(contentField(attributeFields.graphs, await source.graph(value.range)));
      }
      return { type: typeCodes.graphs, fields };
    case 'sparse-tensor':
      fields.append(contentField(attributeFields.sparseTensor, await sparseTensorMessage(attribute.value, source)));
      return { type: typeCodes['sparse-tensor'], fields };
    case 'sparse-tensors':
      for (const value of attribute.value) {
        fields.append(contentField(attributeFields.sparseTensors, await sparseTensorMessage(value, source)));
      }
      return { type: typeCodes['sparse-tensors'], fields };
    default:
      throw new Error(
        `attribute ${name} of kind ${attribute.kind} cannot be written anew; keep the node it stands in.`,
      );
  }
}

async function tensorMessage(tensor: Tensor, source: SourceContent): Promise<Segments> {
  if (tensor.range) return source.tensor(tensor.range);
  const { inline, dataType, name, dims } = tensor;
  if (!inline || !dataType) throw new Error(`tensor ${tensor.name} has no content that could be written.`);
  const payload = { byteLength: inline.length, produce: () => onePiece(inline) };
  return newTensorMessage({ name, dataType, dims }, payload, undefined);
}

async function sparseTensorMessage(tensor: Tensor, source: SourceContent): Promise<Segments> {
  if (!tensor.sparse) throw new Error(`sparse tensor ${tensor.name} has no values and indices.`);
  const message = new Segments()
    .append(contentField(1, await tensorMessage(tensor.sparse.values, source)))
    .append(contentField(2, await tensorMessage(tensor.sparse.indices, source)));
  for (const dim of tensor.dims) message.bytes(varintField(3, dim));
  return message;
}

async function* onePiece(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
