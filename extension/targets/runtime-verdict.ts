import { formatBytes, formatLimit } from '../model/format';
import { arenaRegion } from './arena-region';
import type { JudgedOnRuntime } from './fit-figures';
import type { Limit, Limits, Reserves, Target } from './target';
import type { FigureKind, MemoryVerdict, Verdict } from './verdict';

/** Share of a limit above which a model that fits is called tight. */
const tightShare = 0.85;

/** From the one that can be believed most to the one that can least: a sum takes the last of its parts. */
const byTrust: readonly FigureKind[] = ['exact', 'measured', 'published', 'estimated', 'lower bound'];

export interface RuntimeVerdictOptions {
  /** Bytes of the application in RAM. Those in flash are a part of the footprint. */
  readonly reserves?: Pick<Reserves, 'ram' | 'stack'>;
  /** The arena may lie in RAM outside the chip. */
  readonly externalRam?: boolean;
}

/** What a model needs of both memories on a runtime, in bytes: flash is the sum of the parts, RAM the smallest arena and the reserves. */
export function neededMemory(
  { flash, memory }: JudgedOnRuntime,
  reserves: RuntimeVerdictOptions['reserves'] = { ram: 0, stack: 0 },
) {
  return {
    flash: { bytes: flash.totalBytes, kind: weakest(flash.parts.map(({ kind }) => kind)) },
    ram: { bytes: memory.minimumArenaBytes + reserves.ram + reserves.stack, kind: memory.kind },
  } as const;
}

/**
 * Holds what a model needs on a runtime against a target. RAM is the smallest arena with which the model runs, which must lie in one
 * memory region, and the reserves; flash is the sum of its parts. Operators that the runtime cannot run outrank sizes. With a figure
 * that is a lower bound, "fits" is not claimed: the outcome is then at best `model-data-fits`, or `unknown` where sizes are not known.
 * What does not fit by an estimate alone is said to be estimated.
 */
export function runtimeVerdict(
  footprint: JudgedOnRuntime,
  target: Target | undefined,
  limits: Limits,
  options: RuntimeVerdictOptions = {},
): Verdict {
  const needed = neededMemory(footprint, options.reserves);
  const region = target && arenaRegion(target, footprint.memory.minimumArenaBytes, options.externalRam);
  const flash = judge(needed.flash.bytes, needed.flash.kind, limits.flash);
  const ram = {
    ...judge(needed.ram.bytes, needed.ram.kind, limits.ram),
    ...(region !== undefined && limits.ram && { region }),
  };
  const name = target?.name ?? 'the given limits';
  const remarks = target && !limits.flash ? [`${target.name} has no flash of its own: no flash verdict`] : [];
  const verdict = (outcome: Verdict['outcome'], lead: string, sentences: readonly string[]): Verdict => ({
    targetId: target?.id ?? '',
    targetName: name,
    flash,
    ram,
    outcome,
    lead,
    detail: [...sentences, ...remarks].map((sentence) => `${sentence}.`).join(' '),
    reasons: [...sentences, ...remarks],
  });

  const { label } = footprint.runtime;
  if (footprint.cannotRun.length > 0) {
    return verdict('cannot-run', `${label} cannot run it:`, [unsupportedText(footprint)]);
  }
  const shortages = [...shortage('RAM', ram), ...shortage('Flash', flash)];
  if (shortages.length > 0) {
    const least = leastMemory(footprint, options.reserves);
    const isCertain = exceeds(least.flash, limits.flash) || exceeds(least.ram, limits.ram);
    return verdict('does-not-fit', `Does not fit ${name}${isCertain ? '' : ' (estimated)'}:`, shortages);
  }
  const gaps = missingFigures(footprint, target, limits);
  if (gaps.length > 0) return verdict('unknown', `No verdict for ${name}:`, gaps);
  const room = [...free('flash', flash), ...free('RAM', ram)].join(' and ');
  if (flash.kind === 'lower bound' || ram.kind === 'lower bound') {
    return verdict('model-data-fits', `Model data fits ${name};`, [`what else ${label} needs is not counted`]);
  }
  const lies = region === undefined ? [] : [`The arena lies in ${region}`];
  const tight = isTight(flash) || isTight(ram);
  return verdict(tight ? 'tight' : 'fits', tight ? `Fits ${name}, but tight:` : `Fits ${name}:`, [
    `${room} stay free`,
    ...lies,
  ]);
}

