import { contiguousRam } from './contiguous-ram';
import { isPackageVariant, normalizePart, normalizeParts } from './part-number';
import type { Memory, MemoryKind, Target } from './target';
import { closeness } from './target-query';

/** Devices and boards beyond the reviewed catalogue, compiled from device lists; none was looked up by a person. */
export interface LongTail {
  readonly size: number;
  /** The chip of that part number in any case, or one that differs only by package; undefined when there is none. */
  readonly chip: (text: string) => Target | undefined;
  /** The board of that id or name. */
  readonly board: (text: string) => Board | undefined;
  /**
   * Chips in which every word occurs, those first that match best (see `closeness`), `most` of them. `accepts` is asked once for chips
   * with the same memories.
   */
  readonly searchChips: (
    words: readonly string[],
    accepts: (target: Target) => boolean,
    most?: number,
  ) => readonly Target[];
  readonly searchBoards: (words: readonly string[]) => readonly { readonly board: Board; readonly score: number }[];
}

/** A board as PlatformIO describes it. The sizes in bytes are what its linker scripts offer a program, not those of the chip. */
export interface Board {
  readonly id: string;
  readonly name: string;
  /** Id or part number of the chip, to be looked up in the catalogue. */
  readonly chip: string;
  readonly flashBytes: number | undefined;
  readonly ramBytes: number | undefined;
  readonly source: string;
}

interface Layout {
  readonly vendor: string;
  readonly core: string;
  readonly clock?: number;
  /** Name, index in `kinds`, bytes, address. */
  readonly memories: readonly (readonly [string, number, number, string])[];
  readonly source: string;
  readonly note?: string;
  /** Part numbers that share all this, separated by spaces. */
  readonly names: string;
}

interface CompiledData {
  readonly kinds: readonly MemoryKind[];
  readonly layouts: readonly Layout[];
  readonly boardSources: readonly string[];
  /** Id, name, chip (empty: unknown), flash and RAM in bytes (0: unknown), index in `boardSources`, and the part of an unknown chip. */
  readonly boards: readonly (readonly [string, string, string, number, number, number, string?])[];
}

/**
 * A loader that reads and parses the data at the first call and keeps it. `read` gives the text of long-tail.generated.json, which
 * stands beside the bundle. A failed load is tried again at the next call.
 */
export function lazyLongTail(read: () => Promise<string>): () => Promise<LongTail> {
  let loading: Promise<LongTail> | undefined;
  return () => {
    loading ??= read().then(parseLongTail);
    loading.catch(() => {
      loading = undefined;
    });
    return loading;
  };
}

interface Chip {
  readonly name: string;
  readonly key: string;
  readonly layout: Layout;
}

interface IndexedBoard {
  readonly row: CompiledData['boards'][number];
  readonly id: string;
  readonly name: string;
}

/** What all chips of a layout have in common. */
type SharedFields = Omit<Target, 'id' | 'name'>;

