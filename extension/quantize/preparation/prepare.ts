import type { PlannedFile } from '../../onnx/edit';
import { applyEdits } from '../edited-source';
import type { PassReport, QuantizationSource } from '../plan';
import { type FoldedStatistics, planFolding } from './fold-affine';
import { foldConstants } from './fold-constants';
import { foldWeights } from './fold-weights';
import { freezeWeights } from './freeze-weights';
import { mergeInitializers } from './merge-initializers';
import type { PreparationPass } from './pass';
import { removeIdentity } from './remove-identity';

/** A model after its preparation. */
export interface PreparedSource {
  readonly source: QuantizationSource;
  readonly passes: readonly PassReport[];
  /** The model after each pass that changed it, in order: each must compute what the one before it computes. */
  readonly steps: readonly { readonly pass: string; readonly file: PlannedFile }[];
  /** By value: gamma and beta of the batch normalization that was folded into the node which makes it. */
  readonly statistics: ReadonlyMap<string, FoldedStatistics>;
}

/**
 * Makes constants of weights that are listed as graph inputs, removes what does nothing, computes what follows from constants, gives weights the form that layers take them in, folds batch normalization and constant factors and summands into weights, and merges equal
 * initializers, all in the main graph. Sizes follow from the result; nothing is written. `skipped` names passes to leave out; `more` come
 * after all others.
 */
export async function prepare(
  source: QuantizationSource,
  options: { readonly skipped?: ReadonlySet<string>; readonly more?: readonly PreparationPass[] } = {},
): Promise<PreparedSource> {
  const passes: PassReport[] = [];
  const steps: { readonly pass: string; readonly file: PlannedFile }[] = [];
  const statistics = new Map<string, FoldedStatistics>();
  const folding: PreparationPass = {
    name: 'batch-norm folding',
    async plan(current) {
      const planned = await planFolding(current);
      for (const [name, folded] of planned?.statistics ?? []) statistics.set(name, folded);
      return planned;
    },
  };
  let current = source;
  for (const pass of [
    freezeWeights,
    removeIdentity,
    foldConstants,
    foldWeights,
    folding,
    mergeInitializers,
    ...(options.more ?? []),
  ]) {
    if (options.skipped?.has(pass.name)) continue;
    const planned = await pass.plan(current);
    if (!planned) continue;
    const edited = await applyEdits(current, planned.edits);
    current = edited.source;
    if (!pass.changesOutputs) steps.push({ pass: pass.name, file: edited.file });
    passes.push({ pass: pass.name, changes: planned.changes });
  }
  return { source: current, passes, steps, statistics };
}
