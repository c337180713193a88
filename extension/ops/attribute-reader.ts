import { type DataType, dataTypeFromCode } from '../model/data-type';
import type { Attribute, Graph, Node, Tensor, ValueType } from '../model/model';
import { AttributeError, type AttributeReader } from './definition';

/**
 * The attributes of a node. `functionAttributes` are those of the function call the node is in the body of: what
 * references resolve to. A reference to an attribute that the call does not give is an absent attribute.
 */
export function readAttributes(node: Node, functionAttributes?: ReadonlyMap<string, Attribute>): AttributeReader {
  return new NodeAttributes(node, functionAttributes);
}

/** The attribute, or what it refers to in a function's attributes. */
export function resolveAttribute(
  attribute: Attribute | undefined,
  functionAttributes: ReadonlyMap<string, Attribute> | undefined,
): Attribute | undefined {
  return attribute?.kind === 'reference' ? functionAttributes?.get(attribute.name) : attribute;
}

/** An int64 as a number; what is beyond 2^53 (such as INT64_MAX for "to the end") becomes the nearest safe integer. */
export function clampToNumber(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) return Number.MAX_SAFE_INTEGER;
  if (value < BigInt(Number.MIN_SAFE_INTEGER)) return Number.MIN_SAFE_INTEGER;
  return Number(value);
}

const utf8 = new TextDecoder();

class NodeAttributes implements AttributeReader {
  constructor(
    private readonly node: Node,
    private readonly functionAttributes: ReadonlyMap<string, Attribute> | undefined,
  ) {}

  has(name: string): boolean {
    return this.find(name) !== undefined;
  }

  int(name: string): number | undefined;
  int(name: string, otherwise: number): number;
  int(name: string, otherwise?: number): number | undefined {
    const attribute = this.ofKind(name, 'int');
    return attribute ? clampToNumber(attribute.value) : otherwise;
  }

  float(name: string): number | undefined;
  float(name: string, otherwise: number): number;
  float(name: string, otherwise?: number): number | undefined {
    return this.ofKind(name, 'float')?.value ?? otherwise;
  }

  string(name: string): string | undefined;
  string(name: string, otherwise: string): string;
  string(name: string, otherwise?: string): string | undefined {
    const attribute = this.ofKind(name, 'string');
    return attribute ? utf8.decode(attribute.value) : otherwise;
  }

  ints(name: string): readonly number[] | undefined;
  ints(name: string, otherwise: readonly number[]): readonly number[];
  ints(name: string, otherwise?: readonly number[]): readonly number[] | undefined {
    return this.ofKind(name, 'ints')?.value.map(clampToNumber) ?? otherwise;
  }

  floats(name: string): readonly number[] | undefined {
    return this.ofKind(name, 'floats')?.value;
  }

  strings(name: string): readonly string[] | undefined {
    return this.ofKind(name, 'strings')?.value.map((bytes) => utf8.decode(bytes));
  }

  tensor(name: string): Tensor | undefined {
    const attribute = this.find(name);
    if (attribute?.kind === 'sparse-tensor') return attribute.value;
    return this.ofKind(name, 'tensor')?.value;
  }

  graph(name: string): Graph | undefined {
    return this.ofKind(name, 'graph')?.value;
  }

  dataType(name: string): DataType | undefined {
    const attribute = this.find(name);
    if (attribute === undefined) return undefined;
    // Opset 1 wrote Cast's `to` as the type's name.
    if (attribute.kind === 'string') {
      const type = dataTypeFromName(utf8.decode(attribute.value));
      if (type) return type;
    }
    const code = this.int(name);
    const type = code === undefined ? undefined : dataTypeFromCode(code);
    if (!type) throw this.error(name, `${code} is the code of no known data type`);
    return type;
  }

  type(name: string): ValueType | undefined {
    return this.ofKind(name, 'type')?.value;
  }

  private find(name: string): Attribute | undefined {
    return resolveAttribute(this.node.attributes.get(name), this.functionAttributes);
  }

  private ofKind<Kind extends Attribute['kind']>(
    name: string,
    kind: Kind,
  ): Extract<Attribute, { kind: Kind }> | undefined {
    const attribute = this.find(name);
    if (attribute === undefined) return undefined;
    if (!isOfKind(attribute, kind))
      throw this.error(name, `it is of type ${attribute.kind}, but must be of type ${kind}`);
    return attribute;
  }

  private error(name: string, detail: string): AttributeError {
    const label = this.node.name || this.node.outputs[0] || String(this.node.index);
    return new AttributeError(`Attribute ${name} of ${this.node.opType} node ${label} cannot be used: ${detail}.`);
  }
}

function isOfKind<Kind extends Attribute['kind']>(
  attribute: Attribute,
  kind: Kind,
): attribute is Extract<Attribute, { kind: Kind }> {
  return attribute.kind === kind;
}

function dataTypeFromName(name: string): DataType | undefined {
  for (let code = 1; ; code++) {
    const type = dataTypeFromCode(code);
    if (type === undefined || type === name.toUpperCase()) return type;
  }
}
