import type { DataType } from '../model/data-type';
import type { Attribute, ByteRange, Model, ValueType } from '../model/model';
import { attributeFields, attributeMessage, tensorAttributeMessage } from './attribute-message';
import { type ByteSource, type ExternalFiles, MemoryByteSource } from './byte-source';
import { DataFile } from './data-file';
import { contentField, stringField, varintField } from './encode';
import { functionFields, type GraphLayout, graphFields, modelFields, nodeFields, storedDomain } from './field-numbers';
import { NamedEdits, OpsetEdits } from './pending-edits';
import { type Payload, SegmentFile, Segments } from './segments';
import { contentOf, SourceMessages } from './source-messages';
import {
  keptSparseTensorMessage,
  keptTensorMessage,
  newTensorMessage,
  otherTensorFields,
  sparseValues,
} from './tensor-message';
import { type NewValue, newValueMessage, retypedValue } from './value-message';
import type { WireField } from './wire';

/**
 * New tensor content: the elements as raw_data. `byteLength` is storedBytes(dataType, product of dims); it must not depend
 * on values.
 */
export interface TensorData extends Payload {
  readonly name: string;
  readonly dataType: DataType;
  readonly dims: readonly number[];
}

/** An attribute to set: as read, or with tensor content that is produced while writing, or a subgraph edited in place. */
export type NewAttribute = Attribute | { readonly kind: 'tensor-data'; readonly value: TensorData };

/** A node that is not in the source. */
export interface NewNode {
  readonly opType: string;
  /** Absent: ai.onnx. */
  readonly domain?: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: ReadonlyMap<string, NewAttribute>;
}

/** A node of the source, by index; whatever is not named stays as it is, unknown fields included. */
export interface KeptNode {
  readonly source: number;
  readonly opType?: string;
  readonly domain?: string;
  readonly inputs?: readonly string[];
  readonly outputs?: readonly string[];
  /** Attributes to set, or (null) to remove. */
  readonly attributes?: ReadonlyMap<string, NewAttribute | null>;
  /** Edits to graph attributes, by attribute name. */
  readonly subgraphs?: ReadonlyMap<string, GraphEdits>;
}

export type EditedNode = NewNode | KeptNode;

export interface GraphEdits {
  /** The whole node list in its new order; absent: unchanged. A KeptNode with `source` only is copied verbatim. */
  readonly nodes?: readonly EditedNode[];
  /** Initializers (sparse ones too) to replace or (null) to remove, by name. */
  readonly initializers?: ReadonlyMap<string, TensorData | null>;
  readonly addedInitializers?: readonly TensorData[];
  /** Graph inputs, outputs and value_info entries: a new tensor element type, or (null) removal, by name. */
  readonly inputs?: ReadonlyMap<string, ValueEdit | null>;
  readonly outputs?: ReadonlyMap<string, ValueEdit | null>;
  readonly values?: ReadonlyMap<string, ValueEdit | null>;
  /** New value_info entries, by name. */
  readonly addedValues?: ReadonlyMap<string, NewValue>;
}

/** The element type a value gets (inside sequence and optional types too); everything else of its ValueInfoProto stays. */
export interface ValueEdit {
  readonly dataType: DataType;
}

export interface ModelEdits {
  readonly irVersion?: number;
  /** New versions of imported opsets by domain (`ai.onnx` for the empty one); others stay. A domain not yet imported is added. */
  readonly opsets?: ReadonlyMap<string, number>;
  readonly graph?: GraphEdits;
  /** By position in Model.functions. */
  readonly functions?: ReadonlyMap<number, FunctionEdits>;
}

export interface FunctionEdits {
  readonly graph: GraphEdits;
  readonly opsets?: ReadonlyMap<string, number>;
}

/** Where the new tensors of a rewritten model go. */
export type DataPlacement =
  | { readonly kind: 'inline' }
  /** Every external tensor and every new tensor of at least 1 KiB goes to one data file named `path` (4,096-aligned offsets). */
  | { readonly kind: 'external'; readonly path: string };

/** A file that is described before it is written; reading a range that has to be produced produces it. */
export interface PlannedFile extends ByteSource {
  /**
   * The same file, with zeros in place of produced content that is long (above 1 KiB) or deferred. Reading the structure
   * through it (readModel) costs no pass over weights.
   */
  readonly structure: ByteSource;
  /** The whole file in order, in pieces. Memory stays at about one piece. */
  stream(): AsyncIterable<Uint8Array>;
}

export interface RewrittenModel {
  readonly model: PlannedFile;
  /** Only with external placement. */
  readonly data?: PlannedFile;
}

