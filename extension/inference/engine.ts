import type { DataType } from '../model/data-type';

/** A tensor on its way into or out of an engine. */
export interface EngineTensor {
  readonly dataType: DataType;
  readonly dims: readonly number[];
  /** The elements in the layout of raw_data: little-endian, BOOL one byte each. Empty for STRING. */
  readonly data: Uint8Array;
  /** The elements of a STRING tensor. */
  readonly strings?: readonly string[];
}

/** What a session says of one input or output. */
export interface EngineValue {
  readonly name: string;
  /** Undefined for what is no tensor (a sequence, a map). */
  readonly dataType: DataType | undefined;
  /** A string is a symbolic dimension, null an unnamed unknown one. Empty also where the rank is not declared. */
  readonly dims: readonly (number | string | null)[];
}

export interface OpenOptions {
  /** Data files by the path the model names. */
  readonly externalData?: readonly { readonly path: string; readonly data: Uint8Array }[];
  /** Names of values inside the graph that become outputs, after the model's own. */
  readonly extraOutputs?: readonly string[];
}

/** A model that is loaded and can be run any number of times. Release it: its memory is not collected. */
export interface InferenceSession {
  readonly inputs: readonly EngineValue[];
  readonly outputs: readonly EngineValue[];
  /** The outputs by name. Rejects with EngineRefused. */
  run(feeds: ReadonlyMap<string, EngineTensor>): Promise<ReadonlyMap<string, EngineTensor>>;
  release(): Promise<void>;
}

/** Something that runs ONNX models. */
export interface InferenceEngine {
  /** Rejects with EngineRefused when the model cannot be loaded. */
  open(model: Uint8Array, options?: OpenOptions): Promise<InferenceSession>;
}

/** The engine does not take a model or an input; the message is its own reason, as one line. */
export class EngineRefused extends Error {
  override readonly name = 'EngineRefused';
}
