import type { Tensor } from '../../model/model';
import type { NewNode, TensorData } from '../../onnx/edit';
import type { ModelBytes } from '../../onnx/tensor-data';
import type { TensorError } from '../plan';

/** A weight that a scheme may store in another form. */
export interface WeightSite {
  /** The value that its users take. */
  readonly name: string;
  readonly tensor: Tensor;
  readonly bytes: ModelBytes;
  /** The axis of the output channels; undefined where users disagree or there is none. */
  readonly axis: number | undefined;
  /** Version of ai.onnx where the weight stands. */
  readonly opset: number;
  /** False in a function, whose imports stay as they are. */
  readonly inMainModel: boolean;
  /** A Constant node gives it, whose types are fewer than those of initializers. */
  readonly inConstantNode: boolean;
  /** A name that is not taken, for something made for this weight. */
  named(suffix: string): string;
}

/** How a weight is stored by a scheme. Everything about it but the elements is known without reading the weight. */
export interface WeightForm {
  /** What stands in the place of the weight. */
  readonly replacement: TensorData;
  readonly added: readonly TensorData[];
  /** Nodes that make the weight's value of these; none where the replacement has its name. */
  readonly nodes: readonly NewNode[];
  /** What it is now, such as `INT8 with 16 scales along axis 0`. */
  readonly description: string;
  /** Bytes where codes are packed as tightly as their values allow, scales and tables included; absent: as in the file. */
  readonly packedBytes?: number;
  /** Producing the replacement measures it on the way. */
  readonly measuredByWriting?: boolean;
  measure(signal?: AbortSignal): Promise<TensorError>;
}

/** A scheme that changes how weights are stored, and nothing else. */
export interface WeightScheme {
  readonly id: string;
  /** What weights become, for sentences such as "As … it would take more". */
  readonly stored: string;
  /** The opset of ai.onnx that its nodes need. */
  readonly opset: number;
  /** Undefined: this weight stays; `reason` says why as a sentence. */
  form(site: WeightSite): WeightForm | { readonly reason: string };
}
