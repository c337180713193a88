import type { Node } from '../model/model';
import { isWritableSchemeId, type WritableSchemeId } from './scheme';

/** What a person can ask for one layer: a scheme, or to leave it in float32. */
export type LayerScheme = 'float32' | WritableSchemeId;

/**
 * What the layers of a plan can be, the most faithful first. In a static plan `int4-weights` are INT4 weights with the activations of the plan, and `int8` or
 * `int16x8` are activations and weights; in a plan of weights alone, any scheme that changes
 * weights alone, and `float16`, which then stores them so and computes in float32.
 */
export function layerChoices(scheme: WritableSchemeId): readonly LayerScheme[] {
  switch (scheme) {
    case 'int8':
    case 'uint8':
      return ['float32', 'int16x8', scheme, 'int4-weights'];
    case 'int16x8':
      return ['float32', 'int16x8', 'int8', 'int4-weights'];
    case 'int16':
    case 'int8-dynamic':
      return ['float32', scheme];
    case 'float16':
      return [scheme];
    default:
      return weightOnlySchemes;
  }
}

const weightOnlySchemes = [
  'float32',
  'float16',
  'bfloat16',
  'int8-weights',
  'fixed-point',
  'codebook',
  'int4-weights',
  'int2-weights',
  'ternary',
  'binary',
] as const satisfies readonly LayerScheme[];

/** True when `name` is something a layer can be. */
export function isLayerScheme(name: string): name is LayerScheme {
  return name === 'float32' || isWritableSchemeId(name);
}

/** By what a layer goes in recipes: its name, or that of its first output where it has none. */
export function layerName({ name, outputs }: Node): string {
  return name || (outputs[0] ?? '');
}
