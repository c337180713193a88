import { dataTypeKind } from '../model/data-type';
import type { ByteSource } from '../onnx/byte-source';
import { toFloat64 } from '../onnx/tensor-data';
import {
  EngineRefused,
  type EngineTensor,
  type EngineValue,
  type InferenceEngine,
  type InferenceSession,
} from './engine';
import { makeInput } from './make-input';

/** Larger models are not loaded: WebAssembly has 4 GiB, and a session takes about three times the file. */
const largestComparedBytes = 2 ** 30;

/** Sizes tried in turn for dimensions that nobody sizes, until the source runs. */
const guessedSizes = [1, 2, 16, 64];

/** Largest allowed difference, as a share of the output's largest magnitude. */
const floatTolerance = 1e-5;
/** The same for float16 and bfloat16, whose own step is 2^-11 and 2^-8. */
const halfTolerance = 2e-3;

export interface CompareOptions {
  readonly engine: InferenceEngine;
  /** The size of a symbolic input dimension; undefined where any will do. */
  readonly sizes?: (symbol: string) => number | undefined;
  readonly externalData?: readonly { readonly path: string; readonly data: Uint8Array }[];
  /** The changed model's data files; absent: those of the source. */
  readonly changedExternalData?: readonly { readonly path: string; readonly data: Uint8Array }[];
  readonly seed?: number;
  readonly signal?: AbortSignal;
}

export type Comparison =
  | {
      readonly compared: true;
      /** How many outputs were compared. */
      readonly outputs: number;
      readonly maxAbsoluteDifference: number;
      /** Largest difference as a share of its output's largest magnitude. */
      readonly maxRelativeDifference: number;
      /** True when every output agrees: floats within the tolerance, everything else exactly. */
      readonly equal: boolean;
    }
  | { readonly compared: false; readonly reason: string };

type Outputs = ReadonlyMap<string, EngineTensor>;
interface Run {
  readonly feeds: Outputs;
  readonly outputs: Outputs;
}

/**
 * Runs two models on the same made-up inputs (measured, on one input) and compares all outputs by name.
 * `compared: false` gives as a sentence why they could not be run. Rejects only when aborted or when reading fails.
 */
export async function compareModels(
  source: ByteSource,
  changed: ByteSource,
  options: CompareOptions,
): Promise<Comparison> {
  if (Math.max(source.size, changed.size) > largestComparedBytes) {
    return { compared: false, reason: 'The model is larger than 1 GiB, which the engine cannot hold.' };
  }
  try {
    const before = await withSession(source, options, options.externalData, (session) => runSource(session, options));
    const data = options.changedExternalData ?? options.externalData;
    const after = await withSession(changed, options, data, async (session) => session.run(before.feeds)).catch(
      (error: unknown) => {
        if (error instanceof EngineRefused) throw new EngineRefused(`after the change: ${error.message}`);
        throw error;
      },
    );
    const comparison = compareOutputs(before.outputs, after);
    if (comparison.equal || (await isRepeatable(source, before, options))) return comparison;
    return { compared: false, reason: 'The model computes with random numbers: it differs from itself.' };
  } catch (error) {
    if (!(error instanceof EngineRefused)) throw error;
    return { compared: false, reason: `The engine does not run the model: ${error.message}` };
  }
}

async function withSession<Result>(
  source: ByteSource,
  options: CompareOptions,
  externalData: CompareOptions['externalData'],
  work: (session: InferenceSession) => Promise<Result>,
): Promise<Result> {
  options.signal?.throwIfAborted();
  const bytes = await source.read(0, source.size);
  const session = await options.engine.open(bytes, externalData ? { externalData } : {});
  try {
    options.signal?.throwIfAborted();
    return await work(session);
  } finally {
    await session.release();
  }
}

