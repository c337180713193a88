import { searchArena } from '../budget/planners/best-arena';
import { alignUp, type InPlacePair } from '../budget/planners/buffers';
import { arenaLowerBound } from '../budget/planners/lower-bound';
import { type OrderSearchState, searchOrder } from '../budget/planners/order-search';
import { formatBytes } from '../model/format';
import type { Improvement } from './improvement';
import type { LoweredGraph, OperatorKind, Precision } from './lowered';
import { patchImprovement } from './patch-improvement';
import { inPlacePairs } from './planned-memory';
import type { FigureKind, Runtime, RuntimeMemory } from './runtime';
import type { Steps } from './steps';

export interface ImprovementContext {
  readonly runtime: Runtime;
  readonly precision: Precision;
  /** The model as this runtime, or another, executes it in a precision; worked out in short steps. */
  readonly lower: (runtime: Runtime, precision: Precision) => Steps<LoweredGraph>;
  /** Other runtimes that the model could run on. */
  readonly others: readonly Runtime[];
  /** What the model may need at most; undefined: nothing is aimed at. Bytes. */
  readonly ramLimitBytes?: number;
}

/** Another runtime is named where it needs at most this share: less is within what changes with the build. */
const worthwhile = 0.98;

/** Told to the search between two pieces of work: go on, or take the best found so far and go to the next part. */
export type SearchAdvice = 'go on' | 'enough';

export interface ImprovementProgress {
  /** Parts of the search that are done, and all of them. */
  readonly done: number;
  readonly total: number;
}

type Search = Generator<void, readonly Improvement[], SearchAdvice | undefined>;

/**
 * What would lower the RAM that a model needs on a runtime: placement, in-place operators, order, patches, precision, other runtimes;
 * each with the RAM then needed, also where that is no less. Yields after every short piece of work, so that a caller can stop, give
 * way, or (with `enough`) go on to the next part. Throws RangeError for impossible sizes.
 */
export function* findImprovements(
  context: ImprovementContext,
): Generator<ImprovementProgress, readonly Improvement[], SearchAdvice | undefined> {
  const { runtime, precision } = context;
  const beginning: ImprovementProgress = { done: 0, total: 6 };
  const first = measure(context.lower(runtime, precision), runtime);
  let step = first.next();
  for (; !step.done; step = first.next()) yield beginning;
  const { graph, memory } = step.value;
  const planned: readonly (() => Search)[] = [
    () => placement(memory),
    () => inPlace(graph, memory),
    () => order(graph, memory, runtime),
    () => patches(graph, memory, context),
  ];
  const others: readonly (() => Search)[] = [() => int8(memory, context), () => otherRuntimes(memory, context)];
  // Without a plan there is nothing to improve in it: the figure is what no plan can go below.
  const parts = memory.kind === 'lower bound' ? others : [...planned, ...others];
  const found: Improvement[] = [];
  for (const [done, part] of parts.entries()) {
    const search = part();
    let advice = yield { done, total: parts.length };
    for (;;) {
      const piece = search.next(advice);
      if (piece.done) {
        found.push(...piece.value);
        break;
      }
      advice = yield { done, total: parts.length };
    }
  }
  return found.sort((a, b) => b.savedBytes - a.savedBytes);
}

function* measure(lowering: Steps<LoweredGraph>, runtime: Runtime) {
  const graph = yield* lowering;
  return { graph, memory: yield* runtime.memoryInSteps(graph) };
}

/** RAM needed when the planned buffers take `arenaBytes` instead. */
export function ramWithArena(memory: RuntimeMemory, arenaBytes: number): number {
  const { loadingBytes = 0, minimumArenaBytes, usedBytes, alignment } = memory;
  if (arenaBytes === memory.arenaBytes) return minimumArenaBytes;
  return Math.max(alignUp(usedBytes - memory.arenaBytes + arenaBytes, alignment), loadingBytes);
}

function* placement(memory: RuntimeMemory): Search {
  const { tensors, alignment, planner } = memory;
  // An arena at the bound needs no search.
  const best =
    memory.arenaBytes <= memory.lowerBoundBytes
      ? { plan: memory, lowerBound: memory.lowerBoundBytes, optimal: true }
      : yield* run(searchArena(tensors, { alignment, inPlace: memory.inPlace }));
  const then = formatBytes(best.plan.arenaBytes);
  const detail =
    best.plan.arenaBytes >= memory.arenaBytes
      ? best.optimal
        ? `The arena of ${formatBytes(memory.arenaBytes)} is optimal for this order of execution.`
        : `The search found nothing smaller than ${formatBytes(memory.arenaBytes)}; no placement can need less than ${formatBytes(best.lowerBound)}.`
      : `An arena of ${then} instead of ${formatBytes(memory.arenaBytes)} (${planner}), ${best.optimal ? 'optimal for this order of execution' : `found by search; no placement can need less than ${formatBytes(best.lowerBound)}`}. It takes a plan made beforehand.`;
  const arena = Math.min(best.plan.arenaBytes, memory.arenaBytes);
  return [improvement(memory, 'placement', 'Place tensors better', detail, ramWithArena(memory, arena), memory.kind)];
}

