import { defaultOptions, type QuantizationOptions } from './options';
import { type WritableSchemeId, writableSchemeIds } from './scheme';

/** What a what-if can show: every scheme that can be written, and int8 with one scale for a whole weight. */
export type WhatIfSchemeId = WritableSchemeId | 'int8-per-tensor';

/** Those that most decisions are made among, the most faithful first. */
export const usualSchemes = [
  'float16',
  'int8',
  'int8-per-tensor',
  'int16x8',
  'int8-weights',
  'int4-weights',
  'fixed-point',
  'ternary',
  'binary',
] as const satisfies readonly WhatIfSchemeId[];

/** The others: few microcontrollers run them. */
export const rareSchemes = [
  'bfloat16',
  'uint8',
  'int16',
  'int8-dynamic',
  'int2-weights',
  'codebook',
] as const satisfies readonly WhatIfSchemeId[];

const labels: Readonly<Record<WhatIfSchemeId, string>> = {
  float16: 'float16',
  bfloat16: 'bfloat16',
  int8: 'int8 per channel',
  'int8-per-tensor': 'int8 per tensor',
  uint8: 'uint8 per channel',
  int16: 'int16',
  int16x8: 'int16 × 8',
  'int8-dynamic': 'int8 dynamic',
  'int8-weights': 'int8 weights only',
  'int4-weights': 'int4 weights',
  'int2-weights': 'int2 weights',
  'fixed-point': 'fixed point Qm.n',
  ternary: 'ternary',
  binary: 'binary',
  codebook: 'codebook',
};

/** What a person reads for a scheme. */
export function whatIfLabel(id: WhatIfSchemeId): string {
  return labels[id];
}

/** True when `name` is a scheme that a what-if can show. */
export function isWhatIfSchemeId(name: string): name is WhatIfSchemeId {
  return name === 'int8-per-tensor' || writableSchemeIds.some((id) => id === name);
}

/** The scheme to plan, with its options. */
export function plannedAs(id: WhatIfSchemeId): {
  readonly scheme: WritableSchemeId;
  readonly options: QuantizationOptions;
} {
  return id === 'int8-per-tensor'
    ? { scheme: 'int8', options: { ...defaultOptions, granularity: 'per-tensor' } }
    : { scheme: id, options: defaultOptions };
}
