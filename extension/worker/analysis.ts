import type { LayerCost, LiveTensor, Totals } from '../budget/footprint';
import type { Diagnostic } from '../model/diagnostic';
import type { WhatIfSchemeId } from '../quantize/what-if-scheme';
import type { FigureKind, Verdict } from '../targets/verdict';

/** Plain data about one opened model (or planned file): crosses from the worker to the host to the page. Types only. */
export interface Analysis {
  readonly file: {
    readonly name: string;
    readonly bytes: number;
    readonly externalBytes: number;
    /** Paths of the data files that it names, relative to its folder; refused ones left out. */
    readonly externalFiles: readonly string[];
  };
  readonly model: {
    readonly graphName: string;
    readonly producer: string;
    readonly irVersion: number | undefined;
    readonly opsets: readonly { readonly domain: string; readonly version: number }[];
    readonly nodeCount: number;
    readonly inputs: readonly ValueSummary[];
    readonly outputs: readonly ValueSummary[];
    readonly metadata: readonly { readonly key: string; readonly value: string }[];
  };
  /** What the weights are stored as, such as "float32" or "int8 + float32". */
  readonly precision: string;
  readonly totals: Totals;
  readonly layers: readonly LayerSummary[];
  readonly peak: PeakSummary | undefined;
  readonly lifetimes: readonly {
    readonly name: string;
    readonly bytes: number;
    readonly first: number;
    readonly last: number;
  }[];
  readonly bindables: readonly { readonly key: string; readonly inputs: readonly string[]; readonly value?: number }[];
  readonly operators: readonly { readonly name: string; readonly count: number }[];
  readonly constants: readonly { readonly dataType: string; readonly elements: number; readonly bytes: number }[];
  readonly diagnostics: readonly Diagnostic[];
}

export interface ValueSummary {
  readonly name: string;
  /** ONNX type name, or a word such as `sequence`. */
  readonly dataType: string;
  /** Undefined: rank unknown. */
  readonly shape: readonly (number | string | null)[] | undefined;
  /** With unbound dimensions as in totals; undefined when not known. */
  readonly bytes: number | undefined;
}

export interface LayerSummary extends LayerCost {
  /** First output's shape; undefined when unknown. */
  readonly outputShape: readonly (number | string | null)[] | undefined;
  /** Short operator text for the table: "Conv 3×3", "Depthwise 3×3", "Gemm". */
  readonly operator: string;
  /** Element type of its weights, or of its first output. */
  readonly precision: string;
  /** The figures that depend on unbound dimensions, which count as 1 in the numbers above. */
  readonly formulas?: LayerFormulas;
}

export interface LayerFormulas {
  readonly macs?: Formula;
  readonly activationBytes?: Formula;
  readonly liveBytes?: Formula;
}

/** A sum of products of sizes: each term a whole number times factors such as `batch` or `floor((height + 1)/2)`. */
export interface Formula {
  readonly terms: readonly { readonly coefficient: number; readonly factors: readonly string[] }[];
}

export interface PeakSummary {
  readonly step: number;
  readonly layer: string;
  readonly bytes: number;
  readonly tensors: readonly (LiveTensor & { readonly shape: readonly (number | string | null)[] | undefined })[];
}

/** One row of the what-if table. */
export interface SchemeSummary {
  readonly id: 'as-in-file' | WhatIfSchemeId;
  readonly label: string;
  readonly state:
    | {
        readonly kind: 'ready';
        readonly flashBytes: number;
        readonly ramBytes: number;
        /** Kind of the two; absent: lower bounds. */
        readonly flashKind?: FigureKind;
        readonly ramKind?: FigureKind;
        /** Of the converted weights where the file holds codes wider than they need: in the file, and packed. */
        readonly codes?: { readonly inFile: number; readonly packed: number };
        /** The operators that the chosen runtime cannot run in this scheme, in words. */
        readonly cannotRun?: string;
        /** undefined: not written by Thimble. */
        readonly fileBytes: number | undefined;
        readonly externalBytes: number | undefined;
        readonly verdict: Verdict | undefined;
      }
    | { readonly kind: 'refused'; readonly reason: string }
    | { readonly kind: 'planning' }
    /** Not worked out before somebody asks for it: the model is large. */
    | { readonly kind: 'on request' };
  /** One a column of the table; absent where there is none. */
  readonly cells?: readonly WhatIfCell[];
  /** The weights are large: their error is measured when somebody asks for it. */
  readonly measureOnRequest?: boolean;
  /** Signal to quantization noise of the converted weights, in dB, measured over all of them; undefined while it is measured. */
  readonly weightError?: {
    readonly sqnrDb: number | undefined;
    readonly tensors: number;
    readonly overflows: number;
    readonly underflows: number;
  };
}

/** A scheme on a chip. */
export type WhatIfCell =
  | { readonly kind: 'judged'; readonly verdict: Verdict }
  | { readonly kind: 'planning' }
  | { readonly kind: 'refused'; readonly reason: string };

/** Details of one layer for the side panel; read on demand, weights included. */
export interface LayerDetails {
  readonly index: number;
  readonly inputs: readonly (ValueSummary & { readonly constant: boolean; readonly origin: string })[];
  readonly outputs: readonly (ValueSummary & { readonly origin: string })[];
  readonly attributes: readonly { readonly name: string; readonly text: string }[];
  /** Of the largest float or integer weight; undefined when it has none. */
  readonly weights?: {
    readonly name: string;
    readonly elements: number;
    readonly minimum: number;
    readonly maximum: number;
    readonly mean: number;
    readonly deviation: number;
    /** Counts in equal bins between minimum and maximum. */
    readonly histogram: readonly number[];
  };
}