/** Element by element, or a row at a time: each output element depends on nothing that was overwritten before. */
const overwriting = new Set<OperatorKind>([
  'Abs',
  'Add',
  'Ceil',
  'Cos',
  'Div',
  'Elu',
  'Exp',
  'Floor',
  'Gelu',
  'HardSwish',
  'LeakyRelu',
  'Log',
  'Logistic',
  'Maximum',
  'Minimum',
  'Mul',
  'Neg',
  'Prelu',
  'Relu',
  'Relu6',
  'ReluN1To1',
  'Reshape',
  'Round',
  'Sin',
  'Softmax',
  'Sqrt',
  'Sub',
  'Tanh',
]);

function* inPlace(graph: LoweredGraph, memory: RuntimeMemory): Search {
  const title = 'Write outputs over inputs';
  const make = (detail: string, ramBytes: number) => [
    improvement(memory, 'in-place', title, detail, ramBytes, memory.kind),
  ];
  if (memory.inPlace.length > 0) {
    return make('The runtime already writes outputs over inputs where it can.', memory.minimumArenaBytes);
  }
  yield;
  const pairs = overwritingPairs(graph, memory);
  if (pairs.length === 0) {
    return make(
      'No operator could: none works element by element on an input that is not read again.',
      memory.minimumArenaBytes,
    );
  }
  const { tensors, alignment } = memory;
  const none = `${countOf(pairs.length, 'operator')} could, but none of them runs where the arena is fullest.`;
  yield;
  const bound = arenaLowerBound(tensors, { alignment, inPlace: pairs }).bytes;
  yield;
  const isAtBound = memory.arenaBytes <= memory.lowerBoundBytes;
  if (isAtBound && bound >= memory.arenaBytes) return make(none, memory.minimumArenaBytes);
  const without = isAtBound ? memory.arenaBytes : (yield* run(searchArena(tensors, { alignment }))).plan.arenaBytes;
  const best = yield* run(searchArena(tensors, { alignment, inPlace: pairs }));
  if (best.plan.arenaBytes >= without) return make(none, memory.minimumArenaBytes);
  return make(
    `With operators that write over an input (${countOf(pairs.length, 'pair')} of tensors), an arena of ${formatBytes(best.plan.arenaBytes)}${best.optimal ? ', optimal for this order of execution' : ', found by search'}. It takes a plan made beforehand, and kernels that allow it.`,
    ramWithArena(memory, Math.min(best.plan.arenaBytes, memory.arenaBytes)),
  );
}

/** The pairs of a plan's tensors that element-by-element operators could share. */
function overwritingPairs(graph: LoweredGraph, memory: RuntimeMemory): readonly InPlacePair[] {
  const indices = new Map(graph.tensors.map(({ name }, index) => [name, index]));
  const live = memory.tensors.map((placed) => ({
    ...placed,
    tensor: placed.role === 'activation' ? (indices.get(placed.name) ?? -1) : -1,
  }));
  return inPlacePairs(graph, live, overwriting, memory.alignment);
}

function* order(graph: LoweredGraph, memory: RuntimeMemory, runtime: Runtime): Search {
  const make = (detail: string, ramBytes: number) => [
    improvement(memory, 'order', 'Run operators in another order', detail, ramBytes, memory.kind),
  ];
  if (isChain(graph)) return make('The graph is a chain; there is one order.', memory.minimumArenaBytes);
  if (graph.bodies.length > 0) {
    return make('Not searched: operators in the bodies of control flow stay there.', memory.minimumArenaBytes);
  }
  const best: OrderSearchState = yield* run(searchOrder(...orderProblem(graph, memory, runtime)));
  const proven = best.optimal
    ? 'No order has a smaller peak of live tensors.'
    : 'Found by search, not proven the best.';
  if (best.savedBytes <= 0) {
    return make(
      best.optimal ? 'The order at hand has the smallest peak of all orders.' : 'The search found no better order.',
      memory.minimumArenaBytes,
    );
  }
  const operators = best.order.flatMap((index) => graph.operators[index] ?? []);
  const then = yield* runtime.memoryInSteps({ ...graph, operators });
  const peaks = `The peak of live tensors falls from ${formatBytes(best.peakBytes + best.savedBytes)} to ${formatBytes(best.peakBytes)}.`;
  if (then.minimumArenaBytes >= memory.minimumArenaBytes) {
    return make(`${peaks} But the runtime's planner needs no less for that order.`, memory.minimumArenaBytes);
  }
  return make(`${peaks} ${proven} The nodes of the file are to be written in that order.`, then.minimumArenaBytes);
}