async function runSource(session: InferenceSession, options: CompareOptions): Promise<Run> {
  const sized = (dim: EngineValue['dims'][number]) =>
    typeof dim === 'string' ? options.sizes?.(dim) : (dim ?? undefined);
  const open = session.inputs.some((input) => input.dims.some((dim) => sized(dim) === undefined));
  let refusal: unknown;
  for (const guess of open ? guessedSizes : [1]) {
    options.signal?.throwIfAborted();
    const feeds = new Map(
      session.inputs.map((input, index) => {
        const dims = input.dims.map((dim) => sized(dim) ?? guess);
        return [input.name, makeInput(input, dims, (options.seed ?? 1) + index)];
      }),
    );
    try {
      return { feeds, outputs: await session.run(feeds) };
    } catch (error) {
      refusal ??= error;
    }
  }
  throw refusal;
}

/** A session that draws random numbers starts with the same ones each time, so it is its second run that differs. */
async function isRepeatable(source: ByteSource, { feeds, outputs }: Run, options: CompareOptions): Promise<boolean> {
  const again = await withSession(source, options, options.externalData, async (session) => {
    await session.run(feeds);
    return session.run(feeds);
  });
  return compareOutputs(outputs, again).equal;
}

function compareOutputs(before: Outputs, after: Outputs): Extract<Comparison, { compared: true }> {
  let maxAbsoluteDifference = 0;
  let maxRelativeDifference = 0;
  let equal = before.size === after.size;
  for (const [name, expected] of before) {
    const actual = after.get(name);
    const difference = actual && compareTensors(expected, actual);
    if (difference === undefined) {
      equal = false;
      continue;
    }
    maxAbsoluteDifference = Math.max(maxAbsoluteDifference, difference.absolute);
    maxRelativeDifference = Math.max(maxRelativeDifference, difference.relative);
    equal &&= difference.equal;
  }
  return { compared: true, outputs: before.size, maxAbsoluteDifference, maxRelativeDifference, equal };
}

/** Undefined when type or shape differ. */
function compareTensors(
  expected: EngineTensor,
  actual: EngineTensor,
): { readonly absolute: number; readonly relative: number; readonly equal: boolean } | undefined {
  const { dataType } = expected;
  if (dataType !== actual.dataType || expected.dims.join() !== actual.dims.join()) return undefined;
  if (dataType === 'STRING') {
    const equal = (expected.strings ?? []).every((text, index) => text === actual.strings?.[index]);
    return { absolute: 0, relative: 0, equal };
  }
  const sameBytes =
    expected.data.length === actual.data.length && expected.data.every((byte, index) => byte === actual.data[index]);
  if (sameBytes) return { absolute: 0, relative: 0, equal: true };
  if (expected.data.length !== actual.data.length) return undefined;
  const count = expected.dims.reduce((product, dim) => product * dim, 1);
  const { absolute, largest } = largestDifference(values(expected, count), values(actual, count));
  const relative = absolute === 0 ? 0 : absolute / Math.max(largest, Number.MIN_VALUE);
  const tolerance = dataType === 'FLOAT16' || dataType === 'BFLOAT16' ? halfTolerance : floatTolerance;
  return { absolute, relative, equal: dataTypeKind(dataType) === 'float' && relative <= tolerance };
}

function values({ dataType, data }: EngineTensor, count: number): Float64Array {
  if (dataType === 'DOUBLE') return new Float64Array(data.slice().buffer);
  if (dataType === 'INT64') return Float64Array.from(new BigInt64Array(data.slice().buffer), Number);
  if (dataType === 'UINT64') return Float64Array.from(new BigUint64Array(data.slice().buffer), Number);
  return toFloat64(dataType, data, count);
}

/** NaN equals NaN, an infinity itself; either against anything else is an infinite difference. */
function largestDifference(
  expected: Float64Array,
  actual: Float64Array,
): { readonly absolute: number; readonly largest: number } {
  let absolute = 0;
  let largest = 0;
  for (const [index, left] of expected.entries()) {
    const right = actual[index] ?? Number.NaN;
    if (Object.is(left, right) || left === right) {
      if (Number.isFinite(left)) largest = Math.max(largest, Math.abs(left));
      continue;
    }
    const difference = Math.abs(left - right);
    absolute = Math.max(absolute, Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference);
    if (Number.isFinite(left)) largest = Math.max(largest, Math.abs(left));
  }
  return { absolute, largest };
}
