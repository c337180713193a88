import { type FunctionDefinition, findFunction, type Model, type Node } from '../model/model';
import type { BodyShapes, GraphShapes, ModelShapes } from '../shapes/model-shapes';
import { isControlFlow } from './float16-bodies';

/** How a model function is called. */
interface Calls {
  /** Element types of all values of the body, as they were in the first call. */
  readonly types: string;
  readonly callees: Set<FunctionDefinition>;
  /** A body is converted once: it cannot be when calls differ in types, or when one comes from where nothing is converted. */
  convertible: boolean;
}

/** The functions that a model calls: those whose bodies can compute in float16 in every call, and the others. */
export function functionsByCalls(
  model: Model,
  shapes: ModelShapes,
): { readonly convertible: ReadonlySet<FunctionDefinition>; readonly blocked: readonly FunctionDefinition[] } {
  const calls = new Map<FunctionDefinition, Calls>();

  function visit(graph: GraphShapes, caller: FunctionDefinition | undefined, converted: boolean): void {
    for (const { node, bodies } of graph.nodes) {
      for (const body of bodies) {
        if (body.kind === 'function') visitCall(node, body, graph, caller, converted);
        else visit(body.shapes, caller, converted && isControlFlow(node));
      }
    }
  }

  function visitCall(
    node: Node,
    body: BodyShapes,
    graph: GraphShapes,
    caller: FunctionDefinition | undefined,
    converted: boolean,
  ): void {
    const definition = findFunction(model, node);
    if (!definition) return;
    if (caller) calls.get(caller)?.callees.add(definition);
    const types = typesOf(body.shapes);
    // The graph around may know a result's type from the file where the body leaves it open.
    const agree = node.outputs.every((name, index) => {
      return name === '' || typeText(graph, name) === typeText(body.shapes, definition.outputs[index] ?? '');
    });
    const known = calls.get(definition);
    if (!known) calls.set(definition, { types, callees: new Set(), convertible: converted && agree });
    else if (known.types !== types || !converted || !agree) known.convertible = false;
    visit(body.shapes, definition, converted);
  }

  visit(shapes.graph, undefined, true);
  const blocked = [...calls.keys()].filter((definition) => !calls.get(definition)?.convertible);
  for (let definition = blocked.pop(); definition; definition = blocked.pop()) {
    for (const callee of calls.get(definition)?.callees ?? []) {
      const callsOfCallee = calls.get(callee);
      if (!callsOfCallee?.convertible) continue;
      callsOfCallee.convertible = false;
      blocked.push(callee);
    }
  }
  const called = [...calls.keys()];
  return {
    convertible: new Set(called.filter((definition) => calls.get(definition)?.convertible)),
    blocked: called.filter((definition) => !calls.get(definition)?.convertible),
  };
}

function typesOf(graph: GraphShapes): string {
  const types = Array.from(graph.values.keys(), (name) => `${name}: ${typeText(graph, name)}`);
  const inner = graph.nodes.flatMap(({ bodies }) =>
    bodies.filter(({ kind }) => kind === 'subgraph').map(({ shapes }) => typesOf(shapes)),
  );
  return [...types, ...inner].join('\n');
}

function typeText(graph: GraphShapes, name: string): string {
  const type = graph.values.get(name)?.type;
  return type?.kind === 'tensor' ? (type.dataType ?? 'unknown') : (type?.kind ?? 'unknown');
}
