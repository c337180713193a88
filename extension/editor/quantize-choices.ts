import type { QuantizeChange, SchemeOptions, SchemeRowId } from '../../webview/quantize-protocol';
import { defaultPreprocessing, type Preprocessing } from '../quantize/calibration-data/preprocessing';
import type { LayerScheme } from '../quantize/layer-schemes';
import { defaultOptions, type QuantizationOptions } from '../quantize/options';
import { type RecipeData, recipeDefaults, recipeFromJson, recipeToJson } from '../quantize/recipe';
import { parseRecovery, type Recovery } from '../quantize/recovery/methods';
import { isStaticScheme, type WritableSchemeId } from '../quantize/scheme';

/** A line of the list of schemes. */
export interface SchemeChoice {
  readonly id: SchemeRowId;
  readonly label: string;
  readonly scheme: WritableSchemeId;
  /** Where the row stands for one of the two; absent: it is an option of the scheme. */
  readonly granularity?: QuantizationOptions['granularity'];
  /** Each layer has a scheme of its own. */
  readonly isMixed?: true;
  /** Shown only once more are asked for. */
  readonly rare?: true;
}

/** In the order of the list. */
export const schemeChoices: readonly SchemeChoice[] = [
  { id: 'float16', label: 'float16', scheme: 'float16' },
  { id: 'int8', label: 'int8 per channel', scheme: 'int8', granularity: 'per-channel' },
  { id: 'int8-per-tensor', label: 'int8 per tensor', scheme: 'int8', granularity: 'per-tensor' },
  { id: 'int16x8', label: 'int16 x 8', scheme: 'int16x8' },
  { id: 'mixed', label: 'Fit to budget, mixed', scheme: 'int8', granularity: 'per-channel', isMixed: true },
  { id: 'int8-weights', label: 'int8 weights', scheme: 'int8-weights' },
  { id: 'int4-weights', label: 'int4 weights', scheme: 'int4-weights' },
  { id: 'fixed-point', label: 'Fixed point Qm.n', scheme: 'fixed-point' },
  { id: 'bfloat16', label: 'bfloat16', scheme: 'bfloat16', rare: true },
  { id: 'uint8', label: 'uint8', scheme: 'uint8', rare: true },
  { id: 'int16', label: 'int16', scheme: 'int16', rare: true },
  { id: 'int8-dynamic', label: 'int8 dynamic', scheme: 'int8-dynamic', rare: true },
  { id: 'codebook', label: 'Codebook (k-means)', scheme: 'codebook', rare: true },
  { id: 'int2-weights', label: 'int2 weights', scheme: 'int2-weights', rare: true },
  { id: 'ternary', label: 'Ternary', scheme: 'ternary', rare: true },
  { id: 'binary', label: 'Binary', scheme: 'binary', rare: true },
];

/** Where inputs come from. Random ones are made up by the worker. */
export type DataChoice =
  | { readonly kind: 'none' }
  | { readonly kind: 'random' }
  | { readonly kind: 'files'; readonly paths: readonly string[]; readonly media: 'images' | 'audio' | undefined };

/** What the person has chosen for one file. */
export interface QuantizeChoices {
  readonly row: SchemeRowId;
  readonly options: QuantizationOptions;
  readonly method: NonNullable<RecipeData['calibrationMethod']>;
  readonly recovery: Recovery;
  readonly preprocessing: Preprocessing;
  readonly data: DataChoice;
  /** In bytes; undefined: the room that the chip leaves. */
  readonly flashBudget: number | undefined;
  readonly ramBudget: number | undefined;
  /** Schemes of layers that were set by hand; they win over those of a plan. */
  readonly layers: Readonly<Record<string, LayerScheme>>;
  /** Position on the frontier; undefined: the best plan within the budgets. */
  readonly plan: number | undefined;
}

