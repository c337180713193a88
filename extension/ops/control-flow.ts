import { type Dim, multiply, type Shape, sameDim } from '../model/dimension';
import type { Value, ValueType } from '../model/model';
import type { OpContext, OpDefinition, ValueFact } from './definition';
import { define, scalarElement, tensorFact } from './facts';

/** Operators that run subgraphs. */
export const controlFlowOperators: readonly OpDefinition[] = [
  define('If', 1, inferIf),
  define('Loop', 1, inferLoop),
  define('Scan', 8, inferScan),
];

type Facts = readonly (ValueFact | undefined)[];

/** What is said of a value of which nothing is known. */
const nothing: ValueFact = { type: undefined };

function inferIf(context: OpContext): Facts {
  const condition = scalarElement(context, 0);
  const decided = typeof condition === 'number';
  const runs = (taken: boolean) =>
    decided ? { iterations: (condition !== 0) === taken ? 1 : 0 } : { iterations: 1, alternative: true };
  const yes = context.subgraph('then_branch', [], runs(true)).outputs;
  const no = context.subgraph('else_branch', [], runs(false)).outputs;
  if (decided) return condition !== 0 ? yes : no;
  return Array.from({ length: context.outputCount }, (_, index) => commonFact(yes[index], no[index]));
}

/** How many iterations are followed one by one where a loop's values change their shape. */
const unrollLimit = 16;

function inferLoop(context: OpContext): Facts {
  const body = context.attributes.graph('body');
  if (!body) {
    context.fault('Loop has no body.');
    return [];
  }
  const stateCount = Math.max(0, context.inputCount - 2);
  const initial = factsOfInputs(context, 2, stateCount);
  const limit: Dim = context.hasInput(0) ? scalarElement(context, 0) : null;
  const firstCondition: Dim = context.hasInput(1) ? scalarElement(context, 1) : 1;
  const never = limit === 0 || firstCondition === 0 || (typeof limit === 'number' && limit < 0);
  const passed = passedThrough(body.inputs, body.outputs, stateCount);
  const [conditionIn, conditionOut] = [body.inputs[1]?.name, body.outputs[0]?.name];

  const run = (state: readonly ValueFact[], step: Dim, iterations: Dim): Facts =>
    context.subgraph(
      'body',
      // The body runs only while the condition holds.
      [scalar('INT64', step), scalar('BOOL', 1), ...state],
      { iterations },
    ).outputs;

  const fixed = fixedPoint(initial, passed, (state) => run(state, null, null).slice(1));
  const again = (facts: Facts) => conditionOut === conditionIn || knownScalar(facts[0]) === 1;
  let outputs = run(fixed.state, null, null);
  const iterations: Dim = never ? 0 : firstCondition === 1 && again(outputs) ? limit : null;
  if (iterations !== null) outputs = run(fixed.state, null, iterations);

  let final: Facts = never
    ? initial
    : fixed.state.map((fact, index) =>
        atLeastOnce(iterations) ? outputs[index + 1] : commonFact(fact, outputs[index + 1]),
      );
  if (!fixed.stable && typeof iterations === 'number' && iterations > 0 && iterations <= unrollLimit) {
    let state: readonly ValueFact[] = initial;
    for (let step = 0; step < iterations; step++) {
      outputs = run(state, step, iterations);
      state = Array.from({ length: stateCount }, (_, index) => outputs[index + 1] ?? nothing);
    }
    final = state;
  }

  const scanCount = Math.max(0, context.outputCount - stateCount);
  const count = iterations ?? (scanCount > 0 ? context.dataDependent('iterations') : null);
  const scanned = Array.from({ length: scanCount }, (_, index) =>
    stacked(outputs[index + 1 + stateCount], count, 0, iterations === null ? limit : null),
  );
  return [...final, ...scanned];
}

