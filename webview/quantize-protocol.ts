import type { Preprocessing } from '../extension/quantize/calibration-data/preprocessing';
import type { LayerScheme } from '../extension/quantize/layer-schemes';
import type { QuantizationOptions } from '../extension/quantize/options';
import type { RecipeData } from '../extension/quantize/recipe';
import type { RuntimeFootprint } from '../extension/runtimes/measure';
import type { FigureKind } from '../extension/targets/verdict';
import type {
  DataDescription,
  LayerSensitivity,
  PlanMeasurement,
  PlannedLayer,
  RecipeOutcome,
} from '../extension/worker/recipe-calls';

/** A row of the list of schemes: a scheme, `int8-per-tensor`, or `mixed`. */
export type SchemeRowId = string;

export interface SchemeRow {
  readonly id: SchemeRowId;
  readonly label: string;
  /** Shown only once more schemes are asked for. */
  readonly rare: boolean;
  /** Why it cannot be measured or written yet: it needs calibration data. */
  readonly needsData: boolean;
  /** What would be in flash without the reserve; `pending` while it is estimated. */
  readonly size:
    | { readonly kind: 'pending' }
    /** `note`: why there is no figure yet, in two or three words. */
    | { readonly kind: 'open'; readonly note: string }
    | {
        readonly kind: 'ready';
        readonly bytes: number;
        readonly figure: FigureKind;
        readonly cannotRun?: string;
        /** Of the converted weights where a runtime packs their codes, which the file does not. */
        readonly packedBytes?: number;
      }
    | { readonly kind: 'refused'; readonly reason: string };
}

/** One budget in bytes. `room`: what the chip leaves beside the reserve; undefined where the chip is not known or has no such memory. */
export interface Budget {
  readonly bytes: number | undefined;
  readonly room: number | undefined;
}

/** What a model needs, in parts; without a runtime lower bounds alone. */
export interface PlanSizes {
  readonly footprint: Pick<RuntimeFootprint, 'runtime' | 'memory' | 'flash' | 'cannotRun'> | undefined;
  readonly constantBytes: number;
  readonly peakActivationBytes: number;
}

export interface DataState {
  readonly source: 'none' | 'files' | 'random';
  /** Name of the file or folder. */
  readonly label: string;
  /** What preprocessing is offered for. */
  readonly media: 'images' | 'audio' | undefined;
  readonly preprocessing: Preprocessing;
  readonly reading: boolean;
  readonly found: DataDescription | undefined;
  /** The sentence of what is wrong with the data. */
  readonly problem: string | undefined;
}

/** A measurement that takes a while. */
export type Work<Result> =
  | { readonly kind: 'none' }
  | { readonly kind: 'running'; readonly done: number; readonly total: number }
  | { readonly kind: 'ready'; readonly value: Result }
  | { readonly kind: 'failed'; readonly reason: string };

/** A plan of the frontier. Its output error appears once it is measured. */
export interface FrontierPoint {
  readonly flashBytes: number;
  readonly flashKind: FigureKind;
  readonly ramBytes: number;
  readonly ramKind: FigureKind;
  /** Layers by scheme, in words: "10 layers at int4, 18 at int8". */
  readonly words: string;
  /** Such as "all int4"; absent for a mixture. */
  readonly end?: string;
  readonly measurement: Work<Pick<PlanMeasurement, 'sqnrDb' | 'samples' | 'synthetic'>>;
}

export interface Frontier {
  readonly points: readonly FrontierPoint[];
  /** Index of the plan that is shown; undefined where no plan of the frontier is. */
  readonly shown: number | undefined;
  readonly running: boolean;
}

export interface SensitivityState {
  readonly layers: readonly LayerSensitivity[];
  readonly samples: number;
  readonly synthetic: boolean;
}

export interface Recommendation {
  readonly id: SchemeRowId;
  readonly label: string;
  /** A clause: "it fits without calibration data". */
  readonly reason: string;
}

