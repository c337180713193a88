import { type RangeMethod, rangeMethods } from './calibration/range-methods';
import { type Preprocessing, parsePreprocessing } from './calibration-data/preprocessing';
import { defaultOptions, optionsFromJson, optionsToJson, type QuantizationOptions } from './options';
import { parseRecovery, type Recovery, recoveryChoices, recoveryText } from './recovery/methods';
import { isWritableSchemeId, type WritableSchemeId, writableSchemeIds } from './scheme';

/** All that decides the bytes of a quantized file, apart from the model and the calibration data. */
export interface Recipe {
  readonly scheme: WritableSchemeId;
  readonly options: QuantizationOptions;
  readonly calibrationMethod: RangeMethod;
  /** What is done against the error; `auto` does what measurably helps on the calibration data. */
  readonly recovery: Recovery;
  /** Of made-up inputs. */
  readonly seed: number;
  /** undefined: data goes in as it is. */
  readonly preprocessing: Preprocessing | undefined;
}

/** A recipe of which parts may be missing. */
export type PartialRecipe = { readonly [Field in keyof Recipe]?: Recipe[Field] | undefined };

/** A recipe as plain data: what recipeToJson gives and recipeFromJson reads. */
export interface RecipeData {
  readonly recipeVersion?: number;
  readonly scheme: WritableSchemeId;
  /** Those that differ from the defaults. */
  readonly options?: Partial<Record<keyof QuantizationOptions, unknown>>;
  readonly calibrationMethod?: RangeMethod;
  /** `none`, `auto`, or methods with commas between them. */
  readonly recovery?: string;
  readonly seed?: number;
  readonly preprocessing?: Preprocessing;
}

/** What is taken where nobody chooses. */
export const recipeDefaults = {
  options: defaultOptions,
  calibrationMethod: 'minmax',
  recovery: 'auto',
  seed: 1,
  preprocessing: undefined,
} as const satisfies PartialRecipe;

/** Grows when a field changes its meaning or goes away. */
const recipeVersion = 1;

/** The recipe as plain data; equal recipes give equal text. It holds no path, so that it works on any machine. */
export function recipeToJson(recipe: Recipe): RecipeData {
  return {
    recipeVersion,
    scheme: recipe.scheme,
    options: optionsToJson(recipe.options),
    calibrationMethod: recipe.calibrationMethod,
    recovery: recoveryText(recipe.recovery),
    seed: recipe.seed,
    ...(recipe.preprocessing && { preprocessing: recipe.preprocessing }),
  };
}

/** Reads what recipeToJson gives, also with fields left out. Throws Error (a sentence that names the field) for anything else. */
export function recipeFromJson(value: unknown): PartialRecipe {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Error('A recipe must be an object such as {"scheme": "int8", "options": {"granularity": "per-tensor"}}.');
  }
  const fields = new Map<string, unknown>(Object.entries(value));
  const unknown = [...fields.keys()].find((name) => !fieldNames.some((known) => known === name));
  if (unknown !== undefined) {
    throw new Error(`A recipe has no field ${unknown}; there are ${fieldNames.join(', ')}.`);
  }
  const version = fields.get('recipeVersion');
  if (version !== undefined && version !== recipeVersion) {
    throw new Error(`The recipe has version ${JSON.stringify(version)}; only ${recipeVersion} is read.`);
  }
  return {
    scheme: schemeOf(fields.get('scheme')),
    options: fields.has('options') ? optionsFromJson(fields.get('options')) : undefined,
    calibrationMethod: methodOf(fields.get('calibrationMethod')),
    recovery: recoveryOf(fields.get('recovery')),
    seed: seedOf(fields.get('seed')),
    preprocessing: fields.has('preprocessing') ? parsePreprocessing(fields.get('preprocessing')) : undefined,
  };
}

const fieldNames = ['recipeVersion', 'scheme', 'options', 'calibrationMethod', 'recovery', 'seed', 'preprocessing'];

function schemeOf(value: unknown): WritableSchemeId | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'string' && isWritableSchemeId(value)) return value;
  throw new Error(`The recipe has an unknown scheme; give one of ${writableSchemeIds.join(', ')}.`);
}

function methodOf(value: unknown): RangeMethod | undefined {
  if (value === undefined) return undefined;
  const method = rangeMethods.find((each) => each === value);
  if (method === undefined)
    throw new Error(`The calibrationMethod of a recipe must be one of ${rangeMethods.join(', ')}.`);
  return method;
}

function recoveryOf(value: unknown): Recovery | undefined {
  if (value === undefined) return undefined;
  const recovery = typeof value === 'string' ? parseRecovery(value) : undefined;
  if (recovery === undefined) throw new Error(`The recovery of a recipe must be ${recoveryChoices}.`);
  return recovery;
}

function seedOf(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new Error('The seed of a recipe must be a whole number, 0 or more.');
  }
  return value;
}
