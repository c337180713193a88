import { findTarget } from './catalogue';
import { contiguousRam } from './contiguous-ram';
import { NotEnoughMemoryError, withoutBytes } from './derive-target';
import type { FileDiagnostic } from './file-diagnostic';
import { type JsonNode, type JsonObject, JsonSyntaxError, memberOf, parseJsonSource, textOf } from './json-source';
import { normalizePart } from './part-number';
import type { Memory, Reserves, Target } from './target';
import { TargetFileReader } from './target-file-reader';

export interface TargetFile {
  /** Only those without an error. */
  readonly targets: readonly Target[];
  readonly diagnostics: readonly FileDiagnostic[];
}

/** Names of target files, relative to the workspace folder. */
export const targetFileNames = ['.thimble/targets.json', 'thimble.targets.json'] as const;

const fullKeys = ['id', 'name', 'vendor', 'core', 'clockHz', 'memories', 'largestContiguousRam', 'accelerator'];
const otherKeys = ['runtimes', 'aliases', 'notes', 'reserves', 'source'];
const allKeys = [...fullKeys, ...otherKeys, 'extends', 'minus'];

/**
 * The targets of a file of the workspace: `{ "targets": [...] }`, or the list alone, with comments allowed. An entry is a full
 * definition, or extends a known target (of this file, or what `findBase` knows) with other regions or without some bytes. An entry
 * with an error is left out and the others are kept; nothing is thrown.
 */
export function parseTargetFile(
  text: string,
  fileName: string,
  findBase: (id: string) => Target | undefined = findTarget,
): TargetFile {
  const reader = new TargetFileReader(text, fileName);
  let root: JsonNode;
  try {
    root = parseJsonSource(text);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    reader.report('error', 'invalid-json', error.message, { start: error.offset });
    return { targets: [], diagnostics: reader.diagnostics };
  }
  const entries = entriesOf(root, reader);
  const resolver = new Resolver(reader, entries, findBase);
  return { targets: entries.flatMap((entry) => resolver.resolve(entry) ?? []), diagnostics: reader.diagnostics };
}

interface Entry {
  readonly id: string;
  readonly node: JsonObject;
}

function entriesOf(root: JsonNode, reader: TargetFileReader): readonly Entry[] {
  const list = root.kind === 'array' ? root : memberOf(root, 'targets');
  if (root.kind === 'object') reader.knownKeys(root, ['$schema', 'targets']);
  if (list?.kind !== 'array') {
    reader.report('error', 'no-targets', 'The file needs a list "targets".', list ?? root);
    return [];
  }
  const entries: Entry[] = [];
  const ids = new Set<string>();
  for (const node of list.items) {
    if (node.kind !== 'object') {
      reader.report('error', 'invalid-target', 'A target is an object such as { "id": "my-board", ... }.', node);
      continue;
    }
    reader.knownKeys(node, allKeys);
    const idNode = memberOf(node, 'id');
    const id = textOf(idNode)?.trim() ?? '';
    if (normalizePart(id) === '') {
      reader.report('error', 'missing-id', 'A target needs an "id", a text by which it is chosen.', idNode ?? node);
    } else if (ids.has(normalizePart(id))) {
      reader.report('error', 'duplicate-id', `There is another target "${id}" in this file.`, idNode ?? node);
    } else {
      ids.add(normalizePart(id));
      entries.push({ id, node });
    }
  }
  return entries;
}

/** Builds targets, bases first. */
class Resolver {
  private readonly byId: ReadonlyMap<string, Entry>;
  /** `undefined` as a value: the entry has an error. */
  private readonly done = new Map<Entry, Target | undefined>();

  constructor(
    private readonly reader: TargetFileReader,
    entries: readonly Entry[],
    private readonly findBase: (id: string) => Target | undefined,
  ) {
    this.byId = new Map(entries.map((entry) => [normalizePart(entry.id), entry]));
  }

  resolve(entry: Entry): Target | undefined {
    // Bases are followed in a loop: a chain may be as long as the file.
    const chain = new Set<Entry>();
    let current: Entry | undefined = entry;
    while (current && !this.done.has(current)) {
      if (chain.has(current)) {
        this.reportCycle([...chain].slice([...chain].indexOf(current)));
        break;
      }
      chain.add(current);
      current = this.ownBase(current);
    }
    for (const link of [...chain].reverse()) if (!this.done.has(link)) this.done.set(link, this.build(link));
    return this.done.get(entry);
  }

  /** The entry of this file that another extends. An entry may refine a catalogue target of its own id. */
  private ownBase(entry: Entry): Entry | undefined {
    const base = textOf(memberOf(entry.node, 'extends'));
    const found = base === undefined ? undefined : this.byId.get(normalizePart(base));
    return found === entry && this.findBase(entry.id) ? undefined : found;
  }

  private reportCycle(cycle: readonly Entry[]): void {
    const path = [...cycle, ...cycle.slice(0, 1)].map(({ id }) => id).join(' extends ');
    for (const entry of cycle) {
      this.done.set(entry, undefined);
      const place = memberOf(entry.node, 'extends') ?? entry.node;
      this.reader.report('error', 'extends-cycle', `A target cannot extend itself: ${path}.`, place);
    }
  }

