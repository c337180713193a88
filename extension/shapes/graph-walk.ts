import type { Dim } from '../model/dimension';
import type { FunctionDefinition, Graph, Model, Node, Tensor, Value, ValueType } from '../model/model';
import { executionOrder } from '../model/order';
import { resolveAttribute } from '../ops/attribute-reader';
import type { ValueFact } from '../ops/definition';
import { elementOperationsOf } from '../ops/element-operations';
import { leastInputs } from '../ops/least-inputs';
import { findOperator } from '../ops/table';
import { constantFact } from '../ops/tensor-elements';
import { namedDims, type Sizes, symbolsOfType, withSizes } from './bindings';
import {
  completeFact,
  hasImpossibleSize,
  hasOpenDims,
  isTensor,
  shapeOf,
  withoutDims,
  withoutImpossibleSizes,
} from './complete-fact';
import { nodesIn } from './count-nodes';
import { mergeDeclared, shapeText } from './declared';
import { Findings } from './findings';
import { type Frame, findValue, labelOf } from './frame';
import { type BodyInference, FrameSurroundings } from './frame-surroundings';
import type { BodyShapes, GraphShapes, InferredValue, NodeShapes, Origin } from './model-shapes';
import { NodeContext } from './node-context';

/** Subgraphs and function calls inside one another beyond this depth are not entered. */
const depthLimit = 32;
/** Nodes visited in bodies, beyond ten times the nodes of the file: functions that call functions can multiply without end. */
const visitAllowance = 100_000;

const noSymbols: ReadonlySet<string> = new Set();

/** Operators whose outputs differ from run to run. */
const random = new Set([
  'RandomNormal',
  'RandomNormalLike',
  'RandomUniform',
  'RandomUniformLike',
  'Multinomial',
  'Bernoulli',
]);

/** What inferring one node finds, before its outputs are completed from the file. */
interface NodeResult {
  readonly facts: readonly (ValueFact | undefined)[];
  readonly macs: Dim;
  readonly elementOperations: Dim;
  readonly unknown?: string;
  /** Why an output is not known, as far as this node is to blame. */
  readonly reason: string;
  readonly constant: readonly boolean[];
}

/** The walk over a model: every node in execution order, subgraphs and function bodies when their node is reached. */
export class GraphWalk implements BodyInference {
  readonly findings = new Findings();
  private readonly functions = new Map<string, FunctionDefinition>();
  private readonly orders = new Map<Graph, readonly number[]>();
  /** Of the constants in bodies, which may be inferred many times. */
  private readonly constants = new Map<Tensor, InferredValue>();
  private readonly declarations = new Map<Graph, ReadonlyMap<string, ValueType | undefined>>();
  private visitsLeft: number;

  constructor(
    private readonly model: Model,
    private readonly sizes: Sizes,
    /** The symbols of the model's inputs: the only ones that mean a size one can give. */
    private readonly symbols: ReadonlySet<string>,
  ) {
    for (const definition of model.functions) {
      const key = functionKey(definition.domain, definition.name, definition.overload);
      if (!this.functions.has(key)) this.functions.set(key, definition);
    }
    this.visitsLeft = visitAllowance + 10 * nodesIn(model);
  }

  /** Infers the main graph and with it everything that it runs. */
  run(): GraphShapes {
    const { graph, opsets } = this.model;
    const frame = this.frame(graph, {
      outer: undefined,
      path: [],
      depth: 0,
      opsets,
      functionAttributes: undefined,
      calls: [],
      omitted: new Set(),
    });
    for (const input of graph.inputs) {
      if (graph.constants.has(input.name)) continue;
      const type = withSizes(namedDims(input), this.sizes);
      frame.values.set(input.name, {
        ...completeFact({ type }),
        origin: !isKnown(type) ? 'unknown' : this.isBound(input) ? 'bound' : 'file',
        constant: false,
        ...(isKnown(type) ? {} : { reason: `the file gives input ${input.name} no shape` }),
      });
    }
    return this.inferNodes(frame);
  }

  private isBound(input: Value): boolean {
    return symbolsOfType(namedDims(input)).some((name) => this.sizes.has(name));
  }

