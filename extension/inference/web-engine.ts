import { Writer } from 'protobufjs/minimal';
import type { DataType } from '../model/data-type';
import {
  EngineRefused,
  type EngineTensor,
  type EngineValue,
  type InferenceEngine,
  type InferenceSession,
  type OpenOptions,
} from './engine';

type Ort = typeof import('onnxruntime-web/wasm');
type OrtSession = Awaited<ReturnType<Ort['InferenceSession']['create']>>;
type OrtTensor = InstanceType<Ort['Tensor']>;
type OrtMetadata = OrtSession['inputMetadata'][number];

/** onnxruntime's severity of fatal messages: what fails otherwise is thrown, and the console may be a document's way out. */
const fatalOnly = 4;

/**
 * onnxruntime-web on one thread. The library (which is bundled) and its WebAssembly (which the caller brings) are loaded at the first
 * `open`. They are one per JavaScript realm: run it in a worker, and end the worker to give its memory back.
 */
export function createWebEngine(loadWasm: () => Promise<Uint8Array>): InferenceEngine {
  let loading: Promise<Ort> | undefined;
  return {
    async open(model, options = {}) {
      loading ??= loadOrt(loadWasm);
      const ort = await loading;
      return openSession(ort, model, options);
    },
  };
}

async function loadOrt(loadWasm: () => Promise<Uint8Array>): Promise<Ort> {
  const [ort, wasm] = await Promise.all([import('onnxruntime-web/wasm'), loadWasm()]);
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = wasm;
  ort.env.logLevel = 'fatal';
  return ort;
}

async function openSession(ort: Ort, model: Uint8Array, options: OpenOptions): Promise<InferenceSession> {
  const extraOutputs = options.extraOutputs ?? [];
  const bytes = extraOutputs.length === 0 ? model : withOutputs(model, extraOutputs);
  const session = await refusing(() =>
    ort.InferenceSession.create(bytes, {
      logSeverityLevel: fatalOnly,
      // Further optimization fuses Conv, Add and Relu even where a value between them is an output, which then has no value.
      ...(extraOutputs.length > 0 ? { graphOptimizationLevel: 'basic' as const } : {}),
      ...(options.externalData ? { externalData: [...options.externalData] } : {}),
    }),
  );
  return {
    inputs: session.inputMetadata.map(describe),
    outputs: session.outputMetadata.map(describe),
    async run(feeds) {
      const given = Object.fromEntries(Array.from(feeds, ([name, tensor]) => [name, toOrt(ort, name, tensor)]));
      const results = await refusing(() => session.run(given, { logSeverityLevel: fatalOnly }));
      return new Map(Object.entries(results).map(([name, tensor]) => [name, fromOrt(name, tensor)]));
    },
    release: () => session.release(),
  };
}

async function refusing<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof EngineRefused) throw error;
    const text = error instanceof Error ? error.message : String(error);
    throw new EngineRefused(text.replace(/\s+/g, ' ').trim());
  }
}

/**
 * The model with more graph outputs. Protobuf merges a message field that appears twice, so it is enough to append a
 * `graph { output { name } ... }` (ModelProto 7, GraphProto 12, ValueInfoProto 1); the engine infers the types.
 */
function withOutputs(model: Uint8Array, names: readonly string[]): Uint8Array {
  const writer = Writer.create().uint32(tag(7)).fork();
  for (const name of names) writer.uint32(tag(12)).fork().uint32(tag(1)).string(name).ldelim();
  const addition = writer.ldelim().finish();
  const joined = new Uint8Array(model.length + addition.length);
  joined.set(model);
  joined.set(addition, model.length);
  return joined;
}

/** Tag of a length-delimited protobuf field. */
function tag(field: number): number {
  return (field << 3) | 2;
}

function describe(metadata: OrtMetadata): EngineValue {
  if (!metadata.isTensor) return { name: metadata.name, dataType: undefined, dims: [] };
  return {
    name: metadata.name,
    dataType: dataTypes.get(metadata.type),
    dims: metadata.shape.map((dim) => (dim === '' || dim === -1 || dim === unknownSize ? null : dim)),
  };
}

/** -1, which stands for a size that the model does not say, as onnxruntime-web reads it: without its sign. */
const unknownSize = 2 ** 32 - 1;

const dataTypes: ReadonlyMap<string, DataType> = new Map<string, DataType>([
  ['float32', 'FLOAT'],
  ['float64', 'DOUBLE'],
  ['float16', 'FLOAT16'],
  ['int8', 'INT8'],
  ['uint8', 'UINT8'],
  ['int16', 'INT16'],
  ['uint16', 'UINT16'],
  ['int32', 'INT32'],
  ['uint32', 'UINT32'],
  ['int64', 'INT64'],
  ['uint64', 'UINT64'],
  ['bool', 'BOOL'],
  ['int4', 'INT4'],
  ['uint4', 'UINT4'],
  ['string', 'STRING'],
]);

function fromOrt(name: string, tensor: OrtTensor): EngineTensor {
  const dataType = dataTypes.get(tensor.type);
  if (dataType === undefined) throw new EngineRefused(`${name} has the type ${tensor.type}, which is not read here`);
  const { data } = tensor;
  const dims = [...tensor.dims];
  if (!ArrayBuffer.isView(data)) return { dataType, dims, data: new Uint8Array(), strings: data };
  return { dataType, dims, data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice() };
}

function toOrt(ort: Ort, name: string, { dataType, dims, data, strings }: EngineTensor): OrtTensor {
  // A copy of its own: the views below need aligned memory.
  const { buffer } = Uint8Array.from(data);
  switch (dataType) {
    case 'FLOAT':
      return new ort.Tensor('float32', new Float32Array(buffer), dims);
    case 'DOUBLE':
      return new ort.Tensor('float64', new Float64Array(buffer), dims);
    case 'FLOAT16':
      return new ort.Tensor('float16', new Uint16Array(buffer), dims);
    case 'INT8':
      return new ort.Tensor('int8', new Int8Array(buffer), dims);
    case 'UINT8':
      return new ort.Tensor('uint8', new Uint8Array(buffer), dims);
    case 'INT16':
      return new ort.Tensor('int16', new Int16Array(buffer), dims);
    case 'UINT16':
      return new ort.Tensor('uint16', new Uint16Array(buffer), dims);
    case 'INT32':
      return new ort.Tensor('int32', new Int32Array(buffer), dims);
    case 'UINT32':
      return new ort.Tensor('uint32', new Uint32Array(buffer), dims);
    case 'INT64':
      return new ort.Tensor('int64', new BigInt64Array(buffer), dims);
    case 'UINT64':
      return new ort.Tensor('uint64', new BigUint64Array(buffer), dims);
    case 'BOOL':
      return new ort.Tensor('bool', new Uint8Array(buffer), dims);
    case 'STRING':
      return new ort.Tensor('string', [...(strings ?? [])], dims);
    default:
      throw new EngineRefused(`the input ${name} has the type ${dataType}, which cannot be given to the engine`);
  }
}
