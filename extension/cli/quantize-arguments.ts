import { type Interval, type RangeMethod, rangeMethods } from '../quantize/calibration/range-methods';
import { parsePreprocessing } from '../quantize/calibration-data/preprocessing';
import { isLayerScheme, type LayerScheme } from '../quantize/layer-schemes';
import { defaultOptions, optionsFromJson, type QuantizationOptions } from '../quantize/options';
import { type PartialRecipe, type Recipe, recipeDefaults } from '../quantize/recipe';
import { parseRecovery, type Recovery, recoveryChoices } from '../quantize/recovery/methods';
import { isStaticScheme, isWritableSchemeId, type WritableSchemeId, writableSchemeIds } from '../quantize/scheme';
import type { MoreTargets } from '../targets/catalogue';
import type { Target } from '../targets/target';
import { atLeastOne, parse, parseSize, targetNamed } from './arguments';
import { UsageError } from './io';
import { type ChosenPreprocessing, chosenPreprocessing, preprocessingOptions } from './preprocessing-arguments';
import { type RuntimeArguments, runtimeArguments, runtimeOptions } from './runtime-arguments';

export interface QuantizeArguments {
  readonly file: string;
  /** What the command line says of the recipe; the rest comes from the recipe's file, or is the default. */
  readonly chosen: ChosenRecipe;
  readonly recipeFile: string | undefined;
  readonly saveRecipe: string | undefined;
  /** A file or folder of calibration data. */
  readonly calibration: string | undefined;
  readonly randomInputs: boolean;
  /** In place of data: what graph inputs lie in, for ranges from batch normalization. */
  readonly inputRange: Interval | undefined;
  /** undefined: the default name beside the model. */
  readonly output: string | undefined;
  readonly target: Target | undefined;
  readonly externalRam: boolean;
  /** What the result is measured on; undefined: its data alone, as lower bounds. */
  readonly onRuntime: RuntimeArguments | undefined;
  /** Schemes of layers in a file of their own. */
  readonly layersFile: string | undefined;
  /** Find the mix of schemes with the least error within these limits in bytes; what is undefined is the target's. */
  readonly fit: { readonly maxFlash: number | undefined; readonly maxRam: number | undefined } | undefined;
  readonly dryRun: boolean;
  readonly json: boolean;
}

export interface ChosenRecipe {
  readonly scheme: WritableSchemeId | undefined;
  readonly granularity: QuantizationOptions['granularity'] | undefined;
  readonly activations: QuantizationOptions['activations'] | undefined;
  readonly blockSize: number | undefined;
  readonly calibrationMethod: RangeMethod | undefined;
  readonly recovery: Recovery | undefined;
  readonly seed: number | undefined;
  readonly layers: Readonly<Record<string, LayerScheme>>;
  readonly requantize: boolean | undefined;
  readonly annotateShapes: boolean | undefined;
  readonly preprocessing: ChosenPreprocessing;
}

