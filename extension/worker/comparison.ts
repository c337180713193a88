import type { FigureKind } from '../targets/verdict';

/** Plain data about two models side by side: crosses from the worker to the host to the page. Types only. */
export interface Comparison {
  readonly before: ComparedName;
  readonly after: ComparedName;
  /** The runtime that flash, RAM and live bytes are those of; absent: of the models' data alone. */
  readonly runtime?: { readonly id: string; readonly label: string };
  readonly totals: readonly ComparedTotal[];
  readonly facts: ComparisonFacts;
  /** In execution order of the model before, those that are only after it last. */
  readonly layers: readonly ComparedLayer[];
}

export interface ComparedName {
  /** Of the file, or of the file that would be written. */
  readonly fileName: string;
  /** What its weights are stored as: "float32", "int8 + float32". */
  readonly precision: string;
}

/** What is the same, and what changes, in words' reach. */
export interface ComparisonFacts {
  readonly matched: number;
  readonly onlyBefore: number;
  readonly onlyAfter: number;
  /** Every matched layer, input and output has the shape that it had. */
  readonly sameShapes: boolean;
  /** Matched layers with weights on both sides, and how many of them have another type. */
  readonly weighted: number;
  readonly retyped: number;
}

export type TotalId = 'file' | 'flash' | 'weights' | 'quantization' | 'ram' | 'live' | 'macs' | 'parameters';

export interface ComparedTotal {
  readonly id: TotalId;
  readonly unit: 'bytes' | 'count';
  readonly before: Figure;
  readonly after: Figure;
  /** After minus before. Of two lower bounds it is an estimate. */
  readonly change: Figure;
  /** The change as a share of what was before; null where there was nothing. */
  readonly share: number | null;
}

export interface Figure {
  readonly value: number;
  readonly kind: FigureKind;
}

/** A layer of both models, or of one of them. */
export interface ComparedLayer {
  readonly name: string;
  readonly before?: ComparedLayerSide;
  readonly after?: ComparedLayerSide;
  /** Signal to quantization noise of its weights and of its output, in decibels: measured; absent where it was not. */
  readonly weightsDb?: number;
  readonly outputDb?: number;
}

/** A layer of one model with the nodes that serve it, such as the DequantizeLinear that its weights stand behind. */
export interface ComparedLayerSide {
  readonly name: string;
  /** Position of its node in the file's list, and in execution order. */
  readonly index: number;
  readonly step: number;
  readonly operator: string;
  /** Element type of its weights; of its output where it has none. */
  readonly precision: string;
  /** Exact, in bytes: its weights with their scales and zero points. */
  readonly weightBytes: number;
  /** Of them scales and zero points. */
  readonly quantizationBytes: number;
  /** Bytes live while it runs, at most; absent where it runs inside another layer, or where the runtime drops it. */
  readonly liveBytes?: number;
  /** Operators of the nodes that serve it: "2 DequantizeLinear, QuantizeLinear". */
  readonly servedBy?: string;
}
