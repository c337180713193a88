import { type DataType, dataTypeCode, storedBytes } from '../model/data-type';
import type { Shape } from '../model/dimension';
import type { Attribute, Node } from '../model/model';
import type { EditedNode, NewAttribute, NewNode, TensorData } from '../onnx/edit';
import { float16Bits } from './float16-bits';
import { QuantizationRefused } from './plan';

/** What the graph around a node offers to the rule that rewrites it. */
export interface UpgradeScope {
  shape(value: string): Shape | undefined;
  dataType(value: string): DataType | undefined;
  /** The elements of a small constant. */
  elements(value: string): readonly number[] | undefined;
  /** The file says what kind its attributes are of, which IR 1 does not. */
  readonly hasAttributeTypes: boolean;
  /** True when a node or a graph output takes the value. */
  isUsed(value: string): boolean;
  /** A value name that nothing in the model has. */
  uniqueName(hint: string): string;
  /** The name of a constant with this content in the scope, made if need be. */
  constant(hint: string, dataType: DataType, dims: readonly number[], bytes: Uint8Array): string;
}

/** Nodes that take the place of one, and what changed in a few words. */
export interface Rewrite {
  readonly nodes: readonly EditedNode[];
  readonly change: string;
}

/** Rewrites a node written for `site.opset` so that it computes the same at `site.target`; undefined: it does so as it stands. */
export type UpgradeRule = (site: UpgradeSite) => Rewrite | undefined;

/** A node under upgrade: typed access to what it says, and makers for what replaces it. */
export class UpgradeSite {
  constructor(
    readonly node: Node,
    readonly opset: number,
    /** The opset that the node is brought to. */
    readonly target: number,
    private readonly scope: UpgradeScope,
  ) {}

  /** The name of an input; empty when it is omitted or past the end. */
  input(index: number): string {
    return this.node.inputs[index] ?? '';
  }

  output(index: number): string {
    return this.node.outputs[index] ?? '';
  }

  isOutputUsed(index: number): boolean {
    const name = this.output(index);
    return name !== '' && this.scope.isUsed(name);
  }

  shape(index: number): Shape | undefined {
    return this.scope.shape(this.input(index));
  }

  rank(index: number): number | undefined {
    return this.shape(index)?.length;
  }

  elements(index: number): readonly number[] | undefined {
    return this.scope.elements(this.input(index));
  }

  /** Throws QuantizationRefused when the element type of an input is not known. */
  dataType(index: number): DataType {
    return (
      this.scope.dataType(this.input(index)) ?? this.refuse(`the element type of its input ${index + 1} is not known`)
    );
  }

  int(name: string): number | undefined {
    const attribute = this.attribute(name);
    if (attribute === undefined) return undefined;
    return attribute.kind === 'int' ? Number(attribute.value) : this.refuse(`its attribute ${name} is no integer`);
  }

  float(name: string): number | undefined {
    const attribute = this.attribute(name);
    if (attribute === undefined) return undefined;
    return attribute.kind === 'float' ? attribute.value : this.refuse(`its attribute ${name} is no float`);
  }

  string(name: string): string | undefined {
    const attribute = this.attribute(name);
    if (attribute === undefined) return undefined;
    if (attribute.kind !== 'string') return this.refuse(`its attribute ${name} is no string`);
    return new TextDecoder().decode(attribute.value);
  }

  ints(name: string): readonly bigint[] | undefined {
    const attribute = this.attribute(name);
    if (attribute === undefined) return undefined;
    return attribute.kind === 'ints' ? attribute.value : this.refuse(`its attribute ${name} is no list of integers`);
  }

  floats(name: string): readonly number[] | undefined {
    const attribute = this.attribute(name);
    if (attribute === undefined) return undefined;
    return attribute.kind === 'floats' ? attribute.value : this.refuse(`its attribute ${name} is no list of floats`);
  }

  /** The name of an INT64 constant, a vector unless `dims` says otherwise. */
  int64(hint: string, values: readonly bigint[], dims: readonly number[] = [values.length]): string {
    return this.constant(hint, 'INT64', dims, new BigInt64Array(values));
  }

  float32(hint: string, values: readonly number[], dims: readonly number[] = [values.length]): string {
    return this.constant(hint, 'FLOAT', dims, new Float32Array(values));
  }

