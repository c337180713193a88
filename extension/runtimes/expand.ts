import type { Attribute, Graph, Node, Tensor } from '../model/model';
import { resolveAttribute } from '../ops/attribute-reader';
import type { BodyShapes, GraphShapes, InferredValue, NodeShapes } from '../shapes/model-shapes';
import type { BodyUse } from './lowered';

/** Types of the nodes that stand where a body begins and ends; their domain is no ONNX one. */
export const bodyStart = 'body start';
export const bodyEnd = 'body end';
const structure = 'thimble';

/** Operators of ai.onnx with bodies. */
const controlFlow = new Set(['If', 'Loop', 'Scan']);

/** A graph without calls of model functions, and with the bodies of control flow in line. */
export interface ExpandedGraph {
  readonly graph: Graph;
  /** Positions in `graph.nodes` in execution order. */
  readonly order: readonly number[];
  readonly values: ReadonlyMap<string, InferredValue>;
  /** The index, in the main graph of the file, of the node that a node comes from. */
  origin(node: Node): number;
  /** The If, Loop or Scan to which the node at the end of a body belongs. */
  readonly owners: ReadonlyMap<Node, Node>;
  /** Nodes of the main graph that call a model function. */
  readonly functionCalls: readonly Node[];
}

/**
 * Puts the bodies of model functions in place of their calls, with the actual inputs, outputs and attributes, and those of If, Loop and
 * Scan in line as a runtime uses them (`bodies`; undefined: they stay closed). What cannot be entered stays a call: functions that call
 * themselves, and what inference left out. Values of bodies get names of their own. A graph without bodies is given back as it is.
 */
export function expandBodies(shapes: GraphShapes, bodies: BodyUse | undefined): ExpandedGraph {
  if (!shapes.nodes.some((node) => node.bodies.length > 0)) {
    const { graph, order, values } = shapes;
    return { graph, order, values, origin: ({ index }) => index, owners: new Map(), functionCalls: [] };
  }
  return new Expansion(shapes, bodies).run();
}

function calledFunction({ bodies }: NodeShapes): BodyShapes | undefined {
  return bodies.find(({ kind }) => kind === 'function');
}

/** The bodies of a node to put in line; none where the runtime has no operator that runs them. */
function controlBodies({ node, bodies }: NodeShapes, use: BodyUse | undefined): readonly BodyShapes[] {
  if (use === undefined || node.domain !== 'ai.onnx' || !controlFlow.has(node.opType)) return [];
  const found = bodies.filter(({ kind }) => kind === 'subgraph');
  // A subgraph has inputs and outputs of fixed number and size: what grows with the iterations has no place.
  const grows = node.opType === 'Scan' || node.outputs.length > node.inputs.length - 2;
  return use === 'copied' && node.opType !== 'If' && grows ? [] : found;
}

/** What a name in a body means, and where the nodes of the body come from. */
interface Scope {
  readonly name: (name: string) => string;
  readonly attributes: ReadonlyMap<string, Attribute> | undefined;
  /** undefined: the main graph. */
  readonly origin: number | undefined;
}

class Expansion {
  private readonly nodes: Node[] = [];
  private readonly values: Map<string, InferredValue>;
  private readonly constants: Map<string, Tensor>;
  private readonly origins = new Map<Node, number>();
  private readonly owners = new Map<Node, Node>();
  private readonly functionCalls: Node[] = [];

  constructor(
    private readonly main: GraphShapes,
    private readonly bodies: BodyUse | undefined,
  ) {
    this.values = new Map(main.values);
    this.constants = new Map(main.graph.constants);
  }

  run(): ExpandedGraph {
    this.graph(this.main, { name: (name) => name, attributes: undefined, origin: undefined });
    const { nodes, values, owners, functionCalls } = this;
    return {
      graph: { ...this.main.graph, nodes, constants: this.constants },
      order: [...nodes.keys()],
      values,
      origin: (node) => this.origins.get(node) ?? node.index,
      owners,
      functionCalls,
    };
  }

  private graph({ order, nodes }: GraphShapes, scope: Scope): void {
    for (const index of order) {
      const shapes = nodes[index];
      if (!shapes) continue;
      const { node } = shapes;
      const called = calledFunction(shapes);
      const inside = { ...scope, origin: scope.origin ?? node.index };
      // What is known before the run is not computed, whatever it is computed with.
      const isConstant = node.outputs.every((name) => name === '' || this.values.get(scope.name(name))?.constant);
      const bodies = isConstant ? [] : controlBodies(shapes, this.bodies);
      if (called) {
        if (scope.origin === undefined) this.functionCalls.push(node);
        this.call(node, called, inside);
      } else if (bodies.length === 0) this.push(this.closed(shapes, scope), scope.origin);
      else if (this.bodies === 'shared') this.shared(node, bodies, inside);
      else this.copied(node, bodies, inside);
    }
  }