  private frame(graph: Graph, surroundings: Omit<Frame, 'graph' | 'values' | 'declared'>): Frame {
    const values = new Map<string, InferredValue>();
    for (const [name, tensor] of graph.constants) {
      let value = this.constants.get(tensor);
      if (!value) {
        const { type, elements } = constantFact(tensor);
        // Written out: a spread makes objects of twice the size, and a graph may have a million constants.
        value = elements
          ? { type, elements, origin: 'file', constant: true }
          : { type, origin: 'file', constant: true };
        if (surroundings.depth > 0) this.constants.set(tensor, value);
      }
      values.set(name, value);
    }
    if (surroundings.depth > 0) this.visitsLeft -= graph.constants.size;
    // A name in a function's body has nothing to do with the same name in the model around it.
    const symbols = surroundings.calls.length > 0 ? noSymbols : this.symbols;
    return { ...surroundings, graph, values, declared: this.declaredTypes(graph, symbols) };
  }

  private declaredTypes(graph: Graph, symbols: ReadonlySet<string>): ReadonlyMap<string, ValueType | undefined> {
    let declared = this.declarations.get(graph);
    if (!declared) {
      const types = new Map<string, ValueType | undefined>();
      for (const [name, { type }] of graph.values) types.set(name, withSizes(type, this.sizes, symbols));
      for (const { name, type } of graph.outputs) {
        const merged = mergeDeclared(withSizes(type, this.sizes, symbols), types.get(name));
        types.set(name, merged.type);
      }
      declared = types;
      this.declarations.set(graph, declared);
    }
    return declared;
  }

  private inferNodes(frame: Frame): GraphShapes {
    const { graph, values } = frame;
    let order = this.orders.get(graph);
    if (!order) {
      order = executionOrder(graph).order;
      this.orders.set(graph, order);
    }
    const nodes: NodeShapes[] = graph.nodes.map((node) => ({ node, macs: null, elementOperations: null, bodies: [] }));
    const surroundings = new FrameSurroundings(this, frame);
    const visit = (position: number, constants: boolean) => {
      const node = graph.nodes[position];
      if (node && isConstant(node) === constants) nodes[position] = this.inferNode(frame, node, surroundings);
    };
    // Constants come before everything else, as initializers do: where two nodes give one name, onnxruntime takes the last.
    for (const position of order) visit(position, true);
    for (const position of order) visit(position, false);
    return { graph, order, nodes, values };
  }

  private inferNode(frame: Frame, node: Node, surroundings: FrameSurroundings): NodeShapes {
    const bodies: BodyShapes[] = [];
    surroundings.enter(bodies, this.inputsAreConstant(frame, node));
    let result: NodeResult;
    if (frame.depth > 0 && this.visitsLeft-- <= 0) {
      this.findings.report(
        'inference-limit',
        'warning',
        frame,
        node,
        `More than ${visitAllowance.toLocaleString('en-US')} nodes in bodies were visited; what comes after is not inferred.`,
      );
      const reason = 'the model has more nested work than is inferred';
      result = { facts: [], macs: null, elementOperations: null, unknown: reason, reason, constant: [] };
    } else {
      const definition = this.functions.get(functionKey(node.domain, node.opType, node.overload));
      result = definition
        ? this.callFunction(frame, node, definition, surroundings)
        : this.applyOperator(frame, node, surroundings);
    }
    this.storeOutputs(frame, node, result);
    const { macs, elementOperations, unknown } = result;
    return { node, macs, elementOperations, ...(unknown === undefined ? {} : { unknown }), bodies };
  }

