import type { Dim } from '../model/dimension';
import type { Attribute, Node } from '../model/model';
import type { SubgraphFacts, ValueFact } from '../ops/definition';
import { type Frame, findValue } from './frame';
import type { BodyShapes, GraphShapes } from './model-shapes';
import type { NodeSurroundings } from './node-context';

/** What the surroundings of a node need of the walk. */
export interface BodyInference {
  /** Infers a graph attribute of a node; undefined, with a diagnostic, when it cannot be entered. */
  inferSubgraph(
    frame: Frame,
    node: Node,
    attribute: string,
    inputs: readonly ValueFact[],
    constantInputs: boolean,
    /** False for a body that is known never to run. */
    runs: boolean,
  ): GraphShapes | undefined;
  noteDataDependent(frame: Frame, node: Node, symbol: string): void;
  fault(frame: Frame, node: Node, message: string): void;
}

/** What the nodes of one frame see; one object serves all of them, entered node by node. */
export class FrameSurroundings implements NodeSurroundings {
  opset = 1;
  readonly functionAttributes: ReadonlyMap<string, Attribute> | undefined;
  readonly path: readonly string[];
  private bodies: BodyShapes[] = [];
  private constantInputs = false;

  constructor(
    private readonly walk: BodyInference,
    private readonly frame: Frame,
  ) {
    this.functionAttributes = frame.functionAttributes;
    this.path = frame.path;
  }

  /** The node that is inferred next: where its bodies go, and whether all its inputs are constant. */
  enter(bodies: BodyShapes[], constantInputs: boolean): void {
    this.bodies = bodies;
    this.constantInputs = constantInputs;
  }

  atOpset(opset: number): this {
    this.opset = opset;
    return this;
  }

  isOmitted(name: string): boolean {
    return this.frame.omitted.has(name);
  }

  fact(name: string): ValueFact | undefined {
    return findValue(this.frame, name);
  }

  subgraph(
    node: Node,
    attribute: string,
    inputs: readonly ValueFact[],
    options: { readonly iterations: Dim; readonly alternative: boolean },
  ): SubgraphFacts {
    const shapes = this.walk.inferSubgraph(
      this.frame,
      node,
      attribute,
      inputs,
      this.constantInputs,
      options.iterations !== 0,
    );
    if (!shapes) return { outputs: [] };
    this.addBody({ name: attribute, kind: 'subgraph', shapes, ...options });
    return {
      outputs: shapes.graph.outputs.map(
        ({ name }) => shapes.values.get(name) ?? findValue(this.frame, name) ?? { type: undefined },
      ),
    };
  }

  /** Records a body of the node; one inferred again replaces itself. */
  addBody(body: BodyShapes): void {
    const at = this.bodies.findIndex((other) => other.name === body.name && other.kind === body.kind);
    if (at < 0) this.bodies.push(body);
    else this.bodies[at] = body;
  }

  /** True when the node's inputs, and all that its bodies give back, depend on constants only. */
  outputsAreConstant(): boolean {
    return (
      this.constantInputs &&
      this.bodies.every(({ shapes }) =>
        shapes.graph.outputs.every(({ name }) => (shapes.values.get(name) ?? findValue(this.frame, name))?.constant),
      )
    );
  }

  noteDataDependent(node: Node, symbol: string): void {
    this.walk.noteDataDependent(this.frame, node, symbol);
  }

  fault(node: Node, message: string): void {
    this.walk.fault(this.frame, node, message);
  }
}