/** The data that compile-long-tail.mjs wrote. Throws SyntaxError when the text is no JSON. */
export function parseLongTail(text: string): LongTail {
  const data: CompiledData = JSON.parse(text);
  const named = data.layouts.flatMap((layout) => layout.names.split(' ').map((name) => ({ name, layout })));
  const keys = normalizeParts(named.map(({ name }) => name));
  const chips = named.map(({ name, layout }, position): Chip => ({ name, key: keys[position] ?? '', layout }));
  let byKey: ReadonlyMap<string, Chip> | undefined;
  const allByKey = () => {
    if (byKey) return byKey;
    const made = new Map<string, Chip>();
    for (const chip of chips) made.set(chip.key, chip);
    byKey = made;
    return made;
  };
  let boards: readonly IndexedBoard[] | undefined;
  const allBoards = () => {
    if (boards) return boards;
    const ids = normalizeParts(data.boards.map(([id]) => id));
    const names = normalizeParts(data.boards.map(([, name]) => name));
    boards = data.boards.map((row, position) => ({ row, id: ids[position] ?? '', name: names[position] ?? '' }));
    return boards;
  };

  const made = new Map<Chip, Target>();
  const shared = new Map<Layout, SharedFields>();
  const targetOf = (chip: Chip): Target => {
    const known = made.get(chip);
    if (known) return known;
    const fields = shared.get(chip.layout) ?? sharedFields(chip.layout, data.kinds);
    shared.set(chip.layout, fields);
    const target = { ...fields, id: chip.key, name: chip.name };
    made.set(chip, target);
    return target;
  };

  return {
    size: chips.length,
    chip: (part) => {
      const found = findChip(allByKey(), normalizePart(part));
      return found && targetOf(found);
    },
    board: (text) => {
      const wanted = normalizePart(text);
      // Ids win over names, which are not unique.
      const found = allBoards().find(({ id }) => id === wanted) ?? allBoards().find(({ name }) => name === wanted);
      return found && boardOf(data, found.row);
    },
    searchChips: (words, accepts, most = Number.POSITIVE_INFINITY) => {
      const scoreOfLayout = layoutScores(words);
      const accepted = new Map<Layout, boolean>();
      // Of those that score alike no more are kept than are asked for; there are few scores, and no sorting is needed.
      const byScore = new Map<number, Chip[]>();
      for (const chip of chips) {
        const score = scoreOfChip(chip, words, scoreOfLayout(chip.layout));
        if (score === 0) continue;
        const alike = byScore.get(score) ?? [];
        if (alike.length >= most) {
          if (words.length === 0) break;
          continue;
        }
        const accept = accepted.get(chip.layout) ?? accepts(targetOf(chip));
        accepted.set(chip.layout, accept);
        if (!accept) continue;
        alike.push(chip);
        byScore.set(score, alike);
      }
      const best = [...byScore].sort(([one], [other]) => other - one).flatMap(([, alike]) => alike);
      return best.slice(0, most).map(targetOf);
    },
    searchBoards: (words) =>
      allBoards().flatMap(({ row, id, name }) => {
        let score = 0;
        for (const word of words) {
          const best = Math.max(6 * closeness(id, word), 6 * closeness(name, word));
          if (best === 0) return [];
          score += best;
        }
        return [{ board: boardOf(data, row), score }];
      }),
  };
}

function findChip(byKey: ReadonlyMap<string, Chip>, wanted: string): Chip | undefined {
  // STM32L151R8T6A is one of STM32L151R8TxA.
  const exact = byKey.get(wanted) ?? byKey.get(wanted.replace(/^(stm32\w{6}[a-z])\d/, '$1x'));
  if (exact) return exact;
  for (let length = wanted.length - 1; length >= 5; length -= 1) {
    const part = wanted.slice(0, length);
    const chip = byKey.get(part);
    if (chip && isPackageVariant(wanted, part)) return chip;
  }
  return undefined;
}

/** Sum over the words; 0 when one matches nowhere. */
function scoreOfChip(chip: Chip, words: readonly string[], ofLayout: readonly number[]): number {
  let sum = 1;
  for (let index = 0; index < words.length; index++) {
    const best = Math.max(8 * closeness(chip.key, words[index] ?? ''), ofLayout[index] ?? 0);
    if (best === 0) return 0;
    sum += best;
  }
  return sum;
}

/** What each word scores by vendor and core, which all chips of a layout share. */
function layoutScores(words: readonly string[]): (layout: Layout) => readonly number[] {
  const known = new Map<Layout, readonly number[]>();
  return (layout) => {
    const found = known.get(layout);
    if (found) return found;
    const vendor = normalizePart(layout.vendor);
    const core = normalizePart(layout.core);
    const scores = words.map((word) => Math.max(4 * closeness(vendor, word), 3 * closeness(core, word)));
    known.set(layout, scores);
    return scores;
  };
}

function sharedFields(layout: Layout, kinds: readonly MemoryKind[]): SharedFields {
  const memories = layout.memories.map(([label, kind, bytes, start]): Memory => {
    return { name: label, kind: kinds[kind] ?? 'sram', bytes, start };
  });
  const largest = contiguousRam(memories);
  return {
    vendor: layout.vendor,
    core: layout.core,
    ...(layout.clock !== undefined && { clockHz: layout.clock }),
    memories,
    ...(largest !== undefined && { largestContiguousRamBytes: largest }),
    runtimes: [],
    sources: { memory: layout.source },
    confidence: 'unreviewed',
    reviewed: false,
    aliases: [],
    ...(layout.note && { notes: `Sources disagree: ${layout.note}.` }),
  };
}

function boardOf(data: CompiledData, row: CompiledData['boards'][number]): Board {
  const [id, name, chip, flash, ram, source, part] = row;
  return {
    id,
    name,
    chip: chip || (part ?? ''),
    flashBytes: flash || undefined,
    ramBytes: ram || undefined,
    source: `PlatformIO ${data.boardSources[source] ?? ''}`,
  };
}
