import type { Dim, Shape } from '../model/dimension';
import type { ValueType } from '../model/model';

/** A type made of what was inferred and what the file declares. */
export interface MergedType {
  readonly type: ValueType | undefined;
  /** The file's declaration added something. */
  readonly filled: boolean;
  /** How the file contradicts what was inferred, such as "shape [1, 3] in the file, [1, 4] inferred". */
  readonly contradiction?: string;
}

/** What was inferred, completed by what the file declares. Where they contradict each other, what was inferred stands. */
export function mergeDeclared(inferred: ValueType | undefined, declared: ValueType | undefined): MergedType {
  if (declared === undefined) return { type: inferred, filled: false };
  if (inferred === undefined) return { type: declared, filled: true };
  if (isTensor(inferred) && isTensor(declared)) {
    if (inferred.dataType && declared.dataType && inferred.dataType !== declared.dataType) {
      return contradicted(inferred, declared.dataType, inferred.dataType);
    }
    const shape = mergeShape(inferred.shape, declared.shape);
    const dataType = inferred.dataType ?? declared.dataType;
    const filled = shape.filled || dataType !== inferred.dataType;
    return {
      // Most values gain nothing from the file; theirs stays the same object.
      type: filled ? { kind: inferred.kind, dataType, shape: shape.shape } : inferred,
      filled,
      ...(shape.contradiction === undefined ? {} : { contradiction: shape.contradiction }),
    };
  }
  if (
    (inferred.kind === 'sequence' && declared.kind === 'sequence') ||
    (inferred.kind === 'optional' && declared.kind === 'optional')
  ) {
    const element = mergeDeclared(inferred.element, declared.element);
    return { ...element, type: { kind: inferred.kind, element: element.type } };
  }
  if (inferred.kind !== declared.kind) return contradicted(inferred, declared.kind, inferred.kind);
  return { type: inferred, filled: false };
}

function isTensor(type: ValueType): type is Extract<ValueType, { kind: 'tensor' | 'sparse-tensor' }> {
  return type.kind === 'tensor' || type.kind === 'sparse-tensor';
}

function contradicted(type: ValueType, declared: string, inferred: string): MergedType {
  return { type, filled: false, contradiction: `${declared} in the file, ${inferred} inferred` };
}

function mergeShape(inferred: Shape | undefined, declared: Shape | undefined) {
  if (declared === undefined) return { shape: inferred, filled: false };
  if (inferred === undefined) return { shape: declared, filled: true };
  const contradiction = `shape ${shapeText(declared)} in the file, ${shapeText(inferred)} inferred`;
  if (declared.length !== inferred.length) return { shape: inferred, filled: false, contradiction };
  let filled = false;
  let contradicts = false;
  const shape = inferred.map((dim, axis): Dim => {
    const other = declared[axis] ?? null;
    if (typeof dim === 'number' && typeof other === 'number' && dim !== other) contradicts = true;
    if (dim !== null || other === null) return dim;
    filled = true;
    return other;
  });
  return { shape, filled, ...(contradicts ? { contradiction } : {}) };
}

/** A shape for people, such as `[1, batch, ?]`. */
export function shapeText(shape: Shape): string {
  return `[${shape.map((dim) => (dim === null ? '?' : typeof dim === 'number' ? String(dim) : dim.text)).join(', ')}]`;
}
