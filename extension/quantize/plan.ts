import type { Model } from '../model/model';
import type { PlannedFile } from '../onnx/edit';
import type { ModelBytes } from '../onnx/tensor-data';
import type { ModelShapes } from '../shapes/model-shapes';
import type { SchemeId } from './scheme';

/** What a pass changed, in words for a person, one sentence each. */
export interface PassReport {
  readonly pass: string;
  readonly changes: readonly string[];
}

/** A tensor that changes its type, with the numbers to measure its error by. */
export interface ConvertedTensor {
  readonly name: string;
  readonly elements: number;
  readonly bytesBefore: number;
  /** In the file, with scales. */
  readonly bytesAfter: number;
  /** With codes packed as tightly as their values allow, for schemes that ONNX has no type for; absent: as in the file. */
  readonly packedBytes?: number;
  /** Writing the planned file measures it on the way, and `measure` then tells what was found without another pass. */
  readonly measuredByWriting?: boolean;
  /** Streams the elements and compares: sums of squares of the weight and of its error, elements over and under range. */
  measure(signal?: AbortSignal): Promise<TensorError>;
}

export interface TensorError {
  /** Sum of w^2 and of (w - converted w)^2. */
  readonly signal: number;
  readonly noise: number;
  readonly maxAbsoluteError: number;
  /** float16: magnitudes above 65,504 (clamped to +-65504). */
  readonly overflows: number;
  /** float16: non-zero values that become zero. */
  readonly underflows: number;
}

/** A quantized file before it is written: its size is known to the byte, its weights are produced while writing. */
export interface QuantizationPlan {
  readonly scheme: SchemeId;
  readonly passes: readonly PassReport[];
  /** One sentence where the file becomes larger than the source; it stands among `passes` too. */
  readonly growth: string | undefined;
  readonly converted: readonly ConvertedTensor[];
  /** Float weights that stay as they are, and why (one sentence each). */
  readonly left: readonly { readonly name: string; readonly reason: string }[];
  readonly predictedFileBytes: number;
  readonly predictedExternalBytes: number | undefined;
  /** The planned file, readable like any model: its footprint is that of the file that will be written. */
  readonly file: PlannedFile;
  readonly dataFile: PlannedFile | undefined;
  /** Where the data file must be written, beside the model; undefined for inline models. */
  readonly dataFileName: string | undefined;
  /**
   * The model after the opset upgrade alone (undefined when no upgrade was needed): it must compute what the source computes.
   */
  readonly upgraded: PlannedFile | undefined;
}

/** The model cannot be quantized this way; the message is one sentence that names the operator or tensor. */
export class QuantizationRefused extends Error {
  override readonly name = 'QuantizationRefused';
}

/** A model as the planner takes it. */
export interface QuantizationSource {
  readonly model: Model;
  readonly shapes: ModelShapes;
  readonly bytes: ModelBytes;
}