  private build(entry: Entry): Target | undefined {
    const before = this.reader.errorCount;
    const target = memberOf(entry.node, 'extends') ? this.derived(entry) : this.full(entry);
    return this.reader.errorCount === before ? target : undefined;
  }

  private derived(entry: Entry): Target | undefined {
    const { node, id } = entry;
    const { reader } = this;
    const baseNode = memberOf(node, 'extends');
    const baseId = textOf(baseNode);
    const own = this.ownBase(entry);
    const base = own ? this.done.get(own) : baseId === undefined ? undefined : this.findBase(baseId);
    if (!base) {
      const why = own ? `"${own.id}" has an error` : `No target is called "${baseId ?? ''}"`;
      reader.report('error', 'unknown-base', `${why}; see "thimble targets" for those that can be extended.`, baseNode);
      return undefined;
    }
    const minusNode = memberOf(node, 'minus');
    const minus = reader.sizes(minusNode, ['flash', 'ram']);
    const memories = reader.memories(node) ?? undefined;
    const withRegions = memories ? withMemories(base, memories) : base;
    const shrunk = this.shrink(withRegions, { flash: minus['flash'] ?? 0, ram: minus['ram'] ?? 0 }, minusNode);
    if (!shrunk) return undefined;
    const taken = minusNode ? `${base.name} without ${describe(minus)}` : `based on ${base.name}`;
    return {
      ...shrunk,
      ...this.common(node),
      id,
      name: reader.text(node, 'name') ?? id,
      vendor: reader.text(node, 'vendor') ?? base.vendor,
      core: reader.text(node, 'core') ?? base.core,
      sources: {
        ...base.sources,
        ...(memories && { memory: reader.fileName }),
        derived: `${taken} (${reader.fileName})`,
      },
      confidence: 'own',
      aliases: reader.texts(node, 'aliases') ?? [],
    };
  }

  private shrink(
    target: Target,
    minus: { flash: number; ram: number },
    place: JsonNode | undefined,
  ): Target | undefined {
    try {
      return withoutBytes(target, minus);
    } catch (error) {
      if (!(error instanceof NotEnoughMemoryError)) throw error;
      const { memory, availableBytes } = error;
      const message = `More ${memory} is taken away than the ${availableBytes} bytes there are.`;
      this.reader.report('error', 'not-enough-memory', message, memberOf(place, memory) ?? place);
      return undefined;
    }
  }

  private full({ node, id }: Entry): Target | undefined {
    const { reader } = this;
    const minus = memberOf(node, 'minus');
    if (minus) reader.report('error', 'minus-without-base', '"minus" needs "extends".', minus);
    const memories = reader.memories(node);
    if (!memories) {
      if (!memberOf(node, 'memories')) {
        const message = `"${id}" needs "memories", or "extends" with the id of a known target.`;
        reader.report('error', 'missing-memories', message, memberOf(node, 'id') ?? node);
      }
      return undefined;
    }
    return {
      ...withMemories({ memories: [] }, memories),
      ...this.common(node),
      id,
      name: reader.text(node, 'name') ?? id,
      vendor: reader.text(node, 'vendor') ?? '',
      core: reader.text(node, 'core') ?? '',
      runtimes: reader.texts(node, 'runtimes') ?? [],
      sources: { memory: reader.text(node, 'source') ?? reader.fileName },
      confidence: 'own',
      aliases: reader.texts(node, 'aliases') ?? [],
    };
  }

  /** What full and derived definitions may both say. */
  private common(node: JsonObject): Partial<Target> {
    const { reader } = this;
    const clockHz = reader.clock(node);
    const largest = reader.size(memberOf(node, 'largestContiguousRam'));
    const accelerator = reader.text(node, 'accelerator');
    const runtimes = reader.texts(node, 'runtimes');
    const notes = reader.text(node, 'notes');
    const reserves = reservesOf(reader, memberOf(node, 'reserves'));
    return {
      ...(clockHz !== undefined && { clockHz }),
      ...(largest !== undefined && { largestContiguousRamBytes: largest }),
      ...(accelerator !== undefined && { accelerator }),
      ...(runtimes !== undefined && { runtimes }),
      ...(notes !== undefined && { notes }),
      ...(reserves !== undefined && { reserves }),
    };
  }
}

function reservesOf(reader: TargetFileReader, node: JsonNode | undefined): Reserves | undefined {
  if (!node) return undefined;
  const sizes = reader.sizes(node, ['flash', 'ram', 'stack']);
  return { flash: sizes['flash'] ?? 0, ram: sizes['ram'] ?? 0, stack: sizes['stack'] ?? 0 };
}

function withMemories<Base extends { readonly memories: readonly Memory[] }>(base: Base, memories: readonly Memory[]) {
  const largest = contiguousRam(memories);
  return { ...base, memories, largestContiguousRamBytes: largest };
}

function describe(minus: Readonly<Record<string, number | undefined>>): string {
  const parts = Object.entries(minus).flatMap(([name, bytes]) => (bytes ? [`${bytes} bytes of ${name}`] : []));
  return parts.length > 0 ? parts.join(' and ') : 'nothing';
}
