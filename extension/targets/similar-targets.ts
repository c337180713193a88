import { allTargets } from './catalogue';
import { normalizePart } from './part-number';
import type { Target } from './target';

/** Targets with an id, name or alias that a slip of the hand could turn into `text`, nearest first; none where nothing is near. */
export function similarTargets(text: string): readonly Target[] {
  const wanted = normalizePart(text);
  const mostEdits = Math.floor(wanted.length / 4);
  if (mostEdits === 0 || wanted.length > longestName) return [];
  return allTargets()
    .map((target) => {
      const names = [target.id, target.name, ...target.aliases].map(normalizePart);
      return { target, edits: Math.min(...names.map((name) => editsBetween(wanted, name, mostEdits))) };
    })
    .filter(({ edits }) => edits <= mostEdits)
    .sort((a, b) => a.edits - b.edits)
    .map(({ target }) => target);
}

const longestName = 64;

/** Levenshtein's distance: characters to insert, delete or replace. Infinity when the lengths alone call for more than `most`. */
function editsBetween(one: string, other: string, most: number): number {
  if (Math.abs(one.length - other.length) > most) return Number.POSITIVE_INFINITY;
  let previous = Array.from({ length: other.length + 1 }, (_, column) => column);
  for (let row = 1; row <= one.length; row++) {
    const current = [row];
    for (let column = 1; column <= other.length; column++) {
      const replaced = (previous[column - 1] ?? 0) + (one[row - 1] === other[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[other.length] ?? Number.POSITIVE_INFINITY;
}
