import type { onnx } from 'onnx-proto';
import { type DataType, dataTypeFromCode } from '../model/data-type';
import type { Place } from '../model/diagnostic';
import { type Dim, type Shape, symbol } from '../model/dimension';
import type { Value, ValueType } from '../model/model';
import { type DecodeContext, decoded, newerMetadata, report } from './decode-context';
import type { MessageRecord } from './message-record';
import { decoders, toSafeInteger } from './protobuf';

/** The value of a ValueInfoProto. */
export function decodeValue(context: DecodeContext, record: MessageRecord, place: Place): Value {
  const proto = decoded(context, record, decoders.valueInfo);
  const name = proto.name ?? '';
  const where: Place = { ...place, value: name, offset: record.range.start };
  return {
    name,
    type: proto.type ? decodeType(context, proto.type, where) : undefined,
    metadata: newerMetadata(record, 4),
    range: record.range,
  };
}

/** The type in a TypeProto; undefined when it says nothing. */
export function decodeType(context: DecodeContext, proto: onnx.ITypeProto, place: Place): ValueType | undefined {
  const element = (type: onnx.ITypeProto | null | undefined) => (type ? decodeType(context, type, place) : undefined);
  const dataType = (code: number | null | undefined) => elementType(context, code ?? 0, place);
  if (proto.tensorType) {
    const { elemType, shape } = proto.tensorType;
    return { kind: 'tensor', dataType: dataType(elemType), shape: decodeShape(shape) };
  }
  if (proto.sparseTensorType) {
    const { elemType, shape } = proto.sparseTensorType;
    return { kind: 'sparse-tensor', dataType: dataType(elemType), shape: decodeShape(shape) };
  }
  if (proto.sequenceType) return { kind: 'sequence', element: element(proto.sequenceType.elemType) };
  if (proto.optionalType) return { kind: 'optional', element: element(proto.optionalType.elemType) };
  if (proto.mapType) {
    return { kind: 'map', key: dataType(proto.mapType.keyType), value: element(proto.mapType.valueType) };
  }
  return undefined;
}

function elementType(context: DecodeContext, code: number, place: Place): DataType | undefined {
  const type = dataTypeFromCode(code);
  // 0 is UNDEFINED: the file does not say.
  if (!type && code !== 0) {
    const text = `Value ${JSON.stringify(place.value ?? '')} has element type ${code}, which no ONNX version up to IR 14 defines.`;
    report(context, 'error', 'unknown-data-type', text, place);
  }
  return type;
}

function decodeShape(proto: onnx.ITensorShapeProto | null | undefined): Shape | undefined {
  return proto ? (proto.dim ?? []).map(decodeDimension) : undefined;
}

function decodeDimension(proto: onnx.TensorShapeProto.IDimension): Dim {
  if (proto.dimParam) return symbol(proto.dimParam);
  const size = toSafeInteger(proto.dimValue);
  // Exporters write -1 for a size they do not know.
  return size === undefined || size < 0 ? null : size;
}
