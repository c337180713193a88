import type { Improvement } from '../extension/runtimes/improvement';
import type { RuntimeFootprint } from '../extension/runtimes/measure';
import type { Verdict } from '../extension/targets/verdict';
import type { AcceleratorFit } from '../extension/worker/accelerator-fit';
import type { Analysis, LayerDetails, SchemeSummary } from '../extension/worker/analysis';
import type { LatencyReport } from '../extension/worker/latency';
import type { CompareFromPage, CompareToPage } from './compare-protocol';
import type { QuantizeFromPage, QuantizeToPage } from './quantize-protocol';
import type { PageWhatIf, WhatIfFromPage } from './what-if-protocol';

/** Choices of header: `as-in-file` or a scheme whose planned file is shown instead. */
export type PrecisionId = SchemeSummary['id'];

/** What header, meters and Memory show: such a choice, or what is planned in Quantize. */
export type ShownPrecision = PrecisionId | 'plan';

export interface PageTarget {
  readonly id: string;
  readonly name: string;
  readonly core: string;
  /** Where the choice comes from when a person did not make it: "this workspace: nucleo_f746zg (platformio.ini)". */
  readonly from?: string;
  /** All memory of a chip that nobody has reviewed, in words: "SRAM 20 KiB · FLASH 64 KiB". */
  readonly regions?: string;
  readonly flashLimit: { readonly bytes: number; readonly label: string } | undefined;
  readonly ramLimit: { readonly bytes: number; readonly label: string } | undefined;
}

export interface RuntimeChoice {
  readonly id: string;
  readonly label: string;
}

/** Everything the page shows. The host sends it whole; the page keeps only tab, selection, sorting and filter of its own. */
export interface PageState {
  /** Grows by one with every change of the file on disk or of a choice. */
  readonly revision: number;
  readonly target: PageTarget | undefined;
  readonly precision: ShownPrecision;
  /** Of the file as chosen in `precision`. */
  readonly analysis: Analysis;
  readonly verdict: Verdict | undefined;
  /** What-if rows; the file stands first. */
  readonly schemes: readonly SchemeSummary[];
  /** The table that they stand in; absent: without chips. */
  readonly whatIf?: PageWhatIf;
  /** What the weights of the file itself are stored as, such as "float32"; for the line that says a choice is only a what-if. */
  readonly filePrecision?: string;
  /** What the plan of Quantize is made of, such as "int8 / int4"; absent while there is none. */
  readonly planLabel?: string;
  /** The runtime whose figures header, meters and Memory show; absent: the model's data alone, as lower bounds. */
  readonly runtime?: RuntimeChoice;
  /** What the runtime picker offers; "model data only" stands beside them. */
  readonly runtimes?: readonly RuntimeChoice[];
  /** Of the shown precision on `runtime`; absent without a runtime or while it is measured. */
  readonly runtimeFootprint?: RuntimeFootprint;
  /** RAM kept for the stack and the application, in bytes; counts against the limit. Absent: 0. */
  readonly ramReserveBytes?: number;
  /** What would lower the RAM; absent while it is searched. */
  readonly improvements?: readonly Improvement[];
  /** How long the shown precision takes on `target` with `runtime`; absent without either, or while it is estimated. */
  readonly latency?: LatencyReport;
  /** What the target's accelerator takes of it; absent for targets without one, or while it is checked. */
  readonly accelerator?: AcceleratorFit;
  /** A scheme that makes it fit, where the file itself does not. The page writes "As LABEL, TEXT." */
  readonly suggestion: { readonly id: PrecisionId; readonly label: string; readonly text: string } | undefined;
}

export type ToPage =
  /** The answer to `ready` while there is no state yet. */
  | { readonly type: 'loading'; readonly fileName: string }
  | { readonly type: 'state'; readonly state: PageState }
  /** `title` is the file's name; `message` one sentence: what and where; `offset` the byte, when known. */
  | { readonly type: 'failed'; readonly title: string; readonly message: string; readonly offset?: number }
  | { readonly type: 'busy'; readonly busy: boolean }
  /** `tab`: summary, layers, memory, quantize or compare. */
  | { readonly type: 'select-tab'; readonly tab: string }
  | QuantizeToPage
  | CompareToPage
  | Reply;

/** Answer to a request with the same `id`. */
export type Reply =
  | { readonly type: 'reply'; readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly type: 'reply'; readonly id: number; readonly ok: false; readonly error: string };

export type FromPage =
  /** Asks for the state; sent when the page is loaded and whenever it is shown again. */
  | { readonly type: 'ready' }
  | { readonly type: 'choose-target' }
  | { readonly type: 'set-precision'; readonly precision: ShownPrecision }
  /** undefined: the model's data alone. */
  | { readonly type: 'set-runtime'; readonly runtime: string | undefined }
  | { readonly type: 'set-binding'; readonly key: string; readonly size: number | undefined }
  | QuantizeFromPage
  | CompareFromPage
  | WhatIfFromPage
  | { readonly type: 'open-as-text' }
  | { readonly type: 'copy'; readonly text: string }
  | { readonly type: 'reload' }
  | { readonly type: 'layer-details'; readonly id: number; readonly index: number };

/** The value of the reply to `layer-details`. */
export type LayerDetailsReply = LayerDetails;