  /** The name of a scalar constant of the given float or integer type. */
  scalar(hint: string, dataType: DataType, value: number): string {
    switch (dataType) {
      case 'FLOAT':
        return this.float32(hint, [value], []);
      case 'DOUBLE':
        return this.constant(hint, dataType, [], new Float64Array([value]));
      case 'FLOAT16':
        return this.constant(hint, dataType, [], new Uint16Array([float16Bits(value)]));
      case 'INT32':
        return this.constant(hint, dataType, [], new Int32Array([value]));
      case 'INT64':
        return this.int64(hint, [BigInt(value)], []);
      default:
        return this.refuse(`a constant of type ${dataType} would be needed`);
    }
  }

  private constant(hint: string, dataType: DataType, dims: readonly number[], values: ArrayBufferView): string {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    return this.scope.constant(`${this.output(0)}_${hint}`, dataType, dims, bytes);
  }

  /** A name for a value between two of the nodes that take this one's place. */
  valueName(hint: string): string {
    return this.scope.uniqueName(`${this.output(0)}_${hint}`);
  }

  /** A new node named after this one. */
  newNode(
    opType: string,
    inputs: readonly string[],
    output: string,
    ints: Readonly<Record<string, number>> = {},
  ): NewNode {
    const attributes = new Map(Object.entries(ints).map(([name, value]) => [name, intAttribute(value)]));
    return { opType, name: output, inputs, outputs: [output], attributes };
  }

  /** This node with some things exchanged; everything else about it stays. */
  keep(
    change: string,
    edits: {
      readonly opType?: string;
      readonly inputs?: readonly string[];
      readonly outputs?: readonly string[];
      readonly attributes?: Readonly<Record<string, NewAttribute | null>>;
    },
    around: { readonly before?: readonly EditedNode[]; readonly after?: readonly EditedNode[] } = {},
  ): Rewrite {
    const { attributes: changed, ...rest } = edits;
    const attributes = {
      // Set again as they were read, they get their kinds.
      ...(this.scope.hasAttributeTypes ? {} : Object.fromEntries(this.node.attributes)),
      ...(this.hasConsumedInputs() ? { consumed_inputs: null } : {}),
      ...changed,
    };
    const kept: EditedNode = {
      source: this.node.index,
      ...rest,
      ...(Object.keys(attributes).length > 0 ? { attributes: new Map(Object.entries(attributes)) } : {}),
    };
    return { nodes: [...(around.before ?? []), kept, ...(around.after ?? [])], change };
  }

  /** What nodes of any type need: until opset 5 they say which inputs they may overwrite, in IR 1 attributes have no kinds. */
  modernized(): Rewrite | undefined {
    if (this.hasConsumedInputs()) return this.keep('consumed_inputs removed', {});
    if (this.scope.hasAttributeTypes || this.node.attributes.size === 0) return undefined;
    return this.keep('kinds of attributes made explicit', {});
  }

  private hasConsumedInputs(): boolean {
    return this.node.domain === 'ai.onnx' && this.opset < 6 && this.node.attributes.has('consumed_inputs');
  }

  /** Throws QuantizationRefused with a sentence that names the operator and the node. */
  refuse(reason: string): never {
    const name = this.node.name || this.output(0);
    throw new QuantizationRefused(
      `${this.node.opType} "${name}" of opset ${this.opset} cannot be upgraded to opset ${this.target}: ${reason}.`,
    );
  }

  private attribute(name: string): Exclude<Attribute, { kind: 'reference' }> | undefined {
    const attribute = this.node.attributes.get(name);
    if (attribute?.kind === 'reference')
      return this.refuse(`its attribute ${name} comes from the caller of a function`);
    return attribute;
  }
}

/** A whole number as an attribute. */
export function intAttribute(value: number): Attribute {
  return { kind: 'int', value: BigInt(value) };
}

/** A text as an attribute. */
export function stringAttribute(value: string): Attribute {
  return { kind: 'string', value: new TextEncoder().encode(value) };
}

/** Tensor content that is already in memory. */
export function tensorData(name: string, dataType: DataType, dims: readonly number[], bytes: Uint8Array): TensorData {
  const byteLength = storedBytes(
    dataType,
    dims.reduce((product, dim) => product * dim, 1),
  );
  return {
    name,
    dataType,
    dims,
    byteLength,
    async *produce() {
      yield bytes;
    },
  };
}

/** What makes two constants the same. */
export function constantKey(dataType: DataType, dims: readonly number[], bytes: Uint8Array): string {
  return `${dataTypeCode(dataType)};${dims.join()};${bytes.join()}`;
}