export interface WriteState {
  /** Exact size of the file of the plan as shown; `externalBytes` of its data file. */
  readonly fileBytes: number | undefined;
  readonly externalBytes: number | undefined;
  /** Why it cannot be written now. */
  readonly blocked: string | undefined;
  readonly writing: boolean;
  readonly outcome:
    | { readonly kind: 'written'; readonly fileName: string; readonly report: RecipeOutcome }
    | { readonly kind: 'failed'; readonly reason: string }
    | undefined;
}

/** The options that the chosen scheme has; absent ones it has not. */
export type SchemeOptions = Partial<
  Pick<
    QuantizationOptions,
    'granularity' | 'activations' | 'blockSize' | 'blockOperator' | 'codebookBits' | 'requantize'
  >
>;

/** Everything the Quantize view shows beside what the other views share. */
export interface QuantizeState {
  readonly rows: readonly SchemeRow[];
  readonly chosen: SchemeRowId;
  /** What is shown, in a word or two: "int8 / int4". */
  readonly label: string;
  readonly recommended: Recommendation | undefined;
  readonly options: SchemeOptions;
  readonly method: NonNullable<RecipeData['calibrationMethod']>;
  /** True where ranges of activations are found by calibration. */
  readonly isStatic: boolean;
  /** `none`, `auto`, or methods with commas between them. */
  readonly recovery: string;
  /** `reason`: why a method has nothing to do in this scheme. */
  readonly recoveries: readonly { readonly id: string; readonly reason: string | undefined }[];
  readonly flashBudget: Budget;
  readonly ramBudget: Budget;
  readonly data: DataState;
  readonly file: PlanSizes;
  /** undefined while it is estimated for the first time. */
  readonly plan: PlanSizes | undefined;
  /** Why there is no plan. */
  readonly refused: string | undefined;
  readonly layers: readonly PlannedLayer[];
  /** Names of the layers that were changed by hand. */
  readonly edited: readonly string[];
  readonly sensitivity: Work<SensitivityState>;
  readonly frontier: Frontier;
  /** Of the plan as shown. */
  readonly measurement: Work<PlanMeasurement>;
  /** Output dB of plain int8, where it has been measured: what the sentence compares with. */
  readonly plainDb: number | undefined;
  /** Measuring was stopped, and goes on when it is asked for. */
  readonly paused: boolean;
  readonly write: WriteState;
}

/** A choice of the person; each changes the plan. */
export type QuantizeChange =
  | { readonly kind: 'scheme'; readonly id: SchemeRowId }
  | { readonly kind: 'option'; readonly option: SchemeOptions }
  | { readonly kind: 'method'; readonly method: NonNullable<RecipeData['calibrationMethod']> }
  | { readonly kind: 'recovery'; readonly recovery: string }
  | { readonly kind: 'budget'; readonly memory: 'flash' | 'ram'; readonly bytes: number | undefined }
  /** undefined: as the plan has it. */
  | { readonly kind: 'layer'; readonly name: string; readonly scheme: LayerScheme | undefined }
  | { readonly kind: 'reset-layers' }
  | { readonly kind: 'plan'; readonly index: number }
  | { readonly kind: 'preprocessing'; readonly preprocessing: Preprocessing };

export type QuantizeAction =
  | 'choose-data-file'
  | 'choose-data-folder'
  | 'use-random'
  | 'no-data'
  | 'measure'
  | 'cancel'
  | 'save-recipe'
  | 'write';

export type QuantizeToPage = { readonly type: 'quantize'; readonly state: QuantizeState };

export type QuantizeFromPage =
  /** The view is shown: from now on its state is wanted. */
  | { readonly type: 'quantize-shown' }
  | { readonly type: 'quantize-change'; readonly change: QuantizeChange }
  | { readonly type: 'quantize-do'; readonly action: QuantizeAction };
