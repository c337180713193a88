import { limitsOf } from './limits';
import { normalizePart } from './part-number';
import { sizeOf, sizePattern } from './size-text';
import type { Limits, Target } from './target';

/** What a person typed into a search for a chip. */
export interface TargetQuery {
  /** Normalized words that must occur in name, vendor, core, accelerator or a board. */
  readonly words: readonly string[];
  readonly conditions: readonly Condition[];
}

interface Condition {
  readonly memory: 'flash' | 'ram';
  readonly bytes: number;
  readonly atMost: boolean;
}

const relation = String.raw`(?:(at\s+least|min(?:imum)?|from|more\s+than|>=?|at\s+most|max(?:imum)?|up\s+to|<=?)\s*)?`;
const memory = '(ram|sram|flash|rom)';
/** After the size: "256K RAM or more", "RAM 64K or less". */
const addition = String.raw`(?:\s+or\s+(more|less|above|below))?`;
const sizeFirst = new RegExp(
  String.raw`(?<=^|\s)${relation}${sizePattern}\s*(?:of\s+)?${memory}${addition}(?=$|[\s,;])`,
  'gi',
);
const memoryFirst = new RegExp(
  String.raw`(?<=^|\s)${memory}\s*:?\s*${relation}${sizePattern}${addition}(?=$|[\s,;])`,
  'gi',
);

/** "cortex-m4, at least 256K RAM" as words and conditions. A size without a word such as "at most" means at least. */
export function parseQuery(text: string): TargetQuery {
  const conditions: Condition[] = [];
  const take = (word: string | undefined, size: string, name: string, added: string | undefined) => {
    const bytes = sizeOf(size);
    if (bytes === undefined) return;
    const atMost = /^(at\s+most|max|up|<)/i.test(word ?? '') || /^(less|below)$/i.test(added ?? '');
    conditions.push({ memory: /flash|rom/i.test(name) ? 'flash' : 'ram', bytes, atMost });
  };
  const words = text
    .slice(0, 200)
    .replace(sizeFirst, (_match, word: string | undefined, size: string, name: string, added: string | undefined) => {
      take(word, size, name, added);
      return ' ';
    })
    .replace(memoryFirst, (_match, name: string, word: string | undefined, size: string, added: string | undefined) => {
      take(word, size, name, added);
      return ' ';
    })
    .split(/[\s,;]+/)
    .map(normalizePart)
    .filter((word) => word !== '' && !(conditions.length > 0 && fillers.has(word)));
  return { words, conditions };
}

const fillers = new Set(['and', 'with', 'of', 'or', 'chip', 'chips', 'board', 'boards']);

/** Every letter that is typed asks for the same targets again. */
const knownLimits = new WeakMap<Target, Limits>();

/** Whether the limits a model would be held against satisfy all conditions. */
export function meets(target: Target, conditions: readonly Condition[]): boolean {
  if (conditions.length === 0) return true;
  const limits = knownLimits.get(target) ?? limitsOf(target);
  knownLimits.set(target, limits);
  return conditions.every(({ memory: name, bytes, atMost }) => {
    const limit = limits[name]?.bytes;
    return limit !== undefined && (atMost ? limit <= bytes : limit >= bytes);
  });
}

/** How two normalized texts match. 3: equal, 2: begins with it, 1: contains it, 0: does not. */
export function closeness(own: string, wanted: string): number {
  if (wanted === '' || own.length < wanted.length) return 0;
  const at = own.indexOf(wanted);
  if (at !== 0) return at < 0 ? 0 : 1;
  return own.length === wanted.length ? 3 : 2;
}
