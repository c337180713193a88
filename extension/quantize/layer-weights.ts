import { int8Weights } from './int8-weights';
import { type LayerScheme, layerChoices } from './layer-schemes';
import type { QuantizationOptions } from './options';
import { QuantizationRefused } from './plan';
import type { WritableSchemeId } from './scheme';
import type { LayerWeights } from './weights/plan-weights';
import type { WeightFitter } from './weights/weight-fitter';
import type { WeightScheme } from './weights/weight-form';
import { weightScheme } from './weights/weight-schemes';

/**
 * The schemes of the layers of a plan that changes weights alone. Throws QuantizationRefused for a scheme that cannot be mixed into the plan.
 */
export function layerWeights(
  base: WritableSchemeId,
  options: QuantizationOptions,
  fitter: WeightFitter | undefined,
): LayerWeights {
  const schemes = new Map<LayerScheme, WeightScheme | undefined>();
  const choices = layerChoices(base);
  return new Map(
    Object.entries(options.layers).map(([name, scheme]) => {
      if (!choices.includes(scheme)) {
        throw new QuantizationRefused(
          `The layer ${name} cannot be ${scheme} in a plan of ${base}; it can be ${choices.join(', ')}.`,
        );
      }
      if (!schemes.has(scheme)) schemes.set(scheme, schemeOf(scheme, options, fitter));
      return [name, schemes.get(scheme)];
    }),
  );
}

function schemeOf(
  scheme: LayerScheme,
  options: QuantizationOptions,
  fitter: WeightFitter | undefined,
): WeightScheme | undefined {
  switch (scheme) {
    case 'int8-weights':
      return int8Weights(options, fitter);
    case 'float16':
    case 'bfloat16':
    case 'codebook':
    case 'int4-weights':
    case 'int2-weights':
    case 'fixed-point':
    case 'ternary':
    case 'binary':
      return weightScheme(scheme, options, fitter);
    default:
      return undefined;
  }
}

/** The options with the layers in float32 among the nodes that are left out, for schemes that only know those. */
export function withFloatLayersExcluded(options: QuantizationOptions): QuantizationOptions {
  const floats = Object.entries(options.layers).flatMap(([name, scheme]) => (scheme === 'float32' ? [name] : []));
  return floats.length === 0 ? options : { ...options, excludedNodes: [...options.excludedNodes, ...floats] };
}
