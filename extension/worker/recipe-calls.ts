import type { OutputError } from '../quantize/calibration/output-error';
import type { Preprocessing } from '../quantize/calibration-data/preprocessing';
import type { LayerScheme } from '../quantize/layer-schemes';
import type { PassReport } from '../quantize/plan';
import type { RecipeData } from '../quantize/recipe';
import type { RuntimeFootprint } from '../runtimes/measure';
import type { FigureKind } from '../targets/verdict';
import type { Analysis } from './analysis';
import type { LayerError } from './layer-errors';

/** Where inputs to calibrate and measure with come from: files and folders, or numbers made up from the recipe's seed. */
export type DataOrigin =
  | { readonly kind: 'files'; readonly paths: readonly string[] }
  | { readonly kind: 'random'; readonly count: number };

/** On what a size is estimated. */
export interface EstimateRequest {
  readonly session: number;
  readonly recipe: RecipeData;
  /** Name of the file that would be written, which counts where the weights lie in a data file; absent: the default one. */
  readonly outputName?: string;
  /** Id of a runtime; absent: figures of the file alone. */
  readonly runtime?: string;
  readonly flashReserveBytes?: number;
  readonly keepFloatInputsAndOutputs?: boolean;
  /** Give the analysis of the planned file as well, on whose nodes the footprint rests. */
  readonly withAnalysis?: boolean;
  /**
   * Answer before the passes that come before a scheme were proved by running the model. Sizes depend on it only where a pass changes the outputs and is left
   * out; the same request without this waits for the proof, which is made once.
   */
  readonly unproved?: boolean;
}

/** A node of which the weights can be quantized, and what is planned for it. */
export interface PlannedLayer {
  /** Of the node; where it has none, of its first output. The key in the recipe's `layers`. */
  readonly name: string;
  readonly opType: string;
  /** Position among the nodes of the main graph of the source; undefined where preparation made the node. */
  readonly index: number | undefined;
  readonly scheme: LayerScheme;
  /** What the recipe may say for this layer instead, its present scheme included. */
  readonly choices: readonly LayerScheme[];
  /** In the source and in the planned file, scales and zero points included. */
  readonly weightBytesBefore: number;
  readonly weightBytes: number;
}

/** Sizes of the file that a recipe would write: exact, and the same with any calibration data. */
export type RecipeEstimate =
  | {
      readonly kind: 'ready';
      readonly fileBytes: number;
      readonly externalBytes: number | undefined;
      /** Name of the data file beside the model; undefined where the weights are in the model. */
      readonly dataFileName: string | undefined;
      /** What the planned file needs on the runtime that was asked for. */
      readonly footprint?: RuntimeFootprint;
      /** Of the planned file, where it was asked for. */
      readonly analysis?: Analysis;
      /** Lower bounds that hold on any runtime: constants of the planned file, and what is live at its peak. */
      readonly constantBytes: number;
      readonly peakActivationBytes: number;
      readonly layers: readonly PlannedLayer[];
      readonly passes: readonly PassReport[];
      readonly left: readonly { readonly name: string; readonly reason: string }[];
      /** Of all converted weights, as a runtime that packs codes would hold them; absent: as in the file. */
      readonly packedBytes?: number;
      /** The passes are still to be proved: it can become another plan. */
      readonly unproved?: boolean;
    }
  | { readonly kind: 'refused'; readonly reason: string };

/** The data that was found, and what the model takes. */
export interface DataDescription {
  readonly samples: number;
  readonly inputs: readonly {
    readonly name: string;
    /** A string is a symbolic dimension, null an unnamed unknown one. */
    readonly shape: readonly (number | string | null)[];
    readonly dataType: string | undefined;
  }[];
}

/** Error at the outputs with one layer quantized and all others left in float: measured. */
export interface LayerSensitivity {
  readonly name: string;
  /** What the layer was quantized to. */
  readonly scheme: LayerScheme;
  /** Of all outputs together; undefined where nothing differs, or where the outputs are zeros. */
  readonly sqnrDb: number | undefined;
  /** Sum of squared errors over that of squared values, at the outputs: what adds up, about, over layers. 0 where nothing differs. */
  readonly noise: number;
}

export interface Sensitivities {
  readonly layers: readonly LayerSensitivity[];
  readonly samples: number;
  /** The inputs were made up. */
  readonly synthetic: boolean;
  /** Layers that could not be measured alone, and why. */
  readonly left: readonly { readonly name: string; readonly reason: string }[];
}

