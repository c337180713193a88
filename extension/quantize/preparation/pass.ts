import type { ModelEdits } from '../../onnx/edit';
import type { QuantizationSource } from '../plan';

/** What a preparation pass does to a model. The model must compute the same after it. */
export interface PassEdits {
  readonly edits: ModelEdits;
  /** One sentence for each change. */
  readonly changes: readonly string[];
}

/** A change of structure that is made before weights and activations are quantized. */
export interface PreparationPass {
  readonly name: string;
  /** It is made against the errors of quantization: the float model may compute something else after it. */
  readonly changesOutputs?: boolean;
  /** Undefined when there is nothing to do. */
  plan(source: QuantizationSource): Promise<PassEdits | undefined>;
}
