/** The schemes that the editor offers. The names are the same on the command line, in JSON and in the editor. */
export const schemeIds = ['float16', 'int8-weights'] as const;

export type SchemeId = (typeof schemeIds)[number];

/** Every scheme that can be written: the list of the command line and of recipes. */
export const writableSchemeIds = [
  'float16',
  'bfloat16',
  'int8',
  'uint8',
  'int16',
  'int16x8',
  'int8-dynamic',
  'int8-weights',
  'int4-weights',
  'int2-weights',
  'fixed-point',
  'ternary',
  'binary',
  'codebook',
] as const;

export type WritableSchemeId = (typeof writableSchemeIds)[number];

/** True when `name` is a scheme that the editor offers. */
export function isSchemeId(name: string): name is SchemeId {
  return schemeIds.some((id) => id === name);
}

/** True when `name` is a scheme that can be written. */
export function isWritableSchemeId(name: string): name is WritableSchemeId {
  return writableSchemeIds.some((id) => id === name);
}

/** Schemes whose activations have fixed ranges, which calibration finds. */
export function isStaticScheme(scheme: WritableSchemeId): scheme is 'int8' | 'uint8' | 'int16' | 'int16x8' {
  return scheme === 'int8' || scheme === 'uint8' || scheme === 'int16' || scheme === 'int16x8';
}

/** What a person reads for a scheme. */
export function schemeLabel(id: SchemeId): string {
  return { float16: 'float16', 'int8-weights': 'int8 weights' }[id];
}

/** The file name offered for a quantized model: `net.onnx` becomes `net.int8-weights.onnx`. */
export function defaultOutputName(fileName: string, scheme: WritableSchemeId): string {
  return `${fileName.replace(/\.onnx$/i, '')}.${scheme}.onnx`;
}
