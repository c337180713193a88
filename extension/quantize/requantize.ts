import { applyEdits } from './edited-source';
import { type PassReport, QuantizationRefused, type QuantizationSource } from './plan';
import { dequantize } from './preparation/dequantize';
import { countsText, quantizedOperators } from './quantized-already';

/** A float model, and what was done to get it. */
export interface FloatSource {
  readonly source: QuantizationSource;
  readonly passes: readonly PassReport[];
}

/**
 * The source itself where it is a float model. A quantized one is turned back into float where `requantize` asks for it, as far as QuantizeLinear,
 * DequantizeLinear and MatMulNBits go. Throws QuantizationRefused where it is quantized and nobody asked, and where operators that compute with whole numbers remain.
 */
export async function floatSource(source: QuantizationSource, requantize: boolean): Promise<FloatSource> {
  if (!requantize) {
    assertFloat(source);
    return { source, passes: [] };
  }
  const planned = await dequantize.plan(source);
  const float = planned ? (await applyEdits(source, planned.edits)).source : source;
  const remaining = quantizedOperators(float.model);
  if (remaining.size > 0) {
    throw new QuantizationRefused(
      `${source.model.source.fileName} cannot be quantized anew: ${countsText(remaining)} compute with quantized numbers and cannot be turned back into float; take the float model that it was made from.`,
    );
  }
  return { source: float, passes: planned ? [{ pass: dequantize.name, changes: planned.changes }] : [] };
}

/** Throws QuantizationRefused (a sentence that says how to go on) where the model is quantized already. */
export function assertFloat({ model }: QuantizationSource): void {
  const found = quantizedOperators(model);
  if (found.size === 0) return;
  throw new QuantizationRefused(
    `${model.source.fileName} is quantized already (${countsText(found)}) and was left alone; --requantize, or "requantize": true in the options of a recipe, turns it back into float first.`,
  );
}
