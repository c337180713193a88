import { type Shape, symbol, symbolsOf } from '../model/dimension';
import type { Model, Value, ValueType } from '../model/model';
import type { Bindable } from './model-shapes';

/** Sizes the user gave to symbols of the model. */
export type Sizes = ReadonlyMap<string, number>;

/** The dimensions of a model's inputs that can be bound, in the order of the inputs, with the given sizes. */
export function findBindables(model: Model, sizes: Sizes): readonly Bindable[] {
  const inputsByKey = new Map<string, string[]>();
  for (const input of model.graph.inputs) {
    if (model.graph.constants.has(input.name)) continue;
    for (const key of symbolsOfType(namedDims(input))) {
      const inputs = inputsByKey.get(key);
      if (inputs) inputs.push(input.name);
      else inputsByKey.set(key, [input.name]);
    }
  }
  return [...inputsByKey].map(([key, inputs]) => {
    const value = sizes.get(key);
    return value === undefined ? { key, inputs } : { key, inputs, value };
  });
}

/** The symbols in a type, each once. */
export function symbolsOfType(type: ValueType | undefined): readonly string[] {
  switch (type?.kind) {
    case 'tensor':
    case 'sparse-tensor':
      return [...new Set((type.shape ?? []).flatMap(symbolsOf))];
    case 'sequence':
    case 'optional':
      return symbolsOfType(type.element);
    case 'map':
      return symbolsOfType(type.value);
    default:
      return [];
  }
}

/** The type of a graph input in which an unnamed dimension has its own symbol, written `INPUT[AXIS]`. */
export function namedDims(input: Value): ValueType | undefined {
  const { type } = input;
  if (type?.kind !== 'tensor' && type?.kind !== 'sparse-tensor') return type;
  const shape = type.shape?.map((dim, axis) =>
    dim === null || (typeof dim === 'number' && dim < 0) ? symbol(`${input.name}[${axis}]`) : dim,
  );
  return { ...type, shape };
}

/**
 * The type with the given sizes in place of symbols. A negative size in the file is no size; neither is a symbol that is not
 * among `known`, where that is given.
 */
export function withSizes(
  type: ValueType | undefined,
  sizes: Sizes,
  known?: ReadonlySet<string>,
): ValueType | undefined {
  switch (type?.kind) {
    case 'tensor':
    case 'sparse-tensor': {
      if (!type.shape?.some((dim) => typeof dim !== 'number' || dim < 0)) return type;
      return { ...type, shape: boundShape(type.shape, sizes, known) };
    }
    case 'sequence':
    case 'optional':
      return { ...type, element: withSizes(type.element, sizes, known) };
    case 'map':
      return { ...type, value: withSizes(type.value, sizes, known) };
    default:
      return type;
  }
}

function boundShape(shape: Shape, sizes: Sizes, known: ReadonlySet<string> | undefined): Shape {
  return shape.map((dim) => {
    if (typeof dim === 'number') return dim < 0 ? null : dim;
    const [name] = symbolsOf(dim);
    if (name === undefined) return dim;
    return sizes.get(name) ?? (known && !known.has(name) ? null : dim);
  });
}
