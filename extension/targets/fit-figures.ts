import type { LoweredLayer, RuntimeFootprint } from '../runtimes/measure';
import type { RuntimeMemory } from '../runtimes/runtime';

/** What a verdict on a runtime rests on. A RuntimeFootprint is one. */
export interface JudgedOnRuntime extends Pick<RuntimeFootprint, 'runtime' | 'flash' | 'cannotRun'> {
  readonly memory: Pick<RuntimeMemory, 'kind' | 'minimumArenaBytes' | 'lowerBoundBytes'> &
    Partial<Pick<RuntimeMemory, 'kinds' | 'arenaBytes'>>;
  readonly layers: readonly Pick<LoweredLayer, 'name' | 'from' | 'outputShape'>[];
  /** How many there are, where `cannotRun` and `layers` hold the first ones alone. */
  readonly counts?: { readonly cannotRun: number; readonly unknownSizes: number };
}

/** A footprint cut down to what a verdict and its explanation need: its size does not grow with the model. */
export interface FitFigures extends JudgedOnRuntime {
  readonly memory: Omit<RuntimeMemory, 'tensors' | 'inPlace'>;
  readonly notes: readonly string[];
  readonly counts: { readonly cannotRun: number; readonly unknownSizes: number };
}

/** Operators and layers that are named at most. */
const mostNamed = 8;

/** The figures of a footprint that a verdict and its explanation need. */
export function fitFigures({ runtime, flash, memory, layers, cannotRun, notes }: RuntimeFootprint): FitFigures {
  const { tensors, inPlace, ...sizes } = memory;
  const named = cannotRun.slice(0, mostNamed);
  const refused = new Set(named.map(({ node }) => node));
  const unknown = layers.filter(({ outputShape }) => outputShape === undefined);
  const kept = new Set([
    ...layers.filter(({ from }) => from.some((node) => refused.has(node))).slice(0, mostNamed),
    ...unknown.slice(0, mostNamed),
  ]);
  return {
    runtime,
    flash,
    memory: sizes,
    layers: [...kept].map(({ name, from, outputShape }) => ({ name, from, outputShape })),
    cannotRun: named,
    notes,
    counts: { cannotRun: cannotRun.length, unknownSizes: unknown.length },
  };
}

/** The figures with flash kept for the application as a part of its own, in bytes. */
export function withFlashReserve<Figures extends JudgedOnRuntime>(figures: Figures, bytes: number): Figures {
  if (bytes === 0) return figures;
  const { totalBytes, parts } = figures.flash;
  const reserve = { part: 'reserve', bytes, kind: 'exact', source: 'Kept for the application, as set.' } as const;
  return { ...figures, flash: { totalBytes: totalBytes + bytes, parts: [...parts, reserve] } };
}
