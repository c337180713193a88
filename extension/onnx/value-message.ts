import { type DataType, dataTypeCode } from '../model/data-type';
import type { ByteRange } from '../model/model';
import { contentField, stringField, varintField } from './encode';
import { Segments } from './segments';
import { contentOf, type SourceMessages } from './source-messages';

/** ValueInfoProto.type, and the fields of TypeProto that hold an element type or another TypeProto (onnx.proto of ONNX 1.23). */
const valueName = 1;
const valueType = 2;
const tensorType = 1;
const tensorShape = 2;
/** Of TensorShapeProto, and of the dimensions in it. */
const shapeDimension = 1;
const dimensionValue = 1;
const dimensionName = 2;
const tensorTypes: ReadonlySet<number> = new Set([1, 8]);
const wrappingTypes: ReadonlySet<number> = new Set([4, 9]);
/** The same number in tensor, sparse tensor, sequence and optional types. */
const elementType = 1;

/** The type of a tensor that a new value_info entry declares. */
export interface NewValue {
  readonly dataType: DataType;
  /** Sizes, names of sizes, or null for what is open. */
  readonly shape: readonly (number | string | null)[];
}

/** A ValueInfoProto. */
export function newValueMessage(name: string, { dataType, shape }: NewValue): Segments {
  const dims = new Segments();
  for (const dim of shape) {
    const size = new Segments();
    if (typeof dim === 'number') size.bytes(varintField(dimensionValue, dim));
    else if (dim !== null) size.bytes(stringField(dimensionName, dim));
    dims.append(contentField(shapeDimension, size));
  }
  const tensor = new Segments()
    .bytes(varintField(elementType, dataTypeCode(dataType)))
    .append(contentField(tensorShape, dims));
  return new Segments()
    .bytes(stringField(valueName, name))
    .append(contentField(valueType, new Segments().append(contentField(tensorType, tensor))));
}

/** The ValueInfoProto at `range` with another tensor element type, inside sequence and optional types too. */
export function retypedValue(messages: SourceMessages, range: ByteRange, dataType: DataType): Promise<Segments> {
  return messages.rewrite(range, async (field) =>
    field.number === valueType
      ? contentField(valueType, await retypedType(messages, contentOf(field), dataType))
      : undefined,
  );
}

function retypedType(messages: SourceMessages, range: ByteRange, dataType: DataType): Promise<Segments> {
  return messages.rewrite(range, async (field) => {
    if (tensorTypes.has(field.number)) {
      const code = new Segments().bytes(varintField(elementType, dataTypeCode(dataType)));
      const others = await messages.rewrite(contentOf(field), async (inner) =>
        inner.number === elementType ? new Segments() : undefined,
      );
      return contentField(field.number, code.append(others));
    }
    if (!wrappingTypes.has(field.number)) return undefined;
    const wrapped = await messages.rewrite(contentOf(field), async (inner) =>
      inner.number === elementType
        ? contentField(elementType, await retypedType(messages, contentOf(inner), dataType))
        : undefined,
    );
    return contentField(field.number, wrapped);
  });
}
