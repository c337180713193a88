import type { PrecisionId } from '../../webview/protocol';
import type { Improvement } from '../runtimes/improvement';
import type { RuntimeFootprint } from '../runtimes/measure';
import type { Target } from '../targets/target';
import type { TargetFigures } from '../worker/target-figures';

/** What a precision of the model needs on a runtime, or why that cannot be said. */
export type RuntimeFigure =
  | { readonly kind: 'ready'; readonly footprint: RuntimeFootprint }
  | { readonly kind: 'refused'; readonly reason: string };

/** What the host knows of one model on runtimes, so far. */
export interface KnownFigures {
  /** By figureKey. */
  readonly figures: ReadonlyMap<string, RuntimeFigure>;
  /** By improvementsKey. */
  readonly improvements: ReadonlyMap<string, readonly Improvement[]>;
  /** By targetKey; empty figures where they cannot be had. */
  readonly targets: ReadonlyMap<string, TargetFigures>;
}

/** The key of a runtime's figures for one precision. */
export function figureKey(runtime: string, precision: PrecisionId): string {
  return JSON.stringify([runtime, precision]);
}

/** Which improvements are offered depends on the target too: on its other runtimes and its limit. */
export function improvementsKey(runtime: string, precision: PrecisionId, target: string | undefined): string {
  return JSON.stringify([runtime, precision, target ?? null]);
}

/** The footprint of a precision on a runtime; undefined without a runtime, and until it is measured. */
export function footprintOn(
  { figures }: KnownFigures,
  runtime: string | undefined,
  precision: PrecisionId,
): RuntimeFootprint | undefined {
  const figure = runtime === undefined ? undefined : figures.get(figureKey(runtime, precision));
  return figure?.kind === 'ready' ? figure.footprint : undefined;
}

/** Latency and the accelerator's limits follow from these; a target of a project may change under its id. */
export function targetKey(target: Target, runtime: string | undefined, precision: PrecisionId): string {
  const { id, core, clockHz, accelerator } = target;
  return JSON.stringify([id, core, clockHz, accelerator, runtime ?? null, precision]);
}