  /** A call of a model function: its body, reading what the call reads and making what the call makes. */
  private call(node: Node, { shapes, attributes }: BodyShapes, scope: Scope): void {
    const names = new Map<string, string>();
    shapes.graph.inputs.forEach(({ name }, position) => {
      names.set(name, scope.name(node.inputs[position] ?? ''));
    });
    const handedOn: [from: string, to: string][] = [];
    shapes.graph.outputs.forEach(({ name }, position) => {
      const made = scope.name(node.outputs[position] ?? '');
      const known = names.get(name);
      if (made === '') return;
      if (known === undefined) names.set(name, made);
      else handedOn.push([known, made]);
    });
    this.nameInside(shapes, names, this.prefixOf(node, scope));
    this.graph(shapes, { name: (name) => names.get(name) ?? '', attributes, origin: scope.origin });
    for (const [from, to] of handedOn) {
      const plain = { opType: 'Identity', domain: 'ai.onnx', attributes: new Map() };
      this.push({ ...node, ...plain, inputs: [from], outputs: [to] }, scope.origin);
    }
  }

  /** A node that is no call; with bodies that stay closed, it reads what they read. */
  private closed({ node, bodies }: NodeShapes, scope: Scope): Node {
    const renamed = this.renamed(node, scope);
    return bodies.length === 0 ? renamed : { ...renamed, inputs: [...renamed.inputs, ...this.captured(bodies, scope)] };
  }

  /** What bodies read from around them that is computed. */
  private captured(bodies: readonly BodyShapes[], scope: Scope): readonly string[] {
    const names = new Set(bodies.flatMap(({ shapes }) => [...outerNames(shapes)].map(scope.name)));
    return [...names].filter((name) => name !== '' && !this.values.get(name)?.constant);
  }

  /** Bodies that work on the values around them; what they give back is handed on by the operator, which stands after them. */
  private shared(node: Node, bodies: readonly BodyShapes[], scope: Scope): void {
    const running = bodies.filter(({ iterations }) => iterations !== 0);
    const renamed = this.renamed(node, scope);
    const control = { ...renamed, inputs: [...renamed.inputs, ...this.captured(running, scope)] };
    for (const body of running) {
      const names = new Map<string, string>();
      // The first iteration reads the initial values where they are. An input that is not one of them is handed in by the runtime.
      const carried = carriedInputs(node, body);
      body.shapes.graph.inputs.forEach(({ name }, position) => {
        const initial = scope.name(carried(position));
        if (initial !== '' && !this.values.get(initial)?.constant) names.set(name, initial);
      });
      this.nameInside(body.shapes, names, `${this.prefixOf(node, scope)}${body.name}/`);
      const inside: Scope = { ...scope, name: (name) => names.get(name) ?? scope.name(name) };
      this.graph(body.shapes, inside);
      this.end(
        control,
        body.shapes.graph.outputs.map(({ name }) => inside.name(name)),
        scope,
      );
    }
    this.push(control, scope.origin);
  }

  /**
   * Bodies as subgraphs that get a copy of all they read: If with a subgraph for each branch; Loop as While, with a subgraph for the
   * condition, counter and condition among the values that go round, and as many outputs as inputs.
   */
  private copied(node: Node, bodies: readonly BodyShapes[], scope: Scope): void {
    const isLoop = node.opType === 'Loop';
    const renamed = this.renamed(node, scope);
    const [trips = '', condition = '', ...initial] = renamed.inputs;
    const read = this.captured(bodies, scope);
    const isTrips = isLoop && trips !== '' && !this.values.get(trips)?.constant && !read.includes(trips);
    const captured = isTrips ? [...read, trips] : read;
    const prefix = this.prefixOf(node, scope);
    const [body] = bodies;
    const round = isLoop && body ? body.shapes.graph.inputs.map(({ name }) => name) : [];
    const fact = (name: string) => body?.shapes.values.get(name);
    const control: Node = isLoop
      ? {
          ...renamed,
          inputs: [condition, ...initial, ...captured],
          outputs: [
            ...round.slice(0, 2).map((name) => this.computed(`${prefix}${name}/last`, fact(name))),
            ...renamed.outputs,
            ...captured.map((name) => this.computed(`${prefix}${name}/last`, this.values.get(name))),
          ],
        }
      : { ...renamed, inputs: [...renamed.inputs, ...captured] };
    this.push(control, scope.origin);
    if (isLoop) {
      const copies = [
        ...round.map((name) => this.computed(`${prefix}condition/${name}`, fact(name))),
        ...captured.map((name) => this.computed(`${prefix}condition/${name}`, this.values.get(name))),
      ];
      this.start('condition', copies, scope);
      const [counter = '', goOn = ''] = copies;
      const limit = captured.includes(trips) ? (copies[round.length + captured.indexOf(trips)] ?? '') : trips;
      const result = this.computed(`${prefix}condition/result`, fact(round[1] ?? ''));
      if (limit !== '') this.plain('Less', [counter, limit], result, scope);
      this.end(control, [limit === '' ? goOn : result], scope);
    }
    for (const { name: label, shapes } of bodies) {
      const names = new Map<string, string>();
      const path = `${prefix}${label}/`;
      const copies = new Map(captured.map((name) => [name, this.computed(`${path}${name}`, this.values.get(name))]));
      this.nameInside(shapes, names, path);
      const outside = (name: string) => copies.get(scope.name(name)) ?? scope.name(name);
      const inside: Scope = { ...scope, name: (name) => names.get(name) ?? outside(name) };
      const inputs = shapes.graph.inputs.map(({ name }) => inside.name(name));
      this.start(label, [...inputs, ...copies.values()], scope);
      this.graph(shapes, inside);
      const outputs = shapes.graph.outputs.map(({ name }) => inside.name(name));
      if (isLoop) {
        const next = this.computed(`${path}next`, fact(round[0] ?? ''));
        this.plain('Add', [inputs[0] ?? ''], next, scope);
        outputs.unshift(next);
        outputs.push(...copies.values());
      }
      this.end(control, outputs, scope);
    }
  }

