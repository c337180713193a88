import { orderOf, type Partial, PartialQueue } from './partial-order';

/** A tensor of a graph whose operators may run in another order. Constants are left out. */
export interface OrderTensor {
  readonly bytes: number;
  /** True for outputs of the graph, which live to the end. */
  readonly keep?: boolean;
}

/** An operator: the tensors it reads and makes, by index. Tensors that no operator makes are inputs of the graph. */
export interface OrderOperator {
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** Inputs over which the first output may be written when nothing reads them afterwards and it is no larger. Absent: none. */
  readonly overwrites?: readonly number[];
}

export interface OrderSearchOptions {
  /** States (sets of operators that have run) the exact search may keep; 50,000 when absent. */
  readonly maxStates?: number;
  /** States the beam search keeps per step; 64 when absent. */
  readonly beamWidth?: number;
}

export interface OrderSearchState {
  /** Indices of operators in the best order so far. */
  readonly order: readonly number[];
  /** The most bytes live at one step of that order: exact. */
  readonly peakBytes: number;
  /** Bytes less than the peak of the order given. */
  readonly savedBytes: number;
  /** Proven: no order has a smaller peak, in bytes. */
  readonly lowerBound: number;
  /** True when it is proven that no order at all has a smaller peak. */
  readonly optimal: boolean;
  readonly states: number;
}

/** Memory that the keys of kept states may take, in characters. */
const mostKeyCharacters = 32_000_000;

/** States looked at between two results. */
const statesPerPiece = 64;

/**
 * Searches for the order of operators with the smallest peak: the most bytes live while one operator runs, its inputs and outputs
 * included (an output written over an input counts once), where a graph input lives from the start to its last reader, and what
 * nothing reads for one step. Exact search over
 * the sets of operators that have run, cheapest peak first, as in Liberis and Lane, "Neural networks on microcontrollers: saving
 * memory at inference via operator reordering" (2019); where that takes too many states, beam search. The operators must stand in
 * an order that can run. Yields its state after every short piece of work and returns the last; deterministic.
 * Throws RangeError for operators that cannot run in the order given or name tensors that are not there.
 */
export function* searchOrder(
  operators: readonly OrderOperator[],
  tensors: readonly OrderTensor[],
  options: OrderSearchOptions = {},
): Generator<OrderSearchState, OrderSearchState, void> {
  const { maxStates = 50_000, beamWidth = 64 } = options;
  const graph = new OrderGraph(operators, tensors);
  let order: readonly number[] = [...operators.keys()];
  const givenPeak = graph.peakOf(order);
  let peakBytes = givenPeak;
  let lowerBound = graph.lowerBound();
  let states = 0;
  const state = (): OrderSearchState => ({
    order,
    peakBytes,
    savedBytes: givenPeak - peakBytes,
    lowerBound,
    optimal: peakBytes <= lowerBound,
    states,
  });
  const offer = (found: Partial) => {
    if (found.peak >= peakBytes) return;
    peakBytes = found.peak;
    order = orderOf(found);
  };
  yield state();
  if (peakBytes <= lowerBound) return state();

  const keyCharacters = Math.ceil(operators.length / 16);
  const mostStates = Math.min(maxStates, Math.floor(mostKeyCharacters / keyCharacters));
  const queue = new PartialQueue();
  const seen = new Map<string, number>();
  const visit = (partial: Partial) => {
    if (partial.peak >= peakBytes) return;
    const known = seen.get(partial.key);
    if (known !== undefined && known <= partial.peak) return;
    seen.set(partial.key, partial.peak);
    queue.add(partial);
  };
  visit(graph.start(lowerBound));
  for (let partial = queue.take(); partial; partial = queue.take()) {
    if (partial.peak > (seen.get(partial.key) ?? partial.peak)) continue;
    // Partial orders leave the queue by ascending peak, so every order not yet seen to its end has at least this one.
    lowerBound = Math.min(peakBytes, Math.max(lowerBound, partial.peak));
    if (partial.count === operators.length) {
      offer(partial);
      return state();
    }
    states++;
    for (const next of graph.extend(partial, peakBytes)) visit(next);
    if (seen.size > mostStates) break;
    if (states % statesPerPiece === 0) yield state();
  }
  if (seen.size <= mostStates) {
    lowerBound = peakBytes;
    return state();
  }

  seen.clear();
  let beam: Partial[] = [graph.start(lowerBound)];
  while (beam.length > 0) {
    const next = new Map<string, Partial>();
    for (const partial of beam) {
      if (partial.count === operators.length) {
        offer(partial);
        continue;
      }
      states++;
      for (const longer of graph.extend(partial, peakBytes)) {
        const known = next.get(longer.key);
        if (!known || longer.peak < known.peak) next.set(longer.key, longer);
      }
      if (states % statesPerPiece === 0) yield state();
    }
    beam = [...next.values()]
      .sort((a, b) => a.peak - b.peak || a.live - b.live || b.count - a.count)
      .slice(0, beamWidth);
  }
  return state();
}