/** The arguments of `quantize`. Throws UsageError. */
export function quantizeArguments(argv: readonly string[], more: MoreTargets = {}): QuantizeArguments {
  const { values, positionals } = parse(argv, {
    scheme: { type: 'string', short: 's' },
    'per-tensor': { type: 'boolean' },
    'per-channel': { type: 'boolean' },
    symmetric: { type: 'boolean' },
    asymmetric: { type: 'boolean' },
    'block-size': { type: 'string' },
    calibration: { type: 'string' },
    'random-inputs': { type: 'boolean' },
    'input-range': { type: 'string' },
    'calibration-method': { type: 'string' },
    recovery: { type: 'string' },
    seed: { type: 'string' },
    requantize: { type: 'boolean' },
    'annotate-shapes': { type: 'boolean' },
    ...preprocessingOptions,
    layer: { type: 'string', multiple: true },
    layers: { type: 'string' },
    fit: { type: 'boolean' },
    'max-flash': { type: 'string' },
    'max-ram': { type: 'string' },
    recipe: { type: 'string' },
    'save-recipe': { type: 'string' },
    output: { type: 'string', short: 'o' },
    target: { type: 'string', short: 't' },
    'external-ram': { type: 'boolean' },
    // The scheme is the precision, and decides what graph inputs and outputs are.
    runtime: runtimeOptions.runtime,
    'reserve-flash': runtimeOptions['reserve-flash'],
    'reserve-ram': runtimeOptions['reserve-ram'],
    'dry-run': { type: 'boolean' },
    json: { type: 'boolean' },
  });
  const [file, ...others] = atLeastOne(positionals);
  if (file === undefined || others.length > 0) throw new UsageError('quantize takes one model at a time.');
  const { scheme, output } = values;
  const fit = fitArguments(values);
  if (scheme === undefined && values.recipe === undefined && !fit)
    throw new UsageError(`quantize needs --scheme: ${choices}.`);
  if (scheme !== undefined && !isWritableSchemeId(scheme)) {
    throw new UsageError(`unknown scheme "${scheme}"; give ${choices}.`);
  }
  if (output === '') throw new UsageError('-o needs a file name.');
  for (const name of ['calibration', 'recipe', 'save-recipe', 'layers'] as const) {
    if (values[name] === '') throw new UsageError(`--${name} needs a path.`);
  }
  const randomInputs = values['random-inputs'] ?? false;
  if (randomInputs && values.calibration !== undefined) {
    throw new UsageError('give only one of --calibration and --random-inputs.');
  }
  const inputRange = intervalIn(values['input-range']);
  if (inputRange && (randomInputs || values.calibration !== undefined)) {
    throw new UsageError('--input-range works ranges out without data; leave out --calibration and --random-inputs.');
  }
  const blockSize = wholeNumber('--block-size', values['block-size']);
  if (blockSize !== undefined) checkBlockSize(blockSize);
  return {
    file,
    chosen: {
      scheme,
      granularity: either(values, 'per-tensor', 'per-channel'),
      activations: either(values, 'symmetric', 'asymmetric'),
      blockSize,
      calibrationMethod: calibrationMethod(values['calibration-method']),
      recovery: recoveryOf(values.recovery),
      seed: wholeNumber('--seed', values.seed),
      layers: layersIn(values.layer ?? []),
      requantize: values.requantize,
      annotateShapes: values['annotate-shapes'],
      preprocessing: chosenPreprocessing(values),
    },
    recipeFile: values.recipe,
    saveRecipe: values['save-recipe'],
    calibration: values.calibration,
    randomInputs,
    inputRange,
    output,
    target: targetNamed(values.target, more),
    externalRam: values['external-ram'] ?? false,
    onRuntime: runtimeArguments(values, parseSize),
    layersFile: values.layers,
    fit,
    dryRun: values['dry-run'] ?? false,
    json: values.json ?? false,
  };
}

const choices = `one of ${writableSchemeIds.join(', ')}`;

/**
 * What the command line says, then what the recipe's file says, then the defaults. Throws UsageError where no scheme is named, where options go with none
 * that the scheme has, and where a static scheme would be written without data.
 */
export function recipeOf(
  { chosen, calibration, randomInputs, inputRange, dryRun, fit }: QuantizeArguments,
  file: PartialRecipe,
  layersInFile: QuantizationOptions['layers'] = {},
): Recipe {
  const scheme = chosen.scheme ?? file.scheme ?? (fit ? 'int8' : undefined);
  if (scheme === undefined) throw new UsageError(`the recipe names no scheme; give --scheme: ${choices}.`);
  const base = file.options ?? defaultOptions;
  const options: QuantizationOptions = {
    ...base,
    granularity: chosen.granularity ?? base.granularity,
    activations: chosen.activations ?? base.activations,
    blockSize: chosen.blockSize ?? base.blockSize,
    layers: { ...base.layers, ...layersInFile, ...chosen.layers },
    requantize: chosen.requantize ?? base.requantize,
    annotateShapes: chosen.annotateShapes ?? base.annotateShapes,
  };
  if (fit && calibration === undefined && !randomInputs) {
    throw new UsageError('--fit measures every plan and needs data: --calibration PATH, a file or folder.');
  }
  // Nothing to recover is what `none` and `auto` come to there.
  const methods = typeof chosen.recovery === 'string' ? undefined : chosen.recovery;
  const given = chosen.granularity ?? chosen.activations ?? chosen.blockSize ?? methods;
  if (scheme === 'float16' && given !== undefined) {
    throw new UsageError(
      'float16 has no scales; leave out --per-*, --symmetric, --asymmetric, --block-size and the methods of --recovery.',
    );
  }
  if (isStaticScheme(scheme) && calibration === undefined && !randomInputs && !inputRange && !dryRun) {
    throw new UsageError(
      `${scheme} fixes the ranges of activations and needs data: --calibration PATH, a file or folder (--dry-run tells the size without).`,
    );
  }
  return {
    scheme,
    options,
    calibrationMethod: chosen.calibrationMethod ?? file.calibrationMethod ?? recipeDefaults.calibrationMethod,
    recovery: chosen.recovery ?? file.recovery ?? recipeDefaults.recovery,
    seed: chosen.seed ?? file.seed ?? recipeDefaults.seed,
    preprocessing: chosen.preprocessing
      ? parsePreprocessing({ ...file.preprocessing, ...chosen.preprocessing })
      : file.preprocessing,
  };
}