function inferScan(context: OpContext): Facts {
  const { attributes } = context;
  const body = attributes.graph('body');
  const scanCount = attributes.int('num_scan_inputs');
  // Scan of opset 8 has a leading input `sequence_lens`, and a batch dimension on everything.
  const batched = context.opset < 9;
  const first = batched ? 1 : 0;
  if (!body || scanCount === undefined || scanCount < 0 || scanCount > context.inputCount - first) {
    context.fault('Scan needs a body, and num_scan_inputs within the number of its inputs.');
    return [];
  }
  const stateCount = context.inputCount - first - scanCount;
  const inputAxes = attributes.ints('scan_input_axes', []);
  const outputAxes = attributes.ints('scan_output_axes', []);

  let length: Dim = null;
  const slices = Array.from({ length: scanCount }, (_, index): ValueFact => {
    const at = first + stateCount + index;
    const shape = context.shape(at);
    const axis = batched ? 1 : positionOf(inputAxes[index] ?? 0, shape?.length);
    if (shape && axis !== undefined && axis < shape.length) {
      const size = shape[axis] ?? null;
      if (length === null || typeof size === 'number') length = size;
      return tensorFact(
        context.dataType(at),
        shape.filter((_dim, position) => position !== axis && !(batched && position === 0)),
      );
    }
    return tensorFact(context.dataType(at), undefined);
  });

  const batch = batched ? batchSize(context, first) : 1;
  const initial = factsOfInputs(context, first, stateCount).map((fact) => (batched ? withoutFirst(fact) : fact));
  const iterations = multiply(length, batch);
  const run = (state: readonly ValueFact[]) => context.subgraph('body', [...state, ...slices], { iterations }).outputs;
  const fixed = fixedPoint(initial, passedThrough(body.inputs, body.outputs, stateCount, 0), run);
  const outputs = run(fixed.state);

  const final = outputs.slice(0, stateCount).map((fact) => (batched ? stacked(fact, batch, 0) : fact));
  const scanned = outputs.slice(stateCount).map((fact, index) => {
    if (batched) return stacked(stacked(fact, length, 0), batch, 0);
    const shape = tensorShape(fact?.type);
    const axis = positionOf(outputAxes[index] ?? 0, shape && shape.length + 1);
    return axis === undefined ? fact && withShape(fact, undefined) : stacked(fact, length, axis);
  });
  return [...final, ...scanned];
}

function batchSize(context: OpContext, first: number): Dim {
  for (let index = first; index < context.inputCount; index++) {
    const size = context.shape(index)?.[0];
    if (size !== undefined && size !== null) return size;
  }
  return null;
}

/**
 * Facts that hold in every iteration: what a body gives back must be no more than what it is given. A dimension that changes
 * becomes unknown; a value that the body passes on untouched keeps its elements.
 */
function fixedPoint(
  initial: readonly ValueFact[],
  passed: readonly boolean[],
  run: (state: readonly ValueFact[]) => Facts,
): { readonly state: readonly ValueFact[]; readonly stable: boolean } {
  let state = initial.map((fact, index) => (passed[index] ? fact : withoutElements(fact)));
  if (passed.every(Boolean)) return { state, stable: true };
  let stable = true;
  // Each round takes knowledge away from some value: dimensions first, then ranks, then types.
  for (let round = 0; round < 3; round++) {
    const outputs = run(state);
    const next = state.map((fact, index) =>
      passed[index] ? fact : withoutElements(commonFact(fact, outputs[index]) ?? nothing),
    );
    if (next.every((fact, index) => sameType(fact.type, state[index]?.type) && sameLength(fact, state[index]))) {
      return { state: next, stable };
    }
    stable = false;
    state = next;
  }
  return { state: state.map((fact, index) => (passed[index] ? fact : withShape(fact, undefined))), stable: false };
}

/** For each state value: whether the body's output is its own input. Loop's first two inputs and first output are not state. */
function passedThrough(
  inputs: readonly Value[],
  outputs: readonly Value[],
  count: number,
  skipped = 1,
): readonly boolean[] {
  const offset = skipped === 0 ? 0 : 2;
  return Array.from({ length: count }, (_, index) => {
    const input = inputs[index + offset]?.name;
    return input !== undefined && input === outputs[index + skipped]?.name;
  });
}

/** What is true of a value that is one of two. */
function commonFact(a: ValueFact | undefined, b: ValueFact | undefined): ValueFact | undefined {
  if (!a || !b) return undefined;
  const type = isEmpty(a) ? b.type : isEmpty(b) ? a.type : commonType(a.type, b.type);
  const fact: ValueFact = { type };
  const length = a.length !== undefined && b.length !== undefined && sameDim(a.length, b.length) ? a.length : undefined;
  const same =
    a.elements !== undefined &&
    a.elements.elements.length === b.elements?.elements.length &&
    a.elements.dims.every((dim, axis) => dim === b.elements?.dims[axis]) &&
    a.elements.elements.every((element, index) => sameDim(element, b.elements?.elements[index] ?? null));
  return {
    ...fact,
    ...(same && a.elements ? { elements: a.elements } : {}),
    ...(length === undefined ? {} : { length }),
  };
}