/**
 * Applies edits to a model. Everything the edits do not name is copied byte for byte from the source.
 * Lengths are known when it returns; payloads are produced while streaming. With inline placement, external tensors of the
 * source go on referring to its data files. Throws Error (a sentence) when the result would pass 2,147,483,647 bytes, or when
 * the edits name something that the source does not have.
 */
export async function rewriteModel(
  model: Model,
  source: ByteSource,
  edits: ModelEdits,
  placement: DataPlacement,
  /** Opens the source's external data, for external placement. */
  externalFiles?: ExternalFiles,
): Promise<RewrittenModel> {
  const rewrite: Rewrite = {
    messages: new SourceMessages(source, model.source.fileName),
    data: placement.kind === 'external' ? new DataFile(placement.path, externalFiles) : undefined,
  };
  const content = await modelMessage(rewrite, edits);
  if (content.length > largestModelBytes) {
    throw new Error(
      `${model.source.fileName}: the result would be ${content.length.toLocaleString('en-US')} bytes, and an ONNX file holds ` +
        `${largestModelBytes.toLocaleString('en-US')} at most; convert the model to external data first.`,
    );
  }
  const file = new SegmentFile(content);
  return rewrite.data ? { model: file, data: new SegmentFile(rewrite.data.segments) } : { model: file };
}

/** Bytes that new nodes and initializers take in a graph of a model with inline data. */
export async function addedBytes(nodes: readonly NewNode[], initializers: readonly TensorData[]): Promise<number> {
  const rewrite: Rewrite = {
    messages: new SourceMessages(new MemoryByteSource(new Uint8Array(0)), ''),
    data: undefined,
  };
  const added = await nodeList(rewrite, nodes, [], graphFields);
  for (const tensor of initializers) added.append(contentField(5, newTensorMessage(tensor, tensor, undefined)));
  return added.length;
}

/** A protobuf message is limited to what a signed 32-bit length can say. */
const largestModelBytes = 2 ** 31 - 1;

/** What is rewritten, and where large data goes. */
interface Rewrite {
  readonly messages: SourceMessages;
  /** Only with external placement: every external tensor moves, so nothing that may hold one is copied unseen. */
  readonly data: DataFile | undefined;
}

async function modelMessage(rewrite: Rewrite, edits: ModelEdits): Promise<Segments> {
  const { messages, data } = rewrite;
  const opsets = new OpsetEdits(edits.opsets);
  const functions = new Set(edits.functions?.keys());
  let functionIndex = 0;
  let graphs = 0;
  const result = new Segments();
  if (edits.irVersion !== undefined) result.bytes(varintField(modelFields.irVersion, edits.irVersion));
  const rest = await messages.rewrite(messages.whole, async (field) => {
    switch (field.number) {
      case modelFields.irVersion:
        return edits.irVersion === undefined ? undefined : new Segments();
      case modelFields.opsetImport:
        return opsets.apply(messages, field);
      case modelFields.graph:
        if (++graphs > 1) throw new Error(`${messages.fileName}: the model has more than one graph field.`);
        if (!edits.graph && !data) return undefined;
        return contentField(
          field.number,
          await graphMessage(rewrite, contentOf(field), edits.graph ?? {}, graphFields),
        );
      case modelFields.trainingInfo:
        return data && contentField(field.number, await trainingInfoMessage(rewrite, contentOf(field)));
      case modelFields.function: {
        const index = functionIndex++;
        const functionEdits = edits.functions?.get(index);
        functions.delete(index);
        if (!functionEdits && !data) return undefined;
        return contentField(field.number, await functionMessage(rewrite, contentOf(field), functionEdits));
      }
      default:
        return undefined;
    }
  });
  if (edits.graph && graphs === 0) throw new Error(`${messages.fileName}: there is no graph to edit.`);
  if (functions.size > 0)
    throw new Error(`${messages.fileName}: there is no function at position ${[...functions][0]}.`);
  return result.append(rest).append(opsets.missing(modelFields.opsetImport));
}

function trainingInfoMessage(rewrite: Rewrite, range: ByteRange): Promise<Segments> {
  return rewrite.messages.rewrite(range, async (field) =>
    field.number === 1 || field.number === 2
      ? contentField(field.number, await graphMessage(rewrite, contentOf(field), {}, graphFields))
      : undefined,
  );
}

async function functionMessage(
  rewrite: Rewrite,
  range: ByteRange,
  edits: FunctionEdits | undefined,
): Promise<Segments> {
  const opsets = new OpsetEdits(edits?.opsets);
  const body = await graphMessage(rewrite, range, edits?.graph ?? {}, functionFields, (field) =>
    field.number === functionFields.opsetImport
      ? opsets.apply(rewrite.messages, field)
      : keptFunctionField(rewrite, field),
  );
  return body.append(opsets.missing(functionFields.opsetImport));
}

