/**
 * What the reader keeps of each message of onnx.proto (ONNX 1.23.1), by field number. A field that is not listed, such as a
 * doc_string, is left in the file.
 */
export type MessageName =
  | 'model'
  | 'graph'
  | 'node'
  | 'attribute'
  | 'tensor'
  | 'sparseTensor'
  | 'function'
  | 'valueInfo'
  | 'entry'
  | 'opset'
  | 'type'
  | 'tensorType'
  | 'containerType'
  | 'mapType'
  | 'shape'
  | 'dimension';

export type LeafKind =
  | 'int32'
  | 'int64'
  | 'float'
  /** A string or bytes. */
  | 'text'
  | 'texts'
  | 'floats'
  | 'int64s'
  /** Tensor elements, which are only located: `raw` bytes, strings, and the typed fields by how a number is encoded. */
  | 'raw'
  | 'strings'
  | 'data-fixed32'
  | 'data-fixed64'
  | 'data-varint';

export type FieldKind = LeafKind | MessageName;
export type MessageSchema = Readonly<Record<number, FieldKind>>;

const messages: Readonly<Record<MessageName, MessageSchema>> = {
  model: { 1: 'int64', 2: 'text', 3: 'text', 7: 'graph', 8: 'opset', 14: 'entry', 25: 'function' },
  graph: {
    1: 'node',
    2: 'text',
    5: 'tensor',
    11: 'valueInfo',
    12: 'valueInfo',
    13: 'valueInfo',
    15: 'sparseTensor',
    16: 'entry',
  },
  node: { 1: 'text', 2: 'text', 3: 'text', 4: 'text', 5: 'attribute', 7: 'text', 8: 'text', 9: 'entry' },
  attribute: {
    1: 'text',
    2: 'float',
    3: 'int64',
    4: 'text',
    5: 'tensor',
    6: 'graph',
    7: 'floats',
    8: 'int64s',
    9: 'texts',
    10: 'tensor',
    11: 'graph',
    14: 'type',
    15: 'type',
    20: 'int32',
    21: 'text',
    22: 'sparseTensor',
    23: 'sparseTensor',
  },
  tensor: {
    1: 'int64s',
    2: 'int32',
    4: 'data-fixed32',
    5: 'data-varint',
    6: 'strings',
    7: 'data-varint',
    8: 'text',
    9: 'raw',
    10: 'data-fixed64',
    11: 'data-varint',
    13: 'entry',
    14: 'int32',
    16: 'entry',
  },
  sparseTensor: { 1: 'tensor', 2: 'tensor', 3: 'int64s' },
  function: {
    1: 'text',
    4: 'text',
    5: 'text',
    6: 'text',
    7: 'node',
    9: 'opset',
    10: 'text',
    11: 'attribute',
    12: 'valueInfo',
    13: 'text',
    14: 'entry',
  },
  valueInfo: { 1: 'text', 2: 'type', 4: 'entry' },
  entry: { 1: 'text', 2: 'text' },
  opset: { 1: 'text', 2: 'int64' },
  type: {
    1: 'tensorType',
    4: 'containerType',
    5: 'mapType',
    8: 'tensorType',
    9: 'containerType',
  },
  tensorType: { 1: 'int32', 2: 'shape' },
  containerType: { 1: 'type' },
  mapType: { 1: 'int32', 2: 'type' },
  shape: { 1: 'dimension' },
  dimension: { 1: 'int64', 2: 'text' },
};

/** Messages whose place in the file is recorded, and that are decoded one by one. */
const recordedMessages: ReadonlySet<FieldKind> = new Set<MessageName>([
  'model',
  'graph',
  'node',
  'attribute',
  'tensor',
  'sparseTensor',
  'function',
  'valueInfo',
]);

/** The fields of a message that the reader knows. */
export function messageSchema(name: MessageName): MessageSchema {
  return messages[name];
}

/** True for a field that holds another message. */
export function isMessageName(kind: FieldKind): kind is MessageName {
  return Object.hasOwn(messages, kind);
}

/** True for messages whose place in the file is kept. */
export function isRecorded(name: MessageName): boolean {
  return recordedMessages.has(name);
}

/** True when a field of this kind may be encoded with this wire type; repeated numbers may be packed (2) or not. */
export function admitsWireType(kind: FieldKind, wireType: 0 | 1 | 2 | 5): boolean {
  switch (kind) {
    case 'int32':
    case 'int64':
      return wireType === 0;
    case 'float':
      return wireType === 5;
    case 'int64s':
    case 'data-varint':
      return wireType === 0 || wireType === 2;
    case 'floats':
    case 'data-fixed32':
      return wireType === 5 || wireType === 2;
    case 'data-fixed64':
      return wireType === 1 || wireType === 2;
    default:
      return wireType === 2;
  }
}
