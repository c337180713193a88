import type { onnx } from 'onnx-proto';
import type { Place } from '../model/diagnostic';
import type { Attribute, FunctionDefinition, Graph, Node, Tensor, Value } from '../model/model';
import { decodeAttribute } from './decode-attribute';
import { type DecodeContext, decoded, newerMetadata, newerText, report } from './decode-context';
import { decodeSparseTensor } from './decode-sparse';
import { decodeTensor } from './decode-tensor';
import { decodeValue } from './decode-type';
import type { MessageRecord } from './message-record';
import { decoders, exactList, toSafeInteger } from './protobuf';

/** The name of an operator set: files may write the default one as the empty string. */
export function domainName(domain: string | null | undefined): string {
  return domain || 'ai.onnx';
}

/** Versions by domain; the last of a repeated domain counts. */
export function opsetVersions(imports: readonly onnx.IOperatorSetIdProto[]): Map<string, number> {
  return new Map(imports.map((item) => [domainName(item.domain), toSafeInteger(item.version) ?? 0]));
}

/** The graph of a GraphProto, its subgraphs included. Names that are there twice keep the first meaning. */
export function decodeGraph(context: DecodeContext, record: MessageRecord, scope: readonly string[]): Graph {
  const place: Place = scope.length > 0 ? { scope } : {};
  const values = (number: number) => record.mapChildren(number, (child) => decodeValue(context, child, place));
  const constants = new Map<string, Tensor>();
  const addConstant = (tensor: Tensor) => {
    if (constants.has(tensor.name)) {
      const text = `Initializer ${JSON.stringify(tensor.name)} is there twice; the first one is shown.`;
      report(context, 'error', 'duplicate-name', text, { ...place, value: tensor.name, ...offsetOf(tensor) });
    } else {
      constants.set(tensor.name, tensor);
    }
  };
  for (const child of record.childrenOf(5)) addConstant(decodeTensor(context, child, place));
  for (const child of record.childrenOf(15)) addConstant(decodeSparseTensor(context, child, place));
  return {
    name: decoded(context, record, decoders.graph).name ?? '',
    nodes: decodeNodes(context, record, 1, scope),
    inputs: values(11),
    outputs: values(12),
    values: byName(values(13)),
    constants: constants.size > 0 ? constants : noEntries,
    metadata: newerMetadata(record, 16),
    range: record.range,
  };
}

/** The function of a FunctionProto. */
export function decodeFunction(context: DecodeContext, record: MessageRecord): FunctionDefinition {
  const proto = decoded(context, record, decoders.function);
  const name = proto.name ?? '';
  const domain = domainName(proto.domain);
  const scope = [`${domain}::${name}`];
  const bareValue = (valueName: string): Value => ({
    name: valueName,
    type: undefined,
    metadata: noEntries,
    range: record.range,
  });
  const body: Graph = {
    name,
    nodes: decodeNodes(context, record, 7, scope),
    inputs: (proto.input ?? []).map(bareValue),
    outputs: (proto.output ?? []).map(bareValue),
    values: byName(record.mapChildren(12, (child) => decodeValue(context, child, { scope }))),
    constants: noEntries,
    metadata: noEntries,
    range: record.range,
  };
  return {
    name,
    domain,
    overload: newerText(record, 13),
    inputs: exactList(proto.input),
    outputs: exactList(proto.output),
    attributes: exactList(proto.attribute),
    attributeDefaults: decodeAttributes(context, record.childrenOf(11), { scope }, `${domain}::${name}`),
    opsets: opsetVersions(proto.opsetImport ?? []),
    body,
    range: record.range,
  };
}

function decodeNodes(context: DecodeContext, parent: MessageRecord, number: number, scope: readonly string[]): Node[] {
  return parent.mapChildren(number, (record, index) => {
    const proto = decoded(context, record, decoders.node);
    const name = proto.name ?? '';
    const opType = proto.opType ?? '';
    const place: Place = { ...(scope.length > 0 && { scope }), nodeIndex: index, ...(name !== '' && { node: name }) };
    return {
      index,
      name,
      opType,
      domain: domainName(proto.domain),
      overload: newerText(record, 8),
      inputs: exactList(proto.input),
      outputs: exactList(proto.output),
      attributes: decodeAttributes(context, record.childrenOf(5), place, name || `${opType}#${index}`),
      metadata: newerMetadata(record, 9),
      range: record.range,
    };
  });
}

function decodeAttributes(
  context: DecodeContext,
  records: Iterable<MessageRecord>,
  place: Place,
  owner: string,
): ReadonlyMap<string, Attribute> {
  let attributes: Map<string, Attribute> | undefined;
  for (const record of records) {
    const proto = decoded(context, record, decoders.attribute);
    const name = proto.name ?? '';
    attributes ??= new Map();
    if (attributes.has(name)) {
      const text = `${owner} has the attribute ${JSON.stringify(name)} twice; the first one counts.`;
      report(context, 'error', 'duplicate-attribute', text, { ...place, offset: record.range.start });
      continue;
    }
    const subgraph = (graph: MessageRecord, scope: readonly string[]) => decodeGraph(context, graph, scope);
    attributes.set(name, decodeAttribute(context, proto, record, place, owner, subgraph));
  }
  return attributes ?? noEntries;
}

function byName(values: readonly Value[]): ReadonlyMap<string, Value> {
  if (values.length === 0) return noEntries;
  const map = new Map<string, Value>();
  for (const value of values) if (!map.has(value.name)) map.set(value.name, value);
  return map;
}

function offsetOf(tensor: Tensor): { offset?: number } {
  return tensor.range ? { offset: tensor.range.start } : {};
}

/** Shared, since an empty map takes more than most of what is read: a model has many nodes and bodies without entries. */
const noEntries: ReadonlyMap<string, never> = new Map<string, never>();