/** Attribute defaults of a function may hold tensors. */
async function keptFunctionField(rewrite: Rewrite, field: WireField): Promise<Segments | undefined> {
  if (!rewrite.data || field.number !== functionFields.attributeDefault) return undefined;
  return contentField(field.number, await attributeWith(rewrite, contentOf(field), undefined));
}

/** A GraphProto or the body of a FunctionProto. `other` takes care of further fields. */
async function graphMessage(
  rewrite: Rewrite,
  range: ByteRange,
  edits: GraphEdits,
  layout: GraphLayout,
  other: (field: WireField) => Promise<Segments | undefined> = async () => undefined,
): Promise<Segments> {
  const { messages, data } = rewrite;
  const sourceNodes = edits.nodes ? (await messages.fields(range)).filter((field) => field.number === layout.node) : [];
  const initializers = new NamedEdits('initializer', edits.initializers);
  const values = new Map([
    [layout.input, new NamedEdits('graph input', edits.inputs)],
    [layout.output, new NamedEdits('graph output', edits.outputs)],
    [layout.value, new NamedEdits('value_info entry', edits.values)],
  ]);
  let nodesWritten = false;
  const result = await messages.rewrite(range, async (field) => {
    if (field.number === layout.node) {
      if (!edits.nodes) return data && keptNode(rewrite, field, layout);
      if (nodesWritten) return new Segments();
      nodesWritten = true;
      return nodeList(rewrite, edits.nodes, sourceNodes, layout);
    }
    if (field.number === layout.initializer || field.number === layout.sparseInitializer) {
      return initializerField(rewrite, field, layout, initializers);
    }
    const valueEdits = values.get(field.number);
    if (!valueEdits) return other(field);
    if (valueEdits.isEmpty) return undefined;
    const edit = valueEdits.take(await messages.textIn(contentOf(field), 1));
    if (!edit) return edit === null ? new Segments() : undefined;
    return contentField(field.number, await retypedValue(messages, contentOf(field), edit.dataType));
  });
  if (edits.nodes && !nodesWritten) result.append(await nodeList(rewrite, edits.nodes, sourceNodes, layout));
  for (const tensor of edits.addedInitializers ?? []) {
    if (layout.initializer === undefined) throw new Error(`${tensor.name}: a function has no initializers.`);
    result.append(contentField(layout.initializer, newTensorMessage(tensor, tensor, data)));
  }
  for (const [name, value] of edits.addedValues ?? []) {
    result.append(contentField(layout.value, newValueMessage(name, value)));
  }
  for (const named of [initializers, ...values.values()]) named.assertAllTaken(messages.fileName);
  return result;
}

async function initializerField(
  rewrite: Rewrite,
  field: WireField,
  layout: GraphLayout,
  edits: NamedEdits<TensorData | null>,
): Promise<Segments | undefined> {
  const { messages, data } = rewrite;
  const isSparse = field.number === layout.sparseInitializer;
  if (!edits.isEmpty) {
    const values = isSparse ? await sparseValues(messages, contentOf(field)) : contentOf(field);
    const replacement = values && edits.take(await messages.textIn(values, 8));
    if (replacement === null) return new Segments();
    if (replacement && layout.initializer !== undefined) {
      const message = newTensorMessage(replacement, replacement, data);
      if (!isSparse) message.append(await otherTensorFields(messages, contentOf(field)));
      return contentField(layout.initializer, message);
    }
  }
  if (!data) return undefined;
  return contentField(
    field.number,
    await (isSparse
      ? keptSparseTensorMessage(messages, contentOf(field), data)
      : keptTensorMessage(messages, contentOf(field), data)),
  );
}

async function nodeList(
  rewrite: Rewrite,
  nodes: readonly EditedNode[],
  sources: readonly WireField[],
  layout: GraphLayout,
): Promise<Segments> {
  const result = new Segments();
  for (const node of nodes) {
    if (!('source' in node)) {
      result.append(contentField(layout.node, await newNodeMessage(rewrite, node)));
      continue;
    }
    const field = sources[node.source];
    if (!field) throw new Error(`${rewrite.messages.fileName}: there is no node at position ${node.source}.`);
    if (Object.keys(node).length > 1) {
      result.append(contentField(layout.node, await editedNodeMessage(rewrite, contentOf(field), node)));
    } else if (rewrite.data) {
      result.append(await keptNode(rewrite, field, layout));
    } else {
      rewrite.messages.copy(field, result);
    }
  }
  return result;
}

async function keptNode(rewrite: Rewrite, field: WireField, layout: GraphLayout): Promise<Segments> {
  return contentField(layout.node, await editedNodeMessage(rewrite, contentOf(field), {}));
}

