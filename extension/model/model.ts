import type { DataType } from './data-type';
import type { Diagnostic } from './diagnostic';
import type { Shape } from './dimension';

/** A half-open range of bytes in the model file. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** The type of a value. `shape: undefined` means that not even the rank is known. */
export type ValueType =
  | { readonly kind: 'tensor'; readonly dataType: DataType | undefined; readonly shape: Shape | undefined }
  | { readonly kind: 'sparse-tensor'; readonly dataType: DataType | undefined; readonly shape: Shape | undefined }
  | { readonly kind: 'sequence'; readonly element: ValueType | undefined }
  | { readonly kind: 'optional'; readonly element: ValueType | undefined }
  | { readonly kind: 'map'; readonly key: DataType | undefined; readonly value: ValueType | undefined }
  | { readonly kind: 'opaque' };

/** A named value as the file declares it: a graph input, a graph output or an entry of value_info. */
export interface Value {
  readonly name: string;
  readonly type: ValueType | undefined;
  readonly metadata: ReadonlyMap<string, string>;
  /** The ValueInfoProto in the file. */
  readonly range: ByteRange;
}

/** Where the elements of a tensor are. */
export type TensorLocation =
  /** `raw_data` in the model file: little-endian, packed. */
  | { readonly kind: 'raw'; readonly offset: number; readonly length: number }
  /** A packed typed field in the model file, in protobuf encoding. */
  | { readonly kind: 'packed'; readonly field: TypedField; readonly offset: number; readonly length: number }
  /** Held in memory only (`inline`): typed fields that are small or written unpacked, or computed tensors. */
  | { readonly kind: 'memory' }
  /** Another file in the model's folder. `length` is what the type and dimensions call for. */
  | { readonly kind: 'external'; readonly path: string; readonly offset: number; readonly length: number }
  /** Strings, whose bytes stay in the model file. `bytes` is the sum of their lengths. */
  | { readonly kind: 'strings'; readonly bytes: number }
  /** The elements cannot be had; `reason` is a sentence. */
  | { readonly kind: 'missing'; readonly reason: string };

export type TypedField = 'float_data' | 'int32_data' | 'int64_data' | 'double_data' | 'uint64_data';

/**
 * A constant tensor. Its elements stay in the file; `extension/onnx/tensor-data.ts` reads them. Not to be copied by a spread: the
 * reader's tensors work out most of this when asked.
 */
export interface Tensor {
  readonly name: string;
  /** undefined: a type code that is not known (`dataTypeCode` has it). */
  readonly dataType: DataType | undefined;
  readonly dataTypeCode: number;
  readonly dims: readonly number[];
  /** `dataType` and `dims` as the type of a value, where tensors that have them in common share it. */
  readonly valueType?: ValueType;
  /** Product of `dims`; 1 for a scalar. */
  readonly elementCount: number;
  /** Bytes the elements take at their stored width (storedBytes); strings: the sum of their lengths. */
  readonly byteLength: number;
  readonly location: TensorLocation;
  /** The elements as little-endian packed bytes (the layout of raw_data), when they are at most 1 KiB or live in memory. */
  readonly inline?: Uint8Array;
  /** For a sparse initializer: `values` and `indices` as stored; `dims` above are then the dense ones. */
  readonly sparse?: { readonly values: Tensor; readonly indices: Tensor };
  readonly metadata: ReadonlyMap<string, string>;
  /** The TensorProto in the file; undefined for tensors made from attributes such as `value_ints`. */
  readonly range?: ByteRange;
}

export type Attribute =
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'int'; readonly value: bigint }
  | { readonly kind: 'string'; readonly value: Uint8Array }
  | { readonly kind: 'tensor'; readonly value: Tensor }
  | { readonly kind: 'graph'; readonly value: Graph }
  | { readonly kind: 'sparse-tensor'; readonly value: Tensor }
  | { readonly kind: 'type'; readonly value: ValueType | undefined }
  | { readonly kind: 'floats'; readonly value: readonly number[] }
  | { readonly kind: 'ints'; readonly value: readonly bigint[] }
  | { readonly kind: 'strings'; readonly value: readonly Uint8Array[] }
  | { readonly kind: 'tensors'; readonly value: readonly Tensor[] }
  | { readonly kind: 'graphs'; readonly value: readonly Graph[] }
  | { readonly kind: 'sparse-tensors'; readonly value: readonly Tensor[] }
  | { readonly kind: 'types'; readonly value: readonly (ValueType | undefined)[] }
  /** In a function body: the name of the function's attribute that is put here. */
  | { readonly kind: 'reference'; readonly name: string }
  /** An attribute whose declared type is not known. */
  | { readonly kind: 'unknown'; readonly typeCode: number };

export interface Node {
  /** Position in the file's node list. */
  readonly index: number;
  readonly name: string;
  readonly opType: string;
  /** `ai.onnx` is written as the empty string in files; here it is always `ai.onnx`. */
  readonly domain: string;
  readonly overload: string;
  /** Empty string: the optional input is omitted. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, Attribute>;
  readonly metadata: ReadonlyMap<string, string>;
  /** The NodeProto in the file. */
  readonly range: ByteRange;
}

export interface Graph {
  readonly name: string;
  /** In file order. `extension/model/order.ts` gives the execution order. */
  readonly nodes: readonly Node[];
  /** As listed, initializers that are also inputs included (see `constants`). */
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /** value_info entries by name; inputs and outputs are not repeated here. */
  readonly values: ReadonlyMap<string, Value>;
  /** Initializers, sparse ones included, by name. Outputs of Constant nodes are not here. */
  readonly constants: ReadonlyMap<string, Tensor>;
  readonly metadata: ReadonlyMap<string, string>;
  /** The GraphProto in the file (its content, without tag and length). */
  readonly range: ByteRange;
}

/** A model-local function. */
export interface FunctionDefinition {
  readonly name: string;
  readonly domain: string;
  readonly overload: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Attributes without a default. */
  readonly attributes: readonly string[];
  readonly attributeDefaults: ReadonlyMap<string, Attribute>;
  readonly opsets: ReadonlyMap<string, number>;
  /** The body: `inputs` and `outputs` carry names only; a function has no initializers. */
  readonly body: Graph;
  readonly range: ByteRange;
}

export interface Model {
  /** Undefined when the file does not say. */
  readonly irVersion: number | undefined;
  /** Domain (`ai.onnx` for the empty one) to version. Version 1 of ai.onnx is assumed, with a diagnostic, where the file names none. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly producerName: string;
  readonly producerVersion: string;
  readonly graph: Graph;
  readonly functions: readonly FunctionDefinition[];
  readonly metadata: ReadonlyMap<string, string>;
  readonly source: {
    readonly fileName: string;
    readonly byteLength: number;
    readonly externalFiles: readonly ExternalFile[];
  };
  /** Faults found while reading. */
  readonly diagnostics: readonly Diagnostic[];
}

/** A data file that tensors of the model refer to. `byteLength` is undefined where it cannot be opened or was refused. */
export interface ExternalFile {
  readonly path: string;
  readonly byteLength: number | undefined;
}

/** The functions of a model by `domain`, `name` and `overload`. */
export function findFunction(model: Model, node: Node): FunctionDefinition | undefined {
  return model.functions.find(
    (candidate) =>
      candidate.name === node.opType && candidate.domain === node.domain && candidate.overload === node.overload,
  );
}