  private applyOperator(frame: Frame, node: Node, surroundings: FrameSurroundings): NodeResult {
    const operator = findOperator(node.domain, node.opType);
    if (!operator) {
      this.findings.noteUnknownOperator(frame, node);
      const reason = `operator ${node.opType} (${node.domain}) at node ${labelOf(node)} is not known`;
      return { facts: [], macs: null, elementOperations: null, unknown: reason, reason, constant: [] };
    }
    const opset = frame.opsets.get(node.domain) ?? this.model.opsets.get(node.domain) ?? operator.since;
    const context = new NodeContext(node, surroundings.atOpset(opset));
    const least = leastInputs(operator, opset);
    for (let index = 0; index < least; index++) {
      if (node.inputs[index]) continue;
      const given = node.inputs.length > index ? `input ${index} is left out` : `it has ${node.inputs.length}`;
      const message = `${node.opType} node ${labelOf(node)} needs ${least === 1 ? 'an input' : `${least} inputs`}; ${given}.`;
      this.findings.report('too-few-inputs', 'error', frame, node, message);
      break;
    }
    let facts: readonly (ValueFact | undefined)[] = [];
    try {
      facts = operator.infer(context);
    } catch (error) {
      this.findings.reportException(frame, node, error);
    }
    context.outputs = facts;
    const constant = !random.has(node.opType) && surroundings.outputsAreConstant();
    const reason = this.reasonAt(frame, node);
    const macs = operator.macs ? this.costOf(frame, node, () => operator.macs?.(context) ?? null) : 0;
    const elementOperations = this.costOf(frame, node, () => elementOperationsOf(operator, context));
    const unknown = macs === null ? { unknown: `the multiply-accumulates cannot be counted: ${reason}` } : {};
    return { facts, macs, elementOperations, ...unknown, reason, constant: node.outputs.map(() => constant) };
  }

  private costOf(frame: Frame, node: Node, count: () => Dim): Dim {
    try {
      return count();
    } catch (error) {
      this.findings.reportException(frame, node, error);
      return null;
    }
  }

  private callFunction(
    frame: Frame,
    node: Node,
    definition: FunctionDefinition,
    surroundings: FrameSurroundings,
  ): NodeResult {
    const label = `function ${definition.name} (${definition.domain})`;
    const refuse = (code: string, reason: string): NodeResult => {
      this.findings.report(
        code,
        'warning',
        frame,
        node,
        `Node ${labelOf(node)}: ${reason}; its outputs are not inferred.`,
      );
      return { facts: [], macs: null, elementOperations: null, unknown: reason, reason, constant: [] };
    };
    if (frame.calls.includes(definition)) return refuse('recursive-function', `${label} calls itself`);
    if (frame.depth >= depthLimit) return refuse('inference-limit', `${label} is more than ${depthLimit} bodies deep`);
    const attributes = new Map(definition.attributeDefaults);
    for (const [name, attribute] of node.attributes) {
      const resolved = resolveAttribute(attribute, frame.functionAttributes);
      if (resolved) attributes.set(name, resolved);
    }
    const inner = this.frame(definition.body, {
      outer: undefined,
      path: [...frame.path, labelOf(node)],
      depth: frame.depth + 1,
      opsets: definition.opsets,
      functionAttributes: attributes,
      calls: [...frame.calls, definition],
      omitted: new Set(),
    });
    definition.inputs.forEach((name, index) => {
      const actual = node.inputs[index];
      const fact = actual ? findValue(frame, actual) : undefined;
      if (fact) inner.values.set(name, fact);
      else if (!actual) inner.omitted.add(name);
    });
    const shapes = this.inferNodes(inner);
    surroundings.addBody({
      name: definition.name,
      kind: 'function',
      shapes,
      attributes,
      iterations: 1,
      alternative: false,
    });
    const outputs = definition.outputs.map((name) => inner.values.get(name));
    const reason = outputs.find((value) => value?.reason !== undefined)?.reason ?? this.reasonAt(frame, node);
    return {
      facts: outputs,
      macs: 0,
      elementOperations: 0,
      reason,
      constant: outputs.map((value) => value?.constant ?? false),
    };
  }

