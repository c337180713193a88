import type { Footprint, Peak } from '../budget/footprint';
import { formatBytes, formatLimit } from '../model/format';
import type { Limit, Limits, Target } from './target';

/** How far a figure can be believed. `lower bound`: the real need is at least this. */
export type FigureKind = 'exact' | 'measured' | 'estimated' | 'published' | 'lower bound';

export interface MemoryVerdict {
  readonly bytes: number;
  readonly kind: FigureKind;
  readonly limit: number | undefined;
  readonly limitLabel: string | undefined;
  /** false: the bytes counted do not fit. true: they do. undefined: no limit or figure unknown. `kind` says what the bytes count. */
  readonly fits: boolean | undefined;
  /** The memory region that the arena lies in, by its name in the target; several where they are adjacent. */
  readonly region?: string;
}

export interface Verdict {
  readonly targetId: string;
  readonly targetName: string;
  readonly flash: MemoryVerdict;
  readonly ram: MemoryVerdict;
  /**
   * Of lower bounds: `does-not-fit` is a fact, `model-data-fits` leaves out the runtime. Of a runtime's own figures: `fits`, `tight`
   * (over 85 % of a limit), `does-not-fit`, `cannot-run` (operators without a kernel). `unknown`: a needed figure is not known.
   */
  readonly outcome: 'does-not-fit' | 'model-data-fits' | 'unknown' | 'fits' | 'tight' | 'cannot-run';
  /** Bold lead of the sentence: "Does not fit STM32F746ZG:", "Model data fits STM32F746ZG;" */
  readonly lead: string;
  /** The rest: "RAM is 74.0 KiB short at step 3, Conv_12: input 144.0 KiB + output 288.0 KiB." */
  readonly detail: string;
  readonly reasons: readonly string[];
}

/** The RAM and flash figures of a footprint that a verdict rests on. */
export type JudgedFootprint = Pick<Footprint, 'totals' | 'peak'>;

/**
 * Holds a footprint against a target. `limits` are those of the target (limitsOf) or given ones (--max-flash, --max-ram). Both
 * figures are lower bounds, since the runtime is not counted: that something does not fit is a fact, that it fits is not. A target
 * without flash gets no flash verdict; without RAM of its own the outcome is unknown.
 */
export function verdictFor(footprint: JudgedFootprint, target: Target | undefined, limits: Limits): Verdict {
  const { totals, peak } = footprint;
  const flash = judge(totals.constantBytes, limits.flash, totals.constantsIncomplete);
  const ram = judge(totals.peakActivationBytes, limits.ram, totals.peakIncomplete);
  const name = target?.name ?? 'the given limits';

  const shortages: Shortage[] = [];
  if (ram.fits === false) shortages.push(ramShortage(ram, peak));
  if (flash.fits === false) shortages.push(flashShortage(flash));
  const gaps = missingFigures(footprint, target, limits);
  const remarks = target && !limits.flash ? [`${target.name} has no flash of its own: no flash verdict`] : [];

  const common = { targetId: target?.id ?? '', targetName: name, flash, ram };
  if (shortages.length > 0) {
    return {
      ...common,
      outcome: 'does-not-fit',
      lead: `Does not fit ${name}:`,
      detail: `${shortages.map(({ sentence }) => sentence).join(' ')}${closing(remarks)}`,
      reasons: [...shortages.map(({ reason }) => reason), ...remarks],
    };
  }
  if (gaps.length > 0) {
    return {
      ...common,
      outcome: 'unknown',
      lead: `No verdict for ${name}:`,
      detail: `${gaps.join('; ')}.${closing(remarks)}`,
      reasons: [...gaps, ...remarks],
    };
  }
  return {
    ...common,
    outcome: 'model-data-fits',
    lead: `Model data fits ${name};`,
    detail: `runtime not counted.${closing(remarks)}`,
    reasons: ['model data fits; runtime not counted', ...remarks],
  };
}

interface Shortage {
  readonly reason: string;
  readonly sentence: string;
}

function judge(bytes: number, limit: Limit | undefined, incomplete: boolean): MemoryVerdict {
  const tooLarge = limit !== undefined && bytes > limit.bytes;
  return {
    bytes,
    kind: 'lower bound',
    limit: limit?.bytes,
    limitLabel: limit?.label,
    fits: tooLarge ? false : limit === undefined || incomplete ? undefined : true,
  };
}

function ramShortage({ bytes, limit = 0 }: MemoryVerdict, peak: Peak | undefined): Shortage {
  const short = formatBytes(bytes - limit);
  if (!peak) return { reason: `RAM short by ${short}`, sentence: `RAM is ${short} short.` };
  const tensors = (['input', 'output', 'held'] as const)
    .map((role) => {
      const sum = peak.tensors.reduce((total, tensor) => total + (tensor.role === role ? tensor.bytes : 0), 0);
      return sum > 0 ? `${role === 'held' ? 'held for later' : role} ${formatBytes(sum)}` : '';
    })
    .filter((text) => text !== '')
    .join(' + ');
  return {
    reason: `RAM short by ${short}: step ${peak.step}, ${peak.layer}, ${tensors}`,
    sentence: `RAM is ${short} short at step ${peak.step}, ${peak.layer}: ${tensors}.`,
  };
}

function flashShortage({ bytes, limit = 0, limitLabel = 'flash' }: MemoryVerdict): Shortage {
  const short = formatBytes(bytes - limit);
  const sizes = `constants ${formatBytes(bytes)}, ${limitLabel} ${formatLimit(limit)}`;
  return { reason: `Flash short by ${short}: ${sizes}`, sentence: `Flash is ${short} short: ${sizes}.` };
}

/** Why the bytes that fit say nothing. */
function missingFigures({ totals }: JudgedFootprint, target: Target | undefined, limits: Limits): readonly string[] {
  const gaps: string[] = [];
  if (target && !limits.ram) {
    const external = target.memories.some(({ kind }) => kind === 'psram');
    gaps.push(
      `${target.name} has no on-chip RAM for a model${external ? '; choose its external RAM to hold the model against that' : ''}`,
    );
  }
  if (limits.ram && totals.peakIncomplete)
    gaps.push('the sizes of some live values are not known, so RAM is not either');
  if (limits.flash && totals.constantsIncomplete) {
    gaps.push('the data type of some constant is not known, so flash is not either');
  }
  return gaps;
}

function closing(remarks: readonly string[]): string {
  return remarks.map((remark) => ` ${remark}.`).join('');
}
