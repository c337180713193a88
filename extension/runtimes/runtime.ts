import type { InPlacePair } from '../budget/planners/buffers';
import type { ModelShapes } from '../shapes/model-shapes';
import type { Dialect, LoweredGraph, LoweringOptions, OperatorKind, Precision } from './lowered';
import type { Steps } from './steps';

/** How far a figure can be believed. `exact`: it follows from the file by the runtime's own rules. `lower bound`: the need is at least this. */
export type FigureKind = 'exact' | 'estimated' | 'published' | 'lower bound';

/** A buffer of the arena. */
export interface PlacedTensor {
  readonly name: string;
  readonly bytes: number;
  readonly offset: number;
  /** Steps, both inclusive; step 0 is before the first operator, operator i of the lowered graph runs at step i + 1. */
  readonly first: number;
  readonly last: number;
  /** Indices of the ONNX nodes that make it; empty for a graph input. */
  readonly from: readonly number[];
  readonly role: 'activation' | 'scratch';
}

/** Working memory in bytes. */
export interface RuntimeMemory {
  /** What places the buffers, such as "TensorFlow Lite Micro greedy". */
  readonly planner: string;
  /** Planned buffers: activations and scratch. */
  readonly arenaBytes: number;
  /** What stays allocated as long as the model is loaded: structures, tables, weights where the runtime copies them. */
  readonly persistentBytes: number;
  /** Scratch of the operator that asks for most. Part of `arenaBytes`. */
  readonly scratchBytes: number;
  /** Buffers for graph inputs and outputs outside the arena; 0 where the arena holds them. */
  readonly inputOutputBytes: number;
  /** What is in use when the model runs. */
  readonly usedBytes: number;
  /** What must be reserved: the smallest arena with which the model loads and runs, input and output buffers included. */
  readonly minimumArenaBytes: number;
  /** What loading needs however small the planned buffers are, part of `minimumArenaBytes`. Absent: never more than running. */
  readonly loadingBytes?: number;
  /** No planner needs less for the planned buffers, in this order of execution. */
  readonly lowerBoundBytes: number;
  /** Of the sum, which can be believed no further than its parts. */
  readonly kind: FigureKind;
  /** Of the parts, where they can be believed further than the sum. */
  readonly kinds?: { readonly arena: FigureKind; readonly scratch: FigureKind; readonly persistent: FigureKind };
  /** What the figure leaves out or assumes, one sentence each. */
  readonly remarks: readonly string[];
  /** In the order in which they are given to the planner. */
  readonly tensors: readonly PlacedTensor[];
  /** Bytes that sizes are rounded up to in the arena. */
  readonly alignment: number;
  /** Indices in `tensors` of outputs that the runtime may write over an input. */
  readonly inPlace: readonly InPlacePair[];
}

export type FlashPartName =
  | 'weights'
  | 'biases'
  | 'quantization data'
  | 'graph and metadata'
  | 'runtime code'
  | 'reserve';

/** A part of what flash must hold, in bytes. */
export interface FlashPart {
  readonly part: FlashPartName;
  readonly bytes: number;
  readonly kind: FigureKind;
  /** Rule or source, one sentence. */
  readonly source: string;
}

export interface UnsupportedOperator {
  /** Index of the ONNX node. */
  readonly node: number;
  readonly opType: string;
  readonly reason: string;
}

/** A figure somebody measured and published for one version of a runtime. */
export interface PublishedReference {
  readonly subject: string;
  readonly bytes: number;
  readonly version: string;
  readonly source: string;
}

/** A way to run models on a chip. Adding one is adding a file and a line in runtimes.ts. All functions are pure. */
export interface Runtime {
  readonly id: string;
  readonly label: string;
  /** Precisions it can plan; the first is the usual one. */
  readonly precisions: readonly Precision[];
  /** How far its converter goes: what `lower` is done with. */
  readonly dialect: Dialect;
  lower(shapes: ModelShapes, precision: Precision, options?: LoweringOptions): LoweredGraph;
  memory(graph: LoweredGraph): RuntimeMemory;
  /** `memory` in short steps, for graphs on which it takes long. */
  memoryInSteps(graph: LoweredGraph): Steps<RuntimeMemory>;
  /** `modelBytes`: the size of the ONNX file with its data, for runtimes that load it as it is. */
  flash(graph: LoweredGraph, modelBytes: number): readonly FlashPart[];
  cannotRun(graph: LoweredGraph): readonly UnsupportedOperator[];
  /** Operators that it may let write their output over an input; absent: none. */
  readonly overwrites?: ReadonlySet<OperatorKind>;
  /** What was measured elsewhere and cannot be computed. */
  readonly references?: readonly PublishedReference[];
}