/** A plan on the way from the most faithful to the smallest. Its error is not known before it is measured (`measurePlan`). */
export interface CandidatePlan {
  /** With all layers' schemes. */
  readonly recipe: RecipeData;
  /** Layers by scheme, such as { int8: 18, "int4-weights": 10 }. */
  readonly counts: Readonly<Record<string, number>>;
  /** Sum of the layers' noise (`LayerSensitivity.noise`): orders the plans, and is no prediction. */
  readonly noise: number;
  readonly fileBytes: number;
  readonly externalBytes: number | undefined;
  /** On the runtime; else constants and peak of activations, which are lower bounds. */
  readonly flashBytes: number;
  readonly flashKind: FigureKind;
  readonly ramBytes: number;
  readonly ramKind: FigureKind;
}

/** How far the outputs of a plan are from those of the source: measured over `samples` inputs, with everything in the recipe applied. */
export interface PlanMeasurement {
  readonly outputs: readonly (OutputError & {
    /** Share of rows with the same first class; absent where the output is no class scores. */
    readonly top1Agreement?: number;
  })[];
  /** Of all outputs together. */
  readonly sqnrDb: number | undefined;
  readonly samples: number;
  readonly synthetic: boolean;
  readonly warnings: readonly string[];
}

/** What was written, and how far it is from the source. */
export interface RecipeOutcome {
  readonly modelPath: string;
  readonly dataPath: string | undefined;
  readonly predictedFileBytes: number;
  readonly writtenFileBytes: number;
  readonly writtenExternalBytes: number | undefined;
  readonly passes: readonly PassReport[];
  readonly left: readonly { readonly name: string; readonly reason: string }[];
  /** What running the source and the prepared model showed; undefined where nothing was compared. */
  readonly comparison: string | undefined;
  readonly measurement: {
    readonly outputs: readonly OutputError[];
    readonly layers: readonly LayerError[];
    /** 0: there were no inputs, or the engine does not run the result. */
    readonly samples: number;
    readonly synthetic: boolean;
    readonly warnings: readonly string[];
  };
}

/** The calls on recipes. Each rejects with one sentence where something cannot be done, and with AbortError when it is cancelled. */
export interface RecipeCalls {
  /** Sizes of what a recipe would write. Quick when only `layers` of the recipe changed since the last call. */
  estimateRecipe(request: EstimateRequest): Promise<RecipeEstimate>;
  /** What is in the files, checked against the model's inputs. Rejects with the sentence of what is wrong, with both shapes. */
  describeData(request: {
    readonly session: number;
    readonly paths: readonly string[];
    readonly preprocessing?: Preprocessing;
  }): Promise<DataDescription>;
  /** Error at the outputs of each layer quantized alone, with the most harmful first; reports progress in layers. */
  sensitivity(request: {
    readonly session: number;
    /** Its scheme and options; `layers` in it are not used. */
    readonly recipe: RecipeData;
    /** What each layer becomes; absent: the lowest of its choices. */
    readonly scheme?: LayerScheme;
    readonly data: DataOrigin;
    /** Inputs at most; absent: 32. */
    readonly sampleLimit?: number;
  }): Promise<Sensitivities>;
  /** Plans that mix schemes, from the least noise to the fewest bytes; measured by `measurePlan` one by one. */
  candidatePlans(request: {
    readonly session: number;
    readonly recipe: RecipeData;
    readonly runtime?: string;
    readonly flashReserveBytes?: number;
    readonly keepFloatInputsAndOutputs?: boolean;
    /** Of layers quantized alone, as `sensitivity` gives them, of one or several schemes. */
    readonly sensitivity: readonly LayerSensitivity[];
    /** Plans at most; absent: 24. */
    readonly limit?: number;
  }): Promise<readonly CandidatePlan[]>;
  /** Calibrates the plan of a recipe and measures it against the source; nothing is written. */
  measurePlan(request: {
    readonly session: number;
    readonly recipe: RecipeData;
    readonly data: DataOrigin;
    readonly sampleLimit?: number;
  }): Promise<PlanMeasurement>;
  /** Writes the file of a recipe; progress says what is being done. Rejects when the plan no longer has the sizes that were reviewed. */
  quantizeRecipe(request: {
    readonly path: string;
    readonly recipe: RecipeData;
    /** Absent: weight-only schemes are written without being measured; static ones are refused. */
    readonly data?: DataOrigin;
    readonly outputPath: string;
    readonly overwrite: boolean;
    readonly reviewed?: { readonly fileBytes: number; readonly externalBytes: number | undefined };
  }): Promise<RecipeOutcome>;
}
