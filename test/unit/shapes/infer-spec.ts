import { dimToJson } from '../../../extension/model/dimension';
import type { Model, ValueType } from '../../../extension/model/model';
import { MemoryByteSource } from '../../../extension/onnx/byte-source';
import { readModel } from '../../../extension/onnx/read-model';
import { inferShapes } from '../../../extension/shapes/infer-shapes';
import type { GraphShapes, ModelShapes } from '../../../extension/shapes/model-shapes';
import { buildModel, type GraphSpec, type ModelSpec } from '../../fixtures/model-builder';

/** Reads a model described in code. */
export function modelOf(spec: ModelSpec): Promise<Model> {
  return readModel(new MemoryByteSource(buildModel(spec)), { fileName: 'test.onnx' });
}

export async function infer(
  graph: GraphSpec,
  bindings: Readonly<Record<string, number>> = {},
  rest: Omit<ModelSpec, 'graph'> = {},
): Promise<ModelShapes> {
  return inferShapes(await modelOf({ ir: 8, ...rest, graph }), new Map(Object.entries(bindings)));
}

/** Element type and shape of a value, such as `FLOAT[1, batch, ?]`; `FLOAT` alone when the rank is not known. */
export function typeOf(shapes: GraphShapes, name: string): string {
  return typeText(shapes.values.get(name)?.type);
}

function typeText(type: ValueType | undefined): string {
  switch (type?.kind) {
    case 'tensor':
    case 'sparse-tensor':
      return `${type.dataType ?? '?'}${type.shape ? `[${type.shape.map((dim) => dimToJson(dim) ?? '?').join(', ')}]` : ''}`;
    case 'sequence':
    case 'optional':
      return `${type.kind}(${typeText(type.element)})`;
    default:
      return type?.kind ?? '?';
  }
}

/** The codes of all diagnostics that are more than notes. */
export function faults(shapes: ModelShapes): string[] {
  return shapes.diagnostics.filter(({ severity }) => severity !== 'note').map(({ code }) => code);
}
