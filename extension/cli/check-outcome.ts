import type { Diagnostic } from '../model/diagnostic';
import type { Verdict } from '../targets/verdict';
import type { ExitCode } from './io';

/** What `thimble check` ends with for each outcome. */
export const exitCodes = {
  fits: 0,
  tight: 0,
  'model-data-fits': 0,
  'does-not-fit': 1,
  'cannot-run': 1,
  unknown: 2,
} as const satisfies Record<Verdict['outcome'], ExitCode>;

export const outcomeWords = {
  fits: 'fits',
  tight: 'fits, but tight',
  'model-data-fits': 'model data fits',
  'does-not-fit': 'does not fit',
  'cannot-run': 'cannot run',
  unknown: 'unknown',
} as const satisfies Record<Verdict['outcome'], string>;

export const noVerdict = 'bad input or a needed figure is unknown';

/** The verdict; of a faulty model only a certain shortage is one, since its figures need not be those of a model that runs. */
export function heedFault(verdict: Verdict, diagnostics: readonly Diagnostic[]): Verdict {
  const fault = diagnostics.find(({ severity }) => severity === 'error');
  if (!fault || exitCodes[verdict.outcome] !== 0) return verdict;
  const detail = `the model has a fault: ${fault.message}`;
  return { ...verdict, outcome: 'unknown', lead: `No verdict for ${verdict.targetName}:`, detail, reasons: [detail] };
}

/** Bad input outranks a bad fit: the answer is then not complete. */
export function worse(a: ExitCode, b: ExitCode): ExitCode {
  return a >= b ? a : b;
}
