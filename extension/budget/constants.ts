import { type DataType, storedBytes } from '../model/data-type';
import type { Attribute, FunctionDefinition, Graph, Model, Node, Tensor } from '../model/model';
import { subgraphsOf } from '../model/order';
import { noUse, operandUse, type Role, roleFor } from './roles';
import { exact } from './sizes';

/** A constant of a model: an initializer, or the output of Constant or of ConstantOfShape with a constant shape. */
export interface Constant {
  readonly name: string;
  /** undefined: the file's type code is not known, and so neither are the bytes. */
  readonly dataType: DataType | undefined;
  /** Dense number of elements. */
  readonly elements: number;
  /** Bytes of the dense elements at their stored width. */
  readonly bytes: number;
  /**
   * Bytes that must be kept to have the constant: those of a sparse tensor as stored where that is less, and one element for
   * ConstantOfShape, which repeats it.
   */
  readonly keptBytes: number;
  /** undefined: nothing uses it. */
  readonly role: Role | undefined;
  /** Step of the main graph's node that first uses it in its role; undefined when unused or only in a function nobody calls. */
  readonly step: number | undefined;
}

export interface Constants {
  /** All of the model: main graph, subgraphs, and each function body once. */
  readonly all: readonly Constant[];
  /** Whether a name stands for one of those in the main graph. */
  readonly inMainGraph: (name: string) => boolean;
}

/**
 * The constants of a model with their roles (see roles.ts). `order`: node indices of the main graph in execution order.
 * An operand of a function call counts as what the body uses the input for. Reads no payload; linear in nodes and operands.
 */
export function constantsOf(model: Model, order: readonly number[]): Constants {
  const walk = new ConstantWalk(model);
  const main = walk.declare(model.graph, undefined);
  order.forEach((index, step) => {
    const node = model.graph.nodes[index];
    if (node) walk.use(node, main, step);
  });
  for (const definition of model.functions) walk.functionUses(definition, undefined);
  const inMainGraph = (name: string) => {
    const entry = main.entries.get(name);
    return entry !== undefined && 'bytes' in entry;
  };
  return { all: walk.found, inMainGraph };
}

type Found = { -readonly [Key in keyof Constant]: Constant[Key] } & {
  /** The only value all elements have, for ConstantOfShape; else the tensor, whose elements may be at hand. */
  readonly content: Fill | Tensor | undefined;
};

interface Fill {
  readonly fill: bigint;
}

/** A value that is no constant here. What uses it matters for the inputs of a function: the caller may pass a constant. */
interface Computed {
  uses: number;
}

type Entry = Found | Computed;

interface Scope {
  readonly entries: Map<string, Entry>;
  readonly parent: Scope | undefined;
}

/** Bytes that all outputs of ConstantOfShape together may have: half of what float64 counts exactly. */
const mostFilledBytes = 2 ** 52;

class ConstantWalk {
  readonly found: Found[] = [];
  private filledBytes = 0;
  private readonly functions = new Map<string, FunctionDefinition>();
  /** How each function's body uses its inputs, by position. */
  private readonly uses = new Map<FunctionDefinition, readonly Computed[]>();

  constructor(model: Model) {
    for (const definition of model.functions) this.functions.set(functionKey(definition, definition.name), definition);
  }

  /** The names a graph defines. */
  declare(graph: Graph, parent: Scope | undefined): Scope {
    const scope: Scope = { entries: new Map(), parent };
    for (const input of graph.inputs) scope.entries.set(input.name, { uses: noUse });
    for (const [name, tensor] of graph.constants) scope.entries.set(name, this.add(fromTensor(name, tensor)));
    const fills: Node[] = [];
    for (const node of graph.nodes) {
      for (const name of node.outputs)
        if (name !== '' && !scope.entries.has(name)) scope.entries.set(name, { uses: noUse });
      const name = node.outputs[0];
      if (name === undefined || name === '' || node.domain !== 'ai.onnx') continue;
      if (node.opType === 'ConstantOfShape') fills.push(node);
      const constant = node.opType === 'Constant' ? fromConstantNode(name, node) : undefined;
      if (constant) scope.entries.set(name, this.add(constant));
    }
    // After the others, so that a shape that is written later in the file is found.
    for (const node of fills) {
      const name = node.outputs[0];
      const shape = lookUp(scope, node.inputs[0] ?? '');
      const constant =
        name !== undefined && shape && 'bytes' in shape ? fromConstantOfShape(name, node, shape) : undefined;
      // Not bounded by the file, unlike all other constants: what would make sums inexact is a value like any other.
      if (!constant || this.filledBytes + constant.bytes > mostFilledBytes) continue;
      this.filledBytes += constant.bytes;
      scope.entries.set(constant.name, this.add(constant));
    }
    return scope;
  }

