import { type DataType, storedBytes } from '../model/data-type';
import type { Node } from '../model/model';
import type { Draft, DraftOperator } from './draft';
import { bodyEnd, bodyStart } from './expand';
import { type ConstantFact, elementsOf } from './facts';
import { activationOf } from './fuse';
import type { Layout } from './layout';
import type {
  Dialect,
  LoweredBody,
  LoweredGraph,
  LoweredOperator,
  LoweredTensor,
  OperatorKind,
  Precision,
  SlidingWindow,
  TensorRole,
} from './lowered';
import { isShapeOperand, kindOf, shapeOperands } from './operator-kinds';
import { operatorsPerStep, type Steps } from './steps';
import { isFloat, isNumeric, isQuantizedType, roleOf } from './tensor-roles';
import { type Trace, tracedNodes } from './trace';
import { isPaddingSayable, outputChannels, windowOf } from './windows';

export interface EmitOptions {
  readonly precision: Precision;
  readonly dialect: Dialect;
  /** Put Quantize and Dequantize between float graph inputs or outputs and integer operators. */
  readonly floatInputsAndOutputs: boolean;
}

/** The lowered graph of a draft: TensorFlow Lite's operators (or the nodes as they are) with every tensor. */
export function emit(draft: Draft, layout: Layout | undefined, options: EmitOptions): Steps<LoweredGraph> {
  return new Emitter(draft, layout, options).run();
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

class Emitter {
  private readonly tensors: Mutable<LoweredTensor>[] = [];
  private readonly operators: LoweredOperator[] = [];
  private readonly indices = new Map<string, number>();
  /** By index of a constant: what uses it. */
  private readonly users = new Map<number, Trace>();
  private readonly nodes = new Map<DraftOperator, readonly number[]>();
  private readonly bodies: LoweredBody[] = [];
  /** Positions of the operators with bodies. */
  private readonly controls = new Map<Node, number>();

  constructor(
    private readonly draft: Draft,
    private readonly layout: Layout | undefined,
    private readonly options: EmitOptions,
  ) {}

  *run(): Steps<LoweredGraph> {
    const { draft } = this;
    const convert = this.options.precision === 'int8' && this.options.floatInputsAndOutputs;
    const inputs = draft.inputs.map((name) => (convert ? this.quantizedInput(name) : this.activation(name, [])));
    let seen = 0;
    for (const operator of draft.operators) {
      if (++seen % operatorsPerStep === 0) yield;
      this.operator(operator);
    }
    if (this.options.precision === 'int8' && !convert) draft.notes.add('Graph inputs and outputs are int8.');
    const computed = draft.outputs.filter((name) => !draft.isConstant(name));
    const outputs = computed.map((name) => (convert ? this.dequantizedOutput(name) : this.activation(name, [])));
    for (const [index, trace] of this.users) {
      if (++seen % operatorsPerStep === 0) yield;
      const tensor = this.tensors[index];
      if (tensor) tensor.from = tracedNodes(trace);
    }
    const { tensors, operators, bodies } = this;
    const functionCalls = draft.facts.functionCalls.map(({ index, opType }) => ({ node: index, opType }));
    return { tensors, operators, bodies, functionCalls, inputs, outputs, notes: [...draft.notes] };
  }

  private operator(operator: DraftOperator): void {
    const { draft } = this;
    const { fuses } = this.options.dialect;
    const { type } = operator;
    const activation = type === 'Clip' || type === 'Relu' ? activationOf(draft, operator) : undefined;
    if (draft.facts.hasBodies(operator.node)) this.controls.set(operator.node, this.operators.length);
    if (type === bodyStart) this.startBody(operator);
    else if (type === bodyEnd) this.endBody(operator);
    else if (fuses && type === 'BatchNormalization') this.scaleAndShift(operator);
    else if (fuses && type === 'Clip' && !activation) this.clamp(operator);
    else this.single(operator, activation ?? kindOf(draft, operator));
  }

  /** Tensors of a body's inputs and outputs that are computed. */
  private edge(operator: DraftOperator, names: readonly string[]): readonly number[] {
    return names
      .filter((name) => name !== '' && !this.draft.isConstant(name))
      .map((name) => this.output(name, operator));
  }

  private startBody(operator: DraftOperator): void {
    const { name } = operator.node;
    const outputs = this.edge(operator, operator.outputs);
    this.operators.push({
      kind: 'Body',
      opType: name,
      inputs: [],
      outputs,
      quantized: true,
      from: this.nodesOf(operator),
    });
    this.draft.notes.add('The bodies of control flow are subgraphs with tensors of their own, in the same arena.');
  }

  private endBody(operator: DraftOperator): void {
    const owner = this.draft.facts.owner(operator.node);
    const position = owner && this.controls.get(owner);
    this.bodies.push({
      operator: position,
      end: this.operators.length,
      outputs: this.edge(operator, operator.inputs),
    });
  }

  private single(operator: DraftOperator, kind: OperatorKind): void {
    const { facts } = this.draft;
    const window = isWindowed(kind) ? windowOf(facts, operator) : undefined;
    const { padOperators } = this.options.dialect;
    const padded =
      window && padOperators && kind !== 'TransposeConv' && !isPaddingSayable(facts, operator)
        ? this.paddedInput(operator, window)
        : undefined;
    this.push(operator, kind, {
      inputs: this.inputsOf(operator, kind, padded?.index),
      outputs: operator.outputs.filter((name) => name !== '').map((name) => this.output(name, operator)),
      ...(window && { window: padded ? { ...window, ...padded.window } : window }),
    });
  }

  private inputsOf(operator: DraftOperator, kind: OperatorKind, padded: number | undefined): number[] {
    const { draft, options } = this;
    const indices: number[] = [];
    operator.inputs.forEach((name, position) => {
      if (name === '') return;
      if (position === 0 && padded !== undefined) indices.push(padded);
      else if (!draft.isConstant(name)) indices.push(this.activation(name, []));
      else if (!options.dialect.fuses || !isShapeOperand(kind, position)) {
        const index = this.constantInput(operator, kind, name, position);
        if (index !== undefined) indices.push(index);
      }
    });
    if (!options.dialect.fuses) return indices;
    if (needsBias(operator, kind, options.dialect)) indices.push(this.zeroBias(operator));
    shapeOperands(draft, operator, kind).forEach((elements, number) => {
      indices.push(
        this.constant(`${operator.outputs[0]}/shape ${number}`, 'constant', 'INT32', [elements], 0, operator),
      );
    });
    return indices;
  }

  private constantInput(
    operator: DraftOperator,
    kind: OperatorKind,
    name: string,
    position: number,
  ): number | undefined {
    const fact = this.draft.facts.constant(name);
    if (!fact) return undefined;
    const role = roleOf(kind, position, fact, this.options.dialect.fuses);
    const { dataType, scales } = this.storage(operator, kind, fact, role);
    return this.constant(name, role, dataType, fact.dims, scales, operator);
  }

  /** How a constant is stored in the precision at hand. */
  private storage(
    operator: DraftOperator,
    kind: OperatorKind,
    fact: ConstantFact,
    role: TensorRole,
  ): { readonly dataType: DataType; readonly scales: number } {
    const { precision } = this.options;
    const integer = this.isInteger(operator);
    const stored = { dataType: fact.dataType, scales: fact.scales };
    if (role === 'quantization' || !isNumeric(fact.dataType, role)) return stored;
    const perChannel = kind === 'FullyConnected' ? 1 : (outputChannels(this.draft.facts, operator) ?? 1);
    const scales = fact.scales || (role === 'constant' ? 1 : isWindowed(kind) ? perChannel : 1);
    if (precision === 'float32') return { dataType: 'FLOAT', scales: 0 };
    if (precision === 'float16') return { dataType: 'FLOAT16', scales: 0 };
    if (precision === 'int8-weights' && role === 'weight') {
      return { dataType: 'INT8', scales: Math.max(1, fact.scales || perChannel) };
    }
    if (precision !== 'int8') {
      return integer && fact.scales === 0 ? { ...stored, scales: role === 'constant' ? 1 : scales } : stored;
    }
    return { dataType: role === 'bias' ? 'INT32' : 'INT8', scales };
  }

  private zeroBias(operator: DraftOperator): number {
    const channels = outputChannels(this.draft.facts, operator) ?? 0;
    const integer = this.isInteger(operator);
    const float = this.options.precision === 'float16' ? 'FLOAT16' : 'FLOAT';
    const scales = !integer ? 0 : operator.type.startsWith('Conv') ? channels : 1;
    return this.constant(
      `${operator.outputs[0]}/bias`,
      'bias',
      integer ? 'INT32' : float,
      [channels],
      scales,
      operator,
    );
  }

  /** A Pad operator for padding that the operator's own attribute cannot say. */
  private paddedInput(operator: DraftOperator, window: SlidingWindow) {
    const [name = ''] = operator.inputs;
    const input = this.activation(name, []);
    const [top, left, bottom, right] = window.pads;
    const tensor = this.tensors[input];
    const shape = tensor?.shape && padShape(tensor.shape, [top, left], [bottom, right]);
    const index = this.add(`${name}/padded for ${operator.outputs[0]}`, {
      ...tensor,
      shape,
      from: this.nodesOf(operator),
    });
    this.draft.notes.add('Padding that is neither SAME nor VALID takes a Pad operator of its own, with a tensor.');
    const paddings = `${operator.outputs[0]}/paddings`;
    const constant = this.constant(paddings, 'constant', 'INT32', [2 * (shape?.length ?? 4)], 0, operator);
    this.push(operator, 'Pad', { inputs: [input, constant], outputs: [index] });
    const pads: SlidingWindow['pads'] = [0, 0, 0, 0];
    return { index, window: { pads, inputWidth: window.inputWidth + left + right } };
  }

  /** Batch normalization that nothing took: Mul and Add by constants. */
  private scaleAndShift(operator: DraftOperator): void {
    const [input = '', scale = ''] = operator.inputs;
    const channels = this.draft.facts.shape(scale) ?? [];
    this.pair(operator, 'Mul', 'Add', input, channels);
  }

  /** Clip to a range that no activation has: Maximum and Minimum with constants. */
  private clamp(operator: DraftOperator): void {
    this.pair(operator, 'Maximum', 'Minimum', operator.inputs[0] ?? '', []);
  }

  private pair(
    operator: DraftOperator,
    first: OperatorKind,
    second: OperatorKind,
    input: string,
    dims: readonly number[],
  ) {
    const [name = ''] = operator.outputs;
    const source = this.activation(input, []);
    const type = this.options.precision === 'int8' ? 'INT8' : (this.draft.facts.dataType(name) ?? 'FLOAT');
    const scales = type === 'INT8' ? 1 : 0;
    const operand = (label: string) => this.constant(`${name}/${label}`, 'constant', type, dims, scales, operator);
    const middle = this.add(`${name}/${first}`, { ...this.describe(name), from: this.nodesOf(operator) });
    this.push(operator, first, { inputs: [source, operand('first')], outputs: [middle] });
    this.push(operator, second, { inputs: [middle, operand('second')], outputs: [this.output(name, operator)] });
  }

  private push(
    operator: DraftOperator,
    kind: OperatorKind,
    rest: Pick<LoweredOperator, 'inputs' | 'outputs' | 'window'>,
  ): void {
    this.operators.push({
      kind,
      opType: operator.type,
      quantized: this.isInteger(operator),
      ...(operator.activation && kind !== 'Pad' && { activation: operator.activation }),
      node: this.draft.facts.origin(operator.node),
      from: this.nodesOf(operator),
      ...rest,
    });
  }

  /** True where an operator computes on quantized integers: all of them in int8, but for those on shapes and indices. */
  private isInteger(operator: DraftOperator): boolean {
    if (this.options.precision !== 'int8') return operator.quantized;
    const [name = ''] = operator.outputs;
    return this.activationType(name) === 'INT8';
  }

  private output(name: string, operator: DraftOperator): number {
    return this.activation(name, this.nodesOf(operator));
  }

  private activation(name: string, from: readonly number[]): number {
    const known = this.indices.get(name);
    if (known !== undefined) return known;
    const index = this.add(name, { ...this.describe(name), from });
    this.indices.set(name, index);
    return index;
  }

  private describe(name: string): Omit<LoweredTensor, 'name' | 'bytes' | 'from'> {
    const shape = this.layout ? this.layout.shape(name) : this.draft.facts.shape(name);
    const dataType = this.activationType(name);
    const scales = isQuantizedType(dataType) ? 1 : 0;
    return { role: 'activation', dataType, shape, scales };
  }

  private activationType(name: string): DataType {
    const own = this.draft.dataType(name) ?? 'FLOAT';
    const { precision } = this.options;
    if (precision === 'as-in-file' || precision === 'int8-weights' || !isNumeric(own, 'activation')) return own;
    if (precision === 'float16') return 'FLOAT16';
    return precision === 'int8' ? 'INT8' : 'FLOAT';
  }

  private quantizedInput(name: string): number {
    if (!isFloat(this.draft.facts.dataType(name))) return this.activation(name, []);
    const input = this.float(name, []);
    this.boundary('Quantize', 'QuantizeLinear', input, this.activation(name, []));
    return input;
  }

  private dequantizedOutput(name: string): number {
    const index = this.activation(name, []);
    if (!isFloat(this.draft.facts.dataType(name))) return index;
    const output = this.float(name, this.tensors[index]?.from ?? []);
    this.boundary('Dequantize', 'DequantizeLinear', index, output);
    return output;
  }

  private boundary(kind: OperatorKind, opType: string, input: number, output: number): void {
    const from = this.tensors[kind === 'Quantize' ? output : input]?.from ?? [];
    this.operators.push({ kind, opType, inputs: [input], outputs: [output], quantized: true, from });
  }

  private float(name: string, from: readonly number[]): number {
    return this.add(`${name}/float32`, { ...this.describe(name), dataType: 'FLOAT', scales: 0, from });
  }

  private constant(
    name: string,
    role: TensorRole,
    dataType: DataType,
    shape: readonly number[],
    scales: number,
    operator: DraftOperator,
  ): number {
    const key = `${role} ${name}`;
    const known = this.indices.get(key);
    if (known !== undefined) {
      this.users.get(known)?.push(operator.from);
      return known;
    }
    const index = this.add(name, { role, dataType, shape, scales });
    this.indices.set(key, index);
    this.users.set(index, [operator.from]);
    return index;
  }

  private nodesOf(operator: DraftOperator): readonly number[] {
    const known = this.nodes.get(operator);
    if (known) return known;
    const nodes = tracedNodes(operator.from);
    this.nodes.set(operator, nodes);
    return nodes;
  }

  private add(name: string, rest: Partial<Omit<LoweredTensor, 'name'>>): number {
    const { role = 'activation', dataType = 'FLOAT', shape, scales = 0, from = [] } = rest;
    const size = shape && storedBytes(dataType, elementsOf(shape));
    // What no memory can hold is as good as not known.
    const bytes = Number.isSafeInteger(size) ? size : undefined;
    return this.tensors.push({ name, role, dataType, shape, bytes, scales, from }) - 1;
  }
}

function isWindowed(kind: OperatorKind): boolean {
  switch (kind) {
    case 'Conv2D':
    case 'DepthwiseConv2D':
    case 'TransposeConv':
    case 'AveragePool2D':
    case 'MaxPool2D':
      return true;
    default:
      return false;
  }
}

/** True where a bias has to be made: one was folded into the operator, or the runtime does not do without. */
function needsBias({ inputs, addedBias }: DraftOperator, kind: OperatorKind, { alwaysBias }: Dialect): boolean {
  if ((inputs[2] ?? '') !== '') return false;
  return addedBias === true || (alwaysBias && (kind === 'Conv2D' || kind === 'DepthwiseConv2D'));
}

/** A shape with the two axes before the channels enlarged; for one spatial axis the second entry of each pair counts. */
function padShape(shape: readonly number[], before: readonly number[], after: readonly number[]): readonly number[] {
  const spatial = shape.length - 2;
  return shape.map((size, axis) => {
    const at = axis - 1 + (2 - spatial);
    return axis < 1 || axis > spatial ? size : size + (before[at] ?? 0) + (after[at] ?? 0);
  });
}
