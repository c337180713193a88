import { type DataType, dataTypeCode } from '../model/data-type';
import type { ByteRange } from '../model/model';
import { contentField, varintField } from './encode';
import { Segments } from './segments';
import { contentOf, type SourceMessages } from './source-messages';

/** ValueInfoProto.type, and the fields of TypeProto that hold an element type or another TypeProto (onnx.proto of ONNX 1.23). */
const valueType = 2;
const tensorTypes: ReadonlySet<number> = new Set([1, 8]);
const wrappingTypes: ReadonlySet<number> = new Set([4, 9]);
/** The same number in tensor, sparse tensor, sequence and optional types. */
const elementType = 1;

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
