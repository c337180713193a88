import type { PassReport } from '../quantize/plan';
import type { SchemeId } from '../quantize/scheme';
import type { WhatIfSchemeId } from '../quantize/what-if-scheme';
import type { Improvement } from '../runtimes/improvement';
import type { Precision } from '../runtimes/lowered';
import type { RuntimeFootprint } from '../runtimes/measure';
import type { Analysis, LayerDetails } from './analysis';
import type { CompareCalls } from './compare-calls';
import type { RecipeCalls } from './recipe-calls';
import type { TargetFigures, TargetRequest } from './target-figures';
import type { WhatIfCalls } from './what-if-calls';

/** Where the worker finds a model: a file on disk, or bytes for files that are not on one (a git revision). */
export type ModelOrigin =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'bytes'; readonly fileName: string; readonly bytes: Uint8Array };

export type Bindings = readonly (readonly [key: string, size: number])[];

/** A quantized file before it is written, as plain data. */
export type PlannedScheme =
  | {
      readonly kind: 'ready';
      readonly analysis: Analysis;
      readonly fileBytes: number;
      readonly externalBytes: number | undefined;
      /** Name of the data file beside the model; undefined where the weights are in the model. */
      readonly dataFileName: string | undefined;
      readonly passes: readonly PassReport[];
      readonly left: readonly { readonly name: string; readonly reason: string }[];
      readonly convertedTensors: number;
    }
  | { readonly kind: 'refused'; readonly reason: string };

/** Error of the converted weights, measured over all of them. */
export interface WeightError {
  readonly sqnrDb: number | undefined;
  readonly tensors: number;
  readonly overflows: number;
  readonly underflows: number;
}

/** Sizes in bytes of the files of a plan that a person saw. */
export interface ReviewedSizes {
  readonly fileBytes: number;
  readonly externalBytes: number | undefined;
}

export interface QuantizationOutcome {
  readonly modelPath: string;
  readonly dataPath: string | undefined;
  readonly predictedFileBytes: number;
  readonly writtenFileBytes: number;
  readonly writtenExternalBytes: number | undefined;
  readonly passes: readonly PassReport[];
  readonly left: readonly { readonly name: string; readonly reason: string }[];
  /** What running source and upgraded model showed; undefined when no upgrade was needed. */
  readonly comparison: string | undefined;
}

/** What is measured on a runtime: the file in a session, or the planned file of a scheme. */
export interface RuntimeRequest {
  readonly session: number;
  /** Absent: the file itself. */
  readonly scheme?: WhatIfSchemeId;
  readonly runtime: string;
  /** `as-in-file` for the planned file of a scheme. */
  readonly precision: Precision;
  /** Keep float32 graph inputs and outputs around integer operators; absent: not for a scheme with integer activations, else as the precision has it. */
  readonly keepFloatInputsAndOutputs?: boolean;
}

/** The calls the worker answers: arguments and results are plain data. */
export interface WorkerCalls extends RecipeCalls, WhatIfCalls, CompareCalls {
  /** Reads and measures a model and keeps its structure under `session`. */
  open(request: { readonly origin: ModelOrigin; readonly bindings: Bindings }): Promise<{
    readonly session: number;
    readonly analysis: Analysis;
  }>;
  close(request: { readonly session: number }): Promise<void>;
  /**
   * Plans a scheme and measures the planned file as if it were there. `outputName`: the name of the file that would be written, which
   * counts in its size where the weights lie in a data file; absent: the default one.
   */
  plan(request: {
    readonly session: number;
    readonly scheme: WhatIfSchemeId;
    readonly outputName?: string;
  }): Promise<PlannedScheme>;
  weightError(request: { readonly session: number; readonly scheme: WhatIfSchemeId }): Promise<WeightError>;
  /** `scheme` absent: of the file itself. */
  layerDetails(request: {
    readonly session: number;
    readonly scheme?: WhatIfSchemeId;
    readonly index: number;
  }): Promise<LayerDetails>;
  /** What the model needs on a runtime; `flashReserveBytes` becomes a part of its own. Rejects for an unknown runtime. */
  onRuntime(request: RuntimeRequest & { readonly flashReserveBytes?: number }): Promise<RuntimeFootprint>;
  /** How long the model takes on a target, and what of it the target's accelerator takes. */
  onTarget(request: TargetRequest & { readonly session: number }): Promise<TargetFigures>;
  /** What would lower the RAM it needs there; searches for some seconds, and reports progress in parts. */
  improvements(
    request: RuntimeRequest & {
      /** Ids of other runtimes it could run on. */
      readonly others: readonly string[];
      readonly ramLimitBytes?: number;
    },
  ): Promise<readonly Improvement[]>;
  /** Writes the quantized file; reports progress in bytes. Rejects when the plan no longer has the sizes that were reviewed. */
  quantize(request: {
    readonly path: string;
    readonly scheme: SchemeId;
    readonly outputPath: string;
    readonly overwrite: boolean;
    readonly reviewed?: ReviewedSizes;
  }): Promise<QuantizationOutcome>;
}

export type CallName = keyof WorkerCalls;
export type CallRequest<Name extends CallName> = Parameters<WorkerCalls[Name]>[0];
export type CallResult<Name extends CallName> = Awaited<ReturnType<WorkerCalls[Name]>>;

export interface CallMessage<Name extends CallName> {
  readonly kind: 'call';
  readonly id: number;
  readonly name: Name;
  readonly request: CallRequest<Name>;
}

export interface ResultMessage<Name extends CallName> {
  readonly kind: 'result';
  readonly id: number;
  readonly name: Name;
  readonly value: CallResult<Name>;
}

export type AnyCall = { [Name in CallName]: CallMessage<Name> }[CallName];
export type AnyResult = { [Name in CallName]: ResultMessage<Name> }[CallName];

/** From the host to the worker. */
export type ToWorker = AnyCall | { readonly kind: 'cancel'; readonly id: number };

/** From the worker to the host. Every call gets exactly one `result` or `error`. */
export type FromWorker =
  | AnyResult
  | { readonly kind: 'error'; readonly id: number; readonly error: CallErrorData }
  | {
      readonly kind: 'progress';
      readonly id: number;
      readonly done: number;
      readonly total: number;
      /** What is being done, in a word or two, where a call has several parts. */
      readonly doing?: string;
    };

export interface CallErrorData {
  readonly name: string;
  readonly message: string;
  readonly offset?: number;
}

/** A call that failed in the worker; `errorName` is the name of the error thrown there. */
export class WorkerCallError extends Error {
  override readonly name = 'WorkerCallError';
  constructor(
    readonly errorName: string,
    message: string,
    readonly offset?: number,
  ) {
    super(message);
  }
  /** True when the call was cancelled by its caller. */
  get cancelled(): boolean {
    return this.errorName === 'AbortError';
  }
}