/** The operators that a runtime cannot run, in words: "2 operators, Foo at layer x, Bar at layer y". */
export function unsupportedText({
  cannotRun,
  layers,
  counts,
}: Pick<JudgedOnRuntime, 'cannotRun' | 'layers' | 'counts'>): string {
  const count = counts?.cannotRun ?? cannotRun.length;
  const named = cannotRun.slice(0, 3).map(({ node, opType }) => {
    const layer = layers.find(({ from }) => from.includes(node));
    return layer ? `${opType} at layer ${layer.name}` : opType;
  });
  const more = count > named.length ? [`${count - named.length} more`] : [];
  return [`${count} operator${count === 1 ? '' : 's'}`, ...named, ...more].join(', ');
}

function weakest(kinds: readonly FigureKind[]): FigureKind {
  return kinds.reduce<FigureKind>((a, b) => (byTrust.indexOf(b) > byTrust.indexOf(a) ? b : a), 'exact');
}

/** What a model needs of both memories without what is only estimated, in bytes. */
function leastMemory(
  { flash, memory }: JudgedOnRuntime,
  reserves: RuntimeVerdictOptions['reserves'] = { ram: 0, stack: 0 },
) {
  const { lowerBoundBytes, arenaBytes = lowerBoundBytes } = memory;
  const planned = memory.kinds?.arena === 'exact' ? arenaBytes : lowerBoundBytes;
  const arena = memory.kind === 'estimated' ? planned : memory.minimumArenaBytes;
  return {
    flash: flash.parts.reduce((sum, { bytes, kind }) => sum + (kind === 'estimated' ? 0 : bytes), 0),
    ram: arena + reserves.ram + reserves.stack,
  };
}

function exceeds(bytes: number, limit: Limit | undefined): boolean {
  return limit !== undefined && bytes > limit.bytes;
}

function judge(bytes: number, kind: FigureKind, limit: Limit | undefined): MemoryVerdict {
  const tooLarge = exceeds(bytes, limit);
  return {
    bytes,
    kind,
    limit: limit?.bytes,
    limitLabel: limit?.label,
    fits: tooLarge ? false : limit === undefined || kind === 'lower bound' ? undefined : true,
  };
}

function isTight({ bytes, limit }: MemoryVerdict): boolean {
  return limit !== undefined && bytes > tightShare * limit;
}

function shortage(name: string, { bytes, limit, kind, fits }: MemoryVerdict): readonly string[] {
  if (fits !== false || limit === undefined) return [];
  const sign = signOf(kind);
  return [
    `${name} is ${sign}${formatBytes(bytes - limit)} short (${sign}${formatBytes(bytes)} of ${formatLimit(limit)})`,
  ];
}

function free(name: string, { bytes, limit, kind }: MemoryVerdict): readonly string[] {
  return limit === undefined ? [] : [`${kind === 'exact' ? '' : '~'}${formatBytes(limit - bytes)} of ${name}`];
}

/** How a figure of this kind is written before its number. */
function signOf(kind: FigureKind): string {
  if (kind === 'lower bound') return 'at least ';
  return kind === 'exact' || kind === 'measured' ? '' : '~';
}

/** Why bytes that fit say nothing. */
function missingFigures(
  { layers, counts }: JudgedOnRuntime,
  target: Target | undefined,
  limits: Limits,
): readonly string[] {
  if (target && !limits.ram) {
    const external = target.memories.some(({ kind }) => kind === 'psram');
    return [
      `${target.name} has no on-chip RAM for a model${external ? '; choose its external RAM to hold the model against that' : ''}`,
    ];
  }
  const unknown = layers.filter(({ outputShape }) => outputShape === undefined);
  const [one] = unknown;
  if (!one) return [];
  const count = counts?.unknownSizes ?? unknown.length;
  return [
    count === 1
      ? `the size of ${one.name} is not known, so RAM is not either`
      : `the sizes of ${count} tensors (${one.name} first) are not known, so RAM is not either`,
  ];
}
