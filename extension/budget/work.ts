import { type Dim, evaluateDim } from '../model/dimension';
import type { Node } from '../model/model';
import type { BodyShapes, GraphShapes, InferredValue, NodeShapes } from '../shapes/model-shapes';
import { type ImpossibleSize, type ImpossibleSizes, impossibleSizesIn, impossibleSizeText } from './impossible-sizes';
import { exact, type SizeOf } from './sizes';
import { bytesMoved } from './traffic';

/** What a node or graph computes and moves, subgraphs and called functions included. */
export interface Work {
  /** Multiply-accumulates, as far as they are known: a lower bound where `unknown` is not empty. */
  readonly macs: number;
  /** What is left out of them: the operators by name (with their domain where it is not ai.onnx), and why. */
  readonly unknown: ReadonlyMap<string, string>;
  /** Other operations on elements; undefined when some are not known. */
  readonly elementOperations: number | undefined;
  /** Bytes of the operands that are read, and of the results; undefined when some are not known. */
  readonly bytesRead: number | undefined;
  readonly bytesWritten: number | undefined;
  /** How the counts came about, where that is a choice. */
  readonly remarks: ReadonlySet<string>;
  /** Where sizes fall below 0 with symbols as in totals. */
  readonly impossible: ReadonlySet<ImpossibleSize>;
}

/** An operator as it is named in sentences: `Conv`, `com.microsoft::Attention`. */
export function operatorName(node: Node): string {
  return node.domain === 'ai.onnx' ? node.opType : `${node.domain}::${node.opType}`;
}

/** A graph with what its nodes can see. */
interface Scope {
  readonly impossible: ImpossibleSizes;
  value(name: string): InferredValue | undefined;
}

/**
 * A function that counts the work of a node of the graph: its own, the dearer branch of If (by multiply-accumulates, then by element
 * operations), a body of Loop or Scan once per iteration, the body of a function it calls. What a node with bodies does itself is to
 * hand values on, which counts as nothing. `impossible`: values of the graph without a valid size.
 */
export function workCounter(
  graph: GraphShapes,
  sizeOf: SizeOf,
  impossible: ImpossibleSizes,
): (node: NodeShapes) => Work {
  const known = new Map<GraphShapes, Work>();
  const main: Scope = { impossible, value: (name) => graph.values.get(name) };
  return (node) => ofNode(node, main);

  function ofNode(shapes: NodeShapes, scope: Scope): Work {
    const { node, bodies } = shapes;
    const total = new Sum();
    addOwnMacs(shapes, scope, total);
    if (bodies.length === 0) addOwnTraffic(shapes, scope, total);
    const branches: Work[] = [];
    for (const body of bodies) {
      const inside = ofGraph(body, node, scope);
      if (body.alternative) branches.push(inside);
      else total.add(inside, repetitions(node, body, inside, total));
    }
    const dearest = branches.reduce<Work | undefined>(
      (best, branch) => (best && !isDearer(branch, best) ? best : branch),
      undefined,
    );
    for (const branch of branches) total.add(branch, branch === dearest ? 1 : 0);
    if (branches.some((branch) => branch.macs !== dearest?.macs))
      total.remarks.add(`the dearer branch of ${node.opType}`);
    return total;
  }

  function addOwnMacs({ node, macs, unknown }: NodeShapes, scope: Scope, total: Sum): void {
    const impossible = impossibleSizeAt(node, scope);
    if (impossible) total.impossible.add(impossible);
    if (macs === 0) return;
    const own = evaluateDim(macs, sizeOf);
    if (impossible || (own !== null && own < 0))
      total.leaveOut(node, impossible ? impossibleSizeText(impossible, sizeOf) : 'a size falls below 0');
    else if (own === null) total.leaveOut(node, unknown ?? `the cost of ${operatorName(node)} is not known`);
    else total.macs = plus(total.macs, own) ?? total.tooLarge(node);
  }

  function addOwnTraffic({ node, elementOperations }: NodeShapes, scope: Scope, total: Sum): void {
    const impossible = scope.impossible.size > 0 && impossibleSizeAt(node, scope) !== undefined;
    total.elementOperations = impossible ? undefined : countOf(elementOperations);
    const { bytesRead, bytesWritten } = bytesMoved(
      node,
      (name) => (!scope.impossible.has(name) ? scope.value(name) : undefined),
      sizeOf,
    );
    total.bytesRead = bytesRead;
    total.bytesWritten = bytesWritten;
  }

  function countOf(dim: Dim): number | undefined {
    const count = evaluateDim(dim, sizeOf);
    return count === null || count < 0 ? undefined : exact(count);
  }

  function repetitions(node: Node, body: BodyShapes, inside: Work, total: Sum): number | undefined {
    const iterations = evaluateDim(body.iterations, sizeOf);
    if (iterations === null) {
      if (inside.macs === 0) return undefined;
      const text = `body of ${node.opType} not counted: iterations unknown`;
      total.leaveOut(node, text);
      total.remarks.add(text);
      return undefined;
    }
    if (iterations !== 1 && inside.macs > 0)
      total.remarks.add(`body of ${node.opType} counted ${Math.max(0, iterations)} times`);
    return Math.max(0, iterations);
  }

  function ofGraph({ shapes, kind }: BodyShapes, caller: Node, outer: Scope): Work {
    const before = known.get(shapes);
    if (before) return before;
    const visible = kind === 'subgraph' ? outer.impossible : passedOn(shapes, caller, outer);
    const scope: Scope = {
      impossible: impossibleSizesIn(shapes, sizeOf, visible),
      value: (name) => shapes.values.get(name) ?? (kind === 'subgraph' ? outer.value(name) : undefined),
    };
    const total = new Sum();
    for (const node of shapes.nodes) total.add(ofNode(node, scope), 1);
    known.set(shapes, total);
    return total;
  }
}