  /** Notes what one node uses its operands for, its subgraphs and the function it calls included. */
  use(node: Node, scope: Scope, step: number | undefined): void {
    const definition = this.calledBy(node);
    const formal = definition && this.functionUses(definition, step);
    node.inputs.forEach((name, position) => {
      const entry = name === '' ? undefined : lookUp(scope, name);
      if (entry) note(entry, formal ? (formal[position]?.uses ?? noUse) : operandUse(node.opType, position), step);
    });
    for (const graph of subgraphsOf(node)) {
      const inner = this.declare(graph, scope);
      for (const child of graph.nodes) this.use(child, inner, step);
    }
  }

  /**
   * Walks a function's body on first sight, after those it calls: one may call another ten thousand deep. A function that calls itself
   * uses nothing more by that.
   */
  functionUses(root: FunctionDefinition, step: number | undefined): readonly Computed[] {
    const path: { definition: FunctionDefinition; scope: Scope; calls: Iterator<FunctionDefinition> }[] = [];
    const enter = (definition: FunctionDefinition) => {
      const scope = this.declare(definition.body, undefined);
      const formal = definition.inputs.map((): Computed => ({ uses: noUse }));
      definition.inputs.forEach((name, position) => {
        const input = formal[position];
        if (input) scope.entries.set(name, input);
      });
      this.uses.set(definition, formal);
      path.push({ definition, scope, calls: this.callsIn(definition.body) });
    };
    if (!this.uses.has(root)) enter(root);
    for (let top = path.at(-1); top; top = path.at(-1)) {
      const call = top.calls.next();
      if (!call.done) {
        if (!this.uses.has(call.value)) enter(call.value);
        continue;
      }
      path.pop();
      for (const node of top.definition.body.nodes) this.use(node, top.scope, step);
    }
    return this.uses.get(root) ?? [];
  }

  /** The functions that the nodes of a graph call, its subgraphs included. */
  private *callsIn(graph: Graph): Generator<FunctionDefinition> {
    for (const node of graph.nodes) {
      const definition = this.calledBy(node);
      if (definition) yield definition;
      for (const subgraph of subgraphsOf(node)) yield* this.callsIn(subgraph);
    }
  }

  private calledBy(node: Node): FunctionDefinition | undefined {
    return this.functions.size === 0 ? undefined : this.functions.get(functionKey(node, node.opType));
  }

  private add(constant: Found): Found {
    this.found.push(constant);
    return constant;
  }
}

function functionKey(named: { readonly domain: string; readonly overload: string }, name: string): string {
  return JSON.stringify([named.domain, name, named.overload]);
}

function lookUp(scope: Scope, name: string): Entry | undefined {
  for (let at: Scope | undefined = scope; at; at = at.parent) {
    const entry = at.entries.get(name);
    if (entry) return entry;
  }
  return undefined;
}

const rank = { attribute: 1, quantization: 2, data: 3 } as const;

function note(entry: Entry, uses: number, step: number | undefined): void {
  if ('bytes' in entry) {
    const role = roleFor(uses, entry.dataType);
    if (!role || (entry.role && rank[entry.role] > rank[role])) return;
    if (entry.role !== role) entry.step = step;
    else entry.step ??= step;
    entry.role = role;
  } else {
    entry.uses |= uses;
  }
}

