import type { QuantizationOptions } from '../options';
import { bfloat16Weights } from './bfloat16-weights';
import { codebookWeights } from './codebook-weights';
import { float16Weights } from './float16-weights';
import { type IntegerWeightsId, integerWeights } from './integer-weights';
import type { WeightFitter } from './weight-fitter';
import type { WeightScheme } from './weight-form';

/** The schemes that change how weights are stored and nothing else. */
export type WeightSchemeId = IntegerWeightsId | 'float16' | 'bfloat16' | 'codebook';

/** The scheme with these options. */
export function weightScheme(id: WeightSchemeId, options: QuantizationOptions, fitter?: WeightFitter): WeightScheme {
  switch (id) {
    case 'float16':
      return float16Weights;
    case 'bfloat16':
      return bfloat16Weights;
    case 'codebook':
      return codebookWeights(options.codebookBits);
    default:
      return integerWeights(id, options, fitter);
  }
}