  /** Infers a graph attribute of a node; called by the definition of its operator, perhaps several times. */
  inferSubgraph(
    frame: Frame,
    node: Node,
    attribute: string,
    inputs: readonly ValueFact[],
    constantInputs: boolean,
    runs: boolean,
  ): GraphShapes | undefined {
    const graph = resolveAttribute(node.attributes.get(attribute), frame.functionAttributes);
    if (graph?.kind !== 'graph') {
      this.findings.report(
        'missing-body',
        'warning',
        frame,
        node,
        `${node.opType} node ${labelOf(node)} has no graph in attribute ${attribute}.`,
      );
      return undefined;
    }
    if (frame.depth >= depthLimit) {
      this.findings.report(
        'inference-limit',
        'warning',
        frame,
        node,
        `The ${attribute} of node ${labelOf(node)} is more than ${depthLimit} bodies deep and is not inferred.`,
      );
      return undefined;
    }
    const inner = this.frame(graph.value, {
      outer: frame,
      path: [...frame.path, labelOf(node), attribute],
      depth: frame.depth + 1,
      opsets: frame.opsets,
      functionAttributes: frame.functionAttributes,
      calls: frame.calls,
      omitted: frame.omitted,
    });
    graph.value.inputs.forEach((input, index) => {
      const given = inputs[index];
      // A shape that is given stands, open dimensions too: what the file declares may hold for the first iteration only.
      const declared = withSizes(input.type, this.sizes, noSymbols);
      const shape = shapeOf(given?.type);
      const type = mergeDeclared(given?.type, shape ? withoutDims(declared) : declared).type;
      inner.values.set(input.name, {
        ...completeFact({ ...given, type }),
        origin: 'inferred',
        constant: constantInputs,
      });
    });
    // What would be wrong in a branch that is never taken is no fault of the model.
    return runs ? this.inferNodes(inner) : this.findings.unsaid(() => this.inferNodes(inner));
  }

  fault(frame: Frame, node: Node, message: string): void {
    this.findings.report('shape-fault', 'warning', frame, node, `${node.opType} node ${labelOf(node)}: ${message}`);
  }

  noteDataDependent(frame: Frame, node: Node, symbol: string): void {
    const message = `${node.opType} node ${labelOf(node)}: only a run gives the size ${symbol}; totals count it as 1.`;
    this.findings.report('data-dependent-size', 'note', frame, node, message);
  }

  private storeOutputs(frame: Frame, node: Node, result: NodeResult): void {
    node.outputs.forEach((name, index) => {
      if (name === '') return;
      const fact = this.possibleFact(frame, node, result.facts[index]);
      const merged = mergeDeclared(fact?.type, frame.declared.get(name));
      if (merged.contradiction !== undefined) {
        const message = `${node.opType} node ${labelOf(node)}: value ${name} has ${merged.contradiction}. The inferred one is used; the file's may be out of date.`;
        this.findings.report('shape-contradiction', 'warning', frame, node, message, name);
      }
      const value = completeFact({ ...fact, type: merged.type });
      const inferredShape = shapeOf(fact?.type);
      const known = isKnown(value.type);
      const origin: Origin = !known ? 'unknown' : merged.filled && inferredShape === undefined ? 'file' : 'inferred';
      const incomplete = !known || hasOpenDims(value.type);
      frame.values.set(name, {
        ...value,
        origin,
        constant: result.constant[index] ?? false,
        ...(incomplete ? { reason: result.reason } : {}),
      });
    });
  }

  private possibleFact(frame: Frame, node: Node, fact: ValueFact | undefined): ValueFact | undefined {
    if (!hasImpossibleSize(fact?.type)) return fact;
    this.fault(frame, node, `its output would have the impossible shape ${shapeText(shapeOf(fact?.type) ?? [])}.`);
    return { type: withoutImpossibleSizes(fact?.type) };
  }

  /** Why the outputs of a node are not known: what made its inputs unknown, else the node itself. */
  private reasonAt(frame: Frame, node: Node): string {
    for (const name of node.inputs) {
      if (name === '') continue;
      const value = findValue(frame, name);
      if (!value) return `value ${name}, input of node ${labelOf(node)}, is made by no node`;
      if (value.reason !== undefined) return value.reason;
    }
    return `operator ${node.opType} at node ${labelOf(node)} depends on values that only a run gives`;
  }

  private inputsAreConstant(frame: Frame, node: Node): boolean {
    for (const name of node.inputs) if (name !== '' && !findValue(frame, name)?.constant) return false;
    return true;
  }
}

/** Whether something is known of the value's size: for a tensor, at least the rank. */
function isKnown(type: ValueType | undefined): boolean {
  return isTensor(type) ? type.shape !== undefined : type !== undefined;
}

function isConstant(node: Node): boolean {
  return node.opType === 'Constant' && node.domain === 'ai.onnx';
}

function functionKey(domain: string, name: string, overload: string): string {
  return `${domain}\n${name}\n${overload}`;
}