/** True when every operator reads what the one before it makes, so that no other order can run. */
function isChain({ operators }: LoweredGraph): boolean {
  return operators.every(({ inputs }, index) => {
    const before = operators[index - 1];
    return !before || before.outputs.some((output) => inputs.includes(output));
  });
}

/** Sizes are those of the arena, so that an output goes over the inputs that the runtime's planner finds large enough. */
function orderProblem(
  graph: LoweredGraph,
  { alignment }: RuntimeMemory,
  { overwrites }: Runtime,
): Parameters<typeof searchOrder> {
  const made = new Set([...graph.inputs, ...graph.operators.flatMap(({ outputs }) => outputs)]);
  const ends = new Set(graph.outputs);
  const positions = new Map([...made].map((tensor, position) => [tensor, position]));
  const known = (list: readonly number[]) => list.flatMap((tensor) => positions.get(tensor) ?? []);
  return [
    graph.operators.map(({ kind, inputs, outputs }) => ({
      inputs: known(inputs),
      outputs: known(outputs),
      ...(overwrites?.has(kind) && { overwrites: known(inputs) }),
    })),
    [...made].map((tensor) => ({
      bytes: alignUp(graph.tensors[tensor]?.bytes ?? 0, alignment),
      keep: ends.has(tensor),
    })),
  ];
}

function* patches(graph: LoweredGraph, memory: RuntimeMemory, { ramLimitBytes }: ImprovementContext): Search {
  return [yield* patchImprovement(graph, memory, ramLimitBytes)];
}

function* int8(memory: RuntimeMemory, { runtime, precision, lower }: ImprovementContext): Search {
  if (precision === 'int8' || !runtime.precisions.includes('int8')) return [];
  const graph = yield* lower(runtime, 'int8');
  const unsupported = runtime.cannotRun(graph).length;
  const title = 'Plan it in int8';
  if (unsupported > 0) {
    const detail = `${runtime.label} cannot run ${countOf(unsupported, 'operator')} of it in int8.`;
    return [improvement(memory, 'precision', title, detail, memory.minimumArenaBytes, memory.kind)];
  }
  const then = yield* runtime.memoryInSteps(graph);
  const saves = then.minimumArenaBytes < memory.minimumArenaBytes;
  return [
    {
      ...improvement(
        memory,
        'precision',
        title,
        saves
          ? 'Weights and activations as int8, graph inputs and outputs too. Costs accuracy, which calibration data shows.'
          : then.arenaBytes < memory.arenaBytes
            ? 'Narrower activations save less than scales and zero points take.'
            : 'Activations are no wider than int8 already.',
        then.minimumArenaBytes,
        then.kind,
      ),
      ...(saves && { switchTo: { precision: 'int8' } }),
    },
  ];
}

function* otherRuntimes(memory: RuntimeMemory, { others, precision, runtime, lower }: ImprovementContext): Search {
  const found: Improvement[] = [];
  for (const other of others) {
    yield;
    if (other.id === runtime.id || !other.precisions.includes(precision)) continue;
    const graph = yield* lower(other, precision);
    if (other.cannotRun(graph).length > 0) continue;
    const then = yield* other.memoryInSteps(graph);
    // A lower bound of one runtime says nothing against the figure of another.
    if (then.kind === 'lower bound' || then.minimumArenaBytes > worthwhile * memory.minimumArenaBytes) continue;
    const detail = `It runs all operators; arena ${formatBytes(then.arenaBytes)}, persistent ${formatBytes(then.persistentBytes)}. Flash changes too.`;
    found.push({
      ...improvement(memory, 'runtime', `Use ${other.label}`, detail, then.minimumArenaBytes, then.kind),
      switchTo: { runtime: other.id },
    });
  }
  return found;
}

/** Runs a search until it ends or is told that it is enough; gives its last state. */
function* run<State>(search: Generator<State, State, void>): Generator<void, State, SearchAdvice | undefined> {
  for (;;) {
    const { value, done } = search.next();
    if (done) return value;
    if ((yield) === 'enough') return value;
  }
}

function improvement(
  memory: RuntimeMemory,
  kind: Improvement['kind'],
  title: string,
  detail: string,
  ramBytes: number,
  figure: FigureKind,
): Improvement {
  return { kind, title, detail, ramBytes, savedBytes: memory.minimumArenaBytes - ramBytes, figure };
}

function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
