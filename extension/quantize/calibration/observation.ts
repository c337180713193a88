import { EngineRefused, type EngineTensor, type InferenceEngine, type InferenceSession } from '../../inference/engine';
import { MemoryByteSource } from '../../onnx/byte-source';
import { readModel } from '../../onnx/read-model';
import type { Sample } from '../calibration-data/samples';

/** A model as the engine takes it. */
export interface RunnableModel {
  readonly bytes: Uint8Array;
  readonly externalData?: readonly { readonly path: string; readonly data: Uint8Array }[];
}

/** The values of a model's main graph, by how they can be observed. */
export interface GraphValues {
  readonly inputs: ReadonlySet<string>;
  readonly outputs: ReadonlySet<string>;
  /** Results of nodes, outputs included. */
  readonly results: ReadonlySet<string>;
}

/** The values of a model's main graph that can be observed, by what they are. */
export async function graphValues({ bytes }: RunnableModel): Promise<GraphValues> {
  const { graph } = await readModel(new MemoryByteSource(bytes), { fileName: 'The model' });
  return {
    inputs: new Set(graph.inputs.map(({ name }) => name)),
    outputs: new Set(graph.outputs.map(({ name }) => name)),
    results: new Set(graph.nodes.flatMap(({ outputs }) => outputs)),
  };
}

/** Observed tensors are all in memory at the end of a run: not more than this at once. */
const largestGroupBytes = 2 ** 28;
const largestGroup = 500;

/**
 * The tensors in groups that are observed in one pass each. `sizeOf` gives bytes; a tensor whose size is not known counts as 1 MiB.
 * There is one group, an empty one, where there are no tensors.
 */
export function observationGroups(
  tensors: readonly string[],
  sizeOf: (tensor: string) => number | undefined = () => undefined,
): readonly (readonly string[])[] {
  const groups: string[][] = [[]];
  let bytes = 0;
  for (const tensor of tensors) {
    const size = sizeOf(tensor) ?? 2 ** 20;
    let group = groups.at(-1);
    if (!group || (group.length > 0 && (bytes + size > largestGroupBytes || group.length >= largestGroup))) {
      group = [];
      groups.push(group);
      bytes = 0;
    }
    group.push(tensor);
    bytes += size;
  }
  return groups;
}

/** Opens a session for the length of `work`. */
export async function withSession<Result>(
  engine: InferenceEngine,
  { bytes, externalData }: RunnableModel,
  extraOutputs: readonly string[],
  work: (session: InferenceSession) => Promise<Result>,
): Promise<Result> {
  const session = await engine.open(bytes, { ...(externalData && { externalData }), extraOutputs });
  try {
    return await work(session);
  } finally {
    await session.release();
  }
}

/** Runs a sample. Rejects with EngineRefused, whose message names the sample. */
export async function runSample(
  session: InferenceSession,
  sample: Sample,
  feeds: Sample['feeds'] = sample.feeds,
): Promise<ReadonlyMap<string, EngineTensor>> {
  try {
    return await session.run(feeds);
  } catch (error) {
    if (error instanceof EngineRefused) throw new EngineRefused(`with ${sample.name}: ${error.message}`);
    throw error;
  }
}