export interface FindOrderOptions extends OrderSearchOptions {
  readonly budgetMilliseconds?: number;
  readonly signal?: AbortSignal;
}

/** The state that `searchOrder` ends with, or has reached when the time is over or the signal aborts. Blocks until then. */
export function findBestOrder(
  operators: readonly OrderOperator[],
  tensors: readonly OrderTensor[],
  options: FindOrderOptions = {},
): OrderSearchState {
  const { budgetMilliseconds = Number.POSITIVE_INFINITY, signal } = options;
  const end = performance.now() + budgetMilliseconds;
  const search = searchOrder(operators, tensors, options);
  for (;;) {
    const { value, done } = search.next();
    if (done || signal?.aborted || performance.now() >= end) return value;
  }
}

class OrderGraph {
  private readonly inputs: readonly (readonly number[])[];
  private readonly outputs: readonly (readonly number[])[];
  /** For each operator, the inputs that are large enough for its first output. */
  private readonly overwrites: readonly (readonly number[])[];
  private readonly consumers: readonly (readonly number[])[];
  private readonly producers: Int32Array;
  private readonly bytes: Float64Array;
  private readonly keep: Uint8Array;
  /** Bytes of graph inputs: those live from the start, and those that nothing reads, which only the first operator sees. */
  private readonly startBytes: number;
  private readonly unreadBytes: number;

  constructor(operators: readonly OrderOperator[], tensors: readonly OrderTensor[]) {
    this.bytes = Float64Array.from(tensors, ({ bytes }) => bytes);
    this.keep = Uint8Array.from(tensors, ({ keep }) => (keep ? 1 : 0));
    this.inputs = operators.map(({ inputs }) => [...new Set(inputs)]);
    this.outputs = operators.map(({ outputs }) => [...new Set(outputs)]);
    this.overwrites = operators.map(({ overwrites = [], outputs }) =>
      overwrites.filter((tensor) => (this.bytes[tensor] ?? 0) >= this.firstBytes(outputs) && this.keep[tensor] === 0),
    );
    const consumers: number[][] = tensors.map(() => []);
    this.producers = new Int32Array(tensors.length).fill(-1);
    for (const [operator, outputs] of this.outputs.entries()) {
      for (const tensor of outputs) {
        if ((this.producers[tensor] ?? 0) !== -1) {
          throw new RangeError(`Operator ${operator}: tensor ${tensor} is not there or is made twice.`);
        }
        this.producers[tensor] = operator;
      }
    }
    for (const [operator, inputs] of this.inputs.entries()) {
      for (const tensor of inputs) {
        if ((this.producers[tensor] ?? operator) >= operator) {
          throw new RangeError(`Operator ${operator}: its input, tensor ${tensor}, is not there when it runs.`);
        }
        consumers[tensor]?.push(operator);
      }
    }
    this.consumers = consumers;
    let startBytes = 0;
    let unreadBytes = 0;
    for (const [tensor, producer] of this.producers.entries()) {
      if (producer !== -1) continue;
      const live = this.keep[tensor] === 1 || (consumers[tensor]?.length ?? 0) > 0;
      if (live) startBytes += this.bytes[tensor] ?? 0;
      else unreadBytes += this.bytes[tensor] ?? 0;
    }
    this.startBytes = startBytes;
    this.unreadBytes = unreadBytes;
  }

  /** The peak of a whole order in bytes. */
  peakOf(order: readonly number[]): number {
    const waiting = Int32Array.from(this.consumers, ({ length }) => length);
    let live = this.startBytes;
    let peak = 0;
    for (const [step, operator] of order.entries()) {
      peak = Math.max(peak, live + this.taken(operator, waiting) + (step === 0 ? this.unreadBytes : 0));
      live += this.change(operator, waiting);
      for (const tensor of this.inputs[operator] ?? []) waiting[tensor] = (waiting[tensor] ?? 0) - 1;
    }
    return peak;
  }

  /** What any order needs: each operator's inputs and outputs, the graph's inputs at the start, its outputs at the end. */
  lowerBound(): number {
    let bound = this.inputs.length > 0 ? this.startBytes + this.unreadBytes : 0;
    for (const operator of this.inputs.keys()) {
      let sum = this.made(operator) - (this.overwrites[operator]?.length ? this.firstBytes(this.outputs[operator]) : 0);
      for (const tensor of this.inputs[operator] ?? []) sum += this.bytes[tensor] ?? 0;
      bound = Math.max(bound, sum);
    }
    const kept = this.bytes.reduce((sum, bytes, tensor) => sum + (this.keep[tensor] === 1 ? bytes : 0), 0);
    return Math.max(bound, kept);
  }

