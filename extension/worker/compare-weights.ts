import type { Model } from '../model/model';
import type { ConvertedTensor } from '../quantize/plan';
import type { Comparison } from './comparison';

/** Elements up to which weights are measured unasked: some tenths of a second. */
const mostElements = 4_000_000;

/**
 * The comparison of a model with a plan of it, with the error of each layer's weights over all of their elements; without them where the
 * weights are too large to be read unasked. Throws the signal's reason.
 */
export async function withWeightErrors(
  comparison: Comparison,
  { graph }: Pick<Model, 'graph'>,
  converted: readonly ConvertedTensor[],
  signal: AbortSignal,
): Promise<Comparison> {
  if (converted.reduce((sum, { elements }) => sum + elements, 0) > mostElements) return comparison;
  const errors = new Map<string, { readonly signal: number; readonly noise: number }>();
  for (const tensor of converted) errors.set(tensor.name, await tensor.measure(signal));
  const layers = comparison.layers.map((layer) => {
    const weights = graph.nodes[layer.before?.index ?? -1]?.inputs.flatMap((name) => errors.get(name) ?? []) ?? [];
    const power = weights.reduce((sum, error) => sum + error.signal, 0);
    const noise = weights.reduce((sum, error) => sum + error.noise, 0);
    return power > 0 && noise > 0 ? { ...layer, weightsDb: 10 * Math.log10(power / noise) } : layer;
  });
  return { ...comparison, layers };
}
