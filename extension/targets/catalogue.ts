import rows from './catalogue.json';
import type { Board, LongTail } from './long-tail';
import { isPackageVariant, normalizePart, partNumbersOf } from './part-number';
import { type MemoryKind, memoryKinds, type Target } from './target';
import { closeness, meets, parseQuery } from './target-query';

let targets: readonly Target[] | undefined;

/** All targets of the catalogue, in its order: by vendor and family, popular ones. */
export function allTargets(): readonly Target[] {
  targets ??= rows.map((row) => ({
    ...row,
    memories: row.memories.map((memory) => ({ ...memory, kind: memoryKind(memory.kind) })),
  }));
  return targets;
}

/** Targets beside the reviewed catalogue: those of the workspace, which come first, and the long tail, which comes last. */
export interface MoreTargets {
  readonly own?: readonly Target[];
  readonly longTail?: LongTail;
}

/**
 * The target that a text names: its id, name or an alias (such as a board) in any case, or a part number that differs only by the
 * package suffix. undefined when there is none.
 */
export function findTarget(text: string, more: MoreTargets = {}): Target | undefined {
  const wanted = normalizePart(text);
  if (wanted === '') return undefined;
  const own = more.own?.find((target) => namesOf(target).some((name) => normalizePart(name) === wanted));
  const exact = own ?? reviewedIndex().byName.get(wanted) ?? findVariant(wanted);
  if (exact || !more.longTail) return exact;
  const chip = more.longTail.chip(text);
  if (chip) return chip;
  const board = more.longTail.board(text);
  return board && chipOf(board, more.longTail);
}

interface ReviewedIndex {
  readonly byName: ReadonlyMap<string, Target>;
  /** Part numbers in the order of the catalogue. */
  readonly parts: readonly { readonly part: string; readonly target: Target }[];
}

let index: ReviewedIndex | undefined;

function reviewedIndex(): ReviewedIndex {
  if (index) return index;
  const byName = new Map<string, Target>();
  // Backwards: where two rows list a board, the first has it.
  for (const target of [...allTargets()].reverse()) {
    for (const name of namesOf(target)) byName.set(normalizePart(name), target);
  }
  const parts = allTargets().flatMap((target) => partNumbersOf(target).map((part) => ({ part, target })));
  index = { byName, parts };
  return index;
}

function findVariant(wanted: string): Target | undefined {
  let found: { readonly target: Target; readonly length: number } | undefined;
  for (const { part, target } of reviewedIndex().parts) {
    if (part === wanted) return target;
    // The longest part number wins: ESP32-S3-WROOM-1 is an ESP32-S3, not an ESP32.
    if (part.length > (found?.length ?? 0) && isPackageVariant(wanted, part)) found = { target, length: part.length };
  }
  return found?.target;
}

/** The chip on a board, for a board of the long tail. */
export function chipOf(board: Board, longTail: LongTail): Target | undefined {
  return findTarget(board.chip) ?? longTail.chip(board.chip) ?? boardAsTarget(board);
}

/** A board whose chip is in no list: what its linker scripts offer is all that is known. */
function boardAsTarget({ id, name, chip, flashBytes, ramBytes, source }: Board): Target | undefined {
  if (flashBytes === undefined || ramBytes === undefined) return undefined;
  return {
    id: normalizePart(id),
    name,
    vendor: '',
    core: 'core not known',
    memories: [
      { name: 'FLASH', kind: 'flash', bytes: flashBytes },
      { name: 'RAM', kind: 'sram', bytes: ramBytes },
    ],
    runtimes: [],
    sources: { memory: source },
    confidence: 'unreviewed',
    reviewed: false,
    aliases: [id, chip],
    notes: 'The sizes are what the linker scripts of this board offer, not those of the chip.',
  };
}

export interface TargetMatch {
  readonly target: Target;
  /** The board through which the words name this chip. */
  readonly board?: string;
}

