import { isStaticScheme, type WritableSchemeId } from '../scheme';

/** The ways to recover accuracy, in the order in which they are applied. */
export const recoveryMethods = [
  'cle',
  'bias-absorption',
  'smoothquant',
  'mse-clip',
  'hqq',
  'gptq',
  'adaround',
  'bias-correction',
] as const;

export type RecoveryMethod = (typeof recoveryMethods)[number];

/** A list of methods stands in the order of application, each once. */
export type Recovery = 'none' | 'auto' | readonly RecoveryMethod[];

/** The list as text, as the command line and recipes have it. */
export function recoveryText(recovery: Recovery): string {
  return typeof recovery === 'string' ? recovery : recovery.join(',');
}

/** Reads `none`, `auto`, or names with commas between them in any order; undefined for anything else. */
export function parseRecovery(text: string): Recovery | undefined {
  if (text === 'none' || text === 'auto') return text;
  const names = text.split(',').map((name) => name.trim());
  const known = (name: string) => recoveryMethods.some((method) => method === name);
  return names.every(known) ? recoveryMethods.filter((method) => names.includes(method)) : undefined;
}

/** What `parseRecovery` reads, for a message. */
export const recoveryChoices = `none, auto, or some of ${recoveryMethods.join(',')} with commas between them`;

/** The methods that work on inputs of the model. */
export function needsInputs(method: RecoveryMethod): boolean {
  return method !== 'cle' && method !== 'mse-clip' && method !== 'hqq';
}

/** Why a method has nothing to do in a scheme, as a sentence; undefined where it has. */
export function reasonAgainst(method: RecoveryMethod, scheme: WritableSchemeId): string | undefined {
  const integers = isStaticScheme(scheme) || blockSchemes.has(scheme) || scheme.startsWith('int8');
  const computesInIntegers = isStaticScheme(scheme) || scheme === 'int8-dynamic';
  switch (method) {
    case 'hqq':
      return blockSchemes.has(scheme) ? undefined : 'It is for weights of 4 and 2 bits.';
    case 'mse-clip':
    case 'gptq':
    case 'adaround':
      return integers ? undefined : `The scales of ${scheme} follow rules of their own.`;
    case 'smoothquant':
      return computesInIntegers ? undefined : `${scheme} leaves activations in float.`;
    case 'bias-absorption':
      return isStaticScheme(scheme) ? undefined : `${scheme} has no fixed ranges of activations to make smaller.`;
    case 'cle':
    case 'bias-correction':
      return scheme === 'float16' ? 'float16 has no scales.' : undefined;
  }
}

const blockSchemes: ReadonlySet<WritableSchemeId> = new Set<WritableSchemeId>(['int4-weights', 'int2-weights']);
