import type { Verdict } from '../targets/verdict';

/** Terminal styles; they leave text as it is where there is no colour. */
export interface Style {
  bold(text: string): string;
  muted(text: string): string;
  outcome(text: string, outcome: Verdict['outcome']): string;
  severity(text: string, severity: 'error' | 'warning' | 'note'): string;
}

/** ANSI styles when `color`, plain text otherwise. */
export function makeStyle(color: boolean): Style {
  const paint = (code: number, text: string) => (color ? `\u001b[${code}m${text}\u001b[0m` : text);
  const outcomes = {
    'does-not-fit': 31,
    'cannot-run': 31,
    'model-data-fits': 32,
    fits: 32,
    tight: 33,
    unknown: 33,
  } as const;
  const severities = { error: 31, warning: 33, note: 2 } as const;
  return {
    bold: (text) => paint(1, text),
    muted: (text) => paint(2, text),
    outcome: (text, outcome) => paint(outcomes[outcome], text),
    severity: (text, severity) => paint(severities[severity], text),
  };
}
