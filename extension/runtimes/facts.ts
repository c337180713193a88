import { type DataType, storedBytes } from '../model/data-type';
import { evaluateDim } from '../model/dimension';
import type { Graph, Node } from '../model/model';
import type { ModelShapes } from '../shapes/model-shapes';
import type { ExpandedGraph } from './expand';

/** What is known before the run of a constant: how it is stored, and how many scales it has (0: not quantized). */
export interface ConstantFact {
  readonly dims: readonly number[];
  readonly elements: number;
  readonly dataType: DataType;
  readonly bytes: number;
  readonly scales: number;
}

/** Shapes, types and constants of the values of a model's graph, its bodies in line, with symbols at their size in totals. */
export class Facts {
  readonly graph: Graph;
  private readonly makers = new Map<string, Node>();
  private readonly constantNodes = new Set<string>();
  private readonly controls: ReadonlySet<Node>;
  /** Those asked for before: every pass asks again. */
  private readonly shapes = new Map<string, readonly number[] | undefined>();

  constructor(
    private readonly expanded: ExpandedGraph,
    private readonly sizeInTotals: ModelShapes['sizeInTotals'],
  ) {
    this.graph = expanded.graph;
    this.controls = new Set(expanded.owners.values());
    for (const node of this.graph.nodes) {
      if (node.opType === 'Constant') this.constantNodes.add(node.outputs[0] ?? '');
      if (node.opType !== 'DequantizeLinear' && node.opType !== 'Identity') continue;
      const [output] = node.outputs;
      if (output !== undefined) this.makers.set(output, node);
    }
  }

  /** Node indices in execution order. */
  get order(): readonly number[] {
    return this.expanded.order;
  }

  /** The index of the ONNX node of the main graph that a node comes from. */
  origin(node: Node): number {
    return this.expanded.origin(node);
  }

  /** The operator to which the body belongs that ends with this node. */
  owner(bodyEnd: Node): Node | undefined {
    return this.expanded.owners.get(bodyEnd);
  }

  /** True for an If, Loop or Scan whose bodies are in line. */
  hasBodies(node: Node): boolean {
    return this.controls.has(node);
  }

  /** Nodes of the main graph that call a model function. */
  get functionCalls(): readonly Node[] {
    return this.expanded.functionCalls;
  }

  /** undefined where the rank or a dimension is not known. */
  shape(name: string): readonly number[] | undefined {
    const known = this.shapes.get(name);
    if (known || this.shapes.has(name)) return known;
    const shape = this.shapeOf(name);
    this.shapes.set(name, shape);
    return shape;
  }

  private shapeOf(name: string): readonly number[] | undefined {
    const type = this.expanded.values.get(name)?.type;
    if (type?.kind !== 'tensor' || !type.shape) return undefined;
    const dims: number[] = [];
    for (const dim of type.shape) {
      const size = evaluateDim(dim, this.sizeInTotals);
      if (size === null) return undefined;
      dims.push(Math.max(0, size));
    }
    return dims;
  }

  dataType(name: string): DataType | undefined {
    const type = this.expanded.values.get(name)?.type;
    return type?.kind === 'tensor' ? type.dataType : undefined;
  }

  /** True for what is known before the run: constants, what follows from them, and shapes as data. */
  isConstant(name: string): boolean {
    const value = this.expanded.values.get(name);
    return value !== undefined && (value.constant || this.numbers(name) !== undefined);
  }

  /** True for an initializer and the output of Constant. */
  isStored(name: string): boolean {
    return this.graph.constants.has(name) || this.constantNodes.has(name);
  }

  /** The elements of a small value, where all are known. */
  numbers(name: string): readonly number[] | undefined {
    const known = this.expanded.values.get(name)?.elements;
    if (!known) return undefined;
    const numbers: number[] = [];
    for (const element of known.elements) {
      const number = evaluateDim(element, this.sizeInTotals);
      if (number === null) return undefined;
      numbers.push(number);
    }
    return numbers;
  }

  /** The value of a constant of one float element, where it is small enough to be in memory. */
  scalar(name: string): number | undefined {
    const tensor = this.graph.constants.get(name);
    if (tensor?.dataType !== 'FLOAT' || tensor.inline?.length !== 4) return undefined;
    return new DataView(tensor.inline.buffer, tensor.inline.byteOffset).getFloat32(0, true);
  }

  /** A constant as it is stored: behind DequantizeLinear the integers, with the number of scales. */
  constant(name: string): ConstantFact | undefined {
    const stored = this.storedName(name);
    const dims = this.shape(stored.name);
    const dataType = this.dataType(stored.name);
    if (!dims || !dataType) return undefined;
    const elements = elementsOf(dims);
    return { dims, elements, dataType, bytes: storedBytes(dataType, elements), scales: stored.scales };
  }

  /** Nodes that a constant is dequantized or handed on by before the run. */
  constantNodesOf(name: string): readonly Node[] {
    const found: Node[] = [];
    for (let maker = this.makers.get(name); maker; maker = this.makers.get(maker.inputs[0] ?? '')) found.push(maker);
    return found;
  }

  private storedName(name: string): { readonly name: string; readonly scales: number } {
    let at = name;
    for (let maker = this.makers.get(at); maker; maker = this.makers.get(at)) {
      const [source = '', scale = ''] = maker.inputs;
      if (maker.opType === 'DequantizeLinear') {
        return { name: source, scales: elementsOf(this.shape(scale) ?? []) };
      }
      at = source;
    }
    return { name: at, scales: 0 };
  }
}

/** The number of elements of a shape; 1 for a scalar. */
export function elementsOf(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}
