import type { Model } from '../model/model';
import type { ModelShapes } from '../shapes/model-shapes';
import type { LoweredGraph, LoweringOptions, Precision } from './lowered';
import type { FlashPart, Runtime, RuntimeMemory, UnsupportedOperator } from './runtime';

/** An operator that runs, and the ONNX nodes it stands for. */
export interface LoweredLayer {
  readonly kind: string;
  /** Its first output. */
  readonly name: string;
  readonly activation?: string;
  readonly outputShape: readonly number[] | undefined;
  readonly outputBytes: number;
  readonly weightBytes: number;
  readonly biasBytes: number;
  readonly from: readonly number[];
}

/** What a model needs on one runtime, in one precision. */
export interface RuntimeFootprint {
  readonly runtime: { readonly id: string; readonly label: string };
  readonly precision: Precision;
  readonly memory: RuntimeMemory;
  readonly flash: { readonly totalBytes: number; readonly parts: readonly FlashPart[] };
  /** In order of execution: layer i runs at step i + 1 of `memory.tensors`. */
  readonly layers: readonly LoweredLayer[];
  readonly cannotRun: readonly UnsupportedOperator[];
  /** What was assumed, one sentence each. */
  readonly notes: readonly string[];
}

export interface MeasureOptions extends LoweringOptions {
  /** Flash to keep for the application, in bytes; becomes a part of its own. */
  readonly flashReserveBytes?: number;
}

/**
 * Flash and RAM of a model on a runtime, in bytes, from the graph alone: reads no weights and writes nothing. `precision` should be one
 * of the runtime's own. Throws RangeError where a tensor is larger than a file can be.
 */
export function measureOnRuntime(
  model: Model,
  shapes: ModelShapes,
  runtime: Runtime,
  precision: Precision,
  options: MeasureOptions = {},
): RuntimeFootprint {
  const graph = runtime.lower(shapes, precision, options);
  const modelBytes = model.source.externalFiles.reduce(
    (sum, { byteLength = 0 }) => sum + byteLength,
    model.source.byteLength,
  );
  return measureLowered(graph, runtime.memory(graph), modelBytes, runtime, precision, options);
}

/** The same of a graph that was lowered for the runtime, with its memory; `modelBytes`: of the ONNX file with its data. */
export function measureLowered(
  graph: LoweredGraph,
  memory: RuntimeMemory,
  modelBytes: number,
  runtime: Runtime,
  precision: Precision,
  options: MeasureOptions = {},
): RuntimeFootprint {
  const parts: FlashPart[] = [...runtime.flash(graph, modelBytes)];
  const { flashReserveBytes = 0 } = options;
  if (flashReserveBytes > 0) {
    parts.push({
      part: 'reserve',
      bytes: flashReserveBytes,
      kind: 'exact',
      source: 'Kept for the application, as set.',
    });
  }
  return {
    runtime: { id: runtime.id, label: runtime.label },
    precision,
    memory,
    flash: { totalBytes: parts.reduce((sum, { bytes }) => sum + bytes, 0), parts },
    layers: layersOf(graph),
    cannotRun: runtime.cannotRun(graph),
    notes: [...graph.notes, ...memory.remarks],
  };
}

function layersOf({ operators, tensors }: LoweredGraph): readonly LoweredLayer[] {
  return operators.map(({ kind, opType, inputs, outputs, activation, from }) => {
    const output = tensors[outputs[0] ?? -1];
    const bytesOf = (role: string) =>
      inputs.reduce((sum, index) => {
        const tensor = tensors[index];
        return tensor?.role === role ? sum + (tensor.bytes ?? 0) : sum;
      }, 0);
    return {
      kind: kind === 'Other' ? opType : kind,
      name: output?.name ?? opType,
      ...(activation && { activation }),
      outputShape: output?.shape,
      outputBytes: outputs.reduce((sum, index) => sum + (tensors[index]?.bytes ?? 0), 0),
      weightBytes: bytesOf('weight'),
      biasBytes: bytesOf('bias'),
      from,
    };
  });
}