/**
 * Targets that match a query (words, and sizes as in "at least 256K RAM") in id, name, vendor, core, accelerator, alias or board.
 * What the text names exactly comes first, then own targets, the reviewed catalogue and the long tail, each by closeness. All own
 * and reviewed targets for an empty text. `most`: as many as will be looked at; the others cost nothing.
 */
export function searchMatches(
  text: string,
  more: MoreTargets = {},
  most = Number.POSITIVE_INFINITY,
): readonly TargetMatch[] {
  const reviewed = [...(more.own ?? []), ...allTargets()];
  if (text.trim() === '') return reviewed.map((target) => ({ target }));
  const { words, conditions } = parseQuery(text);
  if (words.length === 0 && conditions.length === 0) return [];
  const matches = new Map<string, TargetMatch>();
  const accepts = (target: Target) => meets(target, conditions);
  const offer = (target: Target | undefined, board?: string) => {
    if (!target || matches.has(target.id)) return;
    matches.set(target.id, { target, ...(board !== undefined && { board }) });
  };
  const byScore = (a: { readonly score: number }, b: { readonly score: number }) => b.score - a.score;

  const named = findTarget(words.join(' '), more);
  const namedBoard = more.longTail?.board(words.join(' '));
  if (named && accepts(named))
    offer(named, namedBoard && findTarget(namedBoard.id, more) === named ? boardLabel(namedBoard) : undefined);
  const scored = reviewed.map((target) => ({ target, score: scoreOf(target, words) }));
  for (const { target, score } of scored.sort(byScore)) if (score > 0 && accepts(target)) offer(target);
  const { longTail } = more;
  if (!longTail) return [...matches.values()];
  const boards = words.length > 0 ? [...longTail.searchBoards(words)].sort(byScore) : [];
  const onBoards = boards
    .map(({ board }) => ({ board, target: chipOf(board, longTail) }))
    .filter(({ target }) => target !== undefined && accepts(target));
  for (const { board, target } of onBoards) if (target?.reviewed !== false) offer(target, boardLabel(board));
  for (const target of longTail.searchChips(words, accepts, most)) offer(target);
  for (const { board, target } of onBoards) offer(target, boardLabel(board));
  return [...matches.values()].slice(0, most);
}

/** The targets of `searchMatches`. */
export function searchTargets(text: string, more: MoreTargets = {}): readonly Target[] {
  return searchMatches(text, more).map(({ target }) => target);
}

function boardLabel({ id, name }: Board): string {
  return `${name} (${id})`;
}

function namesOf(target: Target): readonly string[] {
  return [target.id, target.name, ...target.aliases];
}

interface SearchedField {
  readonly weight: number;
  /** Normalized. */
  readonly text: string;
}

const searched = new WeakMap<Target, readonly SearchedField[]>();

/** The texts of a target that words are looked up in, normalized once. */
function fieldsOf(target: Target): readonly SearchedField[] {
  const known = searched.get(target);
  if (known) return known;
  const fields: readonly (readonly [number, string])[] = [
    [8, target.id],
    [8, target.name],
    ...target.aliases.map((alias): readonly [number, string] => [6, alias]),
    [4, target.vendor],
    [3, target.core],
    [2, target.accelerator ?? ''],
  ];
  const made = fields.map(([weight, text]) => ({ weight, text: normalizePart(text) }));
  searched.set(target, made);
  return made;
}

/** Sum over the normalized words; 0 when one matches nowhere. A query of conditions alone matches all alike. */
function scoreOf(target: Target, words: readonly string[]): number {
  let sum = 1;
  for (const word of words) {
    let best = 0;
    for (const { weight, text } of fieldsOf(target)) best = Math.max(best, weight * closeness(text, word));
    if (best === 0) return 0;
    sum += best;
  }
  return sum;
}

function memoryKind(text: string): MemoryKind {
  const kind = memoryKinds.find((candidate) => candidate === text);
  if (!kind) throw new Error(`the catalogue has a memory of unknown kind "${text}"`);
  return kind;
}