  private start(label: string, copies: readonly string[], scope: Scope): void {
    const made = copies.filter((name) => !this.values.get(name)?.constant);
    this.push(this.synthetic(bodyStart, structure, [], made, label), scope.origin);
  }

  private end(control: Node, outputs: readonly string[], scope: Scope): void {
    const node = this.synthetic(bodyEnd, structure, outputs, []);
    this.owners.set(node, control);
    this.push(node, scope.origin);
  }

  private plain(opType: string, inputs: readonly string[], output: string, scope: Scope): void {
    this.push(this.synthetic(opType, 'ai.onnx', inputs, [output]), scope.origin);
  }

  private synthetic(
    opType: string,
    domain: string,
    inputs: readonly string[],
    outputs: readonly string[],
    name = '',
  ): Node {
    const rest = { index: -1, overload: '', attributes: new Map(), metadata: new Map(), range: { start: 0, end: 0 } };
    return { ...rest, name, opType, domain, inputs, outputs };
  }

  /** Gives all values of a body that have no name yet one that nothing else has. */
  private nameInside({ values, graph }: GraphShapes, names: Map<string, string>, prefix: string): void {
    for (const [name, value] of values) {
      if (names.has(name)) continue;
      const own = this.add(prefix + name, value);
      names.set(name, own);
      const constant = graph.constants.get(name);
      if (constant) this.constants.set(own, constant);
    }
  }

  private add(wanted: string, value: InferredValue | undefined): string {
    let name = wanted;
    while (this.values.has(name)) name += "'";
    this.values.set(name, value ?? { type: undefined, origin: 'unknown', constant: false });
    return name;
  }

  /** A name for a value of this type that is computed in each run. */
  private computed(wanted: string, like: InferredValue | undefined): string {
    return this.add(wanted, { type: like?.type, origin: 'inferred', constant: false });
  }

  private prefixOf(node: Node, scope: Scope): string {
    return `${scope.name(node.outputs.find((name) => name !== '') ?? node.name)}/`;
  }

  private renamed(node: Node, { name, attributes }: Scope): Node {
    const inputs = node.inputs.map(name);
    const outputs = node.outputs.map(name);
    if (!attributes) return { ...node, inputs, outputs };
    const resolved = new Map<string, Attribute>();
    for (const [key, attribute] of node.attributes) {
      const actual = resolveAttribute(attribute, attributes);
      if (actual) resolved.set(key, actual);
    }
    return { ...node, inputs, outputs, attributes: resolved };
  }

  private push(node: Node, origin: number | undefined): void {
    this.nodes.push(node);
    this.origins.set(node, origin ?? node.index);
  }
}

/** Names that a body, or what is inside of it, reads from around it. */
function outerNames(shapes: GraphShapes): ReadonlySet<string> {
  const names = new Set<string>();
  const note = (name: string) => {
    if (name !== '' && !shapes.values.has(name)) names.add(name);
  };
  for (const { node, bodies } of shapes.nodes) {
    node.inputs.forEach(note);
    for (const body of bodies) if (body.kind === 'subgraph') outerNames(body.shapes).forEach(note);
  }
  for (const { name } of shapes.graph.outputs) note(name);
  return names;
}

/** For each input of a body, the input of the node that holds its value in the first iteration; empty where the runtime makes it. */
function carriedInputs(node: Node, { shapes }: BodyShapes): (position: number) => string {
  const { inputs, opType } = node;
  if (opType === 'Loop') return (position) => (position < 2 ? '' : (inputs[position] ?? ''));
  const attribute = node.attributes.get('num_scan_inputs');
  const scanned = attribute?.kind === 'int' ? Number(attribute.value) : inputs.length;
  const states = shapes.graph.inputs.length - scanned;
  const offset = inputs.length - shapes.graph.inputs.length;
  return (position) => (position < states ? (inputs[position + offset] ?? '') : '');
}
