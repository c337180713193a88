import type { onnx } from 'onnx-proto';
import type { Place } from '../model/diagnostic';
import type { Attribute, Graph, Tensor } from '../model/model';
import { type DecodeContext, report } from './decode-context';
import { decodeSparseTensor } from './decode-sparse';
import { decodeTensor } from './decode-tensor';
import { decodeType } from './decode-type';
import type { MessageRecord } from './message-record';
import { exactList, toBigInt } from './protobuf';

/** Codes of AttributeProto.AttributeType. */
const codes = {
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
  sparseTensor: 11,
  sparseTensors: 12,
  type: 13,
  types: 14,
} as const;

/** Fields of AttributeProto that hold recorded messages. */
const fields = { tensor: 5, graph: 6, tensors: 10, graphs: 11, sparseTensor: 22, sparseTensors: 23 } as const;

const codeOfField: ReadonlyMap<number, number> = new Map([
  [fields.tensor, codes.tensor],
  [fields.graph, codes.graph],
  [fields.tensors, codes.tensors],
  [fields.graphs, codes.graphs],
  [fields.sparseTensor, codes.sparseTensor],
  [fields.sparseTensors, codes.sparseTensors],
]);

/** Decodes a GraphProto in an attribute; `scope` names the attribute. */
export type GraphDecoder = (record: MessageRecord, scope: readonly string[]) => Graph;

/** The attribute of an AttributeProto. `owner` names the node or function in the scope of subgraphs. */
export function decodeAttribute(
  context: DecodeContext,
  proto: onnx.IAttributeProto,
  record: MessageRecord,
  place: Place,
  owner: string,
  decodeGraph: GraphDecoder,
): Attribute {
  const name = proto.name ?? '';
  if (proto.refAttrName) return { kind: 'reference', name: proto.refAttrName };
  const typeCode = proto.type || impliedType(proto, record);
  if (record.incomplete) {
    const text = `Attribute ${JSON.stringify(name)} of ${owner} is too large to be read with the structure; its value is not shown.`;
    report(context, 'note', 'attribute-not-read', text, { ...place, offset: record.range.start });
    return { kind: 'unknown', typeCode };
  }
  const tensor = (tensorRecord: MessageRecord): Tensor => decodeTensor(context, tensorRecord, place);
  const sparse = (sparseRecord: MessageRecord): Tensor => decodeSparseTensor(context, sparseRecord, place);
  const graph = (graphRecord: MessageRecord, label: string): Graph =>
    decodeGraph(graphRecord, [...(place.scope ?? []), `${owner}.${label}`]);
  // Where a singular field is repeated, the last one counts.
  const last = (number: number) => record.lastChildOf(number);

  switch (typeCode) {
    case codes.float:
      return { kind: 'float', value: proto.f ?? 0 };
    case codes.int:
      return { kind: 'int', value: toBigInt(proto.i) };
    case codes.string:
      return { kind: 'string', value: (proto.s ?? new Uint8Array(0)).slice() };
    case codes.tensor: {
      const found = last(fields.tensor);
      if (found) return { kind: 'tensor', value: tensor(found) };
      break;
    }
    case codes.graph: {
      const found = last(fields.graph);
      if (found) return { kind: 'graph', value: graph(found, name) };
      break;
    }
    case codes.floats:
      return { kind: 'floats', value: exactList(proto.floats) };
    case codes.ints:
      return { kind: 'ints', value: (proto.ints ?? []).map(toBigInt) };
    case codes.strings:
      return { kind: 'strings', value: (proto.strings ?? []).map((bytes) => bytes.slice()) };
    case codes.tensors:
      return { kind: 'tensors', value: record.mapChildren(fields.tensors, tensor) };
    case codes.graphs: {
      const value = record.mapChildren(fields.graphs, (item, index) => graph(item, `${name}[${index}]`));
      return { kind: 'graphs', value };
    }
    case codes.sparseTensor: {
      const found = last(fields.sparseTensor);
      if (found) return { kind: 'sparse-tensor', value: sparse(found) };
      break;
    }
    case codes.sparseTensors:
      return { kind: 'sparse-tensors', value: record.mapChildren(fields.sparseTensors, sparse) };
    case codes.type:
      return { kind: 'type', value: proto.tp ? decodeType(context, proto.tp, place) : undefined };
    case codes.types:
      return { kind: 'types', value: (proto.typeProtos ?? []).map((type) => decodeType(context, type, place)) };
  }
  const text = `Attribute ${JSON.stringify(name)} of ${owner} has the type code ${typeCode} and no value of that type.`;
  report(context, 'error', 'unknown-attribute-type', text, { ...place, offset: record.range.start });
  return { kind: 'unknown', typeCode };
}

/** IR 1 files leave the type out: the field that is there tells it. */
function impliedType(proto: onnx.IAttributeProto, record: MessageRecord): number {
  for (const number of record.childNumbers()) {
    const code = codeOfField.get(number);
    if (code !== undefined) return code;
  }
  if (proto.tp) return codes.type;
  if (proto.floats?.length) return codes.floats;
  if (proto.ints?.length) return codes.ints;
  if (proto.strings?.length) return codes.strings;
  if (proto.typeProtos?.length) return codes.types;
  if (Object.hasOwn(proto, 's')) return codes.string;
  if (Object.hasOwn(proto, 'i')) return codes.int;
  if (Object.hasOwn(proto, 'f')) return codes.float;
  return 0;
}
