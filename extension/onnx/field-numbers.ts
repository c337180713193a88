/** Field numbers of the messages that a rewrite goes into (onnx.proto of ONNX 1.23). */
export const modelFields = { irVersion: 1, graph: 7, opsetImport: 8, trainingInfo: 20, function: 25 } as const;

export const nodeFields = { input: 1, output: 2, name: 3, opType: 4, attribute: 5, domain: 7 } as const;

/** Where a GraphProto or FunctionProto keeps what they have in common; undefined: it has no such field. */
export interface GraphLayout {
  readonly node: number;
  readonly value: number;
  readonly initializer: number | undefined;
  readonly sparseInitializer: number | undefined;
  readonly input: number | undefined;
  readonly output: number | undefined;
}

export const graphFields: GraphLayout = {
  node: 1,
  initializer: 5,
  input: 11,
  output: 12,
  value: 13,
  sparseInitializer: 15,
};

export const functionFields = {
  node: 7,
  opsetImport: 9,
  attributeDefault: 11,
  value: 12,
  initializer: undefined,
  sparseInitializer: undefined,
  input: undefined,
  output: undefined,
} as const satisfies GraphLayout & { readonly opsetImport: number; readonly attributeDefault: number };

/** A domain as files write it: ai.onnx is the empty string. */
export function storedDomain(domain: string | undefined): string {
  return domain === undefined || domain === 'ai.onnx' ? '' : domain;
}