function either<First extends string, Second extends string>(
  values: { readonly [Name in First | Second]?: boolean | undefined },
  first: First,
  second: Second,
): First | Second | undefined {
  if (values[first] && values[second]) throw new UsageError(`give only one of --${first} and --${second}.`);
  if (values[first]) return first;
  return values[second] ? second : undefined;
}

function wholeNumber(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(number)) throw new UsageError(`${option} "${text}" is not a whole number.`);
  return number;
}

/** `MIN,MAX` of numbers. */
function intervalIn(text: string | undefined): Interval | undefined {
  if (text === undefined) return undefined;
  const [minimum = Number.NaN, maximum = Number.NaN, ...others] = text
    .split(',')
    .map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  const isRange = Number.isFinite(minimum) && Number.isFinite(maximum) && minimum < maximum && others.length === 0;
  if (!isRange) throw new UsageError(`--input-range "${text}" is no range such as 0,1 or -1,1.`);
  return { minimum, maximum };
}

function checkBlockSize(blockSize: number): void {
  try {
    optionsFromJson({ blockSize });
  } catch {
    throw new UsageError(`--block-size ${blockSize} is not 0 (no blocks) or a power of two from 16 to 4096.`);
  }
}

function recoveryOf(text: string | undefined): Recovery | undefined {
  if (text === undefined) return undefined;
  const recovery = parseRecovery(text);
  if (recovery === undefined) throw new UsageError(`unknown --recovery "${text}"; give ${recoveryChoices}.`);
  return recovery;
}

function calibrationMethod(text: string | undefined): RangeMethod | undefined {
  if (text === undefined) return undefined;
  const method = rangeMethods.find((each) => each === text);
  if (method === undefined) {
    throw new UsageError(`unknown --calibration-method "${text}"; give one of ${rangeMethods.join(', ')}.`);
  }
  return method;
}

/** `NAME=SCHEME` of each; a name may hold equals signs. */
function layersIn(texts: readonly string[]): Readonly<Record<string, LayerScheme>> {
  return Object.fromEntries(
    texts.map((text): [string, LayerScheme] => {
      const split = text.lastIndexOf('=');
      const scheme = text.slice(split + 1);
      if (split > 0 && isLayerScheme(scheme)) return [text.slice(0, split), scheme];
      throw new UsageError(`--layer "${text}" is not NAME=SCHEME; the scheme is float32 or ${choices}.`);
    }),
  );
}

function fitArguments(values: {
  readonly fit?: boolean | undefined;
  readonly target?: string | undefined;
  readonly 'max-flash'?: string | undefined;
  readonly 'max-ram'?: string | undefined;
}): QuantizeArguments['fit'] {
  const maxFlash = parseSize('--max-flash', values['max-flash']);
  const maxRam = parseSize('--max-ram', values['max-ram']);
  if (!values.fit) {
    if (maxFlash !== undefined || maxRam !== undefined) throw new UsageError('--max-flash and --max-ram need --fit.');
    return undefined;
  }
  if (maxFlash === undefined && maxRam === undefined && values.target === undefined) {
    throw new UsageError('--fit needs something to fit: --target ID, --max-flash SIZE or --max-ram SIZE.');
  }
  return { maxFlash, maxRam };
}
