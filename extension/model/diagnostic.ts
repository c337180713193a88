/** Where in a model something is: whichever of these is known. */
export interface Place {
  /** Names of the enclosing subgraphs or function, outermost first; absent for the main graph. */
  readonly scope?: readonly string[];
  /** Index of the node in its graph, in file order. */
  readonly nodeIndex?: number;
  readonly node?: string;
  readonly value?: string;
  /** Byte offset in the model file. */
  readonly offset?: number;
}

/**
 * A fault or a remark about a model that could still be read.
 * `error`: the model is not valid ONNX or data is missing (inspect goes on, quantize refuses).
 * `warning`: a figure leaves something out. `note`: an assumption worth knowing.
 */
export interface Diagnostic {
  readonly severity: 'error' | 'warning' | 'note';
  /** Stable kebab-case word, such as `unknown-operator`. */
  readonly code: string;
  /** One sentence: what is wrong, where, and what to do if something can be done. */
  readonly message: string;
  readonly place?: Place;
}
