import type { DataType } from '../model/data-type';
import type { Node } from '../model/model';
import { bodyEnd, bodyStart } from './expand';
import type { Facts } from './facts';
import type { Activation } from './lowered';
import { operatorsPerStep, type Steps } from './steps';
import type { Trace } from './trace';

/** An operator on its way from ONNX to a runtime. Its type is an ONNX one until the last step, or an edge of a body. */
export interface DraftOperator {
  /** Operator of ai.onnx; `domain::type` for those of other domains. */
  type: string;
  /** Where its attributes are. */
  readonly node: Node;
  inputs: string[];
  outputs: string[];
  /** The first input as the ONNX node has it, channels first, when passes have let it read another layout. */
  source: string;
  /** Indices of the ONNX nodes it stands for. */
  readonly from: Trace;
  quantized: boolean;
  activation?: Activation;
  /** Replaces the attribute `pads`, in its order. */
  pads?: readonly number[];
  /** A bias exists where the file has none: that of a folded batch normalization. */
  addedBias?: boolean;
  /** A global pool whose output loses the axes of size 1. */
  dropsAxes?: boolean;
}

/** The graph while passes change it. Every change costs what it touches, so that a pass is linear. */
export class Draft {
  readonly operators = new Set<DraftOperator>();
  readonly inputs: readonly string[];
  readonly outputs: string[];
  readonly notes = new Set<string>();
  private readonly makers = new Map<string, DraftOperator>();
  private readonly users = new Map<string, Set<DraftOperator>>();
  private readonly dataTypes = new Map<string, DataType | undefined>();
  private readonly outputPositions = new Map<string, number[]>();

  private constructor(
    readonly facts: Facts,
    private readonly folds: boolean,
  ) {
    const { graph } = facts;
    this.inputs = graph.inputs.map(({ name }) => name).filter((name) => !graph.constants.has(name));
    this.outputs = graph.outputs.map(({ name }) => name);
    this.outputs.forEach((name, position) => {
      this.outputPositions.set(name, [...(this.outputPositions.get(name) ?? []), position]);
    });
  }

  /** The nodes of a graph as operators. `folds`: what follows from constants alone is a constant too, not something to compute. */
  static *of(facts: Facts, folds: boolean): Steps<Draft> {
    const draft = new Draft(facts, folds);
    let seen = 0;
    for (const index of facts.order) {
      if (++seen % operatorsPerStep === 0) yield;
      const node = facts.graph.nodes[index];
      if (node) draft.add(node);
    }
    return draft;
  }

  maker(name: string): DraftOperator | undefined {
    return this.makers.get(name);
  }

  usersOf(name: string): ReadonlySet<DraftOperator> {
    return this.users.get(name) ?? noUsers;
  }

  isOutput(name: string): boolean {
    return this.outputPositions.has(name);
  }

  /** The only operator that reads a value that nothing else needs. */
  soleUser(name: string): DraftOperator | undefined {
    const users = this.usersOf(name);
    if (users.size !== 1 || this.isOutput(name)) return undefined;
    const [user] = users;
    return user && user.inputs.filter((input) => input === name).length === 1 ? user : undefined;
  }

  dataType(name: string): DataType | undefined {
    return this.dataTypes.has(name) ? this.dataTypes.get(name) : this.facts.dataType(name);
  }

  /** Gives a value another element type than the file has for it. */
  setDataType(name: string, dataType: DataType | undefined): void {
    this.dataTypes.set(name, dataType);
  }

  /** True for what is known before the run. */
  isConstant(name: string): boolean {
    return this.folds ? this.facts.isConstant(name) : this.facts.isStored(name);
  }

  /** Inputs of an operator that are computed during the run. */
  computedInputs(operator: DraftOperator): readonly string[] {
    return operator.inputs.filter((name) => name !== '' && !this.isConstant(name));
  }

  setInputs(operator: DraftOperator, inputs: readonly string[]): void {
    for (const name of operator.inputs) this.users.get(name)?.delete(operator);
    operator.inputs = [...inputs];
    for (const name of inputs) this.use(name, operator);
  }

  setOutput(operator: DraftOperator, position: number, name: string): void {
    operator.outputs[position] = name;
    this.makers.set(name, operator);
  }

  /** Lets everything that reads `old` read `name`, graph outputs included. */
  replace(old: string, name: string): void {
    for (const user of this.usersOf(old)) {
      user.inputs = user.inputs.map((input) => (input === old ? name : input));
      this.use(name, user);
    }
    this.users.delete(old);
    const positions = this.outputPositions.get(old);
    if (!positions) return;
    for (const position of positions) this.outputs[position] = name;
    this.outputPositions.set(name, [...(this.outputPositions.get(name) ?? []), ...positions]);
    this.outputPositions.delete(old);
  }

  remove(operator: DraftOperator): void {
    this.operators.delete(operator);
    for (const name of operator.inputs) this.users.get(name)?.delete(operator);
    for (const name of operator.outputs) if (this.makers.get(name) === operator) this.makers.delete(name);
  }

  /** Takes an operator out, its first output becoming its first input. The nodes it stood for are traced to a neighbour. */
  bypass(operator: DraftOperator): void {
    const [input = ''] = operator.inputs;
    const [output = ''] = operator.outputs;
    const [user] = this.usersOf(output);
    const neighbour = this.makers.get(input) ?? user;
    this.remove(operator);
    this.replace(output, input);
    if (neighbour) neighbour.from.push(operator.from);
  }

  /** Lets `operator` do what its only user does too. */
  absorb(operator: DraftOperator, user: DraftOperator): void {
    const [output = ''] = user.outputs;
    this.remove(user);
    this.setOutput(operator, 0, output);
    operator.from.push(user.from);
  }

  private add(node: Node): void {
    const outputs = node.outputs.filter((name) => name !== '');
    const isEdge = node.opType === bodyStart || node.opType === bodyEnd;
    // What is known before the run is a constant of the runtime's file, not an operator.
    if (!isEdge && outputs.every((name) => this.isConstant(name))) return;
    const operator: DraftOperator = {
      type: node.domain === 'ai.onnx' || isEdge ? node.opType : `${node.domain}::${node.opType}`,
      node,
      inputs: [...node.inputs],
      outputs: [...node.outputs],
      source: node.inputs[0] ?? '',
      from: [this.facts.origin(node), ...this.constantNodesOf(node)],
      quantized: false,
    };
    this.operators.add(operator);
    for (const name of outputs) this.makers.set(name, operator);
    for (const name of operator.inputs) this.use(name, operator);
  }

  /** Indices of the nodes that make a node's constants of what is stored: they vanish into it. */
  private constantNodesOf({ inputs }: Node): number[] {
    if (!this.folds) return [];
    const constants = inputs.filter((name) => name !== '' && this.isConstant(name));
    return constants.flatMap((name) => this.facts.constantNodesOf(name).map((maker) => this.facts.origin(maker)));
  }

  private use(name: string, operator: DraftOperator): void {
    if (name === '') return;
    const users = this.users.get(name);
    if (users) users.add(operator);
    else this.users.set(name, new Set([operator]));
  }
}

const noUsers: ReadonlySet<DraftOperator> = new Set();
