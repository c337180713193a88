import type { MemoryVerdict, Verdict } from '../../extension/targets/verdict';
import type { WhatIfCell } from '../../extension/worker/analysis';
import { element } from '../dom';
import { formatLimit, notApplicable } from '../format';
import { type IconName, icon } from '../icons';
import { bytesInWords } from '../kinds';

/** How a cell looks: a mark, a colour and a word; the word alone says it all. */
export interface CellLook {
  readonly icon: IconName | undefined;
  readonly colour: 'good' | 'warning' | 'error' | 'muted';
  readonly word: string;
}

/** Mark, colour and word of a cell. */
export function lookOf(cell: WhatIfCell): CellLook {
  if (cell.kind === 'planning') return { icon: undefined, colour: 'muted', word: notApplicable };
  if (cell.kind === 'refused') return { icon: 'unknown', colour: 'muted', word: 'unknown' };
  return verdictLook(cell.verdict);
}

function verdictLook({ outcome, flash, ram }: Verdict): CellLook {
  switch (outcome) {
    case 'fits':
      return { icon: 'fits', colour: 'good', word: 'fits' };
    case 'tight':
      return { icon: 'tight', colour: 'warning', word: 'tight' };
    case 'model-data-fits':
      return { icon: 'fits', colour: 'good', word: 'data fits' };
    case 'cannot-run':
      return { icon: 'unknown', colour: 'muted', word: 'no kernel' };
    case 'unknown':
      return { icon: 'unknown', colour: 'muted', word: 'unknown' };
    case 'does-not-fit': {
      const both = flash.fits === false && ram.fits === false;
      return { icon: 'short', colour: 'error', word: both ? 'both' : flash.fits === false ? 'flash' : 'RAM' };
    }
  }
}

/** The mark with its word. The word stays for screen readers where the page is narrow. */
export function markWord({ icon: name, colour, word }: CellLook): HTMLElement {
  return element('span', { class: `mark-word ${colour}` }, name && icon(name), element('span', {}, word));
}

/** What hovering a cell says. */
export function cellTip(cell: WhatIfCell): string {
  if (cell.kind === 'planning') return 'Being worked out';
  if (cell.kind === 'refused') return cell.reason;
  const { lead, detail, flash, ram } = cell.verdict;
  return `${lead} ${detail}\nflash ${against(flash)}\nRAM ${against(ram)}`;
}

/** What a screen reader hears for a cell after its scheme and chip. */
export function cellInWords(cell: WhatIfCell): string {
  const { word } = lookOf(cell);
  if (cell.kind === 'planning') return 'being worked out';
  if (cell.kind !== 'judged' || cell.verdict.outcome !== 'does-not-fit') return word;
  return word === 'both' ? 'flash and RAM short' : `${word} short`;
}

function against({ bytes, kind, limit }: MemoryVerdict): string {
  return `${bytesInWords(bytes, kind)}${limit === undefined ? '' : ` of ${formatLimit(limit)}`}`;
}
