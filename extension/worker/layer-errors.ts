import type { Model, Node } from '../model/model';
import type { Measurement } from '../quantize/calibration/compare-outputs';
import type { QuantizationSource } from '../quantize/plan';
import type { RecipePlan } from './plan-recipe';

/** A node of which weights were converted. */
export interface ConvertedLayer {
  /** Of the node; where it has none, of its first output. */
  readonly name: string;
  readonly opType: string;
  /** Names of its converted weights. */
  readonly weights: readonly string[];
  /** The tensor that is measured: its first output, or that of the Relu or Clip which alone takes it. */
  readonly output: string;
  /** Of its converted weights, in the files; a weight that nodes share counts in each. */
  readonly weightBytesBefore: number;
  readonly weightBytesAfter: number;
}

export interface LayerError extends Omit<ConvertedLayer, 'weights'> {
  /** Of `output` with all layers before it quantized too; undefined where it was not measured. */
  readonly sqnrDb: number | undefined;
  readonly cosine: number | undefined;
  readonly maxAbsoluteError: number | undefined;
}

/** The nodes of the main graph that take converted weights, in the order of the file. */
export function layersOf(
  source: QuantizationSource,
  plan: Pick<RecipePlan, 'converted' | 'prepared'>,
): readonly ConvertedLayer[] {
  const converted = new Map(plan.converted.map((tensor) => [tensor.name, tensor]));
  const layers = new Map<string, ConvertedLayer>();
  // Preparation may rename or fold weights; a scheme of two steps may have replaced nodes of the prepared model already.
  for (const { model } of [plan.prepared, source]) {
    const users = usersOf(model);
    for (const node of model.graph.nodes) {
      const weights = node.inputs.flatMap((input) => converted.get(input) ?? []);
      const [first] = node.outputs;
      if (weights.length === 0 || !first) continue;
      const name = node.name || first;
      if (layers.has(name)) continue;
      layers.set(name, {
        name,
        opType: node.opType,
        weights: weights.map((weight) => weight.name),
        output: clippedOutput(first, users),
        weightBytesBefore: weights.reduce((sum, { bytesBefore }) => sum + bytesBefore, 0),
        weightBytesAfter: weights.reduce((sum, { bytesAfter }) => sum + bytesAfter, 0),
      });
    }
  }
  return [...layers.values()];
}

/** Nodes by the values they take. */
function usersOf({ graph }: Model): ReadonlyMap<string, readonly Node[]> {
  const users = new Map<string, Node[]>();
  for (const node of graph.nodes) {
    for (const input of new Set(node.inputs)) {
      const others = users.get(input);
      if (others) others.push(node);
      else users.set(input, [node]);
    }
  }
  return users;
}

/** A static scheme lets the range of the activation clip, so that only the value after it can be compared. */
function clippedOutput(output: string, users: ReadonlyMap<string, readonly Node[]>): string {
  const [user, ...others] = users.get(output) ?? [];
  const clips = user?.domain === 'ai.onnx' && (user.opType === 'Relu' || user.opType === 'Clip');
  return clips && others.length === 0 ? (user.outputs[0] ?? output) : output;
}

/** The layers with what was measured of their outputs. */
export function layerErrors(
  layers: readonly ConvertedLayer[],
  measurement: Measurement | undefined,
): readonly LayerError[] {
  const errors = new Map(
    [...(measurement?.outputs ?? []), ...(measurement?.tensors ?? [])].map((error) => [error.name, error]),
  );
  return layers.map(({ weights: _, ...layer }) => {
    const error = errors.get(layer.output);
    return {
      ...layer,
      sqnrDb: error?.sqnrDb,
      cosine: error?.cosine,
      maxAbsoluteError: error?.maxAbsoluteError,
    };
  });
}