function fromTensor(name: string, tensor: Tensor): Found {
  const { dataType, elementCount, sparse } = tensor;
  const bytes = sparse && dataType ? storedBytes(dataType, elementCount) : tensor.byteLength;
  const keptBytes = sparse ? Math.min(bytes, sparse.values.byteLength + sparse.indices.byteLength) : bytes;
  return {
    name,
    dataType,
    elements: elementCount,
    bytes,
    keptBytes,
    role: undefined,
    step: undefined,
    content: tensor,
  };
}

/** undefined where a function's attribute stands for the value and nothing says how large it is. */
function fromConstantNode(name: string, node: Node): Found | undefined {
  for (const [key, attribute] of node.attributes) {
    const constant = fromAttribute(name, key, attribute);
    if (constant) return constant;
  }
  return undefined;
}

function fromAttribute(name: string, key: string, attribute: Attribute): Found | undefined {
  const flat = (dataType: DataType, elements: number, bytes = storedBytes(dataType, elements)): Found => ({
    name,
    dataType,
    elements,
    bytes,
    keptBytes: bytes,
    role: undefined,
    step: undefined,
    content: undefined,
  });
  switch (attribute.kind) {
    case 'tensor':
    case 'sparse-tensor':
      return fromTensor(name, attribute.value);
    case 'float':
      return flat('FLOAT', 1);
    case 'floats':
      return flat('FLOAT', attribute.value.length);
    case 'int':
      return { ...flat('INT64', 1), content: { fill: attribute.value } };
    case 'ints':
      return { ...flat('INT64', attribute.value.length), content: integers(name, attribute.value) };
    case 'string':
      return flat('STRING', 1, attribute.value.length);
    case 'strings':
      return flat(
        'STRING',
        attribute.value.length,
        attribute.value.reduce((sum, text) => sum + text.length, 0),
      );
    case 'reference':
      // The caller gives the value; these two are scalars whatever it is.
      if (key === 'value_float') return flat('FLOAT', 1);
      return key === 'value_int' ? flat('INT64', 1) : undefined;
    default:
      return undefined;
  }
}

function integers(name: string, values: readonly bigint[]): Tensor {
  const bytes = new Uint8Array(values.length * 8);
  const view = new DataView(bytes.buffer);
  values.forEach((value, index) => {
    view.setBigInt64(index * 8, value, true);
  });
  return {
    name,
    dataType: 'INT64',
    dataTypeCode: 7,
    dims: [values.length],
    elementCount: values.length,
    byteLength: bytes.length,
    location: { kind: 'memory' },
    inline: bytes,
    metadata: new Map(),
  };
}

/** A tensor filled with one value. undefined when the shape's elements are not at hand or are no sizes. */
function fromConstantOfShape(name: string, node: Node, shape: Found): Found | undefined {
  const elements = elementsOfShape(shape);
  if (elements === undefined) return undefined;
  const value = node.attributes.get('value');
  const tensor = value?.kind === 'tensor' ? value.value : undefined;
  const dataType = tensor ? tensor.dataType : 'FLOAT';
  const fill = tensor?.dataType === 'INT64' && tensor.inline?.length === 8 ? readInteger(tensor.inline, 0) : undefined;
  return {
    name,
    dataType,
    elements,
    bytes: dataType ? storedBytes(dataType, elements) : 0,
    keptBytes: dataType ? storedBytes(dataType, Math.min(1, elements)) : 0,
    role: undefined,
    step: undefined,
    content: fill === undefined ? undefined : { fill },
  };
}

/** Number of elements of a tensor whose shape a constant holds. */
function elementsOfShape(shape: Found): number | undefined {
  if (shape.elements === 0) return 1;
  if (shape.dataType !== 'INT64' || !shape.content) return undefined;
  if ('fill' in shape.content) {
    return size(shape.content.fill) === undefined ? undefined : exact(Number(shape.content.fill) ** shape.elements);
  }
  const { inline } = shape.content;
  if (!inline || inline.length !== shape.elements * 8) return undefined;
  let product = 1;
  for (let index = 0; index < shape.elements; index++) {
    const dim = size(readInteger(inline, index));
    if (dim === undefined) return undefined;
    product *= dim;
  }
  return exact(product);
}

function size(value: bigint): number | undefined {
  return value >= 0n && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : undefined;
}

function readInteger(bytes: Uint8Array, index: number): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset).getBigInt64(index * 8, true);
}
