import { isLayerScheme, type LayerScheme } from './layer-schemes';
import { writableSchemeIds } from './scheme';

/** What a person can choose about a scheme. It is plain data: in a recipe it stands as it is. */
export interface QuantizationOptions {
  /** Scales of weights: one per output channel where the operator allows it, or one for the tensor. */
  readonly granularity: 'per-channel' | 'per-tensor';
  /** Activations: the zero point in the middle of the codes, or wherever the range calls for it. */
  readonly activations: 'asymmetric' | 'symmetric';
  /** Elements along the summed axis that share a scale, where a scheme has blocks: a power of two from 16 to 4096; 0: no blocks. */
  readonly blockSize: number;
  /** How block-wise weights of a MatMul are stored: behind DequantizeLinear, or in onnxruntime's MatMulNBits. */
  readonly blockOperator: 'DequantizeLinear' | 'MatMulNBits';
  /** Codebook: bits of an index, 2 to 8. */
  readonly codebookBits: number;
  /** Nodes that stay as they are, by name (a node without a name by its first output). */
  readonly excludedNodes: readonly string[];
  /** Nodes that get another scheme than the rest, by name as above. What can be mixed is in `layerChoices`. */
  readonly layers: Readonly<Record<string, LayerScheme>>;
  /** A model that is quantized already is turned back into float first; without it, such a model is left alone. */
  readonly requantize: boolean;
  /** The shapes of values between nodes stand in the file, for tools that do not work them out; every size they take counts. */
  readonly annotateShapes: boolean;
}

/** What is taken where nobody chooses. */
export const defaultOptions: QuantizationOptions = {
  granularity: 'per-channel',
  activations: 'asymmetric',
  blockSize: 32,
  blockOperator: 'DequantizeLinear',
  codebookBits: 4,
  excludedNodes: [],
  layers: {},
  requantize: false,
  annotateShapes: false,
};

/** The options that differ from the defaults, in the order of their declaration: equal options give equal text. */
export function optionsToJson(options: QuantizationOptions): Partial<Record<keyof QuantizationOptions, unknown>> {
  const entries = optionNames.flatMap((name): [keyof QuantizationOptions, unknown][] => {
    const same = JSON.stringify(options[name]) === JSON.stringify(defaultOptions[name]);
    return same ? [] : [[name, options[name]]];
  });
  return Object.fromEntries(entries);
}

/** Reads what optionsToJson gives. Throws Error (a sentence that names the option) for anything else. */
export function optionsFromJson(value: unknown): QuantizationOptions {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Error('The options of a recipe must be an object of names and values.');
  }
  const given = new Map<string, unknown>(Object.entries(value));
  const unknown = [...given.keys()].find((name) => !optionNames.some((known) => known === name));
  if (unknown !== undefined) {
    throw new Error(`There is no quantization option ${unknown}; there are ${optionNames.join(', ')}.`);
  }
  return {
    granularity: oneOf('granularity', given, ['per-channel', 'per-tensor']),
    activations: oneOf('activations', given, ['asymmetric', 'symmetric']),
    blockSize: whole('blockSize', given, '0 or a power of two from 16 to 4096', isBlockSize),
    blockOperator: oneOf('blockOperator', given, ['DequantizeLinear', 'MatMulNBits']),
    codebookBits: whole('codebookBits', given, 'a whole number from 2 to 8', (bits) => bits >= 2 && bits <= 8),
    excludedNodes: names('excludedNodes', given),
    layers: layers(given),
    requantize: oneOf('requantize', given, [false, true]),
    annotateShapes: oneOf('annotateShapes', given, [false, true]),
  };
}

const optionNames = [
  'granularity',
  'activations',
  'blockSize',
  'blockOperator',
  'codebookBits',
  'excludedNodes',
  'layers',
  'requantize',
  'annotateShapes',
] as const satisfies readonly (keyof QuantizationOptions)[];

/** 0, and what onnxruntime's MatMulNBits takes. */
function isBlockSize(size: number): boolean {
  if (size === 0) return true;
  return size >= 16 && size <= 4096 && Number.isInteger(Math.log2(size));
}

function oneOf<Choice extends string | boolean>(
  name: keyof QuantizationOptions,
  given: ReadonlyMap<string, unknown>,
  choices: readonly Choice[],
): Choice {
  const value = given.has(name) ? given.get(name) : defaultOptions[name];
  const choice = choices.find((each) => each === value);
  if (choice === undefined) throw new Error(`The option ${name} must be one of ${choices.join(', ')}.`);
  return choice;
}

function whole(
  name: 'blockSize' | 'codebookBits',
  given: ReadonlyMap<string, unknown>,
  description: string,
  isAllowed: (value: number) => boolean,
): number {
  const value = given.has(name) ? given.get(name) : defaultOptions[name];
  if (typeof value !== 'number' || !Number.isInteger(value) || !isAllowed(value)) {
    throw new Error(`The option ${name} must be ${description}.`);
  }
  return value;
}

function names(name: 'excludedNodes', given: ReadonlyMap<string, unknown>): readonly string[] {
  const value: unknown = given.has(name) ? given.get(name) : defaultOptions[name];
  if (!Array.isArray(value) || !value.every((each) => typeof each === 'string')) {
    throw new Error(`The option ${name} must be a list of node names.`);
  }
  return value;
}

function layers(given: ReadonlyMap<string, unknown>): Readonly<Record<string, LayerScheme>> {
  const value: unknown = given.has('layers') ? given.get('layers') : defaultOptions.layers;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Error('The option layers must be an object of node names and schemes.');
  }
  const read = Object.entries(value).map(([name, scheme]): [string, LayerScheme] => {
    if (typeof scheme === 'string' && isLayerScheme(scheme)) return [name, scheme];
    throw new Error(
      `The option layers has an unknown scheme for ${name}; give float32 or one of ${writableSchemeIds.join(', ')}.`,
    );
  });
  // In one order, so that equal options give equal text.
  return Object.fromEntries(read.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}
