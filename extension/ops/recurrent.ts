import { add, type Dim, floorDivide, multiply, type Shape } from '../model/dimension';
import type { CostContext, OpContext, OpDefinition, ValueFact } from './definition';
import { tensorFact } from './facts';

/** What tells one recurrent operator from another. */
interface Cell {
  /** Matrices of W (and of R) that are stacked: LSTM 4, GRU 3, RNN 1. */
  readonly gates: number;
  /** True for the quantized form, whose W is [directions, input, gates * hidden] and R [directions, hidden, gates * hidden]. */
  readonly transposed: boolean;
}

interface Sizes {
  readonly sequence: Dim;
  readonly batch: Dim;
  readonly input: Dim;
  readonly hidden: Dim;
  readonly directions: Dim;
  readonly batchFirst: boolean;
}

/** The sizes of a recurrent node, from X [sequence, batch, input] (batch first with layout 1), W and R. */
function readSizes(context: OpContext, cell: Cell): Sizes {
  const data = context.shape(0);
  const weight = context.shape(1);
  const recurrence = context.shape(2);
  if (data !== undefined && data.length !== 3) context.fault(`X has rank ${data.length}; it must be 3.`);
  const [sequenceAxis, batchAxis] = context.attributes.int('layout', 0) === 1 ? [1, 0] : [0, 1];
  const stated = context.attributes.int('hidden_size');
  const hidden =
    stated ??
    recurrence?.[cell.transposed ? 1 : 2] ??
    floorDivide(weight?.[cell.transposed ? 2 : 1] ?? null, cell.gates);
  return {
    sequence: data?.[sequenceAxis] ?? null,
    batch: data?.[batchAxis] ?? null,
    input: data?.[2] ?? weight?.[cell.transposed ? 1 : 2] ?? null,
    hidden,
    directions: readDirections(context),
    batchFirst: batchAxis === 0,
  };
}

function readDirections(context: OpContext): Dim {
  const direction = context.attributes.string('direction', 'forward');
  if (direction === 'bidirectional') return 2;
  if (direction === 'forward' || direction === 'reverse') return 1;
  context.fault(`direction is "${direction}"; it must be forward, reverse or bidirectional.`);
  return null;
}

/** Outputs: all hidden states, the last one, and (for LSTM) the last cell state. */
function inferCell(cell: Cell): OpDefinition['infer'] {
  return (context): readonly ValueFact[] => {
    const { sequence, batch, hidden, directions, batchFirst } = readSizes(context, cell);
    const all: Shape = batchFirst ? [batch, sequence, directions, hidden] : [sequence, directions, batch, hidden];
    const last: Shape = batchFirst ? [batch, directions, hidden] : [directions, batch, hidden];
    const dataType = context.dataType(0);
    const state = tensorFact(dataType, last);
    return [tensorFact(dataType, all), state, state];
  };
}

/**
 * gates x hidden x (input + hidden) for each step, direction and batch entry. Peepholes are element-wise, and
 * linear_before_reset only changes the order of the same products. Shorter entries in sequence_lens are counted in full.
 */
function cellMacs(cell: Cell): (context: CostContext) => Dim {
  return (context) => {
    const { sequence, batch, input, hidden, directions } = readSizes(context, cell);
    const step = multiply(multiply(cell.gates, hidden), add(input, hidden));
    return multiply(multiply(step, directions), multiply(batch, sequence));
  };
}

function recurrent(domain: string, type: string, cell: Cell): OpDefinition {
  return { domain, type, since: 1, infer: inferCell(cell), macs: cellMacs(cell) };
}

/** Recurrent layers, quantized form included. */
export const recurrentOperators: readonly OpDefinition[] = [
  recurrent('ai.onnx', 'LSTM', { gates: 4, transposed: false }),
  recurrent('ai.onnx', 'GRU', { gates: 3, transposed: false }),
  recurrent('ai.onnx', 'RNN', { gates: 1, transposed: false }),
  recurrent('com.microsoft', 'DynamicQuantizeLSTM', { gates: 4, transposed: true }),
];
