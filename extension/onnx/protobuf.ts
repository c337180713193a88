import Long from 'long';
import { onnx } from 'onnx-proto';
import { configure, util } from 'protobufjs/minimal';

// A bundler hides `long` from protobufjs, which would then turn int64 into rounded numbers.
util.Long = Long;
configure();

/** The decoders of onnx-proto, with exact 64-bit integers. They know ONNX up to IR 8; newer fields are skipped. */
export const decoders = {
  model: (bytes: Uint8Array): onnx.IModelProto => onnx.ModelProto.decode(bytes),
  graph: (bytes: Uint8Array): onnx.IGraphProto => onnx.GraphProto.decode(bytes),
  node: (bytes: Uint8Array): onnx.INodeProto => onnx.NodeProto.decode(bytes),
  attribute: (bytes: Uint8Array): onnx.IAttributeProto => onnx.AttributeProto.decode(bytes),
  tensor: (bytes: Uint8Array): onnx.ITensorProto => onnx.TensorProto.decode(bytes),
  sparseTensor: (bytes: Uint8Array): onnx.ISparseTensorProto => onnx.SparseTensorProto.decode(bytes),
  function: (bytes: Uint8Array): onnx.IFunctionProto => onnx.FunctionProto.decode(bytes),
  valueInfo: (bytes: Uint8Array): onnx.IValueInfoProto => onnx.ValueInfoProto.decode(bytes),
  entry: (bytes: Uint8Array): onnx.IStringStringEntryProto => onnx.StringStringEntryProto.decode(bytes),
} as const;

/** A decoded 64-bit field. */
export type Int64 = number | Long | null | undefined;

/** The exact value of a decoded int64 field; an absent one is 0. */
export function toBigInt(value: Int64): bigint {
  if (typeof value === 'number') return BigInt(value);
  if (!value) return 0n;
  // Most numbers in a model are small, and BigInt arithmetic is slow.
  if (value.high === (value.low < 0 ? -1 : 0)) return BigInt(value.low);
  return (BigInt(value.high) << 32n) | BigInt(value.low >>> 0);
}

/** The value of a decoded int64 field as a number; undefined when it is absent or above 2^53. */
export function toSafeInteger(value: Int64): number | undefined {
  const number = typeof value === 'number' ? value : value?.toNumber();
  return number !== undefined && Number.isSafeInteger(number) ? number : undefined;
}

/** A decoded list without the room for more that onnx-proto leaves in it: for most lists of a node, that is most of it. */
export function exactList<Item>(list: readonly Item[] | null | undefined): readonly Item[] {
  return list ? list.slice() : [];
}