export const initialChoices: QuantizeChoices = {
  row: 'int8',
  options: defaultOptions,
  method: recipeDefaults.calibrationMethod,
  recovery: recipeDefaults.recovery,
  preprocessing: defaultPreprocessing,
  data: { kind: 'none' },
  flashBudget: undefined,
  ramBudget: undefined,
  layers: {},
  plan: undefined,
};

/** The line of the list with this id; the first one for an id that is none. */
export function schemeChoice(id: SchemeRowId): SchemeChoice {
  const found = schemeChoices.find((choice) => choice.id === id) ?? schemeChoices[0];
  if (found === undefined) throw new Error('There are no schemes.');
  return found;
}

/** True for schemes that cannot be written without inputs. */
export function needsData({ scheme, isMixed }: SchemeChoice): boolean {
  return isMixed === true || isStaticScheme(scheme);
}

/** The options that a scheme has. */
export function optionsOf({ scheme, granularity }: SchemeChoice, options: QuantizationOptions): SchemeOptions {
  const scales = granularity === undefined ? { granularity: options.granularity } : {};
  if (isStaticScheme(scheme)) return { ...scales, activations: options.activations };
  switch (scheme) {
    case 'int8-weights':
    case 'fixed-point':
    case 'int8-dynamic':
      return scales;
    case 'int4-weights':
    case 'int2-weights':
      return { blockSize: options.blockSize, blockOperator: options.blockOperator };
    case 'codebook':
      return { codebookBits: options.codebookBits };
    default:
      return {};
  }
}

/**
 * The recipe of a line of the list with the person's options; `layers` are the schemes of layers that differ from it.
 * The same choices give the same recipe.
 */
export function recipeOf(
  choice: SchemeChoice,
  choices: QuantizeChoices,
  layers: Readonly<Record<string, LayerScheme>> = choices.layers,
): RecipeData {
  const { options, method, recovery, preprocessing, data } = choices;
  const sorted = Object.fromEntries(Object.entries(layers).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
  return recipeToJson({
    scheme: choice.scheme,
    options: { ...options, granularity: choice.granularity ?? options.granularity, layers: sorted },
    calibrationMethod: method,
    recovery,
    seed: recipeDefaults.seed,
    preprocessing: data.kind === 'files' && data.media !== undefined ? preprocessing : undefined,
  });
}

/** The choices after a change by the person. A change that makes no sense leaves them as they are. */
export function changed(choices: QuantizeChoices, change: QuantizeChange): QuantizeChoices {
  switch (change.kind) {
    case 'scheme':
      // What was set by hand was meant for the scheme of before: its layers may not have the same choices.
      return schemeChoices.some(({ id }) => id === change.id)
        ? { ...choices, row: change.id, layers: {}, plan: undefined }
        : choices;
    case 'option':
      return { ...choices, options: { ...choices.options, ...change.option } };
    case 'method':
      return { ...choices, method: change.method };
    case 'recovery':
      return { ...choices, recovery: parseRecovery(change.recovery) ?? choices.recovery };
    case 'budget': {
      const bytes = change.bytes === undefined ? undefined : Math.max(0, Math.round(change.bytes));
      return change.memory === 'flash'
        ? { ...choices, flashBudget: bytes, plan: undefined }
        : { ...choices, ramBudget: bytes, plan: undefined };
    }
    case 'layer': {
      const { [change.name]: _, ...others } = choices.layers;
      return { ...choices, layers: change.scheme === undefined ? others : { ...others, [change.name]: change.scheme } };
    }
    case 'reset-layers':
      return { ...choices, layers: {} };
    case 'plan':
      return { ...choices, row: 'mixed', plan: change.index };
    case 'preprocessing':
      return { ...choices, preprocessing: change.preprocessing };
  }
}

/** The layers' schemes in a recipe. */
export function layersOf({ options }: RecipeData): Readonly<Record<string, LayerScheme>> {
  return recipeFromJson({ options: options ?? {} }).options?.layers ?? {};
}