/** In the body of a function, under the names of its inputs, what the call hands over. */
function passedOn({ graph }: GraphShapes, caller: Node, outer: Scope): ImpossibleSizes {
  if (outer.impossible.size === 0) return outer.impossible;
  const passed = new Map<string, ImpossibleSize>();
  graph.inputs.forEach(({ name }, position) => {
    const impossible = outer.impossible.get(caller.inputs[position] ?? '');
    if (impossible) passed.set(name, impossible);
  });
  return passed;
}

function impossibleSizeAt(node: Node, { impossible }: Scope): ImpossibleSize | undefined {
  if (impossible.size === 0) return undefined;
  for (const name of [...node.outputs, ...node.inputs]) {
    const found = impossible.get(name);
    if (found) return found;
  }
  return undefined;
}

function isDearer(a: Work, b: Work): boolean {
  if (a.macs !== b.macs) return a.macs > b.macs;
  return (a.elementOperations ?? 0) > (b.elementOperations ?? 0);
}

/** The sum, undefined where a part is not known or the sum is beyond 2^53. */
function plus(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : exact(a + b);
}

/** 0 times anything is 0; else undefined where a factor is not known or the product is beyond 2^53. */
function times(a: number | undefined, b: number | undefined): number | undefined {
  if (a === 0 || b === 0) return 0;
  return a === undefined || b === undefined ? undefined : exact(a * b);
}

class Sum implements Work {
  macs = 0;
  elementOperations: number | undefined = 0;
  bytesRead: number | undefined = 0;
  bytesWritten: number | undefined = 0;
  readonly unknown = new Map<string, string>();
  readonly remarks = new Set<string>();
  readonly impossible = new Set<ImpossibleSize>();

  leaveOut(node: Node, reason: string): void {
    this.unknown.set(operatorName(node), reason);
  }

  /** What is kept of a sum of multiply-accumulates that cannot be represented: what was there before. */
  tooLarge(node: Node): number {
    this.leaveOut(node, 'the multiply-accumulates are beyond 2^53');
    return this.macs;
  }

  /** `times`: undefined when not known, and then not counted. */
  add(work: Work, repetitions: number | undefined): void {
    const macs = plus(this.macs, times(work.macs, repetitions ?? 0));
    if (macs === undefined) this.unknown.set('bodies', 'the multiply-accumulates are beyond 2^53');
    else this.macs = macs;
    this.elementOperations = plus(this.elementOperations, times(work.elementOperations, repetitions));
    this.bytesRead = plus(this.bytesRead, times(work.bytesRead, repetitions));
    this.bytesWritten = plus(this.bytesWritten, times(work.bytesWritten, repetitions));
    for (const [operator, reason] of work.unknown) this.unknown.set(operator, reason);
    for (const remark of work.remarks) this.remarks.add(remark);
    for (const impossible of work.impossible) this.impossible.add(impossible);
  }
}
