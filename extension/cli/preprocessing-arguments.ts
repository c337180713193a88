import { parsePreprocessing } from '../quantize/calibration-data/preprocessing';
import { UsageError } from './io';

/** What is done with data on its way into the model, as options; each is a field of `preprocessing` in a recipe. */
export const preprocessingOptions = {
  layout: { type: 'string' },
  resize: { type: 'string' },
  'colour-order': { type: 'string' },
  scale: { type: 'string' },
  mean: { type: 'string' },
  std: { type: 'string' },
  'audio-length': { type: 'string' },
} as const;

/** The fields of `preprocessing` that the command line names; undefined where it names none. */
export type ChosenPreprocessing = Readonly<Record<string, string | number | readonly number[]>> | undefined;

/** Throws UsageError (a sentence that names the option) for what a field cannot be. */
export function chosenPreprocessing(
  values: {
    readonly [Name in keyof typeof preprocessingOptions]?: string | undefined;
  },
): ChosenPreprocessing {
  const fields = new Map<string, string | number | readonly number[]>();
  const words = {
    layout: 'layout',
    resize: 'resize',
    'colour-order': 'colourOrder',
    'audio-length': 'audioLength',
  } as const;
  for (const option of ['layout', 'resize', 'colour-order', 'audio-length'] as const) {
    const word = values[option];
    if (word !== undefined) check(option, words[option], word, fields);
  }
  for (const option of ['scale', 'mean', 'std'] as const) {
    const text = values[option];
    if (text === undefined) continue;
    const numbers = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
    const [first = Number.NaN, ...others] = numbers;
    if (numbers.some((number) => !Number.isFinite(number))) {
      throw new UsageError(`--${option} "${text}" is no number, and no list such as 0.485,0.456,0.406.`);
    }
    if (option === 'scale' && others.length > 0) throw new UsageError('--scale is one number for all channels.');
    check(option, option, option === 'scale' ? first : numbers, fields);
  }
  return fields.size > 0 ? Object.fromEntries(fields) : undefined;
}

function check(
  option: string,
  field: string,
  value: string | number | readonly number[],
  fields: Map<string, string | number | readonly number[]>,
): void {
  try {
    parsePreprocessing({ [field]: value });
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^Preprocessing: /, '') : String(error);
    throw new UsageError(`--${option}: ${reason}`);
  }
  fields.set(field, value);
}