  start(peak: number): Partial {
    const key = String.fromCharCode(0).repeat(Math.ceil(this.inputs.length / 16));
    return { key, count: 0, peak, live: this.startBytes, previous: undefined, ran: [] };
  }

  /**
   * The beginnings one operator longer with a peak below `limit`. Operators that may as well run at once are run right away: the
   * only one that can run, and one that frees at least what it makes without raising the peak, since to run it earlier leaves no
   * more bytes live at any later step, and no operator with more readers of what it overwrites.
   */
  extend(from: Partial, limit: number): readonly Partial[] {
    const done = new Uint8Array(this.inputs.length);
    for (let operator = 0; operator < done.length; operator++) {
      done[operator] = (from.key.charCodeAt(operator >> 4) >> (operator & 15)) & 1;
    }
    const waiting = Int32Array.from(this.consumers, (list) =>
      list.reduce((sum, user) => sum + 1 - (done[user] ?? 0), 0),
    );
    const missing = this.inputs.map((inputs) => inputs.reduce((sum, tensor) => sum + this.isMissing(tensor, done), 0));
    const ready = [...missing.keys()].filter((operator) => done[operator] === 0 && missing[operator] === 0);
    const ran: number[] = [];
    let { peak, live, count } = from;

    const peakWith = (operator: number) =>
      Math.max(peak, live + this.taken(operator, waiting) + (count === 0 ? this.unreadBytes : 0));
    const run = (operator: number) => {
      peak = peakWith(operator);
      live += this.change(operator, waiting);
      count++;
      ran.push(operator);
      done[operator] = 1;
      ready.splice(ready.indexOf(operator), 1);
      for (const tensor of this.inputs[operator] ?? []) waiting[tensor] = (waiting[tensor] ?? 0) - 1;
      for (const tensor of this.outputs[operator] ?? []) {
        for (const user of this.consumers[tensor] ?? []) {
          missing[user] = (missing[user] ?? 0) - 1;
          if (missing[user] === 0) ready.push(user);
        }
      }
    };
    for (;;) {
      const obvious =
        ready.length === 1
          ? ready[0]
          : ready.find((operator) => peakWith(operator) <= peak && this.change(operator, waiting) <= 0);
      if (obvious === undefined) break;
      run(obvious);
      if (peak >= limit) return [];
    }
    const key = withRan(from.key, ran);
    const here: Partial = ran.length > 0 ? { key, count, peak, live, previous: from, ran } : from;
    if (ready.length === 0) return [here];
    const longer: Partial[] = [];
    for (const operator of ready) {
      const raised = peakWith(operator);
      if (raised >= limit) continue;
      longer.push({
        key: withRan(key, [operator]),
        count: count + 1,
        peak: raised,
        live: live + this.change(operator, waiting),
        previous: here,
        ran: [operator],
      });
    }
    return longer;
  }

  private isMissing(tensor: number, done: Uint8Array): number {
    const producer = this.producers[tensor] ?? -1;
    return producer === -1 ? 0 : 1 - (done[producer] ?? 0);
  }

  private made(operator: number): number {
    let sum = 0;
    for (const tensor of this.outputs[operator] ?? []) sum += this.bytes[tensor] ?? 0;
    return sum;
  }

  /** Bytes that an operator takes for what it makes, when it runs with these consumers still waiting. */
  private taken(operator: number, waiting: Int32Array): number {
    const overwritten = this.overwrites[operator]?.some((tensor) => waiting[tensor] === 1);
    return this.made(operator) - (overwritten ? this.firstBytes(this.outputs[operator]) : 0);
  }

  private firstBytes(outputs: readonly number[] | undefined): number {
    return this.bytes[outputs?.[0] ?? -1] ?? 0;
  }

  /** By how many bytes an operator changes what is live, when it runs with these consumers still waiting. */
  private change(operator: number, waiting: Int32Array): number {
    let change = 0;
    for (const tensor of this.outputs[operator] ?? []) {
      if (this.keep[tensor] === 1 || (waiting[tensor] ?? 0) > 0) change += this.bytes[tensor] ?? 0;
    }
    for (const tensor of this.inputs[operator] ?? []) {
      if (this.keep[tensor] === 0 && waiting[tensor] === 1) change -= this.bytes[tensor] ?? 0;
    }
    return change;
  }
}

function withRan(key: string, operators: readonly number[]): string {
  const words = new Map<number, number>();
  for (const operator of operators) {
    const word = operator >> 4;
    words.set(word, (words.get(word) ?? key.charCodeAt(word)) | (1 << (operator & 15)));
  }
  if (words.size === 0) return key;
  let result = '';
  let from = 0;
  for (const [word, value] of [...words].sort(([a], [b]) => a - b)) {
    result += key.slice(from, word) + String.fromCharCode(value);
    from = word + 1;
  }
  return result + key.slice(from);
}
