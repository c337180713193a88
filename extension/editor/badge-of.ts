import type { Verdict } from '../targets/verdict';

/** How a model is marked in a list of files. `color`: id of a theme colour. */
export interface Badge {
  /** One character: a list of files has room for two. */
  readonly badge: string;
  readonly color?: string;
  readonly tooltip: string;
}

const marks: Readonly<Record<Verdict['outcome'], Omit<Badge, 'tooltip'> | undefined>> = {
  fits: { badge: '✓' },
  'model-data-fits': { badge: '○' },
  tight: { badge: '!', color: 'list.warningForeground' },
  'does-not-fit': { badge: '✗', color: 'list.errorForeground' },
  'cannot-run': { badge: '✗', color: 'list.errorForeground' },
  unknown: undefined,
};

/** The mark of a verdict; undefined where a needed figure is not known, since nothing is claimed then. */
export function badgeOf({ outcome, lead, detail }: Pick<Verdict, 'outcome' | 'lead' | 'detail'>): Badge | undefined {
  const mark = marks[outcome];
  return mark && { ...mark, tooltip: `${lead} ${detail}` };
}