/** An empty sequence says nothing of its elements: what is known of the other one holds for both. */
function isEmpty(fact: ValueFact): boolean {
  return fact.type?.kind === 'sequence' && fact.length === 0;
}

function commonType(a: ValueType | undefined, b: ValueType | undefined): ValueType | undefined {
  if (!a || !b) return undefined;
  if ((a.kind === 'tensor' || a.kind === 'sparse-tensor') && a.kind === b.kind) {
    return {
      kind: a.kind,
      dataType: a.dataType === b.dataType ? a.dataType : undefined,
      shape: commonDims(a.shape, b.shape),
    };
  }
  if (a.kind === 'sequence' && b.kind === 'sequence')
    return { kind: 'sequence', element: commonType(a.element, b.element) };
  if (a.kind === 'optional' && b.kind === 'optional')
    return { kind: 'optional', element: commonType(a.element, b.element) };
  return sameType(a, b) ? a : undefined;
}

function commonDims(a: Shape | undefined, b: Shape | undefined): Shape | undefined {
  if (!a || !b || a.length !== b.length) return undefined;
  return a.map((dim, axis) => (sameDim(dim, b[axis] ?? null) ? dim : null));
}

function sameType(a: ValueType | undefined, b: ValueType | undefined): boolean {
  if (!a || !b) return a === b;
  if (a.kind !== b.kind) return false;
  if ((a.kind === 'tensor' && b.kind === 'tensor') || (a.kind === 'sparse-tensor' && b.kind === 'sparse-tensor')) {
    if (a.dataType !== b.dataType || a.shape?.length !== b.shape?.length) return false;
    return (a.shape ?? []).every(
      (dim, axis) => dim === (b.shape?.[axis] ?? null) || sameDim(dim, b.shape?.[axis] ?? null),
    );
  }
  if ((a.kind === 'sequence' && b.kind === 'sequence') || (a.kind === 'optional' && b.kind === 'optional')) {
    return sameType(a.element, b.element);
  }
  if (a.kind === 'map' && b.kind === 'map') return a.key === b.key && sameType(a.value, b.value);
  return true;
}

function sameLength(a: ValueFact, b: ValueFact | undefined): boolean {
  return a.length === b?.length || sameDim(a.length ?? null, b?.length ?? null);
}

function factsOfInputs(context: OpContext, first: number, count: number): ValueFact[] {
  return Array.from({ length: count }, (_, index) => context.input(first + index) ?? nothing);
}

/** A tensor of `size` such tensors along a new axis; `bound` is the largest size, where `size` is not known beforehand. */
function stacked(fact: ValueFact | undefined, size: Dim, axis: number, bound: Dim = null): ValueFact | undefined {
  if (fact?.type?.kind !== 'tensor') return undefined;
  const { dataType, shape } = fact.type;
  if (!shape) return tensorFact(dataType, undefined);
  const along = (dim: Dim) => [...shape.slice(0, axis), dim, ...shape.slice(axis)];
  return tensorFact(dataType, along(size), undefined, bound === null ? undefined : along(bound));
}

function withoutFirst(fact: ValueFact): ValueFact {
  return withShape(fact, tensorShape(fact.type)?.slice(1));
}

function withShape(fact: ValueFact, shape: Shape | undefined): ValueFact {
  return fact.type?.kind === 'tensor' ? tensorFact(fact.type.dataType, shape) : { type: fact.type };
}

function withoutElements(fact: ValueFact): ValueFact {
  return { type: fact.type, ...(fact.length === undefined ? {} : { length: fact.length }) };
}

function tensorShape(type: ValueType | undefined): Shape | undefined {
  return type?.kind === 'tensor' ? type.shape : undefined;
}

function scalar(dataType: 'INT64' | 'BOOL', element: Dim): ValueFact {
  return tensorFact(dataType, [], element === null ? undefined : { dims: [], elements: [element] });
}

function knownScalar(fact: ValueFact | undefined): Dim {
  return fact?.elements?.elements.length === 1 ? (fact.elements.elements[0] ?? null) : null;
}

function atLeastOnce(iterations: Dim): boolean {
  return typeof iterations === 'number' && iterations > 0;
}

/** The axis counted from the front, or undefined when it cannot be told or is out of range. */
function positionOf(axis: number, rank: number | undefined): number | undefined {
  if (rank === undefined || axis >= rank || axis < -rank) return undefined;
  return axis < 0 ? axis + rank : axis;
}
