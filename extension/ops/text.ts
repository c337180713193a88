import { broadcastInputs } from './broadcast';
import type { OpContext, OpDefinition } from './definition';
import { define, tensorFact, withDim } from './facts';

const stringConcat = define('StringConcat', 20, (context) => [tensorFact('STRING', broadcastInputs(context, [0, 1]))]);

const stringSplit = define('StringSplit', 20, (context) => {
  const input = context.shape(0);
  const most = context.attributes.int('maxsplit');
  // With the rest that is not split any more there is one part more than there are splits.
  const bound = input && most !== undefined && most >= 0 ? [...input, most + 1] : undefined;
  const parts = input && [...input, input.includes(0) ? 0 : context.dataDependent('parts')];
  return [tensorFact('STRING', parts, undefined, bound), tensorFact('INT64', input)];
});

const regexFullMatch = define('RegexFullMatch', 20, (context) => [tensorFact('BOOL', context.shape(0))]);

const stringNormalizer = define('StringNormalizer', 10, (context) => {
  const input = context.shape(0);
  const removes = (context.attributes.strings('stopwords') ?? []).length > 0;
  if (input === undefined || !removes || input.length === 0) return [tensorFact('STRING', input)];
  const shape = withDim(input, input.length - 1, context.dataDependent('words'));
  return [tensorFact('STRING', shape, undefined, input)];
});

const tfIdfVectorizer = define('TfIdfVectorizer', 9, (context) => {
  const input = context.shape(0);
  const columns = columnCount(context);
  if (input === undefined || input.length > 2) return [tensorFact('FLOAT', undefined)];
  return [tensorFact('FLOAT', input.length === 2 ? [input[0] ?? null, columns] : [columns])];
});

/** One column for each output index that an n-gram names. */
function columnCount(context: OpContext): number | null {
  const indexes = context.attributes.ints('ngram_indexes') ?? [];
  let last = -1;
  for (const index of indexes) last = Math.max(last, index);
  return last < 0 ? null : last + 1;
}

export const textOperators: readonly OpDefinition[] = [
  stringConcat,
  stringSplit,
  regexFullMatch,
  stringNormalizer,
  tfIdfVectorizer,
];