async function newNodeMessage(rewrite: Rewrite, node: NewNode): Promise<Segments> {
  const message = new Segments();
  for (const input of node.inputs) message.bytes(stringField(nodeFields.input, input));
  for (const output of node.outputs) message.bytes(stringField(nodeFields.output, output));
  if (node.name !== '') message.bytes(stringField(nodeFields.name, node.name));
  message.bytes(stringField(nodeFields.opType, node.opType));
  for (const [name, attribute] of node.attributes ?? []) {
    message.append(contentField(nodeFields.attribute, await newAttribute(rewrite, name, attribute)));
  }
  const domain = storedDomain(node.domain);
  if (domain !== '') message.bytes(stringField(nodeFields.domain, domain));
  return message;
}

async function editedNodeMessage(
  rewrite: Rewrite,
  range: ByteRange,
  edit: Omit<KeptNode, 'source'>,
): Promise<Segments> {
  const { messages, data } = rewrite;
  /** New fields by number: put where the first old one stood, else at the end. */
  const replaced = new Map<number, Segments>();
  const strings = (number: number, texts: readonly string[] | undefined) => {
    const fields = new Segments();
    for (const text of texts ?? []) fields.bytes(stringField(number, text));
    if (texts) replaced.set(number, fields);
  };
  strings(nodeFields.input, edit.inputs);
  strings(nodeFields.output, edit.outputs);
  strings(nodeFields.opType, edit.opType === undefined ? undefined : [edit.opType]);
  strings(nodeFields.domain, edit.domain === undefined ? undefined : [storedDomain(edit.domain)]);
  const attributes = new Map(edit.attributes);
  const subgraphs = new NamedEdits('graph attribute', edit.subgraphs);
  const written = new Set<number>();

  const result = await messages.rewrite(range, async (field) => {
    const replacement = replaced.get(field.number);
    if (replacement) {
      if (written.has(field.number)) return new Segments();
      written.add(field.number);
      return replacement;
    }
    if (field.number !== nodeFields.attribute) return undefined;
    if (attributes.size === 0 && subgraphs.isEmpty && !data) return undefined;
    const name = await messages.textIn(contentOf(field), attributeFields.name);
    const attribute = attributes.get(name);
    if (attribute === null) return new Segments();
    if (attribute) {
      attributes.delete(name);
      return contentField(field.number, await newAttribute(rewrite, name, attribute));
    }
    const graphEdits = subgraphs.take(name);
    if (!graphEdits && !data) return undefined;
    return contentField(field.number, await attributeWith(rewrite, contentOf(field), graphEdits));
  });
  for (const [number, fields] of replaced) if (!written.has(number)) result.append(fields);
  for (const [name, attribute] of attributes) {
    if (attribute) result.append(contentField(nodeFields.attribute, await newAttribute(rewrite, name, attribute)));
  }
  subgraphs.assertAllTaken(messages.fileName);
  return result;
}

async function newAttribute(rewrite: Rewrite, name: string, attribute: NewAttribute): Promise<Segments> {
  const { messages, data } = rewrite;
  if (attribute.kind === 'tensor-data') {
    return tensorAttributeMessage(name, newTensorMessage(attribute.value, attribute.value, data));
  }
  return attributeMessage(name, attribute, {
    tensor: (range) => keptTensorMessage(messages, range, data),
    graph: (range) =>
      data
        ? graphMessage(rewrite, range, {}, graphFields)
        : Promise.resolve(new Segments().copy(messages.source, range.start, range.end)),
  });
}

/** An attribute of the source with its graph edited; external tensors in it move where data has a file of its own. */
function attributeWith(rewrite: Rewrite, range: ByteRange, graph: GraphEdits | undefined): Promise<Segments> {
  const { messages, data } = rewrite;
  return messages.rewrite(range, async (field) => {
    const { number } = field;
    if (number === attributeFields.graph || number === attributeFields.graphs) {
      const edits = number === attributeFields.graph ? graph : undefined;
      if (!edits && !data) return undefined;
      return contentField(number, await graphMessage(rewrite, contentOf(field), edits ?? {}, graphFields));
    }
    if (!data) return undefined;
    if (number === attributeFields.tensor || number === attributeFields.tensors) {
      return contentField(number, await keptTensorMessage(messages, contentOf(field), data));
    }
    if (number === attributeFields.sparseTensor || number === attributeFields.sparseTensors) {
      return contentField(number, await keptSparseTensorMessage(messages, contentOf(field), data));
    }
    return undefined;
  });
}

/** A value type with its element type exchanged (see ValueEdit). */
export function withDataType(type: ValueType, dataType: DataType): ValueType {
  switch (type.kind) {
    case 'tensor':
    case 'sparse-tensor':
      return { ...type, dataType };
    case 'sequence':
    case 'optional':
      return { ...type, element: type.element && withDataType(type.element, dataType) };
    default:
      return type;
  }
}
