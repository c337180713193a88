import type { LayerSensitivity, PlannedLayer } from '../../extension/worker/recipe-calls';
import { spokenName } from '../modules';
import type { QuantizeState } from '../quantize-protocol';

/** A layer with what quantizing it alone does, and what the plan makes of it. */
export interface SensitivityRow {
  readonly layer: PlannedLayer;
  /** undefined: not measured, or nothing differs (`isHarmless`). */
  readonly decibels: number | undefined;
  readonly isHarmless: boolean;
  readonly savedBytes: number;
  readonly isEdited: boolean;
}

/** Most harmed first; before that is measured, and among layers that are not, the ones that save most. */
export function sensitivityRows(
  state: Pick<QuantizeState, 'layers' | 'edited' | 'sensitivity'>,
): readonly SensitivityRow[] {
  const alone = new Map<string, LayerSensitivity>(
    state.sensitivity.kind === 'ready' ? state.sensitivity.value.layers.map((layer) => [layer.name, layer]) : [],
  );
  const edited = new Set(state.edited);
  const rows = state.layers.map((layer): SensitivityRow => {
    const measured = alone.get(layer.name);
    return {
      layer,
      decibels: measured?.sqnrDb,
      isHarmless: measured !== undefined && measured.sqnrDb === undefined,
      savedBytes: layer.weightBytesBefore - layer.weightBytes,
      isEdited: edited.has(layer.name),
    };
  });
  const harm = ({ decibels, isHarmless }: SensitivityRow): number =>
    decibels ?? (isHarmless ? Number.MAX_VALUE : Number.POSITIVE_INFINITY);
  return rows.sort((a, b) => {
    const [first, second] = [harm(a), harm(b)];
    return first === second ? b.savedBytes - a.savedBytes : first - second;
  });
}

/**
 * A layer's name as a narrow column has room for: the last two of its parts, without the operator at its end and without parts that
 * repeat the one before, as in `layer1/conv1/conv1.0/Conv`.
 */
export function shortLayerName({ name, opType }: Pick<PlannedLayer, 'name' | 'opType'>): string {
  const parts = spokenName(name).split('/').filter(Boolean);
  const isOperator = parts.length > 1 && parts.at(-1)?.startsWith(opType) === true;
  const own = (isOperator ? parts.slice(0, -1) : parts).filter(
    (part, at, all) => at === 0 || !part.startsWith(`${all[at - 1]}.`),
  );
  return own.slice(-2).join('/') || name;
}

/** Length of a row's bar, 0 to 1: the most harmed layer has the longest. */
export function harmShare(
  decibels: number | undefined,
  range: { readonly least: number; readonly most: number },
): number {
  if (decibels === undefined) return 0;
  const spread = Math.max(1, range.most - range.least);
  return 0.08 + 0.82 * (1 - (decibels - range.least) / spread);
}

/** The least and the most dB among rows; 0 and 0 where nothing is measured. */
export function decibelsOf(rows: readonly SensitivityRow[]): { readonly least: number; readonly most: number } {
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  for (const { decibels } of rows) {
    if (decibels === undefined) continue;
    least = Math.min(least, decibels);
    most = Math.max(most, decibels);
  }
  return most < least ? { least: 0, most: 0 } : { least, most };
}
